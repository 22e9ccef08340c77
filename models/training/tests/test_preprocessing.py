import numpy as np
import pytest
from conftest import write_slice

from spinewatch_training.preprocessing import plane, read_slice
from spinewatch_training.settings import Recipe


def naive_area(windowed: np.ndarray, size: int) -> np.ndarray:
    rows, columns = windowed.shape
    out = np.zeros((size, size))
    for y in range(size):
        for x in range(size):
            for row in range(rows):
                for column in range(columns):
                    high = max(0, min((y + 1) * rows / size, row + 1) - max(y * rows / size, row))
                    wide = max(0, min((x + 1) * columns / size, column + 1) - max(x * columns / size, column))
                    out[y, x] += windowed[row, column] * high * wide * size * size / rows / columns
    return out


@pytest.mark.parametrize(("rows", "columns", "size"), [(16, 16, 4), (13, 9, 5), (5, 7, 8)])
def test_the_box_filter_is_its_definition(rows, columns, size):
    hounsfield = np.random.default_rng(rows).integers(-900, 1900, (rows, columns))
    expected = naive_area(np.clip((hounsfield + 500) / 1800, 0, 1) * 255, size)
    got = plane(hounsfield.astype(np.float32), Recipe(size)).astype(float)
    assert abs(got - expected).max() <= 0.5 + 1e-3


def test_a_half_is_rounded_up_after_the_filter():
    recipe = Recipe(1, window_center_hu=127.5, window_width_hu=255)
    assert plane(np.array([[10, 10], [11, 11]], np.float32), recipe) == [[11]]
    assert plane(np.array([[300, -50], [0, 0]], np.float32), recipe) == [[64]]


def test_rescale_is_applied_and_z_grows_towards_the_head_in_either_orientation(tmp_path):
    hounsfield = np.arange(-1024, -1024 + 2 * 64, 2).reshape(8, 8)
    for orientation in ((1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)):
        write_slice(tmp_path / "1.dcm", hounsfield, -37.5, orientation)
        values, z_mm = read_slice(tmp_path / "1.dcm")
        assert (values == hounsfield).all()
        assert z_mm == -37.5
