"""Quantisation-aware fine-tuning: a short run in which weights and activations pass through the steps of int8, and the network
learns to say what it says without them. Its scores then mean what they meant, so that operating points still hold.

Batch normalisation is folded first, as the export folds it. Weights are rounded per channel, the outputs of convolutions, linear
layers and activations per tensor; sums and concatenations stay as they are. Calibration and quantisation come after, unchanged.
"""

import copy
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.fusion import fuse_conv_bn_eval
from tqdm import tqdm

from . import batches, optimisation
from .tasks import Task

ROUNDED = (nn.Conv2d, nn.Linear, nn.SiLU, nn.ReLU, nn.GELU, nn.Sigmoid)
FOLLOW = 0.02


class RoundedWeight(nn.Module):
    """Symmetric int8 per output channel; the gradient passes through."""

    def forward(self, weight: Tensor) -> Tensor:
        largest = weight.detach().abs().flatten(1).amax(1).clamp(min=1e-8)
        zeros = torch.zeros_like(largest, dtype=torch.int32)
        return torch.fake_quantize_per_channel_affine(weight, largest / 127, zeros, 0, -127, 127)


class RoundedOutput:
    """A hook that rounds what a module gives to uint8 over a range that follows what it sees."""

    def __init__(self) -> None:
        self.low, self.high = 0.0, 0.0

    def __call__(self, module: nn.Module, _: tuple, output: Tensor) -> Tensor:
        low, high = (float(value) for value in output.detach().aminmax())
        share = FOLLOW if module.training and self.high > self.low else float(self.high <= self.low)
        self.low += share * (min(low, 0.0) - self.low)
        self.high += share * (max(high, 0.0) - self.high)
        step = max(self.high - self.low, 1e-8) / 255
        return torch.fake_quantize_per_tensor_affine(output, step, round(-self.low / step), 0, 255)


def folded(net: nn.Module) -> nn.Module:
    """A copy whose convolutions hold the batch normalisation that follows them."""
    net = copy.deepcopy(net).eval()
    for parent in list(net.modules()):
        names = [name for name, _ in parent.named_children()]
        for first, second in zip(names, names[1:]):
            conv, norm = getattr(parent, first), getattr(parent, second)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, first, fuse_conv_bn_eval(conv, norm))
                # timm's normalisations carry their activation
                setattr(parent, second, getattr(norm, "act", nn.Identity()))
    return net


def fine_tune(work: Task, floats: list[str]) -> None:
    """Replaces `work.net` by a folded network that says in int8 what it said; `floats` are groups that stay in float."""
    how = work.settings.quantisation
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    work.net = net = folded(work.net).to(device)
    teacher = copy.deepcopy(net)
    hooks, rounded = [], []
    for name, module in net.named_modules():
        if isinstance(module, ROUNDED) and not any(name == group or name.startswith(group + ".") for group in floats):
            hooks.append(module.register_forward_hook(RoundedOutput()))
            if isinstance(module, nn.Conv2d | nn.Linear):
                parametrize.register_parametrization(module, "weight", RoundedWeight())
                rounded.append(module)
    net.train()
    for module in net.modules():
        # one that no convolution took in keeps what it has learnt
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
    optimiser = torch.optim.AdamW(net.parameters(), how.aware_learning_rate)
    for epoch in range(how.aware_epochs):
        _epoch(work, teacher, optimiser, epoch, device)
    for hook in hooks:
        hook.remove()
    for module in rounded:
        parametrize.remove_parametrizations(module, "weight")
    net.eval()


def _epoch(work: Task, teacher: nn.Module, optimiser: torch.optim.Optimizer, epoch: int, device: torch.device) -> None:
    settings, how = work.settings, work.settings.quantisation
    rng = np.random.default_rng([settings.training.seed, 1000 + epoch])
    rows = rng.permutation(work.epoch_rows(rng))[: settings.training.slices_per_epoch]
    plan = batches.in_batches(rows, settings.training.batch)
    bar = tqdm(plan, f"quantisation-aware {epoch + 1}/{how.aware_epochs}", mininterval=5)
    for done, rows in enumerate(bar):
        progress = (epoch + done / len(plan)) / how.aware_epochs
        for group in optimiser.param_groups:
            group["lr"] = optimisation.cosine(how.aware_learning_rate, progress)
        batch = batches.augmented(
            work.slices, rows, settings.recipe, settings.augmentation.at(1.0), settings.training.ratio_known_share, rng
        )
        inputs = [getattr(batch, name).to(device) for name in work.inputs]
        with torch.no_grad():
            taught = teacher(*inputs)
        loss = work.imitation(work.net(*inputs), taught)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(work.net.parameters(), settings.training.clip)
        optimiser.step()
        bar.set_postfix(loss=f"{loss.item():.4f}", refresh=False)


def save(work: Task, path: Path) -> None:
    """The fine-tuned weights, of the folded network."""
    torch.save({"net": work.net.state_dict()}, path)
