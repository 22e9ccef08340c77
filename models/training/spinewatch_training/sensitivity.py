"""Which layers int8 harms: every group is quantised alone and measured on training slices; what costs more than the limit stays
in floating point. The way to calibrate is chosen by measuring as well."""

import hashlib
import json
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import export
from .quantise import CALIBRATIONS, OUTPUT, Quantiser
from .settings import Settings
from .tasks import Task


def measure(work: Task, source: Path) -> dict:
    """Writes and returns `sensitivity.json`: groups with what they cost, the floats, the calibrations, the chosen one."""
    how, quantiser = work.settings.quantisation, Quantiser(work, source)
    rng = np.random.default_rng(work.settings.training.seed + 1)
    rows = work.calibration_rows(max(how.sensitivity_slices, how.aware_slices), rng)
    few = rows[: how.sensitivity_slices]

    def outputs(network: Path, rows: np.ndarray) -> list[np.ndarray]:
        return [export.outputs(work, network, rows, known) for known in work.ways]

    def figure(found: list[np.ndarray], rows: np.ndarray) -> float:
        return work.figures(np.concatenate(found), np.tile(rows, len(work.ways)))[work.figure]

    float32 = outputs(source, rows)
    path = Path(quantiser.folder.name) / "int8.onnx"

    def cost(method: str, floats: list[str], only: str | None = None) -> dict[str, float]:
        """On few slices for a single group, whose error tells enough; on all of them for what may be shipped."""
        quantiser.write(path, method, floats, only)
        used = few if only else rows
        expected, found = [part[: len(used)] for part in float32], outputs(path, used)
        error = output_error(np.concatenate(expected), np.concatenate(found))
        return {"loss": figure(expected, used) - figure(found, used), "error": error}

    calibrations = {method: cost(method, [OUTPUT]) for method in CALIBRATIONS}
    # a gain by rounding is chance, and so is a loss within the limit
    best = min(calibrations, key=lambda method: (max(0, calibrations[method]["loss"] - how.limit), calibrations[method]["error"]))
    groups = {group: cost(best, [], group) for group in tqdm(quantiser.groups, "sensitivity")}
    floats, rest = [OUTPUT], calibrations[best]
    others = [group for group in groups if group != OUTPUT]
    left = sorted(others, key=lambda group: (groups[group]["loss"] > how.limit, groups[group]["error"]))
    while rest["loss"] > how.limit and left and len(floats) < how.most_floats:
        floats.append(left.pop())
        rest = cost(best, floats)
    found = {
        "weights": weights(work.settings), "figure": work.figure, "float32": figure(float32, rows), "slices": len(rows),
        "limit": how.limit, "calibrations": calibrations, "calibration": best, "groups": groups, "float_layers": floats, "rest": rest,
    }  # fmt: skip
    (work.settings.output / "sensitivity.json").write_text(json.dumps(found, indent=1))
    return found


def output_error(expected: np.ndarray, found: np.ndarray) -> float:
    """Root mean square of the difference over the deviation of what is expected, the mean over the output's channels."""
    axes = tuple(axis for axis in range(expected.ndim) if axis != 1)
    return float(np.sqrt(((found - expected) ** 2).mean(axes) / expected.var(axes).clip(1e-12)).mean())


def measured(settings: Settings) -> dict | None:
    """What `measure` found for this run, where it was asked; of other weights it says nothing."""
    path = settings.output / "sensitivity.json"
    found = json.loads(path.read_text()) if path.exists() else None
    if found and found["weights"] != weights(settings):
        raise ValueError(f"{path} was measured on other weights than best.pt: run `sensitivity` again, or delete it")
    return found


def weights(settings: Settings) -> str:
    """SHA-256 of the run's best weights."""
    return hashlib.sha256((settings.output / "best.pt").read_bytes()).hexdigest()


def table(found: dict) -> str:
    """In Markdown, the costliest first."""
    lines = [
        f"Loss of {found['figure'].replace('_', ' ')} ({found['float32']:.4f} in float32) on {found['slices']} training slices, and error "
        "of the output in shares of its deviation:",
        "",
        "| quantised | loss | error |",
        "|---|---|---|",
    ]
    rows = [(f"all but the output, calibrated by {method}", costs) for method, costs in found["calibrations"].items()]
    rows += [(f"all but what stays in float, calibrated by {found['calibration']}", found["rest"])]
    costly = sorted(found["groups"].items(), key=lambda entry: (-entry[1]["loss"], -entry[1]["error"]))
    rows += [(f"only `{group}`" + (" (stays in float)" if group in found["float_layers"] else ""), costs) for group, costs in costly]
    return "\n".join(lines + [f"| {name} | {costs['loss']:.4f} | {costs['error']:.4f} |" for name, costs in rows])
