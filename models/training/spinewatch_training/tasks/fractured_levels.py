"""S2: which of C1 to C7 is fractured in a slice, and where the network looks (Sci Rep 2025, s41598-025-10448-6).

The paper freezes the first blocks of an encoder that ImageNet has taught; from random weights there is nothing to freeze, and
everything is trained.
"""

import numpy as np
import torch
from torch import Tensor, nn

from .. import losses, metrics
from ..batches import Batch
from ..dataset import LEVELS, Slices
from ..nets.inception_unet import FractureClassifierForExport
from ..settings import Settings
from .task import Task


def fractured_here(slices: Slices) -> np.ndarray:
    """N x 7, 1 where the vertebra is fractured in the slice, -1 where nobody can tell.

    Fractured there: fractured in the study, shown by the slice, and the slice has a box. A fractured study without any box (most
    of the real ones) says nothing; nor does a box in a slice of which nobody says what it shows.
    """
    boxed = np.zeros(len(slices.study), bool)
    boxed[slices.box_row] = True
    boxed_studies = np.zeros(len(slices.studies), bool)
    boxed_studies[slices.study[slices.box_row]] = True
    fractured = slices.fractured[slices.study] > 0
    here = np.where(fractured & boxed[:, None], slices.visible, 0)
    silent = ~boxed_studies[slices.study][:, None] & fractured
    return np.where(silent, -1, here).astype(np.int8)


class FracturedLevels(Task):
    """Seven sigmoids and the feature map behind them."""

    figure = "mean_auc"
    outputs = ("probabilities", "features")
    classes = LEVELS
    kept = ("mean_auc", "accuracy")

    def __init__(self, settings: Settings, slices: Slices):
        self.targets = fractured_here(slices)
        super().__init__(settings, slices)

    def usable_rows(self) -> np.ndarray:
        known = (self.targets >= 0).any(1)
        return np.flatnonzero(known & (self.slices.visible != 0).any(1))

    def check(self) -> None:
        if not (self.targets[self.training] > 0).any():
            raise ValueError("no training slice shows a fractured vertebra: boxes and slices.csv (or masks) are needed")

    def _broken(self, rows: np.ndarray) -> np.ndarray:
        return (self.targets[rows] > 0).any(1)

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        return self.all_and_some(self._broken(self.training), rng)

    def calibration_rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Half of them with a fracture."""
        rows = rng.permutation(self.training)
        return self.in_turn(rows, self._broken(rows))[:count]

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        logits, _ = net(batch.image.to(device))
        return losses.visibility_loss(logits, torch.from_numpy(self.targets[batch.rows].astype(np.float32)).to(device))

    def imitation(self, said: tuple[Tensor, Tensor], taught: tuple[Tensor, Tensor]) -> Tensor:
        return losses.imitation(said[0], taught[0])

    def for_export(self, net: nn.Module) -> nn.Module:
        return FractureClassifierForExport(net)

    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        return metrics.fracture_figures(outputs, self.targets[rows])

    def golden_rows(self, count: int) -> np.ndarray:
        return self.most_and_one(self._broken(self.validation), count)

    def files(self) -> dict[str, np.ndarray]:
        head = self.net.head
        return {name: value.detach().cpu().numpy() for name, value in (("head.npy", head.weight), ("bias.npy", head.bias))}

    def manifest_tables(self) -> dict[str, dict]:
        size = self.settings.recipe.size
        shape = [1, self.net.head.in_features, size, size]
        return {"features": {"name": "features", "shape": shape, "weights": "head.npy", "bias": "bias.npy"}}
