"""From a package to a .rknn file for Rockchip's NPUs, with parity checked in the vendor's x86 simulator.

    python models/training/rknn_parity.py models/fracture-detector-edge out/

Needs an environment of its own (x86-64, CPython 3.10 to 3.12): `pip install -r models/training/requirements-rknn.txt`.
Writes `<out>/<name>.rknn` in float16 and runs the package's golden cases on it. Exit code 1 when one differs by more than
the manifest's tolerance. `--int8` keeps the package's int8 form; see board/accelerators.md for what comes of that.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from rknn.api import RKNN


def main() -> int:
    words = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("rknn_parity", description=__doc__, formatter_class=words)
    parser.add_argument("package", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--target", default="rk3588")
    parser.add_argument("--int8", action="store_true", help="keep the package's quantisation")
    given = parser.parse_args()
    manifest = tomllib.loads((given.package / "package.toml").read_text())
    given.out.mkdir(parents=True, exist_ok=True)
    network = given.package / manifest["model"]
    if not given.int8:
        network = given.out / f"{manifest['name']}.float.onnx"
        onnx.save(dequantised(onnx.load(given.package / manifest["model"])), network)
    rknn = built(network, manifest, given.target, given.out / f"{manifest['name']}.rknn")
    demand(rknn.init_runtime(), "starting the simulator")
    cases = [given.package / "golden" / str(case) for case in range(manifest["golden"]["cases"])]
    worst = max(difference(rknn, case, manifest) for case in cases)
    rknn.release()
    tolerance = manifest["golden"]["tolerance"]
    print(f"{manifest['name']}: largest difference {worst:.4f}, tolerance {tolerance}")
    return int(worst > tolerance)


def dequantised(model: onnx.ModelProto) -> onnx.ModelProto:
    """The QDQ graph in float. A quantiser also cuts its range off (most ReLUs live in that), so a Clip takes its place."""
    graph = model.graph
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes, constants, renamed = [], [], {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = float(values[node.input[1]]), values[node.input[2]]
            limits = np.iinfo(zero.dtype)
            ends = [f"{node.output[0]}.{end}" for end in ("low", "high")]
            for name, limit in zip(ends, (limits.min, limits.max), strict=True):
                constants.append(numpy_helper.from_array(np.float32((limit - float(zero)) * scale), name))
            nodes.append(helper.make_node("Clip", [node.input[0], *ends], [node.output[0]]))
        elif node.op_type == "DequantizeLinear" and node.input[0] in values:
            constants.append(numpy_helper.from_array(weight(node, values), node.output[0]))
        elif node.op_type == "DequantizeLinear":
            renamed[node.output[0]] = node.input[0]
        else:
            nodes.append(node)
    for node in nodes:
        node.input[:] = [renamed.get(name, name) for name in node.input]
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in [*graph.initializer, *constants] if tensor.name in used]
    nodes += [helper.make_node("Identity", [renamed[o.name]], [o.name]) for o in graph.output if o.name in renamed]
    del graph.node[:], graph.initializer[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.initializer.extend(kept)
    onnx.checker.check_model(model)
    return model


def weight(node: onnx.NodeProto, values: dict[str, np.ndarray]) -> np.ndarray:
    integers, scale = values[node.input[0]], values[node.input[1]]
    zero = values[node.input[2]] if len(node.input) > 2 else np.zeros_like(scale)
    if scale.size > 1:
        axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
        shape = [-1 if at == axis else 1 for at in range(integers.ndim)]
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    else:
        scale, zero = scale.reshape(()), zero.reshape(())
    return ((integers.astype(np.float32) - zero.astype(np.float32)) * scale).astype(np.float32)


def built(network: Path, manifest: dict, target: str, out: Path) -> RKNN:
    rknn = RKNN(verbose=False)
    demand(rknn.config(target_platform=target), "configuring")
    inputs = [manifest[key] for key in ("input", "metadata") if key in manifest]
    names, shapes = [entry["name"] for entry in inputs], [entry["shape"] for entry in inputs]
    demand(rknn.load_onnx(str(network), inputs=names, input_size_list=shapes), "reading the network")
    demand(rknn.build(do_quantization=False), "building")
    demand(rknn.export_rknn(str(out)), f"writing {out}")
    return rknn


def difference(rknn: RKNN, case: Path, manifest: dict) -> float:
    """As the appliance's golden cases: the largest of an output; coordinates of boxes that are read count by input size."""
    recipe = manifest["preprocessing"]
    image = np.load(case / "image.npy").astype(np.float32) / 255
    feeds = [((image - recipe["mean"]) / recipe["std"]).reshape(manifest["input"]["shape"])]
    if "metadata" in manifest:
        feeds.append(np.load(case / "metadata.npy").astype(np.float32).reshape(manifest["metadata"]["shape"]))
    expected = np.load(case / "expected.npy").reshape(manifest["output"]["shape"])
    (output,) = rknn.inference(inputs=feeds, data_format=["nchw"] * len(feeds))
    apart = np.abs(np.asarray(output).reshape(expected.shape) - expected)
    if manifest["kind"] == "vertebra-classifier":
        return float(apart.max())
    best = np.maximum(np.asarray(output).reshape(expected.shape)[0, 4:], expected[0, 4:]).max(0)
    read = best >= manifest["operating_point"]["score"]
    size = manifest["input"]["shape"][2]
    return float(max(apart[0, 4:].max(), apart[0, :4, read].max(initial=0) / size))


def demand(code: int, step: str) -> None:
    if code:
        sys.exit(f"{step} failed with code {code}; the toolkit's log above says why")


if __name__ == "__main__":
    sys.exit(main())
