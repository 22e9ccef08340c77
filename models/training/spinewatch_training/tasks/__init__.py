"""The tasks by the `kind` of a run, which is also the kind of the package."""

import torch

from .. import dataset
from ..settings import Settings
from .fractured_levels import FracturedLevels
from .fractures import Fractures
from .task import Task
from .vertebrae import Vertebrae

TASKS: dict[str, type[Task]] = {
    "vertebra-classifier": Vertebrae,
    "fracture-detector": Fractures,
    "fracture-classifier": FracturedLevels,
}


def task(settings: Settings) -> Task:
    """The task of a run, with its data prepared."""
    torch.manual_seed(settings.training.seed)
    return TASKS[settings.kind](settings, dataset.load(settings.data, settings.recipe))
