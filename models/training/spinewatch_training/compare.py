"""Runs that were trained by the same command -> one table of their figures, as the papers print theirs."""

import torch

from . import tasks, train
from .settings import Settings


def table(runs: list[Settings], train_first: bool) -> str:
    """A line per run in Markdown: its network, weights, minutes, and the figures of its best epoch."""
    lines = [_line(run, train_first) for run in runs]
    names = list(dict.fromkeys(name for line in lines for name in line))
    rows = [names, ["---"] * len(names), *([line.get(name, "") for name in names] for line in lines)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _line(run: Settings, train_first: bool) -> dict[str, str]:
    if train_first:
        train.train(run)
    best = run.output / "best.pt"
    if not best.exists():
        return {"run": run.name, "network": _network(run), "minutes": "not trained"}
    state = torch.load(best, map_location="cpu", weights_only=True)
    last = state["history"][-1]
    weights = sum(value.numel() for name, value in state["net"].items() if "running_" not in name) / 1e6
    figures = {name: f"{value:.3f}" for name, value in last.items() if not name.endswith("_s")}
    return {
        "run": run.name, "network": _network(run), "weights": f"{weights:.1f} M", "minutes": f"{last['wall_s'] / 60:.0f}",
        "chosen by": tasks.TASKS[run.kind].figure, **figures,
    }  # fmt: skip


def _network(run: Settings) -> str:
    metadata = "" if run.net.get("metadata_width", 16) or run.kind != "vertebra-classifier" else ", image alone"
    return f"{run.net.get('name')} at {run.recipe.size}{metadata}"
