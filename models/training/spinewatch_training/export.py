"""Weights -> ONNX in float32, and what ONNX Runtime makes of an ONNX file."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from tqdm import tqdm

from . import batches
from .batches import Batch
from .tasks import Task

OPSET = 17


def feed(work: Task, batch: Batch, index: int) -> dict[str, np.ndarray]:
    """One image of a batch as ONNX Runtime takes it."""
    return {name: getattr(batch, name)[index : index + 1].numpy() for name in work.inputs}


def load(work: Task, weights: Path) -> None:
    """The weights of a run into the task's network."""
    work.net.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["net"])


def to_onnx(work: Task, path: Path) -> None:
    """Float32, batch 1, batch normalisation folded into the convolutions."""
    model = work.for_export(work.net.cpu()).eval()
    batch = batches.plain(work.slices, work.validation[:1], work.settings.recipe)
    inputs = tuple(getattr(batch, name) for name in work.inputs)
    torch.onnx.export(
        model, inputs, str(path), opset_version=OPSET, dynamo=False, input_names=work.inputs, output_names=work.outputs
    )
    onnx.checker.check_model(onnx.load(path), full_check=True)


def session(path: Path, as_written: bool = False) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the processor, with as many threads as PyTorch; `as_written` without its own optimisation, which rounds
    int8 networks in other places."""
    options = onnxruntime.SessionOptions()
    if as_written:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = torch.get_num_threads()
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def outputs(work: Task, path: Path, rows: np.ndarray, known: bool = False) -> np.ndarray:
    """What an ONNX file says of each slice."""
    model, found = session(path), []
    for part in tqdm(np.array_split(rows, max(1, len(rows) // 64)), path.name, mininterval=5):
        batch = batches.plain(work.slices, part, work.settings.recipe, known)
        found += [model.run([work.outputs[0]], feed(work, batch, i))[0] for i in range(len(part))]
    return np.concatenate(found)
