"""What sets the ranges of int8."""

import numpy as np

from spinewatch_training import quantise, tasks


def test_calibration_sees_the_slice_ratio_known_and_unknown_and_tables_of_any_zero(run):
    work = tasks.task(run("vertebra-classifier", 1))
    rows = work.calibration_rows(32, np.random.default_rng(1))
    fed = []
    for start in range(0, len(rows), quantise.SLICES_AT_ONCE):
        reader = quantise.CalibrationSlices(work, rows, start)
        while (batch := reader.get_next()) is not None:
            fed.append(batch["metadata"][0])
    position, ratio, known = np.array(fed).T
    assert len(fed) == len(rows) and (known == np.arange(len(rows)) % 2).all()
    assert ratio[known == 1].max() > 0.8 and (ratio[known == 0] == 0).all()
    assert position.max() - position.min() > 1.9


def test_excerpts_stand_where_the_ratio_is_not_asked_for(run):
    work = tasks.task(run("vertebra-classifier", 1))
    work.slices.ratio[work.slices.study % 2 == 0] = -1
    rows = work.calibration_rows(20, np.random.default_rng(1))
    assert (work.slices.ratio[rows[1::2]] >= 0).all() and (work.slices.ratio[rows[::2]] < 0).all()
