"""Networks of the literature at the sizes that a triage appliance would run, to measure engines on. Never trained here."""

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from .nets import ConvNormRelu, Pyramid, Residual, Sppf, anchors


class C2f(nn.Module):
    """YOLOv8's cross-stage block with its split."""

    def __init__(self, inputs: int, outputs: int, count: int, shortcut: bool):
        super().__init__()
        half = outputs // 2
        self.enter = ConvNormRelu(inputs, outputs)
        self.chain = nn.ModuleList(Residual(half, shortcut) for _ in range(count))
        self.leave = ConvNormRelu((2 + count) * half, outputs)

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.enter(x).chunk(2, 1))
        for block in self.chain:
            parts.append(block(parts[-1]))
        return self.leave(torch.cat(parts, 1))


class YoloV8(Pyramid):
    """YOLOv8 with one class and SiLU (docs.ultralytics.com, "YOLOv8"); the default widths are those of YOLOv8n.

    image N x 3 x size x size -> N x 5 x A: cx, cy, w, h in input pixels and the score.
    """

    def __init__(self, size: int, widths: tuple[int, ...] = (16, 32, 64, 128, 256), bins: int = 16):
        super().__init__()
        self.bins = bins
        c1, c2, c3, c4, c5 = widths
        conv = ConvNormRelu
        self.to_p3 = nn.Sequential(
            conv(3, c1, 3, 2), conv(c1, c2, 3, 2), C2f(c2, c2, 1, True), conv(c2, c3, 3, 2), C2f(c3, c3, 2, True)
        )
        self.to_p4 = nn.Sequential(conv(c3, c4, 3, 2), C2f(c4, c4, 2, True))
        self.to_p5 = nn.Sequential(conv(c4, c5, 3, 2), C2f(c5, c5, 1, True), Sppf(c5))
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.up4, self.up3 = C2f(c5 + c4, c4, 1, False), C2f(c4 + c3, c3, 1, False)
        self.down3, self.down4 = conv(c3, c3, 3, 2), conv(c4, c4, 3, 2)
        self.out4, self.out5 = C2f(c3 + c4, c4, 1, False), C2f(c4 + c5, c5, 1, False)
        self.boxes = nn.ModuleList(_branch(c, max(16, c3 // 4, 4 * bins), 4 * bins) for c in (c3, c4, c5))
        self.scores = nn.ModuleList(_branch(c, c3, 1) for c in (c3, c4, c5))
        points, strides = anchors(size)
        self.register_buffer("points", points / strides)
        self.register_buffer("strides", strides)
        self.register_buffer("steps", torch.arange(bins, dtype=torch.float32).view(1, bins, 1, 1))
        _replace_relu(self)

    def forward(self, image: Tensor) -> Tensor:
        boxes, scores = super().forward(image)
        distances = boxes.view(-1, 4, self.bins, boxes.shape[2]).transpose(1, 2).softmax(1)
        before, behind = (distances * self.steps).sum(1).chunk(2, 1)
        low, high = self.points - before, self.points + behind
        return torch.cat([torch.cat([(low + high) / 2, high - low], 1) * self.strides, scores.sigmoid()], 1)


def _branch(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(ConvNormRelu(inputs, width, 3), ConvNormRelu(width, width, 3), nn.Conv2d(width, outputs, 1))


def _replace_relu(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, nn.SiLU())
        else:
            _replace_relu(child)


class Decoder(nn.Module):
    """Up to the size of what was skipped, beside it, two convolutions."""

    def __init__(self, inputs: int, skipped: int, outputs: int):
        super().__init__()
        self.convolutions = nn.Sequential(ConvNormRelu(inputs + skipped, outputs, 3), ConvNormRelu(outputs, outputs, 3))

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


def gcvit_xxtiny(size: int) -> nn.Module:
    """Global context vision transformer (arXiv 2206.09959), image N x 3 x size x size -> N x 7."""
    return timm.create_model("gcvit_xxtiny", pretrained=False, num_classes=7, img_size=size)
