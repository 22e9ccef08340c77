"""ONNX in float32 -> static int8 (QDQ): ranges from training slices, and any group of layers left in floating point.

A group is a module of the network with a few layers; `output` is what follows the network proper, such as the decoding of boxes.
"""

import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.calibrate import create_calibrator, save_tensors_data
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import nn
from tqdm import tqdm

from . import batches, export
from .tasks import Task

METHOD = "static int8, QDQ, weights per channel"
CALIBRATIONS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}
OUTPUT = "output"
GROUPS = 10
SLICES_AT_ONCE = 8
TABLES_M = (0.0, -1.0, 1.0, 0.5, -0.5)
"""Offsets of the table's zero, which means nothing; as far as training knows them."""


class CalibrationSlices(CalibrationDataReader):
    """Training slices as the device would give them: every second one after the last slice has come, each on a table of its own."""

    def __init__(self, work: Task, rows: np.ndarray, start: int):
        self.work, self.rows = work, enumerate(rows[start : start + SLICES_AT_ONCE], start)

    def get_next(self) -> dict[str, np.ndarray] | None:
        place, row = next(self.rows, (0, None))
        if row is None:
            return None
        batch = batches.plain(self.work.slices, np.array([row]), self.work.settings.recipe, known=place % 2 == 1)
        batch.metadata[:, 0] += TABLES_M[place % len(TABLES_M)]
        return export.feed(self.work, batch, 0)


class Quantiser:
    """One float32 network: calibrated once per method, quantised as often as wanted."""

    def __init__(self, work: Task, source: Path):
        self.work, self.folder = work, tempfile.TemporaryDirectory(prefix="spinewatch-int8-")
        self.prepared = Path(self.folder.name) / "prepared.onnx"
        quant_pre_process(str(source), str(self.prepared), skip_optimization=True, skip_symbolic_shape=True)
        places = _places(work.net)
        self.group = {node.name: _group(node.name, places) for node in onnx.load(self.prepared).graph.node}
        self.groups = sorted(set(self.group.values()))

    def ranges(self, method: str) -> Path:
        """The calibrated range of every tensor."""
        cache = Path(self.folder.name) / f"{method}.json"
        if cache.exists():
            return cache
        how = self.work.settings.quantisation
        rows = self.work.calibration_rows(how.calibration_slices, np.random.default_rng(self.work.settings.training.seed))
        calibrator = create_calibrator(
            self.prepared, list({*QLinearOpsRegistry, *QDQRegistry}), str(cache.with_suffix(".onnx")), CALIBRATIONS[method]
        )
        # histograms keep what they were given, so they are given little at a time
        for start in tqdm(range(0, len(rows), SLICES_AT_ONCE), f"calibrate, {method}", mininterval=5):
            calibrator.collect_data(CalibrationSlices(self.work, rows, start))
        save_tensors_data(calibrator.compute_data(), cache)
        return cache

    def write(self, path: Path, method: str, floats: list[str], only: str | None = None) -> None:
        """Everything but the groups in `floats`, or nothing but the group `only`, becomes int8."""
        if unknown := sorted({*floats, *([only] if only else [])} - set(self.groups)):
            raise ValueError(f"no group of layers is called {unknown[0]!r}; there are {', '.join(self.groups)}")
        keep = [name for name, group in self.group.items() if group in floats or (only and group != only)]
        quantize_static(
            str(self.prepared), str(path), None, quant_format=QuantFormat.QDQ, per_channel=True, weight_type=QuantType.QInt8,
            activation_type=QuantType.QUInt8, calibrate_method=CALIBRATIONS[method], nodes_to_exclude=keep,
            calibration_cache_path=self.ranges(method),
        )  # fmt: skip


def _places(net: nn.Module) -> set[str]:
    """Names of modules with at most a `GROUPS`-th of all layers each, as far as modules have parts of their own."""
    most = max(1, _layers(net) // GROUPS)
    found = set()

    def descend(name: str, module: nn.Module) -> None:
        parts = [(f"{name}.{part}" if name else part, child) for part, child in module.named_children()]
        if name and (_layers(module) <= most or not parts):
            found.add(name)
            return
        for part in parts:
            descend(*part)

    descend("", net)
    return found


def _layers(module: nn.Module) -> int:
    return sum(isinstance(part, nn.Conv2d | nn.Linear) for part in module.modules())


def _group(node: str, places: set[str]) -> str:
    """`/net/to_p3/to_p3.0/to_p3.0.0/Conv` -> `to_p3.0`, where that is a place."""
    parts = node.split("/")[1:-1]
    if not parts or parts[0] != "net":
        return OUTPUT
    path: list[str] = []
    for part in parts[1:]:
        # a part of a list repeats the list's name
        path = path[:-1] if path and part.startswith(path[-1] + ".") else path
        path.append(part)
    dotted = ".".join(path)
    steps = dotted.split(".")
    prefixes = (".".join(steps[:length]) for length in range(1, len(steps) + 1))
    return next((prefix for prefix in prefixes if prefix in places), dotted or "net")
