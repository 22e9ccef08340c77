"""An int8 network -> a package folder: manifest, golden cases, model card. Signing is `spinewatch models sign`."""

import json
import shutil
from pathlib import Path

import numpy as np

from . import batches, export
from .tasks import Task


def write(work: Task, model: Path, float_layers: list[str], figures: dict[str, float]) -> Path:
    """Replaces the package's folder; `figures` are those of the int8 network on the held-out studies."""
    folder = work.settings.export.package
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(model, folder / "model.onnx")
    for name, values in work.files().items():
        np.save(folder / name, values)
    shape = _write_golden(work, folder)
    (folder / "package.toml").write_text(_manifest(work, shape, float_layers, figures))
    (folder / "README.md").write_text(_card(work, figures))
    return folder


def _write_golden(work: Task, folder: Path) -> list[int]:
    """Inputs before normalisation and what ONNX Runtime makes of them; returns the output's shape."""
    model, recipe = export.session(folder / "model.onnx"), work.settings.recipe
    for case, row in enumerate(work.golden_rows(work.settings.export.golden_cases)):
        target = folder / "golden" / str(case)
        target.mkdir(parents=True)
        row = np.array([row])
        batch = batches.plain(work.slices, row, recipe, known=case % 2 == 1)
        expected = model.run(None, export.feed(work, batch, 0))[0]
        np.save(target / "image.npy", batches.channels(work.slices, row, recipe)[0])
        np.save(target / "expected.npy", expected.astype(np.float32))
        if "metadata" in work.inputs:
            np.save(target / "metadata.npy", batch.metadata.numpy())
    return list(expected.shape)


def _manifest(work: Task, shape: list[int], float_layers: list[str], figures: dict[str, float]) -> str:
    settings = work.settings
    recipe, what = settings.recipe, settings.export
    tables = {
        "": {
            "format": 1, "name": settings.name, "kind": settings.kind, "version": what.version, "model": "model.onnx",
            "trained_on": settings.data.description, "intended_use": what.intended_use,
        },
        "input": {"name": "image", "shape": [1, 3, recipe.size, recipe.size]},
        **work.manifest_tables(),
        "preprocessing": {
            "window_center_hu": recipe.window_center_hu, "window_width_hu": recipe.window_width_hu, "resize": recipe.resize,
            "neighbours": recipe.neighbours, "mean": recipe.mean, "std": recipe.std,
        },
        "output": {
            "name": work.outputs[0], "shape": shape, "classes": list(work.classes),
        },
        "operating_point": what.operating_point,
        "quantisation": {"method": export.METHOD, "activations": export.ACTIVATIONS, "float_layers": float_layers},
        "metrics": {name: round(value, 4) for name, value in figures.items()},
        "golden": {"cases": what.golden_cases, "tolerance": what.golden_tolerance},
    }  # fmt: skip
    parts = []
    for name, table in tables.items():
        head = [f"[{name}]"] if name else []
        # the strings, numbers and lists used here are written alike in JSON and TOML
        parts.append("\n".join(head + [f"{key} = {json.dumps(value)}" for key, value in table.items()]))
    return "\n\n".join(parts) + "\n"


def _card(work: Task, figures: dict[str, float]) -> str:
    settings, slices = work.settings, work.slices
    held_out = len(np.unique(slices.study[work.validation]))
    rows = "\n".join(f"| {name.replace('_', ' ')} | {value:.3f} |" for name, value in figures.items())
    point = "\n".join(f"- `{key} = {value}`" for key, value in settings.export.operating_point.items())
    return f"""# {settings.name} {settings.export.version}

**Trained on a phantom: not for patients.** {settings.export.intended_use}

- Data: {settings.data.description}
- Split by study, decided by a hash of the StudyInstanceUID: {len(np.unique(slices.study[work.training]))} studies
  ({len(work.training)} slices) for training, {held_out} studies ({len(work.validation)} slices) held out.
- Training: `python -m spinewatch_training train models/training/configs/{settings.name}.toml`, then `package` in place of `train`.
- Quantisation: {export.METHOD}; activations {export.ACTIVATIONS}.

Figures of the int8 network in ONNX Runtime on the held-out studies (`float32 ...`: before quantisation). The operating point
below was chosen on the same studies.

| figure | value |
|---|---|
{rows}

Operating point:

{point}

Limits: {settings.export.limits}
"""
