"""The RSNA 2022 layout on disk: `train.csv`, `train_bounding_boxes.csv`, `train_images/<study>/<n>.dcm`, and of what a slice
shows `slices.csv` (StudyInstanceUID, slice_number, C1 to C7 of 0 and 1: the phantom writes it) or `segmentations/<study>.nii.gz`."""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

LEVELS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7")


@dataclass
class Labels:
    """What the tables say of one study; slices by the n of their file names."""

    fractured: list[int] = field(default_factory=lambda: [0] * 7)
    boxes: dict[int, list[list[float]]] = field(default_factory=lambda: defaultdict(list))
    """x, y, width, height in pixels as stored."""
    visible: dict[int, list[int]] = field(default_factory=dict)


def studies(folder: Path) -> dict[str, Labels]:
    """Every study of `train.csv` that has a folder of images."""
    if not (folder / "train.csv").exists():
        raise FileNotFoundError(f"{folder / 'train.csv'}: no data set in the RSNA layout here")
    found: dict[str, Labels] = {}
    for row in _rows(folder / "train.csv"):
        if (folder / "train_images" / row["StudyInstanceUID"]).is_dir():
            found[row["StudyInstanceUID"]] = Labels([int(row[level]) for level in LEVELS])
    if not found:
        raise FileNotFoundError(f"{folder / 'train_images'} holds no study of train.csv")
    for row in _rows(folder / "train_bounding_boxes.csv"):
        if study := found.get(row["StudyInstanceUID"]):
            box = [float(row[name]) for name in ("x", "y", "width", "height")]
            # the field's file counts some slices as 133.0
            study.boxes[int(float(row["slice_number"]))].append(box)
    if (folder / "slices.csv").exists():
        for row in _rows(folder / "slices.csv"):
            if study := found.get(row["StudyInstanceUID"]):
                study.visible[int(row["slice_number"])] = [int(row[level]) for level in LEVELS]
    return found


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))
