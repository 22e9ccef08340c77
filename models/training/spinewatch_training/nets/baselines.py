"""The networks that arXiv 2311.05708 compares its own with, as timm has them, each with and without metadata.

Random weights here, ImageNet's there: a short training says less of the transformers than of the networks that fold.
"""

from .multi_input import MultiInput, of_timm

BASELINES = {
    "resnet152v2": "resnetv2_152",
    "inception_v3": "inception_v3",
    "densenet121": "densenet121",
    "vit": "vit_small_patch16_224",
    "convnext": "convnext_tiny",
    "swin": "swin_tiny_patch4_window7_224",
}
"""`[net] name` -> timm's name. `architecture` names a smaller relative."""
SIZED = ("vit", "swin")
"""Networks that must be told the size of their image."""


def baseline(
    name: str, size: int, architecture: str | None = None, metadata_width: int = 16, hidden: int = 128, dropout: float = 0.1, **options
) -> MultiInput:
    """image N x 3 x size x size, metadata N x 3 -> logits N x 7; `metadata_width = 0` leaves the metadata out."""
    if name in SIZED:
        options["img_size"] = size
    return of_timm(architecture or BASELINES[name], size, metadata_width, hidden, dropout, **options)
