"""The networks, built by name: `[net] name` of a run's TOML, its other keys as they stand, and the input's size."""

from collections.abc import Callable

from torch import nn

from .baselines import BASELINES, baseline
from .gcvit import gcvit
from .inception_unet import inception_unet
from .yolov8 import yolov8

NETS: dict[str, Callable[..., nn.Module]] = {
    "yolov8": yolov8,
    "yolov8n": yolov8,
    "yolov8s": yolov8,
    "yolov8m": yolov8,
    "gcvit": gcvit,
    "gcvit_xxtiny": gcvit,
    "gcvit_tiny": gcvit,
    **dict.fromkeys(BASELINES, baseline),
    "inception_unet": inception_unet,
}


def build(net: dict, size: int) -> nn.Module:
    """The network of a `[net]` table for images of size x size."""
    options = dict(net)
    name = options.pop("name", None)
    if name not in NETS:
        raise ValueError(f"[net] name = {name!r}: must be one of {', '.join(NETS)}")
    try:
        return NETS[name](name, size, **options)
    except TypeError as error:
        raise ValueError(f"[net] {name}: {error}") from error
