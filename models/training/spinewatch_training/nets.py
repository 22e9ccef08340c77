"""The edge networks. Tensors in, tensors out; nothing here reads files or knows of losses.

Only convolutions, ReLU, additions, concatenations, max pooling and nearest up-sampling between input and head: operators that
static int8 keeps exact and that a small processor runs fast.
"""

import math

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)


class ConvNormRelu(nn.Sequential):
    """Convolution (same size for stride 1), batch normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
        )


class Residual(nn.Module):
    """Two 3 x 3 convolutions, added to their input where `shortcut`."""

    def __init__(self, channels: int, shortcut: bool = True):
        super().__init__()
        self.first = ConvNormRelu(channels, channels, 3)
        self.second = ConvNormRelu(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        return x + y if self.shortcut else y


class VertebraClassifier(nn.Module):
    """Which of C1 to C7 a slice shows, from the image and the numbers beside it (arXiv 2311.05708, with a small CNN).

    image N x 3 x S x S (S a multiple of 16), metadata N x 3 -> logits N x 7.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 48, 96), blocks: tuple[int, ...] = (0, 1, 2, 2), hidden: int = 64):
        super().__init__()
        stages: list[nn.Module] = []
        for inputs, outputs, count in zip((3, *widths), widths, blocks):
            stages += [ConvNormRelu(inputs, outputs, 3, 2), *(Residual(outputs) for _ in range(count))]
        self.image = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.metadata = nn.Sequential(nn.Linear(3, 16), nn.ReLU())
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(widths[-1] + 16, hidden), nn.ReLU(), nn.Linear(hidden, 7))

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.head(torch.cat([self.image(image), self.metadata(metadata)], 1))


class C2f(nn.Module):
    """YOLOv8's cross-stage block: split in two, a chain of residual blocks on one half, everything concatenated."""

    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool):
        super().__init__()
        half = outputs // 2
        # two convolutions instead of one and a split: the same arithmetic without a slice in the graph
        self.keep = ConvNormRelu(inputs, half)
        self.enter = ConvNormRelu(inputs, half)
        self.chain = nn.ModuleList(Residual(half, shortcut) for _ in range(count))
        self.leave = ConvNormRelu((2 + count) * half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.keep(x), self.enter(x)]
        for block in self.chain:
            parts.append(block(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Sppf(nn.Module):
    """Spatial pyramid pooling by three 5 x 5 maxima in a row."""

    def __init__(self, channels: int):
        super().__init__()
        self.enter = ConvNormRelu(channels, channels // 2)
        self.leave = ConvNormRelu(channels * 2, channels)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class Pyramid(nn.Module):
    """YOLOv8's way from an image to its heads, for networks that have the parts of these names."""

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Image N x 3 x size x size -> distributions N x 4*bins x A and logits N x 1 x A over all anchors."""
        p3 = self.to_p3(image)
        p4 = self.to_p4(p3)
        p5 = self.to_p5(p4)
        n4 = self.up4(torch.cat([self.up(p5), p4], 1))
        n3 = self.up3(torch.cat([self.up(n4), p3], 1))
        n4 = self.out4(torch.cat([self.down3(n3), n4], 1))
        n5 = self.out5(torch.cat([self.down4(n4), p5], 1))
        features = (n3, n4, n5)
        distances = torch.cat([branch(f).flatten(2) for branch, f in zip(self.boxes, features)], 2)
        logits = torch.cat([branch(f).flatten(2) for branch, f in zip(self.scores, features)], 2)
        return distances, logits


class FractureDetector(Pyramid):
    """YOLOv8's layout at a reduced width, with ReLU: one class, three strides, distances as distributions.

    image N x 3 x size x size -> (distances N x 4*bins x A, logits N x 1 x A); `decode` turns distances into boxes.
    """

    def __init__(self, size: int = 256, widths: tuple[int, ...] = (8, 16, 32, 64, 128), blocks: tuple[int, int] = (1, 2), bins: int = 8):
        super().__init__()
        self.size, self.bins = size, bins
        c1, c2, c3, c4, c5 = widths
        few, many = blocks
        conv = ConvNormRelu
        self.to_p3 = nn.Sequential(
            conv(3, c1, 3, 2), conv(c1, c2, 3, 2), C2f(c2, c2, few, True), conv(c2, c3, 3, 2), C2f(c3, c3, many, True)
        )
        self.to_p4 = nn.Sequential(conv(c3, c4, 3, 2), C2f(c4, c4, many, True))
        self.to_p5 = nn.Sequential(conv(c4, c5, 3, 2), C2f(c5, c5, few, True), Sppf(c5))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up4, self.up3 = C2f(c5 + c4, c4, few, False), C2f(c4 + c3, c3, few, False)
        self.down3, self.down4 = conv(c3, c3, 3, 2), conv(c4, c4, 3, 2)
        self.out4, self.out5 = C2f(c3 + c4, c4, few, False), C2f(c4 + c5, c5, few, False)
        box, score = max(16, c3 // 4, 4 * bins), max(16, c3 // 2)
        channels = (c3, c4, c5)
        self.boxes = nn.ModuleList(nn.Sequential(conv(c, box, 3), conv(box, box, 3), nn.Conv2d(box, 4 * bins, 1)) for c in channels)
        self.scores = nn.ModuleList(nn.Sequential(conv(c, score, 3), conv(score, score, 3), nn.Conv2d(score, 1, 1)) for c in channels)
        points, strides = anchors(size)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("strides", strides, persistent=False)
        self.register_buffer("steps", torch.arange(bins, dtype=torch.float32), persistent=False)
        self._start_rare()

    def _start_rare(self) -> None:
        """A fracture is rare: every anchor starts at a score of 0.001, so that the first steps do not only unlearn."""
        for branch in self.scores:
            nn.init.constant_(branch[-1].bias, math.log(0.001 / 0.999))

    def decode(self, distances: Tensor) -> Tensor:
        """Distributions N x 4*bins x A -> corners (x1, y1, x2, y2) N x 4 x A in input pixels."""
        n, _, a = distances.shape
        sides = (distances.view(n, 4, self.bins, a).softmax(2) * self.steps.view(1, 1, -1, 1)).sum(2) * self.strides
        return torch.cat([self.points - sides[:, :2], self.points + sides[:, 2:]], 1)


def anchors(size: int) -> tuple[Tensor, Tensor]:
    """Centres of all cells, 2 x A in input pixels, and their strides, A."""
    points, strides = [], []
    for stride in STRIDES:
        centre = (torch.arange(size // stride) + 0.5) * stride
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        points.append(torch.stack([x.flatten(), y.flatten()]))
        strides.append(torch.full((x.numel(),), float(stride)))
    return torch.cat(points, 1), torch.cat(strides)


class ClassifierForExport(nn.Module):
    """Logits become probabilities in the graph."""

    def __init__(self, net: VertebraClassifier):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor, metadata: Tensor) -> Tensor:
        return self.net(image, metadata).sigmoid()


class DetectorForExport(nn.Module):
    """Boxes and scores in the usual layout of a YOLOv8 export: N x (4 + 1) x A with cx, cy, w, h in input pixels."""

    def __init__(self, net: FractureDetector):
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        distances, logits = self.net(image)
        corners = self.net.decode(distances)
        low, high = corners[:, :2], corners[:, 2:]
        return torch.cat([(low + high) / 2, high - low, logits.sigmoid()], 1)
