"""One TOML file per run -> checked settings. Unknown keys are errors."""

import dataclasses
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

KINDS = ("vertebra-classifier", "fracture-detector", "fracture-classifier")
CHOICES = {
    "recipe": {"neighbours": ("none", "adjacent"), "resize": ("area", "nearest")},
    "training": {"optimiser": ("adamw", "sgd"), "schedule": ("cosine", "linear", "plateau")},
    "quantisation": {"calibration": ("minmax", "percentile", "entropy")},
}


@dataclass(frozen=True)
class Data:
    """Where the slices come from. `validation_share` of the studies, chosen by a hash of their UID, is never trained on."""

    folder: Path
    cache: Path
    validation_share: float = 0.125
    description: str = "not described"


@dataclass(frozen=True)
class Recipe:
    """From Hounsfield units to the network's input; the package carries it to the device."""

    size: int
    window_center_hu: float = 400.0
    window_width_hu: float = 1800.0
    resize: str = "area"
    neighbours: str = "none"
    mean: float = 0.5
    std: float = 0.25
    widest_field_mm: float | None = None
    """Of a slice with a wider field of view the network sees the middle only, so that a vertebra is about as large in every slice."""


@dataclass(frozen=True)
class Training:
    """The run ends after `epochs` or after `minutes` of wall time, whichever comes first; the learning rate follows.

    A finished run goes on when one of them is raised.
    """

    epochs: int
    minutes: float
    batch: int
    learning_rate: float
    optimiser: str = "adamw"
    schedule: str = "cosine"
    """After the warm-up: `cosine` or `linear` down to a hundredth, or `plateau`: halved after three epochs without a gain."""
    init_from: Path | None = None
    """What to start from: the `best.pt` of another run of the same network, at any input size, or a package's `model.onnx`."""
    stop_after: int = 1_000_000
    """The run ends early after so many epochs without a gain."""
    batches_ahead: int = 0
    """Batches that a thread makes beforehand: 2 or more keep a GPU busy; on a processor they gain nothing."""
    weight_decay: float = 0.01
    clip: float = 10.0
    """Longest gradient; transformers want short ones."""
    average_decay: float = 0.998
    slices_per_epoch: int = 1_000_000
    """At most so many, drawn anew for every epoch: neighbouring slices are nearly alike."""
    evaluation_slices: int = 1000
    """At most so many held-out slices are looked at after an epoch, by the detector in turn with and without a box; the package's
    figures are of all."""
    negatives_per_positive: float = 2.0
    ratio_known_share: float = 0.3
    seed: int = 1


@dataclass(frozen=True)
class Augmentation:
    """Largest change of each kind; 0 switches it off."""

    shift: float = 0.06
    scale: float = 0.12
    rotation_degrees: float = 8.0
    flip: bool = True
    brightness: float = 0.06
    contrast: float = 0.15
    noise: float = 0.03
    blur: float = 0.7
    """The most that half of the images are drawn towards the mean of 3 x 3 pixels: a softer kernel."""
    sharpen: float = 0.0
    """The most that they are drawn away from it: a sharper one."""
    lone_slice_share: float = 0.1
    swap_neighbours: float = 0.0
    """Share of images in which the slices above and below change places: for what does not depend on the direction."""
    mosaic: float = 0.0
    """Share of images made of four pieces."""
    mosaic_until: float = 0.75
    """Part of the run after which there is no mosaic."""

    def at(self, progress: float) -> "Augmentation":
        """What holds at this part of the run."""
        return self if progress < self.mosaic_until else dataclasses.replace(self, mosaic=0.0)


@dataclass(frozen=True)
class Export:
    """What is written into the package beside the network."""

    package: Path
    version: str
    intended_use: str
    limits: str
    golden_cases: int = 4
    golden_tolerance: float = 0.03
    operating_point: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Quantisation:
    """Static int8. `sensitivity` measures `calibration` and `float_layers`; what it found replaces what stands here."""

    calibration: str = "minmax"
    calibration_slices: int = 256
    float_layers: tuple[str, ...] = ("output",)
    limit: float = 0.003
    """While int8 costs more of the task's figure, one group of layers after another stays in floating point, the costliest first."""
    most_floats: int = 12
    """Most groups in floating point."""
    sensitivity_slices: int = 200
    aware_epochs: int = 0
    """Epochs of fine-tuning with quantisation in the loop, where int8 costs more than `aware_from` of a figure."""
    aware_slices: int = 600
    """Training slices on which it is measured whether int8 costs too much, and whether the fine-tuning helped."""
    aware_from: float = 0.01
    aware_learning_rate: float = 1e-4


@dataclass(frozen=True)
class Settings:
    """A whole run."""

    name: str
    kind: str
    output: Path
    data: Data
    recipe: Recipe
    net: dict
    training: Training
    augmentation: Augmentation
    quantisation: Quantisation
    export: Export


SECTIONS = {
    "data": Data,
    "recipe": Recipe,
    "training": Training,
    "augmentation": Augmentation,
    "quantisation": Quantisation,
    "export": Export,
}


def load(path: Path, folder: Path | None = None) -> Settings:
    """Reads a run's TOML. Relative paths count from the current folder; `folder` replaces `[data] folder`."""
    table = tomllib.loads(path.read_text())
    if folder is not None:
        table.setdefault("data", {})["folder"] = str(folder)
    sections = {name: _section(kind, table.pop(name, {}), f"{path}: [{name}]") for name, kind in SECTIONS.items()}
    net = {key: tuple(v) if isinstance(v, list) else v for key, v in table.pop("net", {}).items()}
    settings = _section(Settings, {**table, **sections, "net": net}, str(path))
    if settings.kind not in KINDS:
        raise ValueError(f"{path}: kind = {settings.kind!r}: must be one of {', '.join(KINDS)}")
    for section, choices in CHOICES.items():
        for key, allowed in choices.items():
            if (given := getattr(getattr(settings, section), key)) not in allowed:
                raise ValueError(f"{path}: [{section}] {key} = {given!r}: must be one of {', '.join(allowed)}")
    return settings


def _section(kind: type, values: dict, where: str):
    fields = {f.name: f for f in dataclasses.fields(kind)}
    if unknown := sorted(set(values) - set(fields)):
        raise ValueError(f"{where}: unknown key {unknown[0]!r}; allowed: {', '.join(fields)}")
    absent = object()
    required = [n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING]
    if missing := [n for n in required if values.get(n, absent) is absent]:
        raise ValueError(f"{where}: {missing[0]!r} is missing")
    return kind(**{n: Path(v) if fields[n].type in (Path, Path | None) else v for n, v in values.items()})
