"""The int8 engine's test cases are what the script writes."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from spinewatch_training import engine_fixtures

IN_THE_REPOSITORY = Path(__file__).parents[3] / "tests/inference/int8"
LARGEST_SUM = 400_000


def saturates() -> bool:
    """ONNX Runtime's sums of u8 x i8 saturate on x86-64 without VNNI: two ways to compute one network differ by steps there."""
    flags = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    return "avx2" in flags and "vnni" not in flags


def nodes(path: Path) -> list[bytes]:
    return [node.SerializeToString(deterministic=True) for node in onnx.load(path).graph.node]


@pytest.mark.skipif(saturates(), reason="a processor without VNNI")
def test_the_fixtures_in_the_repository_are_what_the_script_writes(tmp_path):
    engine_fixtures.write(tmp_path)
    cases = sorted(folder.name for folder in tmp_path.iterdir())
    assert cases == sorted(folder.name for folder in IN_THE_REPOSITORY.iterdir())
    for case in cases:
        old, new = IN_THE_REPOSITORY / case, tmp_path / case
        assert nodes(old / "model.onnx") == nodes(new / "model.onnx"), case
        assert sorted(f.name for f in old.iterdir()) == sorted(f.name for f in new.iterdir()), case
        for values in new.glob("input*.npy"):
            assert np.array_equal(np.load(values), np.load(old / values.name)), case
    assert sum(file.stat().st_size for file in IN_THE_REPOSITORY.rglob("*.*")) < LARGEST_SUM
