"""Studies on disk -> a cache of 8-bit planes with their labels, study by study: a data set larger than the disk is prepared in
parts, each of which may be deleted before the next is made.

`<cache>/studies/<uid>.npz` holds the labels, `<cache>/<recipe>/<uid>.npy` the planes from head to foot. Every file is written
whole or not at all, the labels last: what was interrupted is done again, what is there is left alone. A study with a file that
cannot be read is left out with a warning.
"""

import hashlib
import json
import multiprocessing
import os
import tomllib
import warnings
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pydicom
from tqdm import tqdm

from . import masks
from .preprocessing import normal_of, planes, read_slice
from .rsna import Labels, studies
from .settings import Recipe

SLICES_WORTH_A_PROCESS = 500


def planes_folder(cache: Path, recipe: Recipe) -> Path:
    """Where the planes of a recipe are; normalisation and neighbours come later and do not matter."""
    window = f"{recipe.window_center_hu:g}-{recipe.window_width_hu:g}"
    field = "" if recipe.widest_field_mm is None else f"-field-{recipe.widest_field_mm:g}"
    return cache / f"{recipe.size}-{recipe.resize}-window-{window}{field}"


def labels_file(cache: Path, uid: str) -> Path:
    """Where the labels of a study are."""
    return cache / "studies" / f"{uid}.npz"


def prepare(folder: Path, cache: Path, recipes: Iterable[Recipe]) -> int:
    """Adds what the cache does not have yet of `folder`; returns the number of studies that were added."""
    _refuse_unseen(folder)
    recipes = list({planes_folder(cache, recipe): recipe for recipe in recipes}.values())
    for place in (cache / "studies", *(planes_folder(cache, recipe) for recipe in recipes)):
        place.mkdir(parents=True, exist_ok=True)
    jobs = []
    for uid, labels in studies(folder).items():
        if missing := _missing(cache, uid, recipes, labels):
            jobs.append((folder, cache, uid, labels, missing))
    # spawned: OpenBLAS in a forked process may hang, and one thread a process is fastest
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ |= {name: value for name, value in threads.items() if name not in os.environ}
    slices = sum(len(os.listdir(folder / "train_images" / job[2])) for job in jobs)
    workers = min(16, os.cpu_count() or 1, slices // SLICES_WORTH_A_PROCESS)
    if workers < 2:
        return _count(_prepare_study(*job) for job in tqdm(jobs, "prepare", mininterval=2, disable=not jobs))
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        running = [pool.submit(_prepare_study, *job) for job in jobs]
        return _count(done.result() for done in tqdm(as_completed(running), "prepare", len(running), mininterval=2))


def _refuse_unseen(folder: Path) -> None:
    """The phantom's data sets tell their profile; two of them are there to be judged by."""
    path = folder / "phantom.toml"
    profile = tomllib.loads(path.read_text()).get("profile", "") if path.exists() else ""
    if profile.startswith("unseen"):
        raise ValueError(f"{folder} is of the phantom's profile {profile!r}, which is never trained on: evaluate it instead")


def _count(results: Iterable[str | None]) -> int:
    """How many studies were added; warns of each that was left out."""
    added = 0
    for reason in results:
        if reason is None:
            added += 1
        else:
            warnings.warn(f"left out: {reason}", stacklevel=2)
    return added


def _missing(cache: Path, uid: str, recipes: list[Recipe], labels: Labels) -> list[Recipe]:
    path = labels_file(cache, uid)
    if not path.exists():
        return recipes
    told = np.load(path)
    if "digest" in told and str(told["digest"]) != _digest(labels):
        raise ValueError(f"{path}: the tables now say something else of this study; delete the cache")
    return [recipe for recipe in recipes if not (planes_folder(cache, recipe) / f"{uid}.npy").exists()]


def _digest(labels: Labels) -> str:
    """Of all that the tables say of a study."""
    said = [labels.fractured, sorted(labels.boxes.items()), sorted(labels.visible.items())]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _prepare_study(folder: Path, cache: Path, uid: str, labels: Labels, recipes: list[Recipe]) -> str | None:
    """Why the study was left out, if it was."""
    slices = []
    for entry in os.scandir(folder / "train_images" / uid):
        try:
            ct = read_slice(Path(entry.path))
        except (pydicom.errors.InvalidDicomError, AttributeError, NotImplementedError, RuntimeError, ValueError) as error:
            return f"{entry.path}: {error}"
        number = int(Path(entry.name).stem)
        slices.append((ct.z_mm, number, ct.hounsfield.shape, ct.pixel_spacing_mm, planes(ct, recipes)))
    slices.sort(key=lambda entry: -entry[0])
    for index, recipe in enumerate(recipes):
        stack = np.stack([made[index] for *_, made in slices])
        _write(planes_folder(cache, recipe) / f"{uid}.npy", lambda file, stack=stack: np.save(file, stack))
    z_mm = np.array([entry[0] for entry in slices])
    number = np.array([entry[1] for entry in slices], np.int32)
    matrix = np.array([entry[2] for entry in slices], np.int32)
    pixel_spacing_mm = np.array([entry[3] for entry in slices])
    box_row, boxes = _boxes(labels, number, matrix)
    arrays = dict(
        fractured=np.array(labels.fractured, np.int8), number=number, z_mm=z_mm.astype(np.float32), matrix=matrix,
        pixel_spacing_mm=pixel_spacing_mm, visible=_visible(folder, uid, labels, number, z_mm), box_row=box_row, boxes=boxes, digest=_digest(labels),
    )  # fmt: skip
    _write(labels_file(cache, uid), lambda file: np.savez(file, **arrays))
    return None


def _boxes(labels: Labels, number: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows within the study, and x1 y1 x2 y2 as fractions of the image."""
    rows, boxes = [], []
    for row, n in enumerate(number.tolist()):
        height, width = matrix[row]
        for x, y, wide, high in labels.boxes.get(n, ()):
            rows.append(row)
            boxes.append([x / width, y / height, (x + wide) / width, (y + high) / height])
    return np.array(rows, np.int64), np.array(boxes, np.float32).reshape(-1, 4)


def _visible(folder: Path, uid: str, labels: Labels, number: np.ndarray, z_mm: np.ndarray) -> np.ndarray:
    """Slices x 7: as `slices.csv` says, else as the mask says, else -1."""
    if labels.visible:
        return np.array([labels.visible.get(n, [-1] * 7) for n in number.tolist()], np.int8)
    path = masks.path_of(folder, uid)
    if path is None:
        return np.full((len(number), 7), -1, np.int8)
    header = pydicom.dcmread(folder / "train_images" / uid / f"{number[0]}.dcm", stop_before_pixels=True)
    return masks.visible(path, normal_of(np.array(header.ImageOrientationPatient, float)), z_mm)


def _write(path: Path, save) -> None:
    """Whole or not at all, whenever the machine stops."""
    part = path.with_name(path.name + ".part")
    with open(part, "wb") as file:
        save(file)
    os.replace(part, path)
