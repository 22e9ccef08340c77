"""Best weights of a run -> float32 and int8, figures of both, package. Unsigned: `spinewatch models sign` comes after."""

from pathlib import Path

import numpy as np

from . import aware, export, package, sensitivity, tasks
from .quantise import Quantiser
from .settings import Settings
from .tasks import Task


def measure(settings: Settings) -> str:
    """The sensitivity of the run's best weights, as a table."""
    work, single = tasks.task(settings), settings.output / "float32.onnx"
    export.load(work, settings.output / "best.pt")
    export.to_onnx(work, single)
    return sensitivity.table(sensitivity.measure(work, single))


def make(settings: Settings) -> Path:
    """Writes the package and returns its folder."""
    work, how = tasks.task(settings), settings.quantisation
    single, integer = settings.output / "float32.onnx", settings.output / "int8.onnx"
    export.load(work, settings.output / "best.pt")
    export.to_onnx(work, single)
    measured = sensitivity.measured(settings)
    method = measured["calibration"] if measured else how.calibration
    floats = list(measured["float_layers"] if measured else how.float_layers)
    rows = work.validation
    float32 = work.figures(export.outputs(work, single, rows), rows)
    outputs = _quantised(work, single, integer, method, floats)
    figures, is_fine_tuned = work.figures(outputs, rows), False
    if how.aware_epochs and float32[work.figure] - figures[work.figure] > how.aware_from:
        aware.fine_tune(work, floats)
        tuned, tuned_integer = settings.output / "aware-float32.onnx", settings.output / "aware-int8.onnx"
        export.to_onnx(work, tuned)
        tuned_outputs = _quantised(work, tuned, tuned_integer, method, floats)
        tuned_figures = work.figures(tuned_outputs, rows)
        if tuned_figures[work.figure] > figures[work.figure]:
            aware.save(work, settings.output / "aware.pt")
            integer, outputs, figures, is_fine_tuned = tuned_integer, tuned_outputs, tuned_figures, True
    figures |= work.further_figures(lambda known: export.outputs(work, integer, rows, known))
    intervals = work.intervals(outputs, rows)
    return package.write(work, package.Release(integer, method, floats, figures, intervals, float32, measured, is_fine_tuned))


def _quantised(work: Task, single: Path, integer: Path, method: str, floats: list[str]) -> np.ndarray:
    """Quantises and returns what the int8 network says of the held-out slices."""
    Quantiser(work, single).write(integer, method, floats)
    return export.outputs(work, integer, work.validation)
