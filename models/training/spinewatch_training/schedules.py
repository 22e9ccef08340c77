"""The optimiser of a run and how its learning rate falls. Pure: the rate follows from the history, so that a run that is resumed
goes on as if it had never stopped."""

import math

import torch
from torch import nn

from .settings import Training

WARMUP = 0.03
FLOOR = 0.01
OPTIMISERS = ("adamw", "sgd")
SCHEDULES = ("cosine", "plateau")


def optimiser(net: nn.Module, how: Training) -> torch.optim.Optimizer:
    """AdamW, or SGD with Nesterov's momentum 0.9; biases and normalisations are not decayed."""
    if how.optimiser not in OPTIMISERS:
        raise ValueError(f"[training] optimiser = {how.optimiser!r}: must be one of {', '.join(OPTIMISERS)}")
    if how.schedule not in SCHEDULES:
        raise ValueError(f"[training] schedule = {how.schedule!r}: must be one of {', '.join(SCHEDULES)}")
    decay = [p for p in net.parameters() if p.ndim > 1]
    plain = [p for p in net.parameters() if p.ndim <= 1]
    groups = [{"params": decay, "weight_decay": how.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    if how.optimiser == "sgd":
        return torch.optim.SGD(groups, how.learning_rate, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, how.learning_rate)


def rate(how: Training, progress: float, figures: list[float]) -> float:
    """The learning rate at a share of the run, after epochs with these figures.

    `cosine`: linear warm-up, then a cosine down to a hundredth. `plateau`: warm-up, then half as fast whenever the best figure
    has not risen for `patience` epochs, down to a thousandth.
    """
    warm = min(1.0, 0.05 + 0.95 * progress / WARMUP)
    if how.schedule == "plateau":
        return how.learning_rate * warm * max(1e-3, 0.5 ** halvings(figures, how.patience))
    if progress < WARMUP:
        return how.learning_rate * warm
    return how.learning_rate * (FLOOR + (1 - FLOOR) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2)


def halvings(figures: list[float], patience: int) -> int:
    """How often `patience` epochs in a row have passed without a better figure."""
    best, waited, count = -math.inf, 0, 0
    for figure in figures:
        best, waited = (figure, 0) if figure > best else (best, waited + 1)
        if waited == patience:
            count, waited = count + 1, 0
    return count


def is_stuck(figures: list[float], epochs: int) -> bool:
    """The best figure is `epochs` old; never with 0."""
    return bool(epochs and figures) and len(figures) - 1 - figures.index(max(figures)) >= epochs
