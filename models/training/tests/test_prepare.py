"""The cache of planes: what is added, what is left alone, what masks say."""

import dataclasses
import shutil

import nibabel
import numpy as np
import pytest
from conftest import LEVELS, SLICES, STUDIES, level_of

from spinewatch_training import dataset, masks, prepare
from spinewatch_training.settings import Recipe

RECIPES = [Recipe(64), Recipe(32), Recipe(32, resize="nearest")]


def some(rsna, target, studies):
    """A copy with a part of the images; the tables name all studies, as a part of a large data set does."""
    target.mkdir()
    for name in ("train.csv", "train_bounding_boxes.csv", "slices.csv"):
        shutil.copy(rsna / name, target)
    for study in studies:
        shutil.copytree(rsna / "train_images" / f"1.2.826.0.1.{study}", target / "train_images" / f"1.2.826.0.1.{study}")
    return target


def test_parts_that_are_deleted_make_the_same_cache_as_the_whole(rsna, run, tmp_path):
    made = run("fracture-detector", 1)
    whole = dataset.load(made.data, made.recipe)
    data = dataclasses.replace(made.data, folder=tmp_path / "gone", cache=tmp_path / "parts")
    for part in (range(4), range(2, STUDIES)):
        folder = some(rsna, tmp_path / f"part-{part.start}", part)
        assert prepare.prepare(folder, data.cache, [made.recipe]) == (4 if part.start == 0 else STUDIES - 4)
        shutil.rmtree(folder)
    parts = dataset.load(data, made.recipe)
    for field in dataclasses.fields(whole):
        if field.name != "planes":
            assert np.array_equal(getattr(whole, field.name), getattr(parts, field.name)), field.name
    rows = np.random.default_rng(0).integers(0, len(whole.study), 50)
    assert np.array_equal(whole.planes[rows], parts.planes[rows]) and whole.planes[rows].std() > 10


def test_a_study_that_was_interrupted_is_prepared_again_and_others_are_not(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", range(3))
    assert prepare.prepare(folder, tmp_path / "cache", RECIPES) == 3
    assert prepare.prepare(folder, tmp_path / "cache", RECIPES) == 0
    prepare.labels_file(tmp_path / "cache", "1.2.826.0.1.1").unlink()
    assert prepare.prepare(folder, tmp_path / "cache", RECIPES) == 1
    assert prepare.prepare(folder, tmp_path / "cache", [*RECIPES, Recipe(48)]) == 3, "another size reads every study again"


def test_sizes_made_in_one_pass_are_those_made_alone(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", [0])
    prepare.prepare(folder, tmp_path / "together", RECIPES)
    for recipe in RECIPES:
        prepare.prepare(folder, tmp_path / "alone", [recipe])
        files = [prepare.planes_folder(tmp_path / name, recipe) / "1.2.826.0.1.0.npy" for name in ("together", "alone")]
        together, alone = (np.load(file).astype(int) for file in files)
        assert abs(together - alone).max() <= (0 if recipe.resize == "nearest" else 1), recipe


def test_changed_labels_are_not_mixed_with_old_ones(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", range(2))
    prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])
    table = (folder / "train.csv").read_text().replace("1.2.826.0.1.1,1,0,1", "1.2.826.0.1.1,1,1,1")
    (folder / "train.csv").write_text(table)
    with pytest.raises(ValueError, match="1.2.826.0.1.1.*delete the cache"):
        prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])


def test_changed_boxes_are_changed_labels(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", [1])
    prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])
    lines = (folder / "train_bounding_boxes.csv").read_text().splitlines()
    (folder / "train_bounding_boxes.csv").write_text("\n".join(line for line in lines if not line.startswith("1.2.826.0.1.1,")))
    with pytest.raises(ValueError, match="delete the cache"):
        prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])


def test_a_study_with_a_broken_file_is_left_out_and_the_others_are_not(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", range(3))
    (folder / "train_images" / "1.2.826.0.1.1" / "5.dcm").write_bytes(b"not DICOM")
    with pytest.warns(UserWarning, match="left out: .*1.2.826.0.1.1/5.dcm"):
        assert prepare.prepare(folder, tmp_path / "cache", [Recipe(32)]) == 2
    assert len(list((tmp_path / "cache" / "studies").iterdir())) == 2


def test_a_profile_that_is_there_to_be_judged_by_is_refused(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", [0])
    (folder / "phantom.toml").write_text('profile = "unseen-scanner"\n')
    with pytest.raises(ValueError, match="unseen-scanner.*never trained on"):
        prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])
    (folder / "phantom.toml").write_text('profile = "standard"\n')
    assert prepare.prepare(folder, tmp_path / "cache", [Recipe(32)]) == 1


def write_mask(path, first_z, spacing, slices=SLICES):
    """As the field stores it: columns, rows flipped, from foot to head; RAS."""
    field = np.zeros((slices, 16, 16), np.uint8)
    for position in range(slices):
        field[position, 3:5, 4:9] = level_of(position) + 1
    stored = field.transpose(2, 1, 0)[:, ::-1, ::-1]
    affine = np.diag([-1.0, 1.0, spacing, 1.0])
    affine[2, 3] = first_z - spacing * (slices - 1)
    path.parent.mkdir(exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(stored, affine), path)


def test_masks_say_what_slices_show_where_no_table_does(rsna, tmp_path):
    folder = some(rsna, tmp_path / "data", range(3))
    (folder / "slices.csv").unlink()
    for study in (0, 1):
        write_mask(folder / "segmentations" / f"1.2.826.0.1.{study}.nii.gz", 500.0, 2.0)
    prepare.prepare(folder, tmp_path / "cache", [Recipe(32)])
    expected = np.eye(7, dtype=int)[[level_of(position) for position in range(SLICES)]]
    for study in range(3):
        visible = np.load(prepare.labels_file(tmp_path / "cache", f"1.2.826.0.1.{study}"))["visible"]
        assert np.array_equal(visible, expected if study < 2 else np.full((SLICES, len(LEVELS)), -1)), study


def test_a_mask_shorter_than_the_study_says_nothing_of_the_rest_and_one_elsewhere_is_an_error(tmp_path):
    head, z = np.array([0.0, 0.0, 1.0]), 500.0 - 2.0 * np.arange(SLICES)
    write_mask(tmp_path / "m" / "a.nii.gz", 500.0, 2.0, 10)
    visible = masks.visible(tmp_path / "m" / "a.nii.gz", head, z)
    assert (visible[:10] >= 0).all() and (visible[10:] == -1).all()
    with pytest.raises(ValueError, match="a.nii.gz.*the study at"):
        masks.visible(tmp_path / "m" / "a.nii.gz", head, z + 900)
    tilted = np.array([0.0, np.sin(0.4), np.cos(0.4)])
    assert (masks.visible(tmp_path / "m" / "a.nii.gz", tilted, z[:10] * np.cos(0.4)) == visible[:10]).all(), "a tilted gantry"
    with pytest.raises(ValueError, match="axial"):
        masks.visible(tmp_path / "m" / "a.nii.gz", np.array([1.0, 0, 0]), z)
