"""Whole runs on the rings: learn, resume, package."""

import dataclasses
import json
import tomllib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from spinewatch_training import batches, dataset, evidence, export, release, restore, settings, tasks, train

CONFIGS = Path(__file__).parents[1] / "configs"
KINDS = ["vertebra-classifier", "fracture-detector"]


@pytest.mark.parametrize(("kind", "epochs"), [("vertebra-classifier", 14), ("fracture-detector", 20)])
def test_a_run_learns_and_its_int8_package_keeps_what_was_learnt(run, kind, epochs):
    made = run(kind, epochs)
    best = torch.load(train.train(made), weights_only=True)
    figure = "macro_f1" if kind == KINDS[0] else "map50"
    assert max(entry[figure] for entry in best["history"]) > 0.5
    assert (made.output / "curves.png").stat().st_size > 1000

    folder = release.make(made)
    manifest = tomllib.loads((folder / "package.toml").read_text())
    assert manifest["kind"] == kind and manifest["intended_use"] == 'tests "only"'
    assert manifest["metrics"][figure] > manifest["metrics"][f"float32_{figure}"] - 0.1
    graph = onnx.load(folder / "model.onnx").graph
    assert {i.name for i in graph.input} == ({"image", "metadata"} if kind == KINDS[0] else {"image"})
    weights = {i.name: i.data_type for i in graph.initializer}
    convolutions = [n for n in graph.node if n.op_type == "Conv"]
    dequantised = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    assert all(weights[dequantised[n.input[1]]] == onnx.TensorProto.INT8 for n in convolutions)
    check_golden(folder, manifest)
    check_start_from(folder / "model.onnx", made, manifest["metrics"][figure])


def check_start_from(package, made, figure):
    training = dataclasses.replace(made.training, init_from=package)
    going = train.Run(dataclasses.replace(made, training=training, output=made.output / "again"), tasks.task(made))
    going.net.eval()
    figures = train.evaluate(going.work, going.net, going.device, going.work.validation)
    assert abs(figures[going.work.figure] - figure) < 0.05, "it stands where the package stands"
    batch = batches.plain(going.work.slices, going.work.training[:64], made.recipe)
    inputs = [getattr(batch, name) for name in going.work.inputs]
    with torch.no_grad():
        said, learning = going.net(*inputs), going.net.train()(*inputs)
    said, learning = (each if torch.is_tensor(each) else each[1] for each in (said, learning))
    assert (said - learning).abs().mean() < 0.5 * said.std(), "and goes on from there while it learns"
    with pytest.raises(restore.NotThisNetwork, match="this network has no"):
        restore.restore(torch.nn.Linear(3, 4), package)


def check_golden(folder, manifest):
    model = export.session(folder / "model.onnx", as_written=True)
    recipe, cases = manifest["preprocessing"], []
    for case in range(manifest["golden"]["cases"]):
        image = np.load(folder / "golden" / str(case) / "image.npy")
        assert image.dtype == np.uint8 and [1, *image.shape] == manifest["input"]["shape"]
        inputs = {"image": ((image[None].astype(np.float32) / 255 - recipe["mean"]) / recipe["std"]).astype(np.float32)}
        if "metadata" in manifest:
            inputs["metadata"] = np.load(folder / "golden" / str(case) / "metadata.npy")
        expected = np.load(folder / "golden" / str(case) / "expected.npy")
        assert list(expected.shape) == manifest["output"]["shape"]
        assert abs(model.run([manifest["output"]["name"]], inputs)[0] - expected).max() < 1e-3
        cases.append(expected)
    scores = np.concatenate([c.ravel() if "metadata" in manifest else c[0, 4] for c in cases])
    assert scores.max() > 0.25 > scores.min(), "the cases can tell a working network from a dead one"


def test_a_stopped_run_goes_on_where_it_was(run):
    made = run("vertebra-classifier", 3)
    work = tasks.task(made)
    made.output.mkdir()
    first = train.Run(made, work)
    first.epoch()
    first.epoch()
    second = train.Run(made, tasks.task(made))
    second.resume()
    assert len(second.history) == 2 and second.steps == first.steps and not second.finished
    for one, other in ((first.net, second.net), (first.average, second.average)):
        for name, value in one.state_dict().items():
            assert torch.equal(other.state_dict()[name], value)
    moments, again = (run.optimiser.state_dict()["state"] for run in (first, second))
    assert len(moments) > 10 and moments.keys() == again.keys()
    assert all(torch.equal(moments[i]["exp_avg"], again[i]["exp_avg"]) for i in moments)
    second.epoch()
    assert second.finished


def test_time_ends_a_run_before_its_epochs(run):
    made = run("vertebra-classifier", 3)
    made = dataclasses.replace(made, training=dataclasses.replace(made.training, minutes=1e-6))
    train.train(made)
    assert len(torch.load(made.output / "checkpoint.pt", weights_only=True)["history"]) == 1


def test_a_fractured_study_without_boxes_teaches_the_detector_nothing(run, rsna, tmp_path):
    made = run("fracture-detector", 1)
    boxed = tasks.task(made)
    lines = (rsna / "train_bounding_boxes.csv").read_text().splitlines()
    bare = "1.2.826.0.1.3"
    for name in ("train_images", "train.csv", "slices.csv"):
        (tmp_path / "bare").mkdir(exist_ok=True)
        (tmp_path / "bare" / name).symlink_to(rsna / name)
    (tmp_path / "bare/train_bounding_boxes.csv").write_text("\n".join(line for line in lines if not line.startswith(bare + ",")))
    data = dataclasses.replace(made.data, folder=tmp_path / "bare", cache=tmp_path / "bare-cache")
    work = tasks.task(dataclasses.replace(made, data=data))
    index = work.slices.studies.index(bare)
    everything = np.concatenate([work.training, work.validation])
    assert index not in work.slices.study[everything]
    assert index in boxed.slices.study[np.concatenate([boxed.training, boxed.validation])]


def test_the_detector_learns_nothing_where_the_device_does_not_run_it(run):
    made = run("fracture-detector", 1)
    slices = dataset.load(made.data, made.recipe)
    visible = slices.visible.copy()
    first, second = (np.flatnonzero(slices.study == study) for study in (0, 1))
    visible[first] = 0
    visible[first[0], 2] = 1
    visible[second[:15]] = 0
    visible[second[15:]] = -1
    work = tasks.Fractures(made, dataclasses.replace(slices, visible=visible))
    rows = np.concatenate([work.training, work.validation])
    far = abs(slices.z_mm[first] - slices.z_mm[first[0]]) > tasks.fractures.AROUND_MM
    assert np.array_equal(np.setdiff1d(first, rows), first[far]) and far.any(), "known to be empty, far from any vertebra"
    assert np.setdiff1d(second, rows).tolist() == second[:5].tolist(), "slices of which nothing is known may show one"


def test_half_of_the_slices_that_choose_the_best_weights_have_a_box(run):
    work = tasks.task(run("fracture-detector", 1))
    boxed = work._boxed(work.evaluation_rows(np.random.default_rng(1)))
    most = 2 * min(boxed.sum(), (~boxed).sum())
    assert most > 4 and boxed[:most].tolist() == [True, False] * (most // 2)


def test_batches_made_beforehand_keep_their_order():
    for count in (0, 2, 9):
        assert list(train.ahead(lambda n: n * n, range(7), count)) == [n * n for n in range(7)]


def test_a_run_without_a_gain_ends_early(run):
    made = run("vertebra-classifier", 50)
    made = dataclasses.replace(made, training=dataclasses.replace(made.training, stop_after=2))
    going = train.Run(made, tasks.task(made))
    going.history = [{"macro_f1": 0.3}, {"macro_f1": 0.5}, {"macro_f1": 0.4}]
    assert not going.finished
    going.history.append({"macro_f1": 0.5})
    assert going.finished


@pytest.mark.parametrize("path", sorted(CONFIGS.rglob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_config_is_one_that_loads(path):
    made = settings.load(path)
    assert made.name == path.stem and made.data.validation_share == 0.125 and made.net["name"]


def test_evidence_has_a_line_for_every_held_out_slice(run, tmp_path):
    made = {}
    for kind in KINDS:
        settings = run(kind, 1)
        settings = dataclasses.replace(
            settings, output=tmp_path / kind, export=dataclasses.replace(settings.export, package=tmp_path / kind / "package")
        )
        train.train(settings)
        release.make(settings)
        made[kind] = settings
    evidence.write(made[KINDS[0]], made[KINDS[1]], tmp_path / "evidence.csv")
    lines = (tmp_path / "evidence.csv").read_text().splitlines()
    assert len(lines) == 1 + len(tasks.task(made[KINDS[0]]).validation)
    assert json.dumps(lines[0].split(",")[3:10]) == json.dumps(["C1", "C2", "C3", "C4", "C5", "C6", "C7"])
