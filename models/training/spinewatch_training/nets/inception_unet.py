"""Inception-ResNet-v2 U-Net, a fracture classifier (Sci Rep 2025, s41598-025-10448-6)."""

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from .blocks import ConvNormAct


class Decoder(nn.Module):
    """Up to the size of what was skipped, beside it, two convolutions."""

    def __init__(self, inputs: int, skipped: int, outputs: int):
        super().__init__()
        self.convolutions = nn.Sequential(
            ConvNormAct(inputs + skipped, outputs, 3, activation=nn.ReLU), ConvNormAct(outputs, outputs, 3, activation=nn.ReLU)
        )

    def forward(self, x: Tensor, skipped: Tensor | None) -> Tensor:
        x = functional.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.convolutions(x if skipped is None else torch.cat([x, skipped], 1))


class InceptionResnetUnet(nn.Module):
    """Inception-ResNet-v2 (arXiv 1602.07261) with a U-Net decoder, its mean over the image as seven probabilities.

    image N x 3 x S x S (S a multiple of 32) -> N x 7.
    """

    def __init__(self) -> None:
        super().__init__()
        encoder = timm.create_model("inception_resnet_v2", pretrained=False, num_classes=1)
        # padded everywhere, so that every stage has half the size of the one before
        for module in encoder.modules():
            if isinstance(module, nn.Conv2d):
                module.padding = tuple(kernel // 2 for kernel in module.kernel_size)
            elif isinstance(module, nn.MaxPool2d):
                module.padding = (1, 1)
        e = encoder
        self.stages = nn.ModuleList([
            nn.Sequential(e.conv2d_1a, e.conv2d_2a, e.conv2d_2b),
            nn.Sequential(e.maxpool_3a, e.conv2d_3b, e.conv2d_4a),
            nn.Sequential(e.maxpool_5a, e.mixed_5b, e.repeat),
            nn.Sequential(e.mixed_6a, e.repeat_1),
            nn.Sequential(e.mixed_7a, e.repeat_2, e.block8, e.conv2d_7b),
        ])  # fmt: skip
        self.decoders = nn.ModuleList([
            Decoder(1536, 1088, 256), Decoder(256, 320, 128), Decoder(128, 192, 64), Decoder(64, 64, 32), Decoder(32, 0, 16)
        ])  # fmt: skip
        self.head = nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Tensor:
        skipped: list[Tensor | None] = [None]
        for stage in self.stages:
            x = stage(x)
            skipped.append(x)
        skipped.pop()
        for decoder in self.decoders:
            x = decoder(x, skipped.pop())
        return self.head(x.mean((2, 3))).sigmoid()
