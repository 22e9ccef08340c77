"""The encoder of Inception-ResNet-v2 (arXiv 1602.07261) at any width and depth.

Padded everywhere, so that every stage has half the rows and columns of the one before, which a decoder needs. At width 1 and
full depth it has the weights of the published network, one for one.
"""

import torch
from torch import Tensor, nn


class Conv(nn.Sequential):
    """Convolution (same size for stride 1), batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int | tuple[int, int] = 1, stride: int = 1):
        rows, columns = (kernel, kernel) if isinstance(kernel, int) else kernel
        convolution = nn.Conv2d(inputs, outputs, (rows, columns), stride, (rows // 2, columns // 2), bias=False)
        super().__init__(convolution, nn.BatchNorm2d(outputs, eps=1e-3), nn.ReLU())


class Branches(nn.ModuleList):
    """What goes several ways, side by side."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self], 1)


class Residual(nn.Module):
    """Branches, brought back to the width of their input by 1 x 1 and added to it in a small measure."""

    def __init__(self, branches: Branches, inside: int, channels: int, scale: float, is_last: bool = False):
        super().__init__()
        self.branches = branches
        self.back = nn.Conv2d(inside, channels, 1)
        self.scale = scale
        self.relu = nn.Identity() if is_last else nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(x + self.scale * self.back(self.branches(x)))


def scaled(width: float):
    """Channels of the published network -> channels at this width, at least 4."""
    return lambda channels: max(4, round(channels * width))


def mixed_5b(inputs: int, w) -> Branches:
    pooled = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), Conv(inputs, w(64)))
    wide = nn.Sequential(Conv(inputs, w(48)), Conv(w(48), w(64), 5))
    deep = nn.Sequential(Conv(inputs, w(64)), Conv(w(64), w(96), 3), Conv(w(96), w(96), 3))
    return Branches([Conv(inputs, w(96)), wide, deep, pooled])


def block_35(channels: int, w) -> Residual:
    middle = nn.Sequential(Conv(channels, w(32)), Conv(w(32), w(32), 3))
    deep = nn.Sequential(Conv(channels, w(32)), Conv(w(32), w(48), 3), Conv(w(48), w(64), 3))
    return Residual(Branches([Conv(channels, w(32)), middle, deep]), 2 * w(32) + w(64), channels, 0.17)


def reduction_a(inputs: int, w) -> Branches:
    deep = nn.Sequential(Conv(inputs, w(256)), Conv(w(256), w(256), 3), Conv(w(256), w(384), 3, 2))
    return Branches([Conv(inputs, w(384), 3, 2), deep, nn.MaxPool2d(3, 2, 1)])


def block_17(channels: int, w) -> Residual:
    deep = nn.Sequential(Conv(channels, w(128)), Conv(w(128), w(160), (1, 7)), Conv(w(160), w(192), (7, 1)))
    return Residual(Branches([Conv(channels, w(192)), deep]), 2 * w(192), channels, 0.10)


def reduction_b(inputs: int, w) -> Branches:
    first = nn.Sequential(Conv(inputs, w(256)), Conv(w(256), w(384), 3, 2))
    second = nn.Sequential(Conv(inputs, w(256)), Conv(w(256), w(288), 3, 2))
    deep = nn.Sequential(Conv(inputs, w(256)), Conv(w(256), w(288), 3), Conv(w(288), w(320), 3, 2))
    return Branches([first, second, deep, nn.MaxPool2d(3, 2, 1)])


def block_8(channels: int, w, is_last: bool = False) -> Residual:
    deep = nn.Sequential(Conv(channels, w(192)), Conv(w(192), w(224), (1, 3)), Conv(w(224), w(256), (3, 1)))
    return Residual(Branches([Conv(channels, w(192)), deep]), w(192) + w(256), channels, 0.20, is_last)


class InceptionResnet(nn.Module):
    """image N x 3 x S x S (S a multiple of 32) -> five maps, from S/2 to S/32; `channels` are theirs.

    `blocks` counts the blocks 35, 17 and 8, the last of which stands without ReLU; (10, 20, 10) is the published network.
    """

    def __init__(self, width: float = 1.0, blocks: tuple[int, int, int] = (10, 20, 10)):
        super().__init__()
        w, (few, many, last) = scaled(width), blocks
        c8 = 2 * w(96) + 2 * w(64)
        c16 = c8 + 2 * w(384)
        c32 = c16 + w(384) + w(288) + w(320)
        self.channels = (w(64), w(192), c8, c16, w(1536))
        self.stages = nn.ModuleList([
            nn.Sequential(Conv(3, w(32), 3, 2), Conv(w(32), w(32), 3), Conv(w(32), w(64), 3)),
            nn.Sequential(nn.MaxPool2d(3, 2, 1), Conv(w(64), w(80)), Conv(w(80), w(192), 3)),
            nn.Sequential(nn.MaxPool2d(3, 2, 1), mixed_5b(w(192), w), *(block_35(c8, w) for _ in range(few))),
            nn.Sequential(reduction_a(c8, w), *(block_17(c16, w) for _ in range(many))),
            nn.Sequential(
                reduction_b(c16, w), *(block_8(c32, w, i == last - 1) for i in range(last)), Conv(c32, w(1536))
            ),
        ])  # fmt: skip

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps
