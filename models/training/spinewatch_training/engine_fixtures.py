"""Small quantised networks with what ONNX Runtime makes of them: the int8 engine's test cases under `tests/inference/int8`."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from torch import Tensor, nn
from torch.ao.quantization import FakeQuantize, MinMaxObserver, PerChannelMinMaxObserver, disable_observer

from . import engine_patterns as patterns
from .engine_patterns import Net

FORMS = {"qdq": QuantFormat.QDQ, "qoperator": QuantFormat.QOperator}
CALIBRATION_INPUTS = 12
Feed = dict[str, np.ndarray]
Pattern = Callable[[Net], None]


@dataclass(frozen=True)
class Case:
    """A pattern, the forms in which it is written, and what may differ from ONNX Runtime in steps of the output."""

    name: str
    pattern: Pattern
    note: str
    forms: tuple[str, ...] = ("qdq",)
    tolerance_steps: int = 1
    opset: int = 17
    operators: tuple[str, ...] | None = None
    """The operators that are quantised; those that ONNX Runtime quantises where this is none."""


BOTH = ("qdq", "qoperator")
CASES = (
    Case("conv-dense", patterns.conv_dense, "3 x 3, stride 2 with padding, then valid; odd numbers of channels", BOTH),
    Case("conv-grouped", patterns.conv_grouped, "three groups, depthwise with stride, two outputs per channel", BOTH),
    Case("conv-padding", patterns.conv_padding, "asymmetric padding, dilation, 1 x 1"),
    Case("conv-clip", patterns.conv_clip, "ReLU and Clip that the output's range absorbs, LeakyReLU", BOTH),
    Case("silu", patterns.silu, "x * sigmoid(x)", BOTH),
    Case(
        "hard-swish-gelu", patterns.hard_swish_gelu, "HardSwish, x * HardSigmoid(x), Gelu of opset 20", opset=20,
        operators=("Conv", "HardSwish", "HardSigmoid", "Mul", "Gelu"),
    ),
    Case("gelu-erf", patterns.gelu_erf, "Gelu by Erf, with Div and Erf in floating point"),
    Case("add-mul", patterns.add_mul, "residual, scale per channel, squeeze and excite", BOTH),
    Case("concat", patterns.concat, "operands with different scales", ("qoperator",)),
    Case("split-slice", patterns.split_slice, "Split in unequal parts, Slice with steps and along the channels"),
    Case("pools", patterns.pools, "MaxPool, AveragePool with and without the padding", BOTH, tolerance_steps=2),
    Case("means", patterns.means, "GlobalAveragePool, ReduceMean over H and W and over the last axis"),
    Case("resize", patterns.resize, "twice the size: nearest asymmetric, nearest half-pixel, linear"),
    Case("windows", patterns.windows, "window partition by Reshape and Transpose, MatMul with a constant"),
    Case("attention", patterns.attention, "MatMul of two computed operands, Softmax", BOTH),
    Case("gemm", patterns.gemm, "Gemm with bias, transposed weights and not", BOTH),
    Case("layer-norm", patterns.layer_norm, "LayerNormalization as one operator"),
    Case("layer-norm-spelled", patterns.layer_norm_spelled, "LayerNormalization spelled out", tolerance_steps=2),
    Case("two-regions", patterns.two_regions, "Tanh that nobody quantised between two convolutions", operators=("Conv",)),
    Case("several", patterns.several, "two inputs, two outputs"),
    Case("distances", patterns.distances, "reshape, softmax, weighted sum, split", tolerance_steps=2),
)  # fmt: skip


def write(folder: Path) -> list[str]:
    """Every case as `<case>/{model.onnx,input.npy,output.npy,case.toml}`; returns a line on each.

    A second input or output is `input2.npy`, `output2.npy`.
    """
    return [_write(folder / name, *made) for name, *made in _made()]


def _made() -> Iterator[tuple[str, onnx.ModelProto, str, int, str]]:
    """Folder, quantised network, form, tolerance, note."""
    for case in CASES:
        for form in case.forms:
            name = f"{case.name}-{form}"
            yield name, quantised(case, form), form, case.tolerance_steps, case.note
    note = "as PyTorch's exporter writes it: i8 activations with zero points, float weights quantised in the graph, float bias"
    yield "pytorch-i8-qdq", exported(), "qdq", 1, note


def _write(folder: Path, model: onnx.ModelProto, form: str, tolerance: int, note: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    model.producer_name = model.producer_version = ""
    feed = {name: 0.8 * values for name, values in _random_feed(model, 1000).items()}
    outputs, plain = (run(model, feed, optimised) for optimised in (True, False))
    steps = [output_step(model, name) for name in outputs]
    pairs = list(zip(outputs.values(), plain.values(), steps))
    spread = max(float(abs(a - b).max() / step) for a, b, step in pairs)
    assert spread < tolerance + 0.01, f"{folder.name}: {spread} steps between two ways to compute it"
    for values, _, step in pairs:
        codes, counts = np.unique((values / step).round(), return_counts=True)
        assert len(codes) > min(24, values.size // 2) and counts[-1] < values.size / 4, f"{folder.name}: saturated or constant"
    (folder / "model.onnx").write_bytes(model.SerializeToString(deterministic=True))
    for name, values in {**feed, **outputs}.items():
        np.save(folder / f"{name}.npy", values)
    keys = "".join(f"{name}_step = {step:.9g}\n" for name, step in zip(outputs, steps))
    (folder / "case.toml").write_text(f'form = "{form}"\n{keys}tolerance_steps = {tolerance}\nnote = "{note}"\n')
    return f"{folder.name}: {len(model.graph.node)} nodes, {spread:.2f} steps between ONNX Runtime with and without optimisation"


class RandomInputs(CalibrationDataReader):
    """Values whose range is a little wider than that of the recorded input."""

    def __init__(self, model: onnx.ModelProto):
        self.feeds = iter([_random_feed(model, seed) for seed in range(CALIBRATION_INPUTS)])

    def get_next(self) -> Feed | None:
        return next(self.feeds, None)


def _random_feed(model: onnx.ModelProto, seed: int) -> Feed:
    rng = np.random.default_rng(seed)
    shapes = {i.name: [d.dim_value for d in i.type.tensor_type.shape.dim] for i in model.graph.input}
    return {name: rng.normal(size=shape).clip(-2.5, 2.5).astype(np.float32) for name, shape in shapes.items()}


def quantised(case: Case, form: str) -> onnx.ModelProto:
    """Static int8 by ONNX Runtime: u8 activations, i8 weights per channel."""
    net = Net(case.opset)
    case.pattern(net)
    model = net.model()
    path = io.BytesIO()
    quantize_static(
        model, path, RandomInputs(model), quant_format=FORMS[form], per_channel=True, weight_type=QuantType.QInt8,
        activation_type=QuantType.QUInt8, calibrate_method=CalibrationMethod.MinMax, op_types_to_quantize=case.operators,
    )  # fmt: skip
    return onnx.load_from_string(path.getvalue())


class FakeQuantised(nn.Module):
    """Two convolutions with PyTorch's quantisation-aware modules around them."""

    def __init__(self) -> None:
        super().__init__()
        integers = dict(quant_min=-128, quant_max=127, dtype=torch.qint8)
        per_tensor = FakeQuantize.with_args(observer=MinMaxObserver, **integers)
        per_channel = FakeQuantize.with_args(
            observer=PerChannelMinMaxObserver, qscheme=torch.per_channel_symmetric, ch_axis=0, **integers
        )
        self.layers = nn.ModuleList([nn.Conv2d(5, 6, 3, 2, 1), nn.Conv2d(6, 7, 1)])
        self.activations = nn.ModuleList(per_tensor() for _ in range(3))
        self.weights = nn.ModuleList(per_channel() for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = self.activations[0](x)
        for layer, weights, activation in zip(self.layers, self.weights, self.activations[1:]):
            x = activation(layer._conv_forward(x, weights(layer.weight), layer.bias).relu())
        return x


def exported() -> onnx.ModelProto:
    """The form that PyTorch's own exporter gives a network with fake quantisation."""
    torch.manual_seed(7)
    net, generator = FakeQuantised(), torch.Generator().manual_seed(7)
    with torch.no_grad():
        net(torch.randn(CALIBRATION_INPUTS, *patterns.IMAGE[1:], generator=generator))
    net.eval().apply(disable_observer)
    file = io.BytesIO()
    torch.onnx.export(
        net, (torch.zeros(patterns.IMAGE),), file, opset_version=17, dynamo=False, input_names=["input"], output_names=["output"]
    )
    return onnx.load_from_string(file.getvalue())


def run(model: onnx.ModelProto, feed: Feed, optimised: bool = True) -> Feed:
    """What ONNX Runtime makes of it."""
    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


def output_step(model: onnx.ModelProto, output: str) -> float:
    """The scale of the quantised tensor that an output is read from."""
    last = next(node for node in model.graph.node if output in node.output)
    assert last.op_type == "DequantizeLinear", f"{output} comes from {last.op_type}"
    values = {value.name: numpy_helper.to_array(value) for value in model.graph.initializer}
    constants = {n.output[0]: numpy_helper.to_array(n.attribute[0].t) for n in model.graph.node if n.op_type == "Constant"}
    return {**values, **constants}[last.input[1]].item()
