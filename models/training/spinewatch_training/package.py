"""An int8 network -> a package folder: manifest, golden cases, model card. Signing is `spinewatch models sign`."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from . import batches, card, export
from .quantise import METHOD
from .tasks import Task


@dataclass
class Release:
    """What a package tells beside its network."""

    model: Path
    method: str
    """How activations were calibrated."""
    float_layers: list[str]
    figures: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    """95 %, by bootstrap over the held-out studies."""
    float32: dict[str, float]
    measured: dict | None
    """What the sensitivity measurement found, where it was made."""
    is_fine_tuned: bool = False

    @classmethod
    def of_float32(cls, model: Path, figures: dict[str, float]) -> "Release":
        """The network as it was trained."""
        return cls(model, "", [], figures, {}, figures, None)

    @property
    def quantisation(self) -> dict:
        """For the manifest."""
        if not self.method:
            return {"method": "none: float32"}
        return {"method": METHOD, "activations": self.activations, "float_layers": self.float_layers}

    @property
    def activations(self) -> str:
        """How the activations became int8, in words."""
        tuned = ", after quantisation-aware fine-tuning" if self.is_fine_tuned else ""
        return f"uint8, per tensor, range calibrated on training slices ({self.method}){tuned}"


def write(work: Task, release: Release, folder: Path) -> Path:
    """Replaces the package's folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copyfile(release.model, folder / "model.onnx")
    for name, values in work.files().items():
        np.save(folder / name, values)
    shape = _write_golden(work, folder)
    (folder / "package.toml").write_text(_manifest(work, shape, release))
    (folder / "README.md").write_text(card.words(work, release))
    return folder


def _write_golden(work: Task, folder: Path) -> list[int]:
    """Inputs before normalisation and what ONNX Runtime makes of them, operator by operator; returns the output's shape."""
    model, recipe = export.session(folder / "model.onnx", as_written=True), work.settings.recipe
    for case, row in enumerate(work.golden_rows(work.settings.export.golden_cases)):
        target = folder / "golden" / str(case)
        target.mkdir(parents=True)
        row = np.array([row])
        batch = batches.plain(work.slices, row, recipe, known=case % 2 == 1)
        expected = model.run([work.outputs[0]], export.feed(work, batch, 0))[0]
        np.save(target / "image.npy", batches.channels(work.slices, row, recipe)[0])
        np.save(target / "expected.npy", expected.astype(np.float32))
        if "metadata" in work.inputs:
            np.save(target / "metadata.npy", batch.metadata.numpy())
    return list(expected.shape)


def _manifest(work: Task, shape: list[int], release: Release) -> str:
    settings = work.settings
    recipe, what = settings.recipe, settings.export
    before = {f"float32_{work.figure}": release.float32[work.figure]}
    tables = {
        "": {
            "format": 1, "name": settings.name, "kind": settings.kind, "version": what.version, "model": "model.onnx",
            "trained_on": settings.data.description, "intended_use": what.intended_use,
        },
        "input": {"name": "image", "shape": [1, 3, recipe.size, recipe.size]},
        **work.manifest_tables(),
        "preprocessing": ({} if recipe.widest_field_mm is None else {"widest_field_mm": recipe.widest_field_mm}) | {
            "window_center_hu": recipe.window_center_hu, "window_width_hu": recipe.window_width_hu, "resize": recipe.resize,
            "neighbours": recipe.neighbours, "mean": recipe.mean, "std": recipe.std,
        },
        "output": {"name": work.outputs[0], "shape": shape, "classes": list(work.classes)},
        "operating_point": what.operating_point,
        "quantisation": release.quantisation,
        "metrics": {name: round(value, 4) for name, value in (release.figures | before).items()},
        "golden": {"cases": what.golden_cases, "tolerance": what.golden_tolerance},
    }  # fmt: skip
    parts = []
    for name, table in tables.items():
        head = [f"[{name}]"] if name else []
        # the strings, numbers and lists used here are written alike in JSON and TOML
        parts.append("\n".join(head + [f"{key} = {json.dumps(value)}" for key, value in table.items()]))
    return "\n\n".join(parts) + "\n"
