"""Every form of a reference network runs; a small one stands for all."""

import numpy as np
import onnx
import torch

from spinewatch_training import export, reference_networks
from spinewatch_training.nets.gcvit import gcvit_xxtiny
from spinewatch_training.nets.inception_unet import FractureClassifier
from spinewatch_training.nets.yolov8 import YoloV8, YoloV8ForExport


def test_every_form_runs_and_stays_near_the_float_network(tmp_path):
    small = {"small": (lambda size: YoloV8ForExport(YoloV8(size, (8, 8, 16, 16, 32), (1, 2), 8)), 64)}
    written = reference_networks.write(tmp_path, small)
    assert [path.name for path in written] == [f"small.{form}.onnx" for form in ("float32", *reference_networks.FORMS)]
    image = {"image": reference_networks.images(1, 64, 7).numpy()}
    outputs = [export.session(path).run(None, image)[0] for path in written]
    for path, output in zip(written, outputs):
        assert output.shape == (1, 5, 84)
        assert np.corrcoef(output.ravel(), outputs[0].ravel())[0, 1] > 0.9, path.name
        model = onnx.load(path)
        assert model.doc_string == reference_networks.NOTE
        assert any(node.op_type.startswith("QLinear") for node in model.graph.node) == ("qoperator" in path.name)


def test_the_classifiers_have_seven_outputs():
    with torch.no_grad():
        small = FractureClassifier(128, 0.25, (1, 1, 1))
        for net in (gcvit_xxtiny(128), reference_networks.Probabilities(small)):
            assert net.eval()(reference_networks.images(1, 128, 1)).shape == (1, 7)
