"""Training: one loop for every task. Writes `checkpoint.pt` (to resume) and `curves.png` after every epoch, `best.pt` when
the held-out studies agree."""

import copy
import json
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from . import batches, optimisation, restore
from .settings import Settings
from .tasks import Task, task

T, R = TypeVar("T"), TypeVar("R")
SPREAD_SLICES = 320
"""Training slices on which the normalisations of a package's network are set."""


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

    def __init__(self, settings: Settings, work: Task):
        self.settings, self.work, self.how = settings, work, settings.training
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.net = work.net.to(self.device, memory_format=torch.channels_last)
        if self.how.init_from is not None:
            start_from(work, self.how.init_from, self.device)
        self.evaluated = work.evaluation_rows(np.random.default_rng(self.how.seed))[: self.how.evaluation_slices]
        self.average = copy.deepcopy(self.net).eval()
        self.optimiser = optimisation.optimiser(self.net, self.how)
        self.history: list[dict[str, float]] = []
        self.steps, self.wall_s, self.cpu_s, self.best = 0, 0.0, 0.0, -1.0

    @property
    def finished(self) -> bool:
        done = len(self.history) >= self.how.epochs or self.wall_s >= self.how.minutes * 60
        return done or optimisation.waited(self._figures()) >= self.how.stop_after

    def epoch(self) -> None:
        wall, cpu = time.monotonic(), time.process_time()
        rng = np.random.default_rng([self.how.seed, len(self.history)])
        rows = rng.permutation(self.work.epoch_rows(rng))[: self.how.slices_per_epoch]
        plan = batches.in_batches(rows, self.how.batch)
        self.net.train()
        total, steps = 0.0, 0
        made = ahead(lambda rows: self._batch(rows, self._progress(steps / len(plan), wall), rng), plan, self.how.batches_ahead)
        bar = tqdm(made, f"{self.settings.name} {len(self.history) + 1}", len(plan), mininterval=5)
        for batch in bar:
            progress = self._progress(steps / len(plan), wall)
            if steps and progress >= 1:
                break
            total += self._step(batch, progress)
            steps += 1
            bar.set_postfix(loss=f"{total / steps:.4f}", refresh=False)
        figures = evaluate(self.work, self.average, self.device, self.evaluated)
        self.wall_s += time.monotonic() - wall
        self.cpu_s += time.process_time() - cpu
        rate = self.optimiser.param_groups[0]["lr"]
        times = {"wall_s": self.wall_s, "cpu_s": self.cpu_s}
        self.history.append({"loss": total / steps, **figures, "learning_rate": rate, **times})
        tqdm.write(json.dumps({k: float(f"{v:.4g}") for k, v in self.history[-1].items()}))
        self._save()

    def _figures(self) -> list[float]:
        return [entry[self.work.figure] for entry in self.history]

    def _progress(self, part: float, since: float) -> float:
        """Of the run, 0 to 1, at this part of an epoch that began at `since`."""
        into_epochs = (len(self.history) + part) / self.how.epochs
        return max(into_epochs, (self.wall_s + time.monotonic() - since) / (self.how.minutes * 60))

    def _batch(self, rows: np.ndarray, progress: float, rng: np.random.Generator) -> batches.Batch:
        settings, how = self.settings, self.settings.augmentation.at(progress)
        batch = batches.augmented(self.work.slices, rows, settings.recipe, how, self.how.ratio_known_share, rng)
        batch.image = batch.image.contiguous(memory_format=torch.channels_last)
        return batch

    def _step(self, batch: batches.Batch, progress: float) -> float:
        rate = optimisation.rate(self.how, progress, self._figures())
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        with arithmetic(self.device):
            loss = self.work.loss(self.net, batch, self.device)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), self.how.clip)
        self.optimiser.step()
        self.steps += 1
        self._follow()
        return loss.item()

    @torch.no_grad()
    def _follow(self) -> None:
        """The running average of the weights, which is what is evaluated and shipped."""
        # random weights are forgotten soon; those of another run are worth keeping
        early = self.steps / (self.steps + 20) if self.how.init_from is None else 1.0
        decay = min(self.how.average_decay, early)
        means, values = list(self.average.state_dict().values()), list(self.net.state_dict().values())
        real = [i for i, mean in enumerate(means) if mean.is_floating_point()]
        torch._foreach_lerp_([means[i] for i in real], [values[i] for i in real], 1 - decay)
        for i in set(range(len(means))) - set(real):
            means[i].copy_(values[i])

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


def ahead(make: Callable[[T], R], things: Iterable[T], count: int) -> Iterator[R]:
    """What `make` makes of each, in their order; up to `count` of them are made beforehand, by a thread, while others are used."""
    if count == 0:
        yield from map(make, things)
        return
    with ThreadPoolExecutor(1) as thread:
        waiting, things = deque(), iter(things)
        for thing in things:
            waiting.append(thread.submit(make, thing))
            if len(waiting) > count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def arithmetic(device: torch.device) -> torch.autocast:
    """bfloat16 where the device computes in it. A processor that emulates it takes ten times as long as in single precision."""
    is_native = torch.cuda.is_bf16_supported() if device.type == "cuda" else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=is_native)


def start_from(work: Task, path: Path, device: torch.device) -> None:
    """The weights of another run, or of a package; buffers that follow from the input's size are the network's own."""
    try:
        if path.suffix != ".onnx":
            work.net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["net"])
            return
        norms = restore.restore(work.net, path)
    except (RuntimeError, KeyError, restore.NotThisNetwork) as error:
        raise ValueError(f"init_from = {path}: not the weights of this network: {error}") from error
    rng, settings = np.random.default_rng(work.settings.training.seed), work.settings
    plan = batches.in_batches(rng.permutation(work.epoch_rows(rng))[:SPREAD_SLICES], settings.training.batch)
    how, known = settings.augmentation.at(1.0), settings.training.ratio_known_share
    made = (batches.augmented(work.slices, rows, settings.recipe, how, known, rng) for rows in plan)
    restore.spread(work.net, norms, ([getattr(batch, name).to(device) for name in work.inputs] for batch in made))


def _replace(path: Path, state: dict) -> None:
    """Whole or not at all, whenever the machine stops."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


@torch.no_grad()
def evaluate(work: Task, net: nn.Module, device: torch.device, rows: np.ndarray) -> dict[str, float]:
    """Figures on held-out slices."""
    model, outputs = work.for_export(net).eval(), []
    for part in np.array_split(rows, max(1, len(rows) // 64)):
        batch = batches.plain(work.slices, part, work.settings.recipe)
        with arithmetic(device):
            found = model(*(getattr(batch, name).to(device) for name in work.inputs))
        outputs.append((found if len(work.outputs) == 1 else found[0]).float().cpu().numpy())
    return work.figures(np.concatenate(outputs), rows)


def draw_curves(history: list[dict[str, float]], path: Path) -> None:
    """Loss and figures against the epoch."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [n for n in history[0] if not n.endswith("_s") and not n[:-1].endswith("_c") and n != "learning_rate"]
    figure, axes = pyplot.subplots(1, len(names), figsize=(3 * len(names), 2.6), layout="constrained")
    for axis, name in zip(axes, names):
        axis.plot(range(1, len(history) + 1), [entry[name] for entry in history])
        axis.set(title=name.replace("_", " "), xlabel="epoch")
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)
