"""The vertebra classifier of arXiv 2311.05708: a global context vision transformer (arXiv 2206.09959) with image and metadata."""

import timm
from timm.models.gcvit import GlobalContextVit
from torch import nn

from .multi_input import MultiInput, of_timm


def gcvit(name: str, size: int, metadata_width: int = 16, hidden: int = 128, dropout: float = 0.1, **options) -> MultiInput:
    """`gcvit_xxtiny` (11 M weights) at 128 is the edge network, `gcvit_tiny` (28 M) at 224 that of the paper; `gcvit` has the
    widths and depths in `options`. size is a multiple of 32.

    Two things differ from timm's: no path is dropped, and between the stages stands batch normalisation in place of the layer
    normalisation. It folds into the convolutions, and from random weights it began to learn within a hundred steps where the
    layer-normalised network had not after two hundred and fifty (a toy task, one seed, other learning rates: a hint, no proof).
    `norm_layer = "layernorm2d"` is the published network.
    """
    if size % 32:
        raise ValueError(f"[recipe] size = {size}: GCViT halves the image five times, so it must be a multiple of 32")
    options = {"img_size": size, "norm_layer": "batchnorm2d", "drop_path_rate": 0.0, **options}
    if name == "gcvit":
        image = GlobalContextVit(num_classes=0, **options)
        return MultiInput(image, image.num_features, metadata_width, hidden, dropout)
    return of_timm(name, size, metadata_width, hidden, dropout, **options)


def gcvit_xxtiny(size: int) -> nn.Module:
    """The image alone, N x 3 x size x size -> N x 7."""
    return timm.create_model("gcvit_xxtiny", pretrained=False, num_classes=7, img_size=size)
