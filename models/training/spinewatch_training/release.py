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
    """Writes the package, and one of the float32 network in `float32` beside the run's folder to compare it with; returns the
    package's folder."""
    work, how = tasks.task(settings), settings.quantisation
    single, integer = settings.output / "float32.onnx", settings.output / "int8.onnx"
    export.load(work, settings.output / "best.pt")
    export.to_onnx(work, single)
    measured = sensitivity.measured(settings)
    method = measured["calibration"] if measured else how.calibration
    floats = list(measured["float_layers"] if measured else how.float_layers)
    rows = work.validation
    float32 = work.figures(export.outputs(work, single, rows), rows)
    Quantiser(work, single).write(integer, method, floats)
    is_fine_tuned = False
    before = _on_training_slices(work, single) if how.aware_epochs else {}
    if before and (loss := _loss(work, before, integer)) > how.aware_from:
        aware.fine_tune(work, floats)
        tuned, tuned_integer = settings.output / "aware-float32.onnx", settings.output / "aware-int8.onnx"
        export.to_onnx(work, tuned)
        Quantiser(work, tuned).write(tuned_integer, method, floats)
        if is_fine_tuned := _loss(work, before, tuned_integer) < loss:
            aware.save(work, settings.output / "aware.pt")
            integer = tuned_integer
    outputs = export.outputs(work, integer, rows)
    figures = work.figures(outputs, rows) | work.further_figures(lambda known: export.outputs(work, integer, rows, known))
    release = package.Release(integer, method, floats, figures, work.intervals(outputs, rows), float32, measured, is_fine_tuned)
    package.write(work, package.Release.of_float32(single, float32), settings.output.parent / "float32" / settings.name)
    return package.write(work, release, settings.export.package)


def _on_training_slices(work: Task, network: Path) -> dict[str, float]:
    """Figures by which fine-tuning is decided: the held-out slices decide nothing."""
    rows = work.calibration_rows(work.settings.quantisation.aware_slices, np.random.default_rng(work.settings.training.seed + 2))
    return work.figures(export.outputs(work, network, rows), rows)


def _loss(work: Task, before: dict[str, float], network: Path) -> float:
    """The most that any figure to be kept loses."""
    after = _on_training_slices(work, network)
    return max(before[name] - after[name] for name in work.kept)
