"""Optimisers and learning rates."""

import math
import re

import torch
from torch import nn

from .settings import Training

POSITIONS = re.compile(r"rel_pos|relative_position|pos_embed|cls_token")
"""Names that timm's networks give to what tells of positions."""
WARMUP = 0.03
LAST = 0.01
PATIENCE = 3


def optimiser(net: nn.Module, how: Training) -> torch.optim.Optimizer:
    """Weight decay on matrices and kernels, not on tables of positions; SGD with Nesterov's momentum."""
    decay, plain = [], []
    for name, values in net.named_parameters():
        (decay if values.ndim > 1 and not POSITIONS.search(name) else plain).append(values)
    groups = [{"params": decay, "weight_decay": how.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if how.optimiser == "sgd":
        return torch.optim.SGD(groups, how.learning_rate, momentum=0.9, nesterov=True, fused=True)
    return torch.optim.AdamW(groups, how.learning_rate, fused=True)


def rate(how: Training, progress: float, figures: list[float]) -> float:
    """The learning rate at this part of the run, 0 to 1, after epochs with these figures."""
    if progress < WARMUP and how.init_from is None:
        return how.learning_rate * (0.05 + 0.95 * progress / WARMUP)
    if how.schedule == "plateau":
        return how.learning_rate * max(LAST / 10, 0.5 ** _plateaus(figures))
    if how.schedule == "linear":
        return how.learning_rate * (LAST + (1 - LAST) * (1 - min(progress, 1.0)))
    return cosine(how.learning_rate, progress)


def cosine(learning_rate: float, progress: float) -> float:
    """Half a cosine down to a hundredth."""
    return learning_rate * (LAST + (1 - LAST) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)


def waited(figures: list[float]) -> int:
    """Epochs since the best one."""
    return len(figures) - 1 - figures.index(max(figures)) if figures else 0


def _plateaus(figures: list[float]) -> int:
    """How often `PATIENCE` epochs went by without a new best."""
    best, waited, count = -math.inf, 0, 0
    for figure in figures:
        if figure > best:
            best, waited = figure, 0
        else:
            waited += 1
            if waited == PATIENCE:
                waited, count = 0, count + 1
    return count
