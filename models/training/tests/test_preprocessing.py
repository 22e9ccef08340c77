import numpy as np
import pytest
from conftest import write_slice

from spinewatch_training.preprocessing import CtSlice, plane, read_slice, view
from spinewatch_training.settings import Recipe


def ct(hounsfield, spacing=(0.4, 0.4)) -> CtSlice:
    return CtSlice(np.asarray(hounsfield, np.float32), spacing, 0.0)


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
    got = plane(ct(hounsfield), Recipe(size)).astype(float)
    assert abs(got - expected).max() <= 0.5 + 1e-3


def test_a_half_is_rounded_up_after_the_filter():
    recipe = Recipe(1, window_center_hu=127.5, window_width_hu=255)
    assert plane(ct([[10, 10], [11, 11]]), recipe) == [[11]]
    assert plane(ct([[300, -50], [0, 0]]), recipe) == [[64]]


def test_rescale_is_applied_and_z_grows_towards_the_head_in_either_orientation(tmp_path):
    hounsfield = np.arange(-1024, -1024 + 2 * 64, 2).reshape(8, 8)
    for orientation in ((1, 0, 0, 0, 1, 0), (-1, 0, 0, 0, 1, 0)):
        write_slice(tmp_path / "1.dcm", hounsfield, -37.5, orientation)
        read = read_slice(tmp_path / "1.dcm")
        assert (read.hounsfield == hounsfield).all()
        assert (read.z_mm, read.pixel_spacing_mm) == (-37.5, (0.5, 0.25))


def test_of_a_wide_field_the_middle_is_seen():
    recipe = Recipe(4, window_center_hu=127.5, window_width_hu=255, widest_field_mm=215.0)
    assert view([512, 512], [0.42, 0.4], recipe).tolist() == [0, 0, 512, 512], "215.04 and 204.8 mm"
    # 215 / 0.7 = 307.1 and 215 / 0.5 = 430
    assert view([512, 513], [0.7, 0.5], recipe).tolist() == [102, 41, 307, 430]
    assert view([512, 512], [0.7, 0.5], Recipe(4)).tolist() == [0, 0, 512, 512], "without a limit all of it"
    picture = np.zeros((10, 12))
    picture[3:7, 4:8] = np.arange(16).reshape(4, 4)
    cut = plane(ct(picture, (53.75, 53.75)), recipe)
    assert cut.tolist() == np.arange(16).reshape(4, 4).tolist()
