"""Small float networks, each around one pattern that the int8 engine has to recognise. Random weights, nothing quantised yet."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import helper, numpy_helper

IMAGE = (1, 5, 11, 9)
TOKENS = (1, 12, 16)


@dataclass
class Net:
    """A graph under construction: every method adds nodes or values and returns the name of what they give."""

    opset: int = 17
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    values: list[onnx.TensorProto] = field(default_factory=list)
    inputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)

    def input(self, *shape: int) -> str:
        name = _numbered("input", len(self.inputs))
        self.inputs[name] = shape
        return name

    def output(self, name: str) -> None:
        """What a node gives becomes an output under a name of its own."""
        old, new = name, _numbered("output", len(self.outputs))
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if n == old else n for n in names]
        self.outputs.append(new)

    def constant(self, values: np.ndarray | list) -> str:
        array = np.asarray(values)
        array = array.astype(np.float32) if array.dtype.kind == "f" else array
        name = f"constant_{len(self.values)}"
        self.values.append(numpy_helper.from_array(array, name))
        return name

    def random(self, *shape: int, spread: float = 1.0, around: float = 0.0) -> str:
        return self.constant(self.rng.normal(around, spread, shape))

    def op(self, kind: str, *inputs: str, **attributes) -> str:
        return self.parts(kind, 1, *inputs, **attributes)[0]

    def parts(self, kind: str, count: int, *inputs: str, **attributes) -> list[str]:
        name = f"{kind}_{len(self.nodes)}"
        names = [name if count == 1 else f"{name}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, names, f"node_{name}", **attributes))
        return names

    def conv(self, x: str, inputs: int, outputs: int, kernel: tuple[int, int] = (3, 3), **attributes) -> str:
        taps = inputs // attributes.get("group", 1) * kernel[0] * kernel[1]
        weights = self.random(outputs, taps // (kernel[0] * kernel[1]), *kernel, spread=taps**-0.5)
        return self.op("Conv", x, weights, self.random(outputs, spread=0.3), **attributes)

    def model(self) -> onnx.ModelProto:
        single = onnx.TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info(name, single, shape) for name, shape in self.inputs.items()]
        outputs = [helper.make_tensor_value_info(name, single, None) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "pattern", inputs, outputs, self.values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=9)
        return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)


def _numbered(word: str, index: int) -> str:
    return f"{word}{index + 1}" if index else word


def conv_dense(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 7, strides=[2, 2], pads=[1, 1, 1, 1])
    net.output(net.conv(x, 7, 3))


def conv_grouped(net: Net) -> None:
    x = net.conv(net.input(1, 6, 11, 9), 6, 9, (3, 1), group=3, pads=[1, 0, 1, 0])
    x = net.conv(x, 9, 9, group=9, strides=[2, 2], pads=[1, 1, 1, 1])
    net.output(net.conv(x, 9, 18, (5, 5), group=9, pads=[2, 2, 2, 2]))


def conv_padding(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 7, pads=[0, 1, 2, 1], strides=[2, 1])
    x = net.conv(x, 7, 4, dilations=[2, 2], pads=[2, 2, 2, 2])
    net.output(net.conv(x, 4, 17, (1, 1)))


def conv_clip(net: Net) -> None:
    x = net.op("Relu", net.conv(net.input(*IMAGE), 5, 8, pads=[1, 1, 1, 1]))
    x = net.op("Clip", net.conv(x, 8, 8), net.constant(np.float32(0)), net.constant(np.float32(0.8)))
    net.output(net.op("LeakyRelu", net.conv(x, 8, 6, (1, 1)), alpha=0.1))


def silu(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 8, pads=[1, 1, 1, 1])
    x = net.conv(net.op("Mul", x, net.op("Sigmoid", x)), 8, 6)
    net.output(net.op("Mul", x, net.op("Sigmoid", x)))


def hard_swish_gelu(net: Net) -> None:
    x = net.op("HardSwish", net.conv(net.input(*IMAGE), 5, 8))
    x = net.conv(x, 8, 6)
    x = net.conv(net.op("Mul", x, net.op("HardSigmoid", x, alpha=1 / 6, beta=0.5)), 6, 6, (1, 1))
    net.output(net.op("Gelu", x))


def gelu_erf(net: Net) -> None:
    x = _linear(net, net.input(*TOKENS), 16, 24)
    y = net.op("Erf", net.op("Div", x, net.constant(np.float32(2**0.5))))
    x = net.op("Mul", net.op("Mul", x, net.op("Add", y, net.constant(np.float32(1)))), net.constant(np.float32(0.5)))
    net.output(_linear(net, x, 24, 16))


def add_mul(net: Net) -> None:
    """A residual, a scale per channel, squeeze and excite."""
    x = net.input(1, 8, 6, 6)
    x = net.op("Add", x, net.conv(x, 8, 8, pads=[1, 1, 1, 1]))
    x = net.op("Mul", x, net.random(1, 8, 1, 1, spread=0.3, around=1.0))
    y = net.op("Relu", net.conv(net.op("GlobalAveragePool", x), 8, 4, (1, 1)))
    y = net.op("Sigmoid", net.conv(y, 4, 8, (1, 1)))
    net.output(net.op("Mul", x, y))


def concat(net: Net) -> None:
    """Operands whose ranges lie far apart."""
    x = net.input(*IMAGE)
    y = net.op("Mul", net.conv(x, 5, 3, (1, 1)), net.constant(np.float32([0.3])))
    joined = net.op("Concat", net.conv(x, 5, 6, (1, 1)), y, x, axis=1)
    net.output(net.conv(joined, 14, 4))


def split_slice(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 12, (1, 1))
    a, b = net.parts("Split", 2, x, net.constant(np.int64([4, 8])), axis=1)
    row_steps = [net.constant(np.int64(v)) for v in ([0, 1], [11, 9], [2, 3], [2, 1])]
    b = net.op("Slice", b, *row_steps)
    a = net.op("Slice", a, net.constant(np.int64([1, 0])), net.constant(np.int64([7, 8])), net.constant(np.int64([2, 3])))
    net.output(net.op("Concat", a, net.conv(b, 8, 3, (1, 1)), axis=1))


def pools(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 6, (1, 1))
    window = dict(kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    a = net.op("MaxPool", x, **window)
    b = net.op("AveragePool", x, count_include_pad=1, **window)
    c = net.op("AveragePool", x, count_include_pad=0, **window)
    net.output(net.op("Concat", a, b, c, axis=1))


def means(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 40, (1, 1))
    a = net.op("Reshape", net.op("GlobalAveragePool", x), net.constant(np.int64([1, 40])))
    b = net.op("ReduceMean", x, axes=[2, 3], keepdims=0)
    x = net.conv(x, 40, 40, (1, 1))
    c = net.op("ReduceMean", net.op("Reshape", x, net.constant(np.int64([1, 40, 99]))), axes=[-1], keepdims=0)
    net.output(net.op("Concat", a, b, c, axis=1))


def resize(net: Net) -> None:
    x = net.conv(net.input(1, 5, 6, 5), 5, 6, (1, 1))
    scales = net.constant(np.float32([1, 1, 2, 2]))
    nearest = dict(mode="nearest")
    a = net.op("Resize", x, "", scales, coordinate_transformation_mode="asymmetric", nearest_mode="floor", **nearest)
    b = net.op("Resize", x, "", scales, coordinate_transformation_mode="half_pixel", **nearest)
    c = net.op("Resize", x, "", scales, mode="linear", coordinate_transformation_mode="half_pixel")
    net.output(net.conv(net.op("Concat", a, b, c, axis=1), 18, 4, (1, 1)))


def windows(net: Net) -> None:
    """Window partition as GCViT does it, a linear layer, and back."""
    x = net.conv(net.input(1, 5, 8, 8), 5, 12, pads=[1, 1, 1, 1])
    x = net.op("Transpose", x, perm=[0, 2, 3, 1])
    x = _reshape(net, net.op("Transpose", _reshape(net, x, 1, 2, 4, 2, 4, 12), perm=[0, 1, 3, 2, 4, 5]), 4, 16, 12)
    x = _linear(net, x, 12, 12)
    x = _reshape(net, net.op("Transpose", _reshape(net, x, 1, 2, 2, 4, 4, 12), perm=[0, 1, 3, 2, 4, 5]), 1, 8, 8, 12)
    net.output(net.conv(net.op("Transpose", x, perm=[0, 3, 1, 2]), 12, 6, (1, 1)))


def attention(net: Net) -> None:
    """Two windows, two heads of eight channels, a bias by position."""
    x = net.input(2, 12, 16)
    heads = [_reshape(net, _linear(net, x, 16, 16), 2, 12, 2, 8) for _ in range(3)]
    query, value = (net.op("Transpose", heads[i], perm=[0, 2, 1, 3]) for i in (0, 2))
    key = net.op("Transpose", heads[1], perm=[0, 2, 3, 1])
    scores = net.op("MatMul", net.op("Mul", query, net.constant(np.float32(8**-0.5))), key)
    weights = net.op("Softmax", net.op("Add", scores, net.random(1, 2, 12, 12)), axis=-1)
    x = net.op("Transpose", net.op("MatMul", weights, value), perm=[0, 2, 1, 3])
    net.output(_linear(net, _reshape(net, x, 2, 12, 16), 16, 16))


def gemm(net: Net) -> None:
    x = net.op("Gemm", net.input(6, 13), net.random(24, 13, spread=0.3), net.random(24, spread=0.3), transB=1)
    net.output(net.op("Gemm", net.op("Relu", x), net.random(24, 7, spread=0.2), net.random(7, spread=0.3)))


def layer_norm(net: Net) -> None:
    x = _linear(net, net.input(*TOKENS), 16, 16)
    scale, bias = net.random(16, spread=0.2, around=1.0), net.random(16, spread=0.2)
    net.output(_linear(net, net.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5), 16, 16))


def layer_norm_spelled(net: Net) -> None:
    x = _linear(net, net.input(*TOKENS), 16, 16)
    centred = net.op("Sub", x, net.op("ReduceMean", x, axes=[-1]))
    variance = net.op("ReduceMean", net.op("Pow", centred, net.constant(np.float32(2))), axes=[-1])
    deviation = net.op("Sqrt", net.op("Add", variance, net.constant(np.float32(1e-5))))
    x = net.op("Mul", net.op("Div", centred, deviation), net.random(16, spread=0.2, around=1.0))
    net.output(net.op("Add", x, net.random(16, spread=0.2)))


def two_regions(net: Net) -> None:
    x = net.conv(net.input(*IMAGE), 5, 8, pads=[1, 1, 1, 1])
    net.output(net.conv(net.op("Tanh", x), 8, 6))


def several(net: Net) -> None:
    """An image and numbers beside it; one output in the middle and one at the end."""
    x, numbers = net.conv(net.input(*IMAGE), 5, 8), net.input(1, 3)
    net.output(net.conv(x, 8, 4, (1, 1)))
    x = net.op("Flatten", net.op("GlobalAveragePool", net.op("Relu", x)))
    x = net.op("Concat", x, net.op("Gemm", numbers, net.random(3, 4), net.random(4)), axis=1)
    net.output(net.op("Gemm", x, net.random(12, 7, spread=0.3), net.random(7)))


def distances(net: Net) -> None:
    """YOLOv8's distribution focal loss head: four sides as the means of eight bins."""
    x = _reshape(net, net.conv(net.input(1, 8, 4, 5), 8, 32, (1, 1)), 1, 4, 8, 20)
    x = net.op("Softmax", net.op("Mul", net.op("Transpose", x, perm=[0, 2, 1, 3]), net.constant(np.float32(2))), axis=1)
    x = net.op("Mul", x, net.constant(np.arange(8, dtype=np.float32).reshape(1, 8, 1, 1)))
    low, high = net.parts("Split", 2, net.op("ReduceSum", x, net.constant(np.int64([1])), keepdims=0), axis=1)
    low = net.op("Sub", net.random(1, 2, 20, spread=4.0), low)
    net.output(net.op("Concat", low, net.op("Add", high, low), axis=1))


def _linear(net: Net, x: str, inputs: int, outputs: int) -> str:
    product = net.op("MatMul", x, net.random(inputs, outputs, spread=inputs**-0.5))
    return net.op("Add", product, net.random(outputs, spread=0.3))


def _reshape(net: Net, x: str, *shape: int) -> str:
    return net.op("Reshape", x, net.constant(np.int64(shape)))
