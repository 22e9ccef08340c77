"""The model card of a package: data, split, figures with intervals, quantisation, operating point, limits."""

import numpy as np

from . import sensitivity
from .quantise import METHOD
from .tasks import Task

EVALUATION = """<!-- figures of `spinewatch evaluate`: begin -->
Not evaluated yet on the appliance's own path (`spinewatch evaluate`).
<!-- figures of `spinewatch evaluate`: end -->"""


def words(work: Task, release) -> str:
    """In Markdown; `release` is the package's."""
    settings, slices = work.settings, work.slices
    point = "\n".join(f"- `{key} = {value}`" for key, value in settings.export.operating_point.items())
    floats = ", ".join(f"`{group}`" for group in release.float_layers) or "nothing"
    quantised = "None: float32, as trained."
    if release.method:
        quantised = f"{METHOD}; activations {release.activations}. In floating point: {floats}."
    measured = f"\n{sensitivity.table(release.measured)}\n" if release.measured else ""
    return f"""# {settings.name} {settings.export.version}

**Trained on a phantom: not for patients.** {settings.export.intended_use}

- Network: {settings.net["name"]} at {settings.recipe.size} x {settings.recipe.size}, {_size(work)}.
- Data: {settings.data.description}
- Split by study, decided by a hash of the StudyInstanceUID: {_studies(slices.study[work.training])} studies
  ({len(work.training)} slices) for training, {_studies(slices.study[work.validation])} studies ({len(work.validation)} slices) held out.
- Training: `python -m spinewatch_training train models/training/configs/{settings.name}.toml`, then `sensitivity` and `package` in place of
  `train`.

## Figures

Of the networks in ONNX Runtime on the held-out studies, with 95 % intervals by bootstrap over studies. The best weights and the
operating point were chosen on the same studies.

{_figures(release)}

{EVALUATION}

## Quantisation

{quantised}
{measured}
## Operating point

{point}

## Limits

{settings.export.limits}
"""


def _figures(release) -> str:
    lines = ["| figure | int8 | 95 % | float32 |", "|---|---|---|---|"]
    for name, value in release.figures.items():
        low, high = release.intervals.get(name, (None, None))
        between = "" if low is None else f"{low:.3f} to {high:.3f}"
        single = f"{release.float32[name]:.3f}" if name in release.float32 else ""
        lines.append(f"| {name.replace('_', ' ')} | {value:.3f} | {between} | {single} |")
    return "\n".join(lines)


def _studies(study: np.ndarray) -> int:
    return len(np.unique(study))


def _size(work: Task) -> str:
    return f"{sum(p.numel() for p in work.net.parameters()) / 1e6:.2f} M weights"
