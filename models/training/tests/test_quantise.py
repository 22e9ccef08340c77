"""Int8: groups, what is measured, fine-tuning."""

import json

import numpy as np
import onnx
import pytest
import torch

from spinewatch_training import aware, export, nets, optimisation, quantise, release, sensitivity, tasks, train
from spinewatch_training.settings import Training


def test_groups_follow_the_modules_and_know_what_comes_after_the_network():
    places = quantise._places(nets.build({"name": "yolov8n"}, 256))
    assert {"to_p3.0", "boxes.0", "down3"} <= places and "to_p3" not in places
    assert quantise._group("/net/to_p3/to_p3.0/to_p3.0.0/Conv", places) == "to_p3.0"
    assert quantise._group("/net/down3/down3.2/Mul", places) == "down3"
    assert quantise._group("/net/Concat_3", places) == "net"
    assert quantise._group("/Softmax", places) == "output"


def test_what_sensitivity_finds_is_what_the_package_keeps_in_float(run, monkeypatch):
    monkeypatch.setattr(quantise, "GROUPS", 3)
    monkeypatch.setattr(sensitivity, "CALIBRATIONS", ("minmax", "percentile"))
    made = run("fracture-detector", 6)
    train.train(made)
    assert "only `output`" in release.measure(made)
    found = sensitivity.measured(made)
    assert found["groups"]["output"]["error"] > 0
    path = made.output / "sensitivity.json"
    path.write_text(json.dumps(found | {"float_layers": ["output", "scores"]}))
    folder = release.make(made)
    graph = onnx.load(folder / "model.onnx").graph
    places = quantise._places(tasks.task(made).net)
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    in_float = [n for n in convolutions if not any("DequantizeLinear" in name for name in n.input)]
    assert in_float and {quantise._group(node.name, places) for node in in_float} == {"scores"}
    assert len(in_float) < len(convolutions)
    path.write_text(json.dumps(found | {"weights": "others"}))
    with pytest.raises(ValueError, match="other weights"):
        release.make(made)
    card = (folder / "README.md").read_text()
    assert "not for patients" in card and "| map50 |" in card and "`spinewatch evaluate`: begin" in card


def test_what_costs_too_much_alone_or_together_stays_in_float(run, monkeypatch):
    """Alone only `down4` costs, and all together do until `to_p5` stays in float as well."""
    made = run("fracture-detector", 1)
    train.train(made)
    work, source = tasks.task(made), made.output / "float32.onnx"
    export.to_onnx(work, source)
    said = {}

    def write(self, path, method, floats, only=None):
        costs = only == "down4" if only else "to_p5" not in floats
        said["loss"] = 0.5 if costs else 0.0

    def outputs(work, path, rows, known=False):
        return np.full((len(rows), 1), said["loss"] if path.name == "int8.onnx" else 0.0) + rows[:, None]

    monkeypatch.setattr(sensitivity, "CALIBRATIONS", ("minmax",))
    monkeypatch.setattr(quantise, "GROUPS", 2)
    monkeypatch.setattr(quantise.Quantiser, "write", write)
    monkeypatch.setattr(export, "outputs", outputs)
    monkeypatch.setattr(work, "figures", lambda found, rows: {work.figure: 1.0 - float((found[:, 0] - rows).mean())})
    found = sensitivity.measure(work, source)
    assert found["groups"]["down4"]["loss"] == 0.5 and found["groups"]["to_p5"]["loss"] == 0.0
    assert {"down4", "to_p5"} <= set(found["float_layers"]) and found["rest"]["loss"] == 0.0


def test_folding_and_fine_tuning_keep_the_network(run, monkeypatch):
    made = run("fracture-detector", 1)
    work = tasks.task(made)
    image = torch.randn(1, 3, 64, 64)
    for _ in range(3):
        work.net.train()(torch.randn(4, 3, 64, 64))
    with torch.no_grad():
        expected = work.net.eval()(image)
        found = aware.folded(work.net)(image)
    assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(expected, found))
    object.__setattr__(made.quantisation, "aware_epochs", 1)
    imitate, heard = work.imitation, []
    monkeypatch.setattr(work, "imitation", lambda *outputs: heard.append(outputs) or imitate(*outputs))
    aware.fine_tune(work, ["scores"])
    said, taught = (torch.cat([part.detach().flatten() for part in which]) for which in heard[0])
    assert not torch.equal(said, taught) and torch.allclose(said, taught, atol=0.3), "it differs by roundings only"
    weight = work.net.to_p3[0][0].weight.detach()
    steps = weight / (weight.abs().flatten(1).amax(1) / 127)[:, None, None, None]
    assert torch.allclose(steps, steps.round(), atol=1e-3), "the weights lie on the steps of int8"
    free = work.net.scores[0][2].weight.detach()
    steps = free / (free.abs().flatten(1).amax(1) / 127)[:, None, None, None]
    assert not torch.allclose(steps, steps.round(), atol=1e-3), "a group in float is not rounded"
    export.to_onnx(work, made.output.with_suffix(".onnx"))
    assert np.isfinite(export.outputs(work, made.output.with_suffix(".onnx"), work.validation[:2])).all()


def test_an_unknown_group_is_an_error_that_names_those_there_are(run):
    made = run("fracture-detector", 1)
    work = tasks.task(made)
    export.to_onnx(work, made.output.with_suffix(".onnx"))
    with pytest.raises(ValueError, match="'heads'.*down3"):
        quantise.Quantiser(work, made.output.with_suffix(".onnx")).write(made.output.with_suffix(".int8.onnx"), "minmax", ["heads"])


def test_the_learning_rate_warms_up_falls_and_halves_on_a_plateau():
    def how(schedule):
        return Training(1, 1, 1, 1.0, schedule=schedule)

    assert optimisation.rate(how("cosine"), 0, []) == pytest.approx(0.05)
    assert optimisation.rate(how("linear"), 0.5, []) == pytest.approx(0.505)
    assert optimisation.rate(how("cosine"), 1.2, []) == pytest.approx(0.01)
    assert optimisation.rate(how("plateau"), 0.5, [0.3, 0.5, 0.4, 0.5, 0.5]) == 0.5
    assert optimisation.rate(how("plateau"), 0.5, [0.3, 0.5, 0.4, 0.6]) == 1.0
