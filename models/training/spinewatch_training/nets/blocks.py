"""What several networks are built of. Tensors in, tensors out."""

import torch
from torch import Tensor, nn


class ConvNormAct(nn.Sequential):
    """Convolution (same size for stride 1), batch normalisation, activation."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1, activation: type[nn.Module] = nn.SiLU):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), activation()
        )


class Residual(nn.Module):
    """Two 3 x 3 convolutions, added to their input where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool = True):
        super().__init__()
        self.first = ConvNormAct(channels, channels, 3)
        self.second = ConvNormAct(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class C2f(nn.Module):
    """YOLOv8's cross-stage block: split in two, a chain of residual blocks on one half, everything concatenated."""

    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool):
        super().__init__()
        half = outputs // 2
        self.enter = ConvNormAct(inputs, outputs)
        self.chain = nn.ModuleList(Residual(half, shortcut) for _ in range(count))
        self.leave = ConvNormAct((2 + count) * half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.chain:
            parts.append(block(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Spatial pyramid pooling by three 5 x 5 maxima in a row."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.enter = ConvNormAct(inputs, inputs // 2)
        self.leave = ConvNormAct(inputs * 2, outputs)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))
