"""The fracture classifier of Sci Rep 2025, s41598-025-10448-6: Inception-ResNet-v2, a U-Net's decoder, the mean over the image,
one linear layer. Between the last map and a logit lies nothing but a mean and a weighted sum, so that Grad-CAM is exact
without autodiff (see the appliance's `src/inference/cam.rs`)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from .inception_resnet import Conv, InceptionResnet, scaled

LEVELS = 7


class Decoder(nn.Module):
    """Twice the rows and columns, what the encoder had at that size beside it, two convolutions."""

    def __init__(self, inputs: int, skipped: int, outputs: int):
        super().__init__()
        self.convolutions = nn.Sequential(Conv(inputs + skipped, outputs, 3), Conv(outputs, outputs, 3))

    def forward(self, x: Tensor, skipped: Tensor) -> Tensor:
        x = functional.interpolate(x, size=skipped.shape[2:], mode="nearest")
        return self.convolutions(torch.cat([x, skipped], 1))


class FractureClassifier(nn.Module):
    """Fracture of C1 to C7 in this slice: image N x 3 x S x S (S a multiple of 32) -> logits N x 7, features N x C x S x S.

    `width` scales every layer, `blocks` counts the encoder's blocks 35, 17 and 8, `decoder` gives the channels after each
    doubling (C is the last). Five steps double what the encoder halved five times; the last has the image itself beside it.
    72 M weights as it stands; the paper counts six steps and 36.79 M, and does not say what it left out of the encoder.
    """

    def __init__(
        self, size: int, width: float = 1.0, blocks: tuple[int, int, int] = (10, 20, 10),
        decoder: tuple[int, ...] = (512, 256, 128, 64, 64), dropout: float = 0.3,
    ):  # fmt: skip
        super().__init__()
        if size % 32:
            raise ValueError(f"[recipe] size = {size}: the encoder halves the image five times, so it must be a multiple of 32")
        w = scaled(width)
        self.encoder = InceptionResnet(width, blocks)
        skipped = (*self.encoder.channels[-2::-1], 3)
        widths = [w(channels) for channels in decoder]
        self.decoders = nn.ModuleList(
            Decoder(inputs, beside, outputs)
            for inputs, beside, outputs in zip((self.encoder.channels[-1], *widths), skipped, widths)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], LEVELS)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x, *skipped = self.encoder(image)[::-1]
        for decoder, beside in zip(self.decoders, (*skipped, image)):
            x = decoder(x, beside)
        return self.head(self.dropout(x.mean((2, 3)))), x


def inception_unet(name: str, size: int, **options) -> FractureClassifier:
    """The network of a `[net]` table."""
    return FractureClassifier(size, **options)


class FractureClassifierForExport(nn.Module):
    """image -> probabilities N x 7, features N x C x S x S."""

    def __init__(self, net: FractureClassifier):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        logits, features = self.net(image)
        return logits.sigmoid(), features
