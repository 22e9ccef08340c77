"""S1's second stage: boxes around fractures (YOLOv8, arXiv 2311.05708)."""

import numpy as np
import torch
from torch import Tensor, nn

from .. import losses, metrics
from ..batches import Batch
from ..nets.yolov8 import YoloV8ForExport
from .task import Task, middle


class Fractures(Task):
    """One class of boxes, on slices that may show a vertebra."""

    figure = "map50"
    outputs = ("boxes",)
    classes = ("fracture",)

    def usable_rows(self) -> np.ndarray:
        return np.flatnonzero(self._knows_its_boxes()[self.slices.study] & self._may_show_a_vertebra())

    def check(self) -> None:
        if not self._boxed(self.training).any():
            raise ValueError("no training study has a fracture box")

    def _knows_its_boxes(self) -> np.ndarray:
        """A fractured study without boxes (most of the real ones) says nothing of where its fractures are."""
        boxed = np.zeros(len(self.slices.studies), bool)
        boxed[self.slices.study[self.slices.box_row]] = True
        return boxed | ~self.slices.fractured.any(1)

    def _may_show_a_vertebra(self) -> np.ndarray:
        """The device does not run the detector where the classifier sees none; without labels every slice may show one."""
        return (self.slices.visible != 0).any(1)

    def _boxed(self, rows: np.ndarray) -> np.ndarray:
        return np.isin(rows, self.slices.box_row)

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        """All slices with boxes, and others drawn anew."""
        boxed = self._boxed(self.training)
        positive, negative = self.training[boxed], self.training[~boxed]
        wanted = int(len(positive) * self.settings.training.negatives_per_positive)
        return np.concatenate([positive, rng.choice(negative, min(wanted, len(negative)), replace=False)])

    def evaluation_rows(self, rng: np.random.Generator) -> np.ndarray:
        rows = super().evaluation_rows(rng)
        return rows[np.argsort(~self._boxed(rows), kind="stable")]

    def calibration_rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Half of them with a box."""
        rows = rng.permutation(self.training)
        boxed = self._boxed(rows)
        return np.concatenate([rows[boxed][: count // 2], rows[~boxed]])[:count]

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        distances, logits = net(batch.image.to(device))
        return losses.detection_loss(self.net, distances, logits, batch.boxes)

    def for_export(self, net: nn.Module) -> nn.Module:
        return YoloV8ForExport(net)

    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        return self._met(outputs, rows).figures()

    def intervals(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, tuple[float, float]]:
        met = self._met(outputs, rows)
        drawn = [met.figures(counts) for counts in self.draws(rows)]
        return {name: middle([figures[name] for figures in drawn]) for name in drawn[0]}

    def _met(self, outputs: np.ndarray, rows: np.ndarray) -> metrics.Met:
        found = [metrics.boxes_of_output(output) for output in outputs]
        return metrics.meet(found, [self.slices.boxes_of(row) * self.settings.recipe.size for row in rows])

    def golden_rows(self, count: int) -> np.ndarray:
        """With boxes, and one without."""
        boxed = self._boxed(self.validation)
        with_box, without = self.validation[boxed], self.validation[~boxed]
        middle = np.linspace(0, len(with_box) - 1, count + 1).astype(int)[1:-1]
        return np.concatenate([with_box[middle], without[[len(without) // 2]]])
