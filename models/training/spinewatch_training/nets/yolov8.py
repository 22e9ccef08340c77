"""YOLOv8 with one class, written from the architecture (docs.ultralytics.com, "YOLOv8"): backbone of C2f blocks, a pyramid up
and down, a decoupled head without anchors whose distances are distributions (arXiv 2006.04388)."""

import math

import torch
from torch import Tensor, nn

from .blocks import C2f, ConvNormAct, Sppf

STRIDES = (8, 16, 32)
# name -> share of 64, 128, 256, 512, 1024 channels, share of 3, 6 blocks, most channels
SCALES = {"yolov8n": (0.25, 0.34, 1024), "yolov8s": (0.5, 0.34, 1024), "yolov8m": (0.75, 0.67, 768)}


class YoloV8(nn.Module):
    """image N x 3 x size x size -> (distributions N x 4*bins x A, logits N x 1 x A) over the anchors of three strides.

    `decode` turns distributions into boxes. `size` is a multiple of 32.
    """

    def __init__(self, size: int, widths: tuple[int, ...], blocks: tuple[int, int], bins: int = 16):
        super().__init__()
        self.size, self.bins = size, bins
        c1, c2, c3, c4, c5 = widths
        few, many = blocks
        conv = ConvNormAct
        self.to_p3 = nn.Sequential(
            conv(3, c1, 3, 2), conv(c1, c2, 3, 2), C2f(c2, c2, few, True), conv(c2, c3, 3, 2), C2f(c3, c3, many, True)
        )
        self.to_p4 = nn.Sequential(conv(c3, c4, 3, 2), C2f(c4, c4, many, True))
        self.to_p5 = nn.Sequential(conv(c4, c5, 3, 2), C2f(c5, c5, few, True), Sppf(c5, c5))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up4, self.up3 = C2f(c5 + c4, c4, few, False), C2f(c4 + c3, c3, few, False)
        self.down3, self.down4 = conv(c3, c3, 3, 2), conv(c4, c4, 3, 2)
        self.out4, self.out5 = C2f(c3 + c4, c4, few, False), C2f(c4 + c5, c5, few, False)
        self.boxes = nn.ModuleList(_branch(c, max(16, c3 // 4, 4 * bins), 4 * bins) for c in (c3, c4, c5))
        self.scores = nn.ModuleList(_branch(c, c3, 1) for c in (c3, c4, c5))
        points, strides = anchors(size)
        self.register_buffer("points", points, persistent=False)
        self.register_buffer("strides", strides, persistent=False)
        self.register_buffer("steps", torch.arange(bins, dtype=torch.float32), persistent=False)
        self._start_rare()

    def _start_rare(self) -> None:
        """A fracture is rare: every anchor starts at a score of 0.001, so that the first steps do not only unlearn."""
        for branch in self.scores:
            nn.init.constant_(branch[-1].bias, math.log(0.001 / 0.999))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
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

    def decode(self, distances: Tensor) -> Tensor:
        """Distributions N x 4*bins x A -> corners (x1, y1, x2, y2) N x 4 x A in input pixels."""
        shares = distances.view(-1, 4, self.bins, distances.shape[2]).transpose(1, 2).softmax(1)
        before, behind = ((shares * self.steps.view(1, -1, 1, 1)).sum(1) * self.strides).chunk(2, 1)
        return torch.cat([self.points - before, self.points + behind], 1)


class YoloV8ForExport(nn.Module):
    """Boxes and scores in the usual layout of a YOLOv8 export: N x (4 + 1) x A with cx, cy, w, h in input pixels."""

    def __init__(self, net: YoloV8):
        super().__init__()
        self.net = net
        self.register_buffer("centres", net.points / net.strides, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        net = self.net
        distances, logits = net(image)
        shares = distances.view(-1, 4, net.bins, distances.shape[2]).transpose(1, 2).softmax(1)
        before, behind = (shares * net.steps.view(1, -1, 1, 1)).sum(1).chunk(2, 1)
        low, high = self.centres - before, self.centres + behind
        return torch.cat([torch.cat([(low + high) / 2, high - low], 1) * net.strides, logits.sigmoid()], 1)


def yolov8(name: str, size: int, **options) -> YoloV8:
    """By the size's letter; `widths` (five), `blocks` (few, many) and `bins` may be given instead."""
    if name in SCALES:
        wide, deep, most = SCALES[name]
        widths = tuple(int(min(channels, most) * wide) for channels in (64, 128, 256, 512, 1024))
        options = {"widths": widths, "blocks": (max(1, round(3 * deep)), max(1, round(6 * deep))), **options}
    return YoloV8(size, **options)


def anchors(size: int) -> tuple[Tensor, Tensor]:
    """Centres of all cells, 2 x A in input pixels, and their strides, A."""
    points, strides = [], []
    for stride in STRIDES:
        centre = (torch.arange(size // stride) + 0.5) * stride
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        points.append(torch.stack([x.flatten(), y.flatten()]))
        strides.append(torch.full((x.numel(),), float(stride)))
    return torch.cat(points, 1), torch.cat(strides)


def _branch(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ConvNormAct(inputs, width, 3), ConvNormAct(width, width, 3), nn.Conv2d(width, outputs, 1))
