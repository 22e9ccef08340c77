"""The prepared slices of a data set, with their labels and the split by study."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .prepare import planes_folder, prepare
from .preprocessing import view
from .rsna import LEVELS
from .settings import Data, Recipe

__all__ = ["LEVELS", "Planes", "Slices", "is_held_out", "load"]


class Planes:
    """Slices of many files as one array N x size x size, uint8, read from disk as needed."""

    def __init__(self, files: list[Path], counts: list[int]):
        self.files = [np.load(file, mmap_mode="r") for file in files]
        self.ends = np.cumsum(counts)
        self.shape = (int(self.ends[-1]), *self.files[0].shape[1:])

    def __getitem__(self, rows: int | np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        studies = np.searchsorted(self.ends, rows.ravel(), "right")
        out = np.empty((rows.size, *self.shape[1:]), np.uint8)
        for place, (row, study) in enumerate(zip(rows.ravel().tolist(), studies.tolist())):
            file = self.files[study]
            out[place] = file[row - int(self.ends[study]) + len(file)]
        return out.reshape(*rows.shape, *self.shape[1:])


@dataclass(frozen=True)
class Slices:
    """All slices of some studies; within a study from head to foot, so that neighbours are neighbouring rows."""

    planes: Planes | np.ndarray
    """N x size x size, uint8."""
    study: np.ndarray
    """N, index into `studies`."""
    number: np.ndarray
    """N, the n of the file name."""
    z_mm: np.ndarray
    """N, along the body, growing towards the head."""
    ratio: np.ndarray
    """N, 0 at the head end to 1 at the foot end; -1 in an excerpt: nobody knows where in the series it stands."""
    view: np.ndarray
    """N x 4, what the network sees of the stored pixels: first row, first column, rows, columns."""
    visible: np.ndarray
    """N x 7, 1 where the slice shows the vertebra, -1 where nothing is known."""
    box_row: np.ndarray
    """M, which slice a box belongs to."""
    boxes: np.ndarray
    """M x 4, x1 y1 x2 y2 as fractions of what the network sees."""
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
    """All studies of the cache, after adding those of `[data] folder` that it lacks; the folder may be gone by then."""
    if (data.folder / "train.csv").exists():
        prepare(data.folder, data.cache, [recipe])
    folder = planes_folder(data.cache, recipe)
    files = sorted((data.cache / "studies").glob("*.npz"))
    files = [file for file in files if (folder / f"{file.stem}.npy").exists()]
    if not files:
        raise FileNotFoundError(f"{folder} holds no study, nor does {data.folder}: prepare a data set first")
    entries = [dict(np.load(file)) for file in files]
    counts = [len(entry["number"]) for entry in entries]
    first = np.cumsum([0, *counts[:-1]])

    def joined(name: str) -> np.ndarray:
        return np.concatenate([entry[name] for entry in entries])

    # caches made before fields were cut do not have it, and show whole slices
    spacing = [entry.get("pixel_spacing_mm", np.ones((count, 2))) for entry, count in zip(entries, counts)]
    matrix = joined("matrix")
    seen = view(matrix, np.concatenate(spacing), recipe)
    box_row = np.concatenate([entry["box_row"] + start for entry, start in zip(entries, first)])
    boxes, is_seen = _in_view(joined("boxes"), matrix[box_row], seen[box_row])
    return Slices(
        Planes([folder / f"{file.stem}.npy" for file in files], counts),
        study=np.repeat(np.arange(len(files), dtype=np.int32), counts),
        ratio=np.concatenate([_ratio(entry["number"]) for entry in entries]),
        view=seen,
        **{name: joined(name) for name in ("number", "z_mm", "visible")},
        box_row=box_row[is_seen],
        boxes=boxes[is_seen],
        studies=[file.stem for file in files],
        fractured=np.stack([entry["fractured"] for entry in entries]),
    )


def _in_view(boxes: np.ndarray, matrix: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Boxes as fractions of the image -> of what is seen of it, M x 4, and which of them are seen at all."""
    scale, offset, extent = (np.tile(values[:, ::-1], 2) for values in (matrix, seen[:, :2], seen[:, 2:]))
    inside = ((boxes * scale - offset) / extent).clip(0, 1).astype(np.float32)
    return inside, (inside[:, 2:] > inside[:, :2]).all(1)


def _ratio(numbers: np.ndarray) -> np.ndarray:
    """Of a study from head to foot; one whose files do not begin at 1 is an excerpt."""
    if numbers.min() > 1:
        return np.full(len(numbers), -1, np.float32)
    return np.arange(len(numbers), dtype=np.float32) / max(1, len(numbers) - 1)
