"""Best weights -> ONNX in float32 -> ONNX in static int8 (QDQ). The int8 file is what a package carries."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from tqdm import tqdm

from . import batches
from .batches import Batch
from .tasks import Task

OPSET = 17
METHOD = "static int8, QDQ, weights per channel"
ACTIVATIONS = "uint8, per tensor, range calibrated on training slices"
QUANTISED_OPERATORS = ["Conv", "MatMul", "Gemm", "Sigmoid", "Mul", "Relu", "Add", "Concat", "Split", "MaxPool", "Resize"]


def feed(work: Task, batch: Batch, index: int) -> dict[str, np.ndarray]:
    """One image of a batch as ONNX Runtime takes it."""
    return {name: getattr(batch, name)[index : index + 1].numpy() for name in work.inputs}


def to_onnx(work: Task, weights: Path, path: Path) -> None:
    """Float32, batch 1, batch normalisation folded into the convolutions."""
    work.net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["net"])
    model = work.for_export(work.net.cpu()).eval()
    batch = batches.plain(work.slices, work.validation[:1], work.settings.recipe)
    inputs = tuple(getattr(batch, name) for name in work.inputs)
    torch.onnx.export(
        model, inputs, str(path), opset_version=OPSET, dynamo=False, input_names=work.inputs, output_names=work.outputs
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


class CalibrationSlices(CalibrationDataReader):
    """Training slices as the device would give them."""

    def __init__(self, work: Task):
        rng = np.random.default_rng(work.settings.training.seed)
        rows = work.calibration_rows(work.settings.export.calibration_slices, rng)
        self.work, self.rows = work, iter(tqdm(rows, "calibrate"))

    def get_next(self) -> dict[str, np.ndarray] | None:
        row = next(self.rows, None)
        if row is None:
            return None
        return feed(self.work, batches.plain(self.work.slices, np.array([row]), self.work.settings.recipe), 0)


def quantise(work: Task, source: Path, path: Path) -> list[str]:
    """Static int8 of everything between the image and the head; returns what stays in floating point."""
    prepared = path.with_suffix(".prepared.onnx")
    quant_pre_process(str(source), str(prepared), skip_optimization=True, skip_symbolic_shape=True)
    head = [node.name for node in onnx.load(prepared).graph.node if not _is_backbone(node, work)]
    quantize_static(
        str(prepared),
        str(path),
        CalibrationSlices(work),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=QUANTISED_OPERATORS,
        nodes_to_exclude=head,
    )
    prepared.unlink()
    return ["metadata", "head"] if "metadata" in work.inputs else ["decoding of boxes and scores"]


def _is_backbone(node: onnx.NodeProto, work: Task) -> bool:
    """True for the operators whose names say that they work on the image and not on what was read out of it."""
    if "metadata" in work.inputs:
        return node.name.startswith("/net/image/")
    return node.name.startswith("/net/") and not any("Reshape" in source for source in node.input)


def session(path: Path) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the processor."""
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def outputs(work: Task, path: Path, rows: np.ndarray, known: bool = False) -> np.ndarray:
    """What an ONNX file says of each slice."""
    model, found = session(path), []
    for part in tqdm(np.array_split(rows, max(1, len(rows) // 64)), path.name):
        batch = batches.plain(work.slices, part, work.settings.recipe, known)
        found += [model.run(None, feed(work, batch, i))[0] for i in range(len(part))]
    return np.concatenate(found)
