"""A small feature map with what PyTorch's differentiation makes of it: the test case of the appliance's exact Grad-CAM
(`src/inference/cam.rs`, `tests/inference/cam`)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

CHANNELS, SIDE, LEVELS = 6, 16, 7


class Small(nn.Module):
    """Two convolutions, the mean over the image, a linear layer: the form of the fracture classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, CHANNELS, 3, 1, 1))
        self.head = nn.Linear(CHANNELS, LEVELS)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        features = self.body(image)
        features.retain_grad()
        return self.head(features.mean((2, 3))), features


def grad_cam(net: nn.Module, image: Tensor, level: int) -> Tensor:
    """Grad-CAM as arXiv 1610.02391 defines it, by differentiation: H x W."""
    net.zero_grad()
    logits, features = net(image)
    logits[0, level].backward()
    weights = features.grad.mean((2, 3), keepdim=True)
    return (weights * features).sum(1).relu()[0].detach()


def write(folder: Path) -> list[str]:
    """`features.npy` C x H x W, `head.npy` 7 x C, `bias.npy`, `probabilities.npy`, `heat.npy` 7 x H x W; returns their names."""
    torch.manual_seed(4)
    net = Small()
    with torch.no_grad():
        net.head.weight.mul_(6)
    image = torch.randn(1, 3, SIDE, SIDE)
    logits, features = net(image)
    arrays = {
        "features": features[0], "head": net.head.weight, "bias": net.head.bias, "probabilities": logits[0].sigmoid(),
        "heat": torch.stack([grad_cam(net, image, level) for level in range(LEVELS)]),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values.detach().numpy().astype(np.float32))
    return [f"{name}.npy: {tuple(values.shape)}" for name, values in arrays.items()]
