"""Both packages over the held-out studies -> one CSV line per slice, for the calibration of the verdict's rule."""

import csv
from pathlib import Path

import numpy as np

from . import export, metrics
from .dataset import LEVELS
from .settings import Settings
from .tasks import task


def write(classifier: Settings, detector: Settings, path: Path) -> None:
    """`boxes` are `x y width height score` and `true_boxes` `x y width height`, in pixels as stored, separated by `;`.

    The detector runs on every slice here; on the device it runs where the classifier reaches its gate.
    """
    first, second = task(classifier), task(detector)
    if first.slices.studies != second.slices.studies:
        raise ValueError("the two runs' caches hold different studies: prepare both configs together")
    rows = first.slices.rows(True, classifier.data.validation_share)
    probabilities = export.outputs(first, classifier.export.package / "model.onnx", rows)
    found = export.outputs(second, detector.export.package / "model.onnx", rows)
    slices, size = first.slices, detector.recipe.size
    with open(path, "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["study", "n", "z_mm", *LEVELS, *(f"true_{level}" for level in LEVELS), "boxes", "true_boxes", "fractured"])
        for row, seven, output in zip(rows, probabilities, found):
            seen = slices.view[row].astype(float)
            boxes = metrics.boxes_of_output(output, 0.05)
            out.writerow([
                slices.studies[slices.study[row]], slices.number[row], f"{slices.z_mm[row]:.3f}",
                *(f"{p:.4f}" for p in seven), *slices.visible[row],
                ";".join(_words(box[:4] / size, seen) + f" {box[4]:.4f}" for box in boxes),
                ";".join(_words(box, seen) for box in slices.boxes_of(row)),
                " ".join(level for level, is_fractured in zip(LEVELS, slices.fractured[slices.study[row]]) if is_fractured),
            ])  # fmt: skip


def _words(box: np.ndarray, seen: np.ndarray) -> str:
    """Fractions of what is seen -> stored pixels."""
    low, high = (seen[1::-1] + corner * seen[:1:-1] for corner in (box[:2], box[2:]))
    return " ".join(f"{v:.1f}" for v in (*low, *(high - low)))
