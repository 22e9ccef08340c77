"""S1's second stage: boxes around fractures (YOLOv8, arXiv 2311.05708)."""

import numpy as np
import torch
from torch import Tensor, nn

from .. import losses, metrics
from ..batches import Batch
from ..nets.yolov8 import YoloV8ForExport
from .task import Task, middle

AROUND_MM = 20.0


class Fractures(Task):
    """One class of boxes, on slices at which the device may run the detector."""

    figure = "map50"
    outputs = ("boxes",)
    classes = ("fracture",)
    kept = ("map50", "map50_95")

    def usable_rows(self) -> np.ndarray:
        return np.flatnonzero(self._knows_its_boxes()[self.slices.study] & self._may_pass_the_gate())

    def check(self) -> None:
        if not self._boxed(self.training).any():
            raise ValueError("no training study has a fracture box")

    def _knows_its_boxes(self) -> np.ndarray:
        """A fractured study without boxes (most of the real ones) says nothing of where its fractures are."""
        boxed = np.zeros(len(self.slices.studies), bool)
        boxed[self.slices.study[self.slices.box_row]] = True
        return boxed | ~self.slices.fractured.any(1)

    def _may_pass_the_gate(self) -> np.ndarray:
        """The device runs the detector where the classifier sees a vertebra, and that errs by some mm: slices that show one or
        lie within `AROUND_MM`, slices without labels, and studies without a neck as a whole."""
        shows, study, z_mm = (self.slices.visible != 0).any(1), self.slices.study, self.slices.z_mm
        reach = np.full((2, len(self.slices.studies)), np.inf, np.float32)
        np.minimum.at(reach[0], study[shows], z_mm[shows])
        np.minimum.at(reach[1], study[shows], -z_mm[shows])
        low, high = reach[0], -reach[1]
        near = (z_mm >= low[study] - AROUND_MM) & (z_mm <= high[study] + AROUND_MM)
        return near | np.isinf(low)[study]

    def _boxed(self, rows: np.ndarray) -> np.ndarray:
        return np.isin(rows, self.slices.box_row)

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        return self.all_and_some(self._boxed(self.training), rng)

    def evaluation_rows(self, rng: np.random.Generator) -> np.ndarray:
        """In turn one with a box and one without, so that few of them tell of both."""
        rows = super().evaluation_rows(rng)
        return self.in_turn(rows, self._boxed(rows))

    def calibration_rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Half of them with a box."""
        rows = rng.permutation(self.training)
        return self.in_turn(rows, self._boxed(rows))[:count]

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        distances, logits = net(batch.image.to(device))
        return losses.detection_loss(self.net, distances, logits, batch.boxes)

    def imitation(self, said: tuple[Tensor, Tensor], taught: tuple[Tensor, Tensor]) -> Tensor:
        return losses.box_imitation(said, taught, self.net.bins)

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
        return self.most_and_one(self._boxed(self.validation), count)
