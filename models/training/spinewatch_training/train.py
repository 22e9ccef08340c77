"""Training: one loop for both networks. Writes `checkpoint.pt` (to resume) and `curves.png` after every epoch, `best.pt` when
the held-out studies agree."""

import copy
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from . import batches, dataset, losses, metrics
from .batches import Batch
from .dataset import Slices
from .nets import ClassifierForExport, DetectorForExport, FractureDetector, VertebraClassifier
from .settings import Settings

WARMUP = 0.03


class Classifier:
    """What the loop needs to know of the vertebra classifier."""

    figure = "macro_f1"

    def __init__(self, settings: Settings, slices: Slices):
        self.settings, self.slices = settings, slices
        self.net: nn.Module = VertebraClassifier(**settings.net)
        share = settings.data.validation_share
        labelled = np.flatnonzero((slices.visible >= 0).any(1))
        if not len(labelled):
            raise ValueError("slices.csv labels no slice: the classifier needs to know which vertebrae a slice shows")
        self.training = np.intersect1d(slices.rows(False, share), labelled)
        self.validation = np.intersect1d(slices.rows(True, share), labelled)

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        return self.training

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        logits = net(batch.image.to(device), batch.metadata.to(device))
        return losses.visibility_loss(logits, batch.visible.to(device))

    def for_export(self, net: nn.Module) -> nn.Module:
        return ClassifierForExport(net)

    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        return metrics.classifier_figures(outputs, self.slices.visible[rows])


class Detector:
    """What the loop needs to know of the fracture detector."""

    figure = "map50"

    def __init__(self, settings: Settings, slices: Slices):
        self.settings, self.slices = settings, slices
        self.net: nn.Module = FractureDetector(settings.recipe.size, **settings.net)
        share = settings.data.validation_share
        usable = np.flatnonzero(self._knows_its_boxes()[slices.study] & self._may_show_a_vertebra())
        self.training = np.intersect1d(slices.rows(False, share), usable)
        self.validation = np.intersect1d(slices.rows(True, share), usable)
        if not np.isin(self.training, slices.box_row).any():
            raise ValueError("no training study has a fracture box")

    def _knows_its_boxes(self) -> np.ndarray:
        """A fractured study without boxes (most of the real ones) says nothing of where its fractures are."""
        boxed = np.zeros(len(self.slices.studies), bool)
        boxed[self.slices.study[self.slices.box_row]] = True
        return boxed | ~self.slices.fractured.any(1)

    def _may_show_a_vertebra(self) -> np.ndarray:
        """The device does not run the detector where the classifier sees none; without labels every slice may show one."""
        return (self.slices.visible != 0).any(1)

    def epoch_rows(self, rng: np.random.Generator) -> np.ndarray:
        """All slices with boxes, and others drawn anew."""
        boxed = np.isin(self.training, self.slices.box_row)
        positive, negative = self.training[boxed], self.training[~boxed]
        wanted = int(len(positive) * self.settings.training.negatives_per_positive)
        return np.concatenate([positive, rng.choice(negative, min(wanted, len(negative)), replace=False)])

    def loss(self, net: nn.Module, batch: Batch, device: torch.device) -> Tensor:
        distances, logits = net(batch.image.to(device))
        return losses.detection_loss(net, distances, logits, batch.boxes)

    def for_export(self, net: nn.Module) -> nn.Module:
        return DetectorForExport(net)

    def figures(self, outputs: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        size = self.settings.recipe.size
        found = [metrics.boxes_of_output(output) for output in outputs]
        return metrics.detector_figures(found, [self.slices.boxes_of(row) * size for row in rows])


def task(settings: Settings) -> Classifier | Detector:
    """The task of a run, with its data prepared."""
    torch.manual_seed(settings.training.seed)
    slices = dataset.load(settings.data, settings.recipe)
    return (Classifier if settings.is_classifier else Detector)(settings, slices)


def train(settings: Settings) -> Path:
    """Runs or resumes the run and returns the best weights."""
    settings.output.mkdir(parents=True, exist_ok=True)
    run = Run(settings, task(settings))
    run.resume()
    while not run.finished:
        run.epoch()
    return settings.output / "best.pt"


class Run:
    """The state of one training run."""

    def __init__(self, settings: Settings, work: Classifier | Detector):
        self.settings, self.work, self.how = settings, work, settings.training
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = work.net.to(self.device)
        self.evaluated = self._evaluation_rows()
        self.average = copy.deepcopy(self.net).eval()
        decay = [p for p in self.net.parameters() if p.ndim > 1]
        plain = [p for p in self.net.parameters() if p.ndim <= 1]
        groups = [{"params": decay, "weight_decay": self.how.weight_decay}, {"params": plain, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, self.how.learning_rate)
        self.history: list[dict[str, float]] = []
        self.steps, self.wall_s, self.cpu_s, self.best = 0, 0.0, 0.0, -1.0

    def _evaluation_rows(self) -> np.ndarray:
        rows = np.random.default_rng(self.how.seed).permutation(self.work.validation)
        if not self.settings.is_classifier:
            rows = rows[np.argsort(~np.isin(rows, self.work.slices.box_row), kind="stable")]
        return rows[: self.how.evaluation_slices]

    @property
    def finished(self) -> bool:
        return len(self.history) >= self.how.epochs or self.wall_s >= self.how.minutes * 60

    def epoch(self) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        rng = np.random.default_rng([self.how.seed, len(self.history)])
        rows = rng.permutation(self.work.epoch_rows(rng))[: self.how.slices_per_epoch]
        plan = batches.in_batches(rows, self.how.batch)
        self.net.train()
        total = 0.0
        bar = tqdm(plan, f"{self.settings.name} {len(self.history) + 1}/{self.how.epochs}", mininterval=2)
        for done, rows in enumerate(bar):
            into_epochs = (len(self.history) + done / len(plan)) / self.how.epochs
            into_time = (self.wall_s + time.monotonic() - wall) / (self.how.minutes * 60)
            total += self._step(rows, max(into_epochs, into_time), rng)
            bar.set_postfix(loss=f"{total / (done + 1):.4f}", refresh=False)
        figures = evaluate(self.work, self.average, self.device, self.evaluated)
        self.wall_s += time.monotonic() - wall
        self.cpu_s += time.process_time() - cpu
        self.history.append({"loss": total / max(1, len(plan)), **figures, "wall_s": self.wall_s, "cpu_s": self.cpu_s})
        tqdm.write(json.dumps({k: round(v, 4) for k, v in self.history[-1].items()}))
        self._save()

    def _step(self, rows: np.ndarray, progress: float, rng: np.random.Generator) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.how.learning_rate * _schedule(progress)
        settings = self.settings
        batch = batches.augmented(
            self.work.slices, rows, settings.recipe, settings.augmentation, self.how.ratio_known_share, rng
        )
        with torch.autocast(self.device.type, torch.bfloat16):
            loss = self.work.loss(self.net, batch, self.device)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.steps += 1
        self._follow()
        return loss.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """The running average of the weights, which is what is evaluated and shipped."""
        decay = min(self.how.average_decay, self.steps / (self.steps + 20))
        for mean, value in zip(self.average.state_dict().values(), self.net.state_dict().values()):
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    def _save(self) -> None:
        figure = self.history[-1][self.work.figure]
        if figure >= self.best:
            self.best = figure
            _replace(self.settings.output / "best.pt", {"net": self.average.state_dict(), "history": self.history})
        state = {
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            **{name: getattr(self, name) for name in ("history", "steps", "wall_s", "cpu_s", "best")},
        }
        _replace(self.settings.output / "checkpoint.pt", state)
        draw_curves(self.history, self.settings.output / "curves.png")

    def resume(self) -> None:
        """Goes on from `checkpoint.pt` where there is one."""
        path = self.settings.output / "checkpoint.pt"
        if not path.exists():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        for name in ("history", "steps", "wall_s", "cpu_s", "best"):
            setattr(self, name, state[name])


def _schedule(progress: float) -> float:
    """Linear warm-up, then a cosine down to a hundredth."""
    if progress < WARMUP:
        return 0.05 + 0.95 * progress / WARMUP
    return 0.01 + 0.99 * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


def _replace(path: Path, state: dict) -> None:
    """Whole or not at all, whenever the machine stops."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


@torch.no_grad()
def evaluate(work: Classifier | Detector, net: nn.Module, device: torch.device, rows: np.ndarray) -> dict[str, float]:
    """Figures on held-out slices."""
    model, outputs = work.for_export(net).eval(), []
    for part in np.array_split(rows, max(1, len(rows) // 64)):
        batch = batches.plain(work.slices, part, work.settings.recipe)
        inputs = (batch.image, batch.metadata) if work.settings.is_classifier else (batch.image,)
        with torch.autocast(device.type, torch.bfloat16):
            outputs.append(model(*(i.to(device) for i in inputs)).float().cpu().numpy())
    return work.figures(np.concatenate(outputs), rows)


def draw_curves(history: list[dict[str, float]], path: Path) -> None:
    """Loss and figures against the epoch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in history[0] if not n.endswith("_s") and not n.startswith("f1_")]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3 * len(names), 2.6), layout="constrained")
    for axis, name in zip(axes, names):
        axis.plot(range(1, len(history) + 1), [entry[name] for entry in history])
        axis.set(title=name.replace("_", " "), xlabel="epoch")
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
