"""What the loop, the export and the package need to know of a task. Rows are rows of `Slices`."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from .. import nets
from ..batches import Batch
from ..dataset import Slices
from ..settings import Settings

DRAWS = 200


class Task(ABC):
    """A network with the slices that it learns from (`training`) and those it is judged by (`validation`)."""

    figure: str
    """The figure by which the best weights are chosen."""
    inputs: tuple[str, ...] = ("image",)
    """Names of the network's inputs, which are fields of `Batch`."""
    outputs: tuple[str, ...]
    """Names of the network's outputs; the figures look at the first."""
    classes: tuple[str, ...]
    """What the manifest calls the output's classes."""
    kept: tuple[str, ...]
    """Figures of which int8 may cost no more than `[quantisation] aware_from`."""
    ways: tuple[bool, ...] = (False,)
    """Whether the number of slices is known: in which of these ways int8 is measured."""

    def __init__(self, settings: Settings, slices: Slices):
        self.settings, self.slices = settings, slices
        usable, share = self.usable_rows(), settings.data.validation_share
        self.training = np.intersect1d(slices.rows(False, share), usable)
        self.validation = np.intersect1d(slices.rows(True, share), usable)
        self.check()
        self.net: nn.Module = nets.build(settings.net, settings.recipe.size)

    def check(self) -> None:
        """Raises ValueError where the slices cannot teach the task."""

    @abstractmethod
    def usable_rows(self) -> np.ndarray:
        """The rows that say something to the task."""

    @abstractmethod
    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        """The loss of one step."""

    @abstractmethod
    def imitation(self, said: Tensor | tuple[Tensor, ...], taught: Tensor | tuple[Tensor, ...]) -> Tensor:
        """The loss of a network's outputs against those of the network that it learns to imitate; least where they are alike."""

    @abstractmethod
    def for_export(self, net: nn.Module) -> nn.Module:
        """The network as the package carries it: tensors of `inputs` -> tensors of `outputs`."""

    @abstractmethod
    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """Figures of the first output on these rows."""

    def intervals(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, tuple[float, float]]:
        """95 % of every figure, by drawing the held-out studies anew with replacement."""
        drawn = []
        for counts in self.draws(rows):
            again = np.repeat(np.arange(len(rows)), counts)
            drawn.append(self.figures(outputs[again], rows[again]))
        return {name: middle([figures[name] for figures in drawn]) for name in drawn[0]}

    def draws(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """How often each row counts when its studies are drawn anew, `DRAWS` times."""
        study = np.unique(self.slices.study[rows], return_inverse=True)[1]
        rng, studies = np.random.default_rng(self.settings.training.seed), study.max() + 1
        for _ in range(DRAWS):
            yield np.bincount(rng.integers(0, studies, studies), minlength=studies)[study]

    @abstractmethod
    def golden_rows(self, count: int) -> np.ndarray:
        """Held-out rows spread over what there is to tell."""

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        """The training rows of one epoch, in any order."""
        return self.training

    def evaluation_rows(self, rng: np.random.Generator) -> np.ndarray:
        """The held-out rows, those first that are looked at after every epoch."""
        return rng.permutation(self.validation)

    def calibration_rows(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Training rows whose activations set the ranges of int8; the number of slices is told of every second."""
        return rng.permutation(self.training)[:count]

    @staticmethod
    def in_turn(rows: np.ndarray, first: np.ndarray) -> np.ndarray:
        """One of those marked `first`, one of the others, and so on; what is left over comes last."""
        place = np.empty(len(rows), int)
        for which in (first, ~first):
            place[which] = np.arange(which.sum())
        return rows[np.argsort(2 * place + ~first, kind="stable")]

    def all_and_some(self, positive: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The training rows marked `positive`, and `negatives_per_positive` times as many others, drawn anew."""
        rows, others = self.training[positive], self.training[~positive]
        wanted = int(len(rows) * self.settings.training.negatives_per_positive)
        return np.concatenate([rows, rng.choice(others, min(wanted, len(others)), replace=False)])

    def most_and_one(self, positive: np.ndarray, count: int) -> np.ndarray:
        """`count` held-out rows: spread over those marked `positive`, and one of the others."""
        rows, others = self.validation[positive], self.validation[~positive]
        spread = np.linspace(0, len(rows) - 1, count + 1).astype(int)[1:-1]
        return np.concatenate([rows[spread], others[[len(others) // 2]]])

    def further_figures(self, model) -> dict[str, float]:
        """What the int8 network is asked beyond `figures`; `model(known)` gives its outputs on the held-out rows."""
        return {}

    def files(self) -> dict[str, np.ndarray]:
        """Arrays that the package holds beside the network, by file name; asked after the best weights are loaded."""
        return {}

    def manifest_tables(self) -> dict[str, dict]:
        """Tables that only this task's packages carry."""
        return {}


def middle(values: list[float]) -> tuple[float, float]:
    """What 95 % of the values lie between."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
