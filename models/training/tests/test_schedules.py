"""Promises of the learning rate: it follows from what has happened, and from nothing else."""

import dataclasses

import pytest
from torch import nn

from spinewatch_training import schedules
from spinewatch_training.settings import Training

HOW = Training(epochs=10, minutes=10, batch=4, learning_rate=0.01, schedule="plateau", patience=2, optimiser="sgd")


def test_the_rate_halves_after_every_wait_in_vain_and_no_further_than_a_thousandth():
    rising, stuck = [0.1, 0.2, 0.3], [0.3, 0.2, 0.2, 0.3, 0.1]
    assert schedules.rate(HOW, 0.5, rising) == 0.01
    assert schedules.rate(HOW, 0.5, stuck) == 0.01 / 4
    assert schedules.rate(HOW, 0.5, [0.3] * 100) == pytest.approx(1e-5)


def test_a_cosine_warms_up_and_ends_at_a_hundredth():
    how = dataclasses.replace(HOW, schedule="cosine")
    rates = [schedules.rate(how, p, []) for p in (0, schedules.WARMUP, 0.5, 1, 1.5)]
    assert rates[0] < 0.001 and rates[1] == pytest.approx(0.01, rel=0.01) and rates[3:] == [pytest.approx(1e-4)] * 2


def test_a_run_ends_when_its_best_epoch_is_old():
    assert schedules.is_stuck([0.5, 0.4, 0.4], 2) and not schedules.is_stuck([0.5, 0.4, 0.6], 2)
    assert not schedules.is_stuck([0.5] + [0.1] * 50, 0), "never, where nothing is said"


def test_the_papers_optimiser_is_sgd_with_nesterovs_momentum():
    group = schedules.optimiser(nn.Linear(2, 2), HOW).param_groups[0]
    assert group["nesterov"] and group["momentum"] == 0.9
    for key in ("optimiser", "schedule"):
        with pytest.raises(ValueError, match=f"{key} = 'x': must be one of"):
            schedules.optimiser(nn.Linear(2, 2), dataclasses.replace(HOW, **{key: "x"}))
