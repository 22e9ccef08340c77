"""The RSNA 2022 layout on disk -> planes prepared once, with their labels.

Read are `train.csv`, `train_bounding_boxes.csv`, `train_images/<study>/<n>.dcm` and, for the classifier, `slices.csv`
(StudyInstanceUID, slice_number, C1 to C7 visible 0 or 1), which the phantom writes. The real data's masks are not read yet.
"""

import csv
import hashlib
import json
import os
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .preprocessing import plane, read_slice
from .settings import Data, Recipe

LEVELS = ("C1", "C2", "C3", "C4", "C5", "C6", "C7")


@dataclass(frozen=True)
class Slices:
    """All slices of some studies; within a study from head to foot, so that neighbours are neighbouring rows."""

    planes: np.ndarray
    """N x size x size, uint8, read from disk as needed."""
    study: np.ndarray
    """N, index into `studies`."""
    number: np.ndarray
    """N, the n of the file name."""
    z_mm: np.ndarray
    """N, along the body, growing towards the head."""
    ratio: np.ndarray
    """N, 0 at the head end to 1 at the foot end."""
    matrix: np.ndarray
    """N x 2, rows and columns as stored."""
    visible: np.ndarray
    """N x 7, 1 where the slice shows the vertebra, -1 where nothing is known."""
    box_row: np.ndarray
    """M, which slice a box belongs to."""
    boxes: np.ndarray
    """M x 4, x1 y1 x2 y2 as fractions of the image."""
    studies: list[str]
    fractured: np.ndarray
    """studies x 7, 1 where the vertebra is fractured."""

    def boxes_of(self, row: int) -> np.ndarray:
        """Boxes of one slice, m x 4."""
        return self.boxes[self.box_row == row]

    def rows(self, validation: bool, share: float) -> np.ndarray:
        """Rows of the studies on one side of the split."""
        held_out = np.array([is_held_out(uid, share) for uid in self.studies])
        return np.flatnonzero(held_out[self.study] == validation)

    def above(self, rows: np.ndarray) -> np.ndarray:
        """The next slice towards the head; the slice itself at the end of its study."""
        return self._neighbour(rows, -1)

    def below(self, rows: np.ndarray) -> np.ndarray:
        """The next slice towards the foot; the slice itself at the end of its study."""
        return self._neighbour(rows, 1)

    def _neighbour(self, rows: np.ndarray, step: int) -> np.ndarray:
        other = (rows + step).clip(0, len(self.study) - 1)
        return np.where(self.study[other] == self.study[rows], other, rows)


def is_held_out(uid: str, share: float) -> bool:
    """True for `share` of all studies, decided by the UID alone: the split survives added and removed studies."""
    return int.from_bytes(hashlib.sha256(uid.encode()).digest()[:4]) < share * 2**32


def load(data: Data, recipe: Recipe) -> Slices:
    """The prepared slices; prepares them first where that has not been done with this recipe."""
    prepared = data.cache / str(recipe.size)
    studies = hashlib.sha256((data.folder / "train.csv").read_bytes()).hexdigest()
    stamp = json.dumps({"studies": studies, "recipe": {**asdict(recipe), "neighbours": None}})
    if not (prepared / "stamp.json").exists() or (prepared / "stamp.json").read_text() != stamp:
        _prepare(data.folder, recipe, prepared)
        (prepared / "stamp.json").write_text(stamp)
    index = np.load(prepared / "slices.npz")
    arrays = {name: index[name] for name in index.files if name != "studies"}
    return Slices(np.load(prepared / "planes.npy", mmap_mode="r"), studies=index["studies"].tolist(), **arrays)


def _prepare(folder: Path, recipe: Recipe, prepared: Path) -> None:
    prepared.mkdir(parents=True, exist_ok=True)
    with open(folder / "train.csv") as file:
        fractured = {row["StudyInstanceUID"]: [int(row[level]) for level in LEVELS] for row in csv.DictReader(file)}
    studies = sorted(uid for uid in fractured if (folder / "train_images" / uid).is_dir())
    if not studies:
        raise FileNotFoundError(f"{folder / 'train_images'} holds no study of train.csv")
    counts = [len(os.listdir(folder / "train_images" / uid)) for uid in studies]
    shape = (sum(counts), recipe.size, recipe.size)
    planes = np.lib.format.open_memmap(prepared / "planes.npy", "w+", np.uint8, shape)
    visible, boxes = _visible(folder), _boxes(folder)
    columns, box_rows, box_values, row = defaultdict(list), [], [], 0
    paths = [folder / "train_images" / uid for uid in studies]
    with ProcessPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        for index, study in enumerate(tqdm(pool.map(_read_study, paths, [recipe] * len(paths)), "prepare", len(paths))):
            for position, (number, z_mm, matrix, pixels) in enumerate(study):
                planes[row] = pixels
                columns["study"].append(index)
                columns["number"].append(number)
                columns["z_mm"].append(z_mm)
                columns["matrix"].append(matrix)
                columns["ratio"].append(position / max(1, len(study) - 1))
                columns["visible"].append(visible.get((studies[index], number), [-1] * 7))
                for x, y, width, height in boxes.get((studies[index], number), ()):
                    box_rows.append(row)
                    box_values.append([x / matrix[1], y / matrix[0], (x + width) / matrix[1], (y + height) / matrix[0]])
                row += 1
    planes.flush()
    np.savez(
        prepared / "slices.npz",
        studies=np.array(studies),
        fractured=np.array([fractured[uid] for uid in studies], np.int8),
        study=np.array(columns["study"], np.int32),
        number=np.array(columns["number"], np.int32),
        z_mm=np.array(columns["z_mm"], np.float32),
        ratio=np.array(columns["ratio"], np.float32),
        matrix=np.array(columns["matrix"], np.int32),
        visible=np.array(columns["visible"], np.int8),
        box_row=np.array(box_rows, np.int64),
        boxes=np.array(box_values, np.float32).reshape(-1, 4),
    )


def _read_study(folder: Path, recipe: Recipe) -> list[tuple[int, float, tuple[int, int], np.ndarray]]:
    """(number, z in mm, rows and columns, plane) of each slice, from head to foot."""
    found = []
    for name in os.listdir(folder):
        hounsfield, z_mm = read_slice(folder / name)
        found.append((int(Path(name).stem), z_mm, hounsfield.shape, plane(hounsfield, recipe)))
    return sorted(found, key=lambda entry: -entry[1])


def _visible(folder: Path) -> dict[tuple[str, int], list[int]]:
    path = folder / "slices.csv"
    if not path.exists():
        return {}
    with open(path) as file:
        return {_key(row): [int(row[level]) for level in LEVELS] for row in csv.DictReader(file)}


def _boxes(folder: Path) -> dict[tuple[str, int], list[list[float]]]:
    found = defaultdict(list)
    with open(folder / "train_bounding_boxes.csv") as file:
        for row in csv.DictReader(file):
            found[_key(row)].append([float(row[name]) for name in ("x", "y", "width", "height")])
    return found


def _key(row: dict[str, str]) -> tuple[str, int]:
    return row["StudyInstanceUID"], int(row["slice_number"])
