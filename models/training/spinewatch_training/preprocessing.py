"""A DICOM file -> 8-bit planes, step by step as the appliance's `src/preprocess` does it: window in floating point, exact box
filter in floating point, rounding half up to 8 bits. Not square becomes square by squeezing."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pydicom

from .settings import Recipe


def read_slice(path: Path) -> tuple[np.ndarray, float]:
    """Hounsfield units (rows x columns, float32) and the position along the body in mm, growing towards the head."""
    dataset = pydicom.dcmread(path)
    slope, intercept = float(dataset.get("RescaleSlope", 1)), float(dataset.get("RescaleIntercept", 0))
    hounsfield = dataset.pixel_array.astype(np.float32) * np.float32(slope) + np.float32(intercept)
    row, column = np.array(dataset.ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(row, column)
    towards_head = normal if normal[2] >= 0 else -normal
    return hounsfield, float(np.dot(towards_head, np.array(dataset.ImagePositionPatient, float)))


@lru_cache
def _area(source: int, size: int) -> np.ndarray:
    """Weights size x source: the mean over the source pixels that an output pixel covers, in parts where it cuts them."""
    edges = np.arange(size + 1) * source / size
    pixel = np.arange(source)
    covered = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return (covered.clip(0) * size / source).astype(np.float32)


def plane(hounsfield: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Windowed and resized, uint8, size x size."""
    low = recipe.window_center_hu - recipe.window_width_hu / 2
    windowed = ((hounsfield - np.float32(low)) * np.float32(255 / recipe.window_width_hu)).clip(0, 255)
    rows, columns = windowed.shape
    resized = _area(rows, recipe.size) @ windowed @ _area(columns, recipe.size).T
    return np.floor(resized + 0.5).clip(0, 255).astype(np.uint8)
