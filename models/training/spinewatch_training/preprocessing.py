"""A DICOM file -> 8-bit planes, step by step as the appliance's `src/preprocess` does it: window in floating point, filter in
floating point, rounding half up to 8 bits. Not square becomes square by squeezing."""

import math
from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom

from .settings import Recipe

JPEG_CURE = "compressed pixel data need a decoder: pip install -r models/training/requirements.txt"


def read_slice(path: Path) -> tuple[np.ndarray, float]:
    """Hounsfield units (rows x columns, float32) and the position along the body in mm, growing towards the head."""
    try:
        dataset = pydicom.dcmread(path)
        slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
        hounsfield = dataset.pixel_array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        towards_head = normal_of(np.array(dataset.ImageOrientationPatient, float))
        return hounsfield, float(np.dot(towards_head, np.array(dataset.ImagePositionPatient, float)))
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
    repeats = math.gcd(rows, size)
    values = (_area(rows // repeats, size // repeats) @ values.reshape(repeats, -1, columns)).reshape(size, columns)
    repeats = math.gcd(columns, size)
    return (values.reshape(size * repeats, -1) @ _area(columns // repeats, size // repeats).T).reshape(size, size)


def _nearest(values: np.ndarray, size: int) -> np.ndarray:
    """The source pixel under the centre of each output pixel."""
    row, column = (((np.arange(size) * 2 + 1) * source // (2 * size)) for source in values.shape)
    return values[row[:, None], column]


def plane(hounsfield: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Windowed and resized, uint8, size x size."""
    return planes(hounsfield, [recipe])[0]


def planes(hounsfield: np.ndarray, recipes: list[Recipe]) -> list[np.ndarray]:
    """One slice by several recipes. A half of a size that is also wanted is made of that: the mean of means is the mean."""
    windowed: dict[tuple[float, float], np.ndarray] = {}
    filtered: dict[tuple, np.ndarray] = {}
    for recipe in sorted(recipes, key=lambda recipe: -recipe.size):
        window = (recipe.window_center_hu, recipe.window_width_hu)
        if window not in windowed:
            windowed[window] = _windowed(hounsfield, *window)
        key = (*window, recipe.resize, recipe.size)
        if recipe.resize == "nearest":
            filtered[key] = _nearest(windowed[window], recipe.size)
        else:
            double = filtered.get((*window, recipe.resize, 2 * recipe.size))
            filtered[key] = _shrink(windowed[window] if double is None else double, recipe.size)
    made = (filtered[(r.window_center_hu, r.window_width_hu, r.resize, r.size)] for r in recipes)
    return [(values + np.float32(0.5)).clip(0, 255).astype(np.uint8) for values in made]


def _windowed(hounsfield: np.ndarray, center: float, width: float) -> np.ndarray:
    values = hounsfield - np.float32(center - width / 2)
    values *= np.float32(255 / width)
    return values.clip(0, 255, out=values)
