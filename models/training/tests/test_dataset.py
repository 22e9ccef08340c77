import dataclasses

import numpy as np
import pytest
from conftest import SLICES, SPACING_MM, STUDIES

from spinewatch_training import batches, dataset, settings
from spinewatch_training.settings import Augmentation


@pytest.fixture
def work(run):
    made = run("fracture-detector", 1)
    return made, dataset.load(made.data, made.recipe)


def test_slices_run_from_head_to_foot_whatever_their_numbers(work):
    _, slices = work
    for study in range(STUDIES):
        mine = slices.study == study
        assert (np.diff(slices.z_mm[mine]) == -SPACING_MM).all()
        assert (slices.visible[mine].argmax(1) == np.arange(SLICES) * 7 // SLICES).all()
        assert slices.ratio[mine][[0, -1]].tolist() == [0, 1]
    backwards = slices.studies.index("1.2.826.0.1.1")
    assert slices.number[slices.study == backwards][0] == SLICES


def test_a_neighbour_is_never_of_another_study(work):
    _, slices = work
    rows = np.arange(len(slices.study))
    above, below = slices.above(rows), slices.below(rows)
    assert (slices.study[above] == slices.study).all() and (slices.study[below] == slices.study).all()
    assert above[0] == 0 and below[SLICES - 1] == SLICES - 1 and above[SLICES] == SLICES
    assert below[3] == 4 and above[3] == 2


def test_the_split_is_by_study_and_whole(work):
    made, slices = work
    training, held_out = slices.rows(False, 0.3), slices.rows(True, 0.3)
    assert len(training) + len(held_out) == STUDIES * SLICES
    assert not set(slices.study[training]) & set(slices.study[held_out])
    assert len(held_out) > 0


def test_a_box_lies_on_its_hole(work):
    made, slices = work
    for row in np.unique(slices.box_row):
        x1, y1, x2, y2 = (slices.boxes_of(row)[0] * made.recipe.size).astype(int)
        hole = slices.planes[row][y1 + 2 : y2 - 2, x1 + 2 : x2 - 2]
        assert hole.size and hole.max() < 40


def test_boxes_follow_the_pixels_through_augmentation(work):
    made, slices = work
    rng = np.random.default_rng(0)
    rows = np.unique(slices.box_row)
    how = Augmentation(scale=0.2, shift=0.05, rotation_degrees=10, brightness=0, contrast=0, noise=0, blur=0)
    batch = batches.augmented(slices, rows, made.recipe, how, 0.3, rng)
    checked = 0
    for image, boxes in zip(batch.image, batch.boxes):
        for x1, y1, x2, y2 in boxes.int().tolist():
            if min(x1, y1) > 2 and max(x2, y2) < made.recipe.size - 2:
                centre = image[1, (y1 + y2) // 2 - 1 : (y1 + y2) // 2 + 2, (x1 + x2) // 2 - 1 : (x1 + x2) // 2 + 2]
                assert centre.max() < -1.4, "the hole is where the box is"
                checked += 1
    assert checked > 5


def test_the_ratio_is_hidden_unless_known_and_the_position_is_moved_about(work):
    made, slices = work
    rows = np.arange(SLICES)
    hidden, known = batches.plain(slices, rows, made.recipe), batches.plain(slices, rows, made.recipe, known=True)
    assert hidden.metadata[:, 1:].abs().max() == 0
    assert known.metadata[:, 1].tolist() == pytest.approx(slices.ratio[rows].tolist()) and known.metadata[:, 2].min() == 1
    first, second = (
        batches.augmented(slices, rows, made.recipe, made.augmentation, 0.0, np.random.default_rng(s)).metadata for s in (1, 2)
    )
    assert (first[:, 0] != second[:, 0]).all() and first[:, 1:].abs().max() == 0


def test_where_an_excerpt_stands_in_its_series_is_never_told(work):
    made, slices = work
    excerpt = dataclasses.replace(slices, ratio=dataset._ratio(np.arange(7, 7 + SLICES)))
    numbers = batches.metadata(excerpt, np.arange(SLICES), np.full(SLICES, True))
    assert numbers[:, 1:].abs().max() == 0
    whole = dataclasses.replace(slices, ratio=dataset._ratio(np.arange(SLICES, 0, -1)))
    assert batches.metadata(whole, np.arange(SLICES), np.full(SLICES, True))[:, 2].min() == 1


def test_a_typo_in_a_run_names_the_key_and_what_is_allowed(tmp_path):
    (tmp_path / "run.toml").write_text('name = "a"\nkind = "vertebra-classifier"\noutput = "o"\ndata = { cache = "c" }\n[recipe]\nsise = 3\n')
    with pytest.raises(ValueError, match="sise.*allowed: size"):
        settings.load(tmp_path / "run.toml", tmp_path)


def test_boxes_follow_the_pixels_into_a_mosaic(work):
    made, slices = work
    rows = np.unique(slices.box_row)
    how = Augmentation(
        shift=0, scale=0, rotation_degrees=0, flip=False, brightness=0, contrast=0, noise=0, blur=0, lone_slice_share=0, mosaic=1.0
    )
    checked = 0
    for seed in range(6):
        batch = batches.augmented(slices, rows, made.recipe, how, 0.3, np.random.default_rng(seed))
        for image, boxes in zip(batch.image, batch.boxes):
            assert ((boxes >= 0) & (boxes <= made.recipe.size)).all() and (boxes[:, 2:] > boxes[:, :2]).all()
            for x1, y1, x2, y2 in boxes.round().int().tolist():
                if min(x2 - x1, y2 - y1) > 14:
                    checked += 1
                    assert image[1, y1 + 2 : y2 - 2, x1 + 2 : x2 - 2].max() < -1.4, "the hole is where the box is"
    assert checked > 20
    assert how.at(0.5).mosaic == 1 and how.at(0.9).mosaic == 0


def test_a_kernel_becomes_softer_or_sharper(work):
    made, slices = work
    still = dict(shift=0, scale=0, rotation_degrees=0, flip=False, brightness=0, contrast=0, noise=0, lone_slice_share=0)

    def edges(**how):
        augmentation = Augmentation(**still, **how)
        image = batches.augmented(slices, np.arange(SLICES), made.recipe, augmentation, 0, np.random.default_rng(3)).image
        return image.diff(dim=3).abs().mean()

    assert edges(blur=0.9) < edges(blur=0) < edges(blur=0, sharpen=0.9)
