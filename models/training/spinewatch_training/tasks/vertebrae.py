"""S1's first stage: which of C1 to C7 a slice shows (arXiv 2311.05708)."""

import numpy as np
import torch
from torch import Tensor, nn

from .. import losses, metrics
from ..batches import Batch
from ..dataset import LEVELS
from ..nets.multi_input import MultiInputForExport
from .task import Task

METADATA_FIELDS = ["image_position_m", "slice_ratio", "slice_ratio_known"]


class Vertebrae(Task):
    """Seven sigmoids from an image and the numbers beside it."""

    figure = "macro_f1"
    inputs = ("image", "metadata")
    outputs = ("probabilities",)
    classes = LEVELS
    kept = ("macro_f1", "exact_match", "exact_match_with_vertebra")
    ways = (False, True)

    def usable_rows(self) -> np.ndarray:
        return np.flatnonzero((self.slices.visible >= 0).any(1))

    def check(self) -> None:
        if not len(self.training):
            raise ValueError("no training slice is labelled: the classifier needs to know which vertebrae a slice shows")

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        logits = net(batch.image.to(device), batch.metadata.to(device))
        return losses.visibility_loss(logits, batch.visible.to(device))

    def imitation(self, said: Tensor, taught: Tensor) -> Tensor:
        return losses.imitation(said, taught)

    def for_export(self, net: nn.Module) -> nn.Module:
        return MultiInputForExport(net)

    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        return metrics.classifier_figures(outputs, self.slices.visible[rows])

    def further_figures(self, model) -> dict[str, float]:
        informed = self.figures(model(known=True), self.validation)
        return {"macro_f1_with_slice_ratio": informed["macro_f1"]}

    def calibration_rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Every second one of a whole study: nobody knows where in its series an excerpt stands."""
        rows = super().calibration_rows(len(self.training), rng)
        return self.in_turn(rows, self.slices.ratio[rows] < 0)[:count]

    def golden_rows(self, count: int) -> np.ndarray:
        shows = self.validation[(self.slices.visible[self.validation] > 0).any(1)]
        return shows[np.linspace(0, len(shows) - 1, count).astype(int)]

    def manifest_tables(self) -> dict[str, dict]:
        return {"metadata": {"name": "metadata", "shape": [1, 3], "fields": METADATA_FIELDS}}
