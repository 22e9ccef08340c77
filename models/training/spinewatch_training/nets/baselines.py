"""The networks that arXiv 2311.05708 compares its own with, as timm has them, each with and without metadata.

Random weights here, ImageNet's there: figures of a short training say less of the transformers than of the networks that fold.
"""

from .multi_input import MultiInput, of_timm

BASELINES = {
    "resnet152v2": "resnetv2_152",
    "inception-v3": "inception_v3",
    "densenet-121": "densenet121",
    "vit": "vit_small_patch16_224",
    "convnext": "convnext_tiny",
    "swin": "swin_tiny_patch4_window7_224",
}
"""The paper's name -> timm's. A smaller relative is named by `architecture`."""
SIZED = ("vit", "swin")
"""Networks that must be told the size of their image."""


class Baseline(MultiInput):
    """image N x 3 x size x size, metadata N x 3 -> logits N x 7; `metadata_width = 0` leaves the metadata out."""

    def __init__(
        self, size: int, baseline: str, architecture: str | None = None, metadata_width: int = 16, hidden: int = 128,
        dropout: float = 0.1,
    ):  # fmt: skip
        if baseline not in BASELINES:
            raise ValueError(f"[net] baseline = {baseline!r}: must be one of {', '.join(BASELINES)}")
        options = {"img_size": size} if baseline in SIZED else {}
        whole = of_timm(architecture or BASELINES[baseline], size, metadata_width, hidden, dropout, **options)
        super().__init__(whole.image, whole.head[1].in_features - metadata_width, metadata_width, hidden, dropout)
