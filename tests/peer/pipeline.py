"""The path of a study in Python, as a peer of `spinewatch bench pipeline`: files -> pydicom -> planes -> ONNX Runtime -> verdict.

One line of JSON in, one line of JSON out:

{"do": "version"} -> {"version": ..}
{"do": "load", "models": DIR, "threads": N, "broker": [HOST, PORT]} -> {}
{"do": "study", "files": [..]} -> {"lap": {"cpu_ms": .., "wall_ms": ..}, "stages": {NAME: ms},
                                   "slices": {FILE: [[levels], boxes]}, "suspected": [levels], "publish": ms or why not}

Planes are those of `models/training`; gate, decoding, suppression and thresholds are those of the packages. The summary of a
study is a short one: the mass of the boxes goes to the likeliest vertebra of their slice, and is judged by the device's score.
"""

import json
import math
import sys
import time
import tomllib
from io import BytesIO
from pathlib import Path

import lines

sys.path.insert(0, str(Path(__file__).parents[2] / "models" / "training"))

LEVELS = ["C1", "C2", "C3", "C4", "C5", "C6", "C7"]
MASS_SCALE_MM = 1.4
MOST_BOXES = 16


class Package:
    """One network with what its manifest says."""

    def __init__(self, folder: Path, manifest: dict, threads: int):
        from spinewatch_training.settings import Recipe

        recipe = {key: value for key, value in manifest["preprocessing"].items() if key != "resize"}
        self.recipe = Recipe(size=manifest["input"]["shape"][2], **recipe)
        self.session = lines.session(folder / manifest["model"], threads)
        self.image, self.point = manifest["input"]["name"], manifest["operating_point"]
        self.metadata = manifest.get("metadata", {}).get("name")

    def run(self, planes: list, z_mm: float):
        """`planes`: above, this, below, uint8. The slice ratio counts as unknown, as while slices arrive."""
        import numpy as np

        used = planes if self.recipe.neighbours == "adjacent" else [planes[1]] * 3
        values = np.stack(used).astype(np.float32)[None] / np.float32(255)
        feed = {self.image: (values - np.float32(self.recipe.mean)) / np.float32(self.recipe.std)}
        if self.metadata:
            feed[self.metadata] = np.array([[z_mm / 1000, 0, 0]], np.float32)
        return self.session.run(None, feed)[0][0]


class Clock:
    """Wall time by stage, ms."""

    def __init__(self):
        self.stages = dict.fromkeys(["read", "decode", "prepare", "classifier", "detector", "assess"], 0.0)
        self.cpu, self.began = time.process_time(), time.perf_counter()
        self.last = self.began

    def stage(self, name: str) -> None:
        """What has passed since the last call belongs to this stage."""
        now = time.perf_counter()
        self.stages[name] += 1e3 * (now - self.last)
        self.last = now

    def lap(self) -> dict:
        return {"cpu_ms": 1e3 * (time.process_time() - self.cpu), "wall_ms": 1e3 * (time.perf_counter() - self.began)}


class Pipeline:
    """Both networks and, where there is one, a broker."""

    def version(self, _: dict) -> dict:
        packages = {name: lines.require(name).__version__ for name in ("onnxruntime", "pydicom", "numpy")}
        return {"version": ", ".join(f"{name} {version}" for name, version in packages.items())}

    def load(self, question: dict) -> dict:
        packages = {}
        for folder in sorted(Path(question["models"]).iterdir()):
            if (path := folder / "package.toml").exists():
                manifest = tomllib.loads(path.read_text())
                packages[manifest["kind"]] = Package(folder, manifest, question["threads"])
        self.classifier, self.detector = packages["vertebra-classifier"], packages["fracture-detector"]
        self.publisher = Publisher(*question["broker"])
        return {}

    def study(self, question: dict) -> dict:
        clock = Clock()
        slices = sorted(self.slices(question["files"], clock), key=lambda found: -found["z_mm"])
        for index, this in enumerate(slices):
            above, below = slices[max(index - 1, 0)], slices[min(index + 1, len(slices) - 1)]
            self.analyse(above, this, below, clock)
        suspected = summary(slices, self.detector.point)
        clock.stage("assess")
        lap = clock.lap()
        return {
            "lap": lap,
            "stages": clock.stages,
            "slices": {found["file"]: [found["levels"], len(found["boxes"])] for found in slices},
            "suspected": suspected,
            "publish": self.publisher.publish({"suspected": suspected, "slices": len(slices)}),
        }

    def slices(self, files: list[str], clock: Clock):
        """Every file read, decoded and reduced to the two networks' planes."""
        from spinewatch_training.preprocessing import plane, read_slice

        for file in files:
            content = Path(file).read_bytes()
            clock.stage("read")
            ct = read_slice(BytesIO(content))
            clock.stage("decode")
            small, large = plane(ct, self.classifier.recipe), plane(ct, self.detector.recipe)
            clock.stage("prepare")
            yield {"file": file, "z_mm": ct.z_mm, "small": small, "large": large}

    def analyse(self, above: dict, this: dict, below: dict, clock: Clock) -> None:
        """Vertebrae, and boxes where the gate opens."""
        point = self.classifier.point
        seven = self.classifier.run([found["small"] for found in (above, this, below)], this["z_mm"])
        this["vertebrae"] = seven
        this["levels"] = [level for level, p, least in zip(LEVELS, seven, point["thresholds"]) if p >= least]
        this["boxes"] = []
        clock.stage("classifier")
        if seven.max() >= point["gate"]:
            output = self.detector.run([found["large"] for found in (above, this, below)], this["z_mm"])
            this["boxes"] = boxes(output, self.detector.point)
            clock.stage("detector")


def boxes(output, point: dict) -> list:
    """YOLOv8's layout, 5 x A (cx cy w h score) -> rows of x1 y1 x2 y2 score, best first, after suppression."""
    import numpy as np

    output = output.T[output[4] >= point["score"]]
    output = output[np.argsort(-output[:, 4], kind="stable")]
    centre, size = output[:, :2], output[:, 2:4]
    found = np.concatenate([centre - size / 2, centre + size / 2, output[:, 4:]], 1)
    kept: list = []
    for box in found:
        if len(kept) == MOST_BOXES:
            break
        if all(iou(box, better) <= point["nms_iou"] for better in kept):
            kept.append(box)
    return kept


def iou(a, b) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    either = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared
    return shared / either if either > 0 else 0.0


def summary(slices: list[dict], detector: dict) -> list[str]:
    """Levels whose boxes reach the operating point."""
    spacing = abs(slices[0]["z_mm"] - slices[-1]["z_mm"]) / max(len(slices) - 1, 1)
    scores: dict[str, list[float]] = {}
    for found in slices:
        if found["boxes"]:
            scores.setdefault(LEVELS[int(found["vertebrae"].argmax())], []).append(float(found["boxes"][0][4]))
    suspected = []
    for level, values in sorted(scores.items()):
        mass, mean = sum(values) * min(spacing, 1.0), sum(v * v for v in values) / sum(values)
        if mean * (1 - math.exp(-mass / MASS_SCALE_MM)) >= detector["finding_score"]:
            suspected.append(level)
    return suspected


class Publisher:
    """paho-mqtt, where it is installed: one message with QoS 1, until the broker has acknowledged it."""

    def __init__(self, host: str, port: int):
        self.client = None
        try:
            from paho.mqtt import client, enums
        except ImportError:
            return
        self.client = client.Client(enums.CallbackAPIVersion.VERSION2, protocol=client.MQTTv5)
        self.client.connect(host, port)
        self.client.loop_start()

    def publish(self, verdict: dict) -> float | str:
        """Time to the acknowledgement, ms, or why there is none."""
        if self.client is None:
            return "paho-mqtt is not installed"
        began = time.perf_counter()
        self.client.publish("spinewatch/v1/bench/peer/triage/study", json.dumps(verdict), qos=1).wait_for_publish(10)
        return 1e3 * (time.perf_counter() - began)


if __name__ == "__main__":
    pipeline = Pipeline()
    lines.serve({"version": pipeline.version, "load": pipeline.load, "study": pipeline.study})
