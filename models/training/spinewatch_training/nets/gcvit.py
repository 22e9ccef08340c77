"""Global context vision transformer (arXiv 2206.09959), alone and with numbers beside the image (arXiv 2311.05708)."""

import timm
import torch
from timm.models.gcvit import GlobalContextVit
from torch import Tensor, nn


class MultiInput(nn.Module):
    """Which of C1 to C7 a slice shows: image N x 3 x size x size, metadata N x 3 -> logits N x 7."""

    def __init__(self, image: nn.Module, features: int, hidden: int = 64):
        super().__init__()
        self.image = image
        self.metadata = nn.Sequential(nn.Linear(3, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(features + 16, hidden), nn.ReLU(), nn.Linear(hidden, 7))

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.head(torch.cat([self.image(image), self.metadata(metadata)], 1))


class MultiInputForExport(nn.Module):
    """Logits become probabilities in the graph."""

    def __init__(self, net: MultiInput):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.net(image, metadata).sigmoid()


def multi_input(name: str, size: int, hidden: int = 64, **options) -> MultiInput:
    """An image network of timm's by its name, or with `gcvit` one of the widths and depths in `options`."""
    if name == "gcvit":
        image = GlobalContextVit(num_classes=0, img_size=size, **options)
    else:
        image = timm.create_model(name, pretrained=False, num_classes=0, img_size=size, **options)
    return MultiInput(image, image.num_features, hidden)


def gcvit_xxtiny(size: int) -> nn.Module:
    """The image alone, N x 3 x size x size -> N x 7."""
    return timm.create_model("gcvit_xxtiny", pretrained=False, num_classes=7, img_size=size)
