"""A package's `model.onnx`, int8 or not -> weights to train on from: what ships is a start for whoever has data of their own.

Weights lie beside the nodes of the graph, which are named after the modules of the network. Int8 weights are taken times their
step. A convolution that the export had folded its normalisation into gets weights as long as a new network's, so that a step
of training is to them what it is to any, and the normalisation behind it is set so that the network says what the package
says, and goes on saying so when training normalises by the batch.
"""

import warnings
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import NodeProto, numpy_helper
from timm.layers import RelPosBias
from torch import Tensor, nn

Norms = dict[str, nn.BatchNorm2d]


class NotThisNetwork(ValueError):
    """The file holds another network."""


class Constants:
    """What the graph knows before it is run: initializers, as they are or through a `DequantizeLinear`."""

    def __init__(self, graph: onnx.GraphProto):
        self.initializers = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.widened = {node.output[0]: node for node in graph.node if node.op_type == "DequantizeLinear"}

    def of(self, node: NodeProto) -> list[np.ndarray | None]:
        """Of each input; None where it is computed."""
        return [self._value(name) for name in node.input]

    def _value(self, name: str) -> np.ndarray | None:
        if name in self.initializers or name not in self.widened:
            return self.initializers.get(name)
        node = self.widened[name]
        steps, scale, zero = (self.initializers.get(part) for part in node.input)
        if steps is None:
            return None
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [-1 if place == axis else 1 for place in range(steps.ndim)] if scale.size > 1 else [1] * steps.ndim
        return ((steps.astype(np.float64) - zero.reshape(shape)) * scale.reshape(shape)).astype(np.float32)


def module_of(node: str) -> str:
    """`/net/to_p3/to_p3.0/to_p3.0.0/Conv` -> `to_p3.0.0`: a part of a list repeats the list's name."""
    path: list[str] = []
    for part in node.split("/")[2:-1]:
        path = path[:-1] if path and part.startswith(path[-1] + ".") else path
        path.append(part)
    return ".".join(path)


@torch.no_grad()
def restore(net: nn.Module, path: Path) -> Norms:
    """Puts the weights of a package's network into `net`; returns the normalisations that the export had folded, which do not
    normalise yet. A layer that the graph does without keeps its weights, with a warning. Raises `NotThisNetwork` where the
    graph has a weight that this network has no place for."""
    graph = onnx.load(path).graph
    constants, modules, values = Constants(graph), dict(net.named_modules()), {}
    for node in graph.node:
        # what has no name follows the network, such as the decoding of boxes
        if name := module_of(node.name):
            values |= {f"{name}.{key}": value for key, value in _weights(node, modules.get(name), constants.of(node))}
    norms, convolutions = {}, {}
    for conv, name in _neighbours(modules):
        if f"{conv}.weight" not in values or f"{name}.weight" in values:
            continue
        norm = norms[name] = modules[name]
        convolutions[name] = modules[conv], _lengths(modules[conv]).mean()
        zeros = np.zeros(norm.num_features, np.float32)
        # a convolution without a bias of its own got that of the normalisation
        added = values.pop(f"{conv}.bias", zeros) if modules[conv].bias is None else zeros
        still = {"weight": zeros + 1, "bias": added, "running_mean": zeros, "running_var": zeros + 1 - norm.eps}
        values |= {f"{name}.{key}": value for key, value in still.items()}
    state = net.state_dict()
    if strange := sorted(values.keys() - state.keys()):
        raise NotThisNetwork(f"{path}: this network has no {strange[0]}")
    for name, value in values.items():
        if value.size != state[name].numel():
            raise NotThisNetwork(f"{path}: {name} has {value.size} weights there and {state[name].numel()} here")
        state[name].copy_(torch.from_numpy(np.array(value)).reshape(state[name].shape))
    for name, (conv, usual) in convolutions.items():
        longer = usual / _lengths(conv).clamp(min=1e-6)
        conv.weight.mul_(longer.view(-1, 1, 1, 1))
        if conv.bias is not None:
            conv.bias.mul_(longer)
        norms[name].weight.div_(longer)
    if left := sorted(name for name, _ in net.named_parameters() if name not in values):
        warnings.warn(
            f"{path} does without {len(left)} weights, which keep what they had: {', '.join(left[:3])} ...", stacklevel=2
        )
    return norms


def _lengths(conv: nn.Conv2d) -> Tensor:
    """Of the weights of each output channel."""
    return conv.weight.flatten(1).norm(dim=1)


def _neighbours(modules: dict[str, nn.Module]) -> list[tuple[str, str]]:
    """Convolutions with a normalisation right behind, which an export may fold into them."""
    order = [name for name, module in modules.items() if isinstance(module, nn.Conv2d | nn.BatchNorm2d)]
    pairs = pairwise(order)
    return [(a, b) for a, b in pairs if isinstance(modules[a], nn.Conv2d) and isinstance(modules[b], nn.BatchNorm2d)]


def _weights(node: NodeProto, module: nn.Module | None, inputs: list[np.ndarray | None]) -> Iterator[tuple[str, np.ndarray]]:
    """What a node says of the module that it belongs to, under the names of the module's own state."""
    known = [value for value in inputs if value is not None]
    match node.op_type, module:
        case "Conv", nn.Conv2d():
            yield from zip(("weight", "bias"), inputs[1:])
        case "MatMul", nn.Linear():
            yield "weight", inputs[1].T
        case "Gemm", nn.Linear():
            transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
            yield from (("weight", inputs[1] if transposed else inputs[1].T), ("bias", inputs[2]))
        case "Add", nn.Linear():
            yield "bias", known[0]
        case "LayerNormalization", nn.LayerNorm():
            yield from zip(("weight", "bias"), inputs[1:])
        case "BatchNormalization", nn.BatchNorm2d():
            yield from zip(("weight", "bias", "running_mean", "running_var"), inputs[1:])
        case "Add", RelPosBias():
            # 1 x heads x N x N, gathered from the table: every place of the table is in it
            index = module.relative_position_index.view(-1).numpy()
            table = np.empty(tuple(module.relative_position_bias_table.shape), np.float32)
            table[index] = known[0][0].transpose(1, 2, 0).reshape(len(index), -1)
            yield "relative_position_bias_table", table
        case (("Conv" | "MatMul" | "Gemm" | "LayerNormalization"), _) if inputs[1] is not None:
            yield "weight", inputs[1]


@torch.no_grad()
def spread(net: nn.Module, norms: Norms, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Gives normalisations that do not normalise yet the mean and variance of what they see on some batches of inputs; what the
    network says stays the same."""
    seen: dict[str, list[Tensor]] = {name: [] for name in norms}

    def look(name: str):
        return norms[name].register_forward_pre_hook(lambda _, given: seen[name].append(_moments(given[0])))

    hooks = [look(name) for name in norms]
    net.eval()
    for inputs in batches:
        net(*inputs)
    for hook in hooks:
        hook.remove()
    for name, norm in norms.items():
        mean, square = torch.stack(seen[name]).mean(0)
        variance = (square - mean**2).clamp(min=1e-6)
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.bias.add_(norm.weight * mean)
        norm.weight.mul_((variance + norm.eps).sqrt())


def _moments(x: Tensor) -> Tensor:
    """2 x channels: mean of the values, and of their squares."""
    x = x.double()
    return torch.stack([x.mean((0, 2, 3)), (x**2).mean((0, 2, 3))])
