"""A DICOM file -> 8-bit planes, step by step as the appliance's `src/preprocess` does it: the middle of a field of view that is
too wide, window in floating point, filter in floating point, rounding half up to 8 bits. Not square becomes square by squeezing."""

import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom

from .settings import Recipe

JPEG_CURE = "compressed pixel data need a decoder: pip install -r models/training/requirements.txt"


@dataclass(frozen=True)
class CtSlice:
    """What the networks see of a file."""

    hounsfield: np.ndarray
    """Rows x columns, float32, HU."""
    pixel_spacing_mm: tuple[float, float]
    """Between rows, between columns."""
    z_mm: float
    """Position along the body, growing towards the head."""


def read_slice(path: Path) -> CtSlice:
    """A slice from its file. Raises ValueError where it cannot be read as one."""
    try:
        dataset = pydicom.dcmread(path)
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        hounsfield = dataset.pixel_array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        towards_head = normal_of(np.array(dataset.ImageOrientationPatient, float))
        z_mm = float(np.dot(towards_head, np.array(dataset.ImagePositionPatient, float)))
        between_rows, between_columns = (float(mm) for mm in dataset.PixelSpacing)
        return CtSlice(hounsfield, (between_rows, between_columns), z_mm)
    except RuntimeError as error:
        raise ValueError(f"{path}: {error}; {JPEG_CURE}") from error
    except Exception as error:
        raise ValueError(f"{path}: cannot be read as a CT slice: {error}") from error


def normal_of(orientation: np.ndarray) -> np.ndarray:
    """ImageOrientationPatient -> the normal of the slices that points towards the head (LPS)."""
    row, column = orientation.reshape(2, 3)
    normal = np.cross(row, column)
    return normal if normal[2] >= 0 else -normal


@lru_cache
def _area(source: int, size: int) -> np.ndarray:
    """Weights size x source: the mean over the source pixels that an output pixel covers, in parts where it cuts them."""
    edges = np.arange(size + 1) * source / size
    pixel = np.arange(source)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (covered.clip(0) * size / source).astype(np.float32)


def _shrink(values: np.ndarray, size: int) -> np.ndarray:
    """Box filter to size x size. The weights repeat with the common divisor of both sizes, so few products do."""
    rows, columns = values.shape
    values = np.ascontiguousarray(values)
    repeats = math.gcd(rows, size)
    values = (_area(rows // repeats, size // repeats) @ values.reshape(repeats, -1, columns)).reshape(size, columns)
    repeats = math.gcd(columns, size)
    return (values.reshape(size * repeats, -1) @ _area(columns // repeats, size // repeats).T).reshape(size, size)


def _nearest(values: np.ndarray, size: int) -> np.ndarray:
    """The source pixel under the centre of each output pixel."""
    row, column = (((np.arange(size) * 2 + 1) * source // (2 * size)) for source in values.shape)
    return values[row[:, None], column]


def view(matrix: np.ndarray, pixel_spacing_mm: np.ndarray, recipe: Recipe) -> np.ndarray:
    """First row, first column, rows and columns of what a recipe shows of slices: N x 4 of N x 2 rows and columns and N x 2 mm."""
    matrix = np.asarray(matrix, np.int64)
    if recipe.widest_field_mm is None:
        return np.concatenate([np.zeros_like(matrix), matrix], -1)
    widest = np.floor(recipe.widest_field_mm / np.asarray(pixel_spacing_mm, float) + 0.5).astype(np.int64)
    shown = widest.clip(1, matrix)
    return np.concatenate([(matrix - shown) // 2, shown], -1)


def plane(ct: CtSlice, recipe: Recipe) -> np.ndarray:
    """Windowed and resized, uint8, size x size."""
    return planes(ct, [recipe])[0]


def planes(ct: CtSlice, recipes: list[Recipe]) -> list[np.ndarray]:
    """One slice by several recipes. A half of a size that is also wanted is made of that: the mean of means is the mean."""
    windowed: dict[tuple[float, float], np.ndarray] = {}
    filtered: dict[tuple, np.ndarray] = {}
    for recipe in sorted(recipes, key=lambda recipe: -recipe.size):
        window = (recipe.window_center_hu, recipe.window_width_hu)
        if window not in windowed:
            windowed[window] = _windowed(ct.hounsfield, *window)
        row, column, rows, columns = view(ct.hounsfield.shape, ct.pixel_spacing_mm, recipe)
        shown = windowed[window][row : row + rows, column : column + columns]
        if recipe.resize == "nearest":
            filtered[_filter(recipe)] = _nearest(shown, recipe.size)
        else:
            double = filtered.get(_filter(recipe, 2))
            filtered[_filter(recipe)] = _shrink(shown if double is None else double, recipe.size)
    made = (filtered[_filter(recipe)] for recipe in recipes)
    return [(values + np.float32(0.5)).clip(0, 255).astype(np.uint8) for values in made]


def _filter(recipe: Recipe, times: int = 1) -> tuple:
    """What planes of a recipe depend on, of so many times its size."""
    return recipe.window_center_hu, recipe.window_width_hu, recipe.widest_field_mm, recipe.resize, times * recipe.size


def _windowed(hounsfield: np.ndarray, center: float, width: float) -> np.ndarray:
    values = hounsfield - np.float32(center - width / 2)
    values *= np.float32(255 / width)
    return values.clip(0, 255, out=values)
