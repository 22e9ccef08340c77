"""A timm network for the image, a small one for the numbers beside it, and seven logits from both (arXiv 2311.05708).

Networks start from random weights: none that were trained elsewhere are ever loaded.
"""

import timm
import torch
from torch import Tensor, nn

METADATA = 3
"""Position in metres, slice ratio, whether the ratio is known."""
LEVELS = 7


class MultiInput(nn.Module):
    """Which of C1 to C7 a slice shows: image N x 3 x S x S and metadata N x 3 -> logits N x 7.

    Both are read by networks of their own and put side by side; two fully connected layers follow. With `metadata_width = 0`
    the image alone decides, and the metadata is taken and not used, so that the same command compares both.
    """

    def __init__(self, image: nn.Module, features: int, metadata_width: int = 16, hidden: int = 128, dropout: float = 0.1):
        super().__init__()
        self.image = image
        self.metadata = None
        if metadata_width:
            self.metadata = nn.Sequential(
                nn.Linear(METADATA, metadata_width), nn.ReLU(), nn.Linear(metadata_width, metadata_width), nn.ReLU()
            )
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(features + metadata_width, hidden), nn.ReLU(), nn.Linear(hidden, LEVELS)
        )

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        read = self.image(image)
        if self.metadata is not None:
            read = torch.cat([read, self.metadata(metadata)], 1)
        return self.head(read)


def of_timm(architecture: str, size: int, metadata_width: int, hidden: int, dropout: float, **options) -> MultiInput:
    """A timm architecture with random weights under the two inputs."""
    if not timm.is_model(architecture):
        near = ", ".join(timm.list_models(f"{architecture.split('_')[0]}*")[:12]) or "see timm.list_models()"
        raise ValueError(f"[net] architecture = {architecture!r}: timm has no such network; near: {near}")
    image = timm.create_model(architecture, pretrained=False, num_classes=0, **options)
    with torch.no_grad():
        # some networks widen before their head, so what comes out is measured
        features = image.eval()(torch.zeros(1, 3, size, size)).shape[1]
    return MultiInput(image.train(), features, metadata_width, hidden, dropout)


class MultiInputForExport(nn.Module):
    """Logits become probabilities in the graph."""

    def __init__(self, net: MultiInput):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.net(image, metadata).sigmoid()
