"""ONNX Runtime as a peer of `spinewatch bench engine`: one line of JSON in, one line of JSON out.

{"do": "version"} -> {"version": ..}
{"do": "load", "file": ONNX, "inputs": {NAME: {"file": F32, "shape": [..]}}, "output": NAME, "threads": N} -> {}
{"do": "run"} -> {"cpu_ms": .., "wall_ms": ..}
{"do": "write", "file": F32} -> {}    writes what the last run gave
"""

import time
from pathlib import Path

import lines


class Engine:
    """One network with one input."""

    def version(self, _: dict) -> dict:
        lines.require("numpy")
        return {"version": lines.require("onnxruntime").__version__}

    def load(self, question: dict) -> dict:
        numpy = lines.require("numpy")
        self.session = lines.session(Path(question["file"]), question["threads"])
        inputs = question["inputs"].items()
        self.inputs = {name: numpy.fromfile(told["file"], "<f4").reshape(told["shape"]) for name, told in inputs}
        self.names = [question["output"]]
        return {}

    def run(self, _: dict) -> dict:
        cpu, wall = time.process_time(), time.perf_counter()
        (self.output,) = self.session.run(self.names, self.inputs)
        return {"cpu_ms": 1e3 * (time.process_time() - cpu), "wall_ms": 1e3 * (time.perf_counter() - wall)}

    def write(self, question: dict) -> dict:
        self.output.astype("<f4").tofile(question["file"])
        return {}


if __name__ == "__main__":
    engine = Engine()
    lines.serve({"version": engine.version, "load": engine.load, "run": engine.run, "write": engine.write})
