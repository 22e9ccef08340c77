"""Promises of the fracture classifier: what it learns from, and that its package lets the device compute where it looks."""

import dataclasses
import tomllib

import numpy as np
import torch

from spinewatch_training import batches, compare, dataset, export, metrics, release, tasks, train
from spinewatch_training.tasks.fractured_levels import fractured_here


def test_a_vertebra_is_fractured_where_a_slice_with_a_box_shows_it(run):
    made = run("fracture-classifier", 1)
    slices = dataset.load(made.data, made.recipe)
    here = fractured_here(slices)
    boxed = np.isin(np.arange(len(slices.study)), slices.box_row)
    assert np.array_equal(np.flatnonzero(here.any(1)), np.flatnonzero(boxed)), "the rings show one level a slice"
    level = slices.visible.argmax(1)
    assert np.array_equal(here[boxed].argmax(1), level[boxed])


def test_what_nobody_can_tell_is_not_learnt(run):
    made = run("fracture-classifier", 1)
    slices = dataset.load(made.data, made.recipe)
    bare = slices.study[slices.box_row[0]]
    kept = slices.study[slices.box_row] != bare
    unboxed = dataclasses.replace(slices, box_row=slices.box_row[kept], boxes=slices.boxes[kept])
    here = fractured_here(unboxed)[slices.study == bare]
    assert (here[:, slices.fractured[bare] > 0] == -1).all(), "a fractured study without boxes"
    assert (here[:, slices.fractured[bare] == 0] == 0).all(), "its other vertebrae are known to be whole"
    blind = dataclasses.replace(slices, visible=np.full_like(slices.visible, -1))
    row = slices.box_row[0]
    assert fractured_here(blind)[row].min() == -1 and (fractured_here(blind)[row] <= 0).all()


def test_the_package_carries_the_head_behind_its_map(run):
    made = run("fracture-classifier", 2)
    train.train(made)
    folder = release.make(made)
    manifest = tomllib.loads((folder / "package.toml").read_text())
    features = manifest["features"]
    weights, bias = np.load(folder / features["weights"]), np.load(folder / features["bias"])
    work = tasks.task(made)
    model = export.session(folder / "model.onnx")
    assert [o.name for o in model.get_outputs()] == [manifest["output"]["name"], features["name"]]
    for row in work.golden_rows(4):
        batch = batches.plain(work.slices, np.array([row]), made.recipe)
        said, found = model.run(None, {"image": batch.image.numpy()})
        assert list(found.shape) == features["shape"]
        logits = weights @ found[0].mean((1, 2)) + bias
        assert abs(1 / (1 + np.exp(-logits)) - said[0]).max() < manifest["golden"]["tolerance"]
    assert "mean_auc" in manifest["metrics"] and "sensitivity_c1" in manifest["metrics"]
    said = compare.table([made, dataclasses.replace(made, name="another", output=made.output / "nowhere")], False)
    header, _, first, second = said.splitlines()
    assert "mean_auc" in header and "inception_unet at 64" in first and "not trained" in second


def test_areas_are_shares_of_pairs_ranked_right():
    scores, true = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    assert metrics.area_under_roc(scores, true) == (2 + 1.5) / 4
    said = np.full((4, 7), 0.1)
    said[:, 0] = scores
    fractured = np.zeros((4, 7))
    fractured[:, 0], fractured[:, 6] = true, -1
    figures = metrics.fracture_figures(said, fractured)
    assert figures["mean_auc"] == 3.5 / 4
    assert (figures["sensitivity_c1"], figures["specificity_c1"]) == (0.5, 1.0)
    assert figures["accuracy"] == 23 / 24, "what is not known does not count"


def test_the_step_learns_the_rows_of_its_batch(run):
    made = run("fracture-classifier", 1)
    work = tasks.task(made)
    broken = work.training[(work.targets[work.training] > 0).any(1)][:4]
    batch = batches.plain(work.slices, broken, made.recipe)
    sure = torch.from_numpy(np.where(work.targets[broken] > 0, 20.0, -20.0).astype(np.float32))
    assert work.loss(lambda image: (sure, None), batch, torch.device("cpu")) < 1e-6
    assert work.loss(lambda image: (-sure, None), batch, torch.device("cpu")) > 10
