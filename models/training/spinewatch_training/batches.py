"""Rows of the prepared data -> tensors for one step: channels, metadata, augmentation."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from .dataset import Slices
from .settings import Augmentation, Recipe


@dataclass
class Batch:
    """One step's input. Boxes are x1 y1 x2 y2 in input pixels, one tensor m x 4 per image."""

    image: Tensor
    metadata: Tensor
    visible: Tensor
    boxes: list[Tensor]
    rows: np.ndarray
    """Which rows of the prepared slices these are."""


def channels(slices: Slices, rows: np.ndarray, recipe: Recipe, lone: np.ndarray | None = None) -> np.ndarray:
    """The uint8 input N x 3 x size x size; `lone` marks slices whose neighbours have not arrived."""
    this = slices.planes[rows]
    if recipe.neighbours == "none":
        return np.repeat(this[:, None], 3, 1)
    lone = np.zeros(len(rows), bool) if lone is None else lone
    above = slices.planes[np.where(lone, rows, slices.above(rows))]
    below = slices.planes[np.where(lone, rows, slices.below(rows))]
    return np.stack([above, this, below], 1)


def normalise(values: Tensor, recipe: Recipe) -> Tensor:
    """0 to 1 -> the network's input, in place."""
    return values.sub_(recipe.mean).div_(recipe.std)


def metadata(slices: Slices, rows: np.ndarray, known: np.ndarray, offset_m: np.ndarray | float = 0.0) -> Tensor:
    """N x 3: position in metres, slice ratio (0 while unknown), 1 where the ratio is known."""
    known = known & (slices.ratio[rows] >= 0)
    position = slices.z_mm[rows] / 1000 + offset_m
    return torch.from_numpy(np.stack([position, np.where(known, slices.ratio[rows], 0), known], 1).astype(np.float32))


def plain(slices: Slices, rows: np.ndarray, recipe: Recipe, known: bool = False) -> Batch:
    """As the device gives it while slices arrive; with `known`, as after the last slice."""
    image = torch.from_numpy(channels(slices, rows, recipe)).float().div_(255)
    boxes = [torch.from_numpy(slices.boxes_of(row)) * recipe.size for row in rows]
    labels = torch.from_numpy(slices.visible[rows].astype(np.float32))
    return Batch(normalise(image, recipe), metadata(slices, rows, np.full(len(rows), known)), labels, boxes, rows)


def augmented(
    slices: Slices, rows: np.ndarray, recipe: Recipe, how: Augmentation, ratio_known_share: float, rng: np.random.Generator
) -> Batch:
    """For training. The position gets a random offset (a table's zero means nothing), the ratio is mostly hidden."""
    n = len(rows)
    pixels = channels(slices, rows, recipe, rng.random(n) < how.lone_slice_share)
    if recipe.neighbours == "adjacent":
        swap = rng.random(n) < how.swap_neighbours
        pixels[swap] = pixels[swap, ::-1]
    image = torch.from_numpy(pixels).float().div_(255)
    boxes = [torch.from_numpy(slices.boxes_of(row)) * recipe.size for row in rows]
    image, boxes = _mosaic(image, boxes, rng.random(n) < how.mosaic, rng)
    image, boxes = _move(image, boxes, how, rng)
    image = _disturb(image, how, rng)
    known = rng.random(n) < ratio_known_share
    numbers = metadata(slices, rows, known, rng.uniform(-1, 1, n))
    numbers[:, 1] += numbers[:, 2] * torch.from_numpy(rng.normal(0, 0.03, n).astype(np.float32))
    return Batch(normalise(image, recipe), numbers, torch.from_numpy(slices.visible[rows].astype(np.float32)), boxes, rows)


def _mosaic(image: Tensor, boxes: list[Tensor], chosen: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, list[Tensor]]:
    """The chosen images become four pieces of images of the batch at their own scale, around a point near the middle."""
    n, _, size, _ = image.shape
    made, made_boxes = image.clone() if chosen.any() else image, list(boxes)
    for target in np.flatnonzero(chosen):
        x, y = rng.integers(size // 4, 3 * size // 4, 2)
        pieces, kept = [(0, 0, x, y), (x, 0, size, y), (0, y, x, size), (x, y, size, size)], []
        for source, (left, top, right, bottom) in zip([target, *rng.integers(0, n, 3)], rng.permutation(pieces)):
            # the piece shows what lies `across` and `down` of its own place
            across, down = rng.integers(-left, size - right + 1), rng.integers(-top, size - bottom + 1)
            made[target, :, top:bottom, left:right] = image[source, :, top + down : bottom + down, left + across : right + across]
            kept.append(_cut(boxes[source] - torch.tensor([across, down, across, down]), left, top, right, bottom))
        made_boxes[target] = torch.cat(kept)
    return made, made_boxes


def _cut(boxes: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
    """What lies within the piece, of the boxes that keep a third of their area."""
    cut = torch.stack([boxes[:, 0::2].clamp(left, right), boxes[:, 1::2].clamp(top, bottom)], 2).view(-1, 4)
    area, before = ((b[:, 2:] - b[:, :2]).prod(1) for b in (cut, boxes))
    return cut[area > before / 3].float()


def _move(image: Tensor, boxes: list[Tensor], how: Augmentation, rng: np.random.Generator) -> tuple[Tensor, list[Tensor]]:
    """One affine map per image. `to_source` takes output coordinates (-1 to 1) to input coordinates."""
    n, _, size, _ = image.shape
    angle = np.radians(rng.uniform(-how.rotation_degrees, how.rotation_degrees, n))
    scale = np.exp(rng.uniform(-how.scale, how.scale, n))
    mirror = np.where(rng.random(n) < 0.5 * how.flip, -1.0, 1.0)
    to_source = np.zeros((n, 2, 3), np.float32)
    to_source[:, 0, 0], to_source[:, 0, 1] = mirror * np.cos(angle) / scale, -mirror * np.sin(angle) / scale
    to_source[:, 1, 0], to_source[:, 1, 1] = np.sin(angle) / scale, np.cos(angle) / scale
    to_source[:, :, 2] = rng.uniform(-2 * how.shift, 2 * how.shift, (n, 2))
    grid = F.affine_grid(torch.from_numpy(to_source), list(image.shape), align_corners=False)
    moved = F.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return moved, [_move_boxes(box, map_, size) for box, map_ in zip(boxes, to_source)]


def _move_boxes(boxes: Tensor, to_source: np.ndarray, size: int) -> Tensor:
    """Boxes around the moved ellipses that fill the old boxes: exact without rotation, tight with a small one."""
    if not len(boxes):
        return boxes
    old = boxes.numpy() / size * 2 - 1
    linear = np.linalg.inv(to_source[:, :2])
    centre = ((old[:, :2] + old[:, 2:]) / 2 - to_source[:, 2]) @ linear.T
    half = (old[:, 2:] - old[:, :2]) / 2
    reach = np.sqrt((half[:, None, :] ** 2 * linear[None] ** 2).sum(2))
    moved = (np.concatenate([centre - reach, centre + reach], 1) + 1) / 2 * size
    inside = (centre > -1).all(1) & (centre < 1).all(1)
    return torch.from_numpy(moved[inside].clip(0, size).astype(np.float32))


def _disturb(image: Tensor, how: Augmentation, rng: np.random.Generator) -> Tensor:
    """Contrast, brightness, a softer or a sharper kernel, noise, all in place: passes over memory are what this costs."""
    n = len(image)

    def per_image(values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).view(n, 1, 1, 1)

    filtered = np.flatnonzero(rng.random(n) < 0.5) if how.blur or how.sharpen else []
    if len(filtered):
        before = image[filtered]
        mean = F.avg_pool2d(before, 3, 1, 1, count_include_pad=False)
        softness = torch.from_numpy(rng.uniform(-how.sharpen, how.blur, (len(filtered), 1, 1, 1)).astype(np.float32))
        image[filtered] = before.lerp_(mean, softness)
    gain = per_image(np.exp(rng.uniform(-how.contrast, how.contrast, n)))
    image.mul_(gain).add_(per_image(rng.uniform(-how.brightness, how.brightness, n)))
    seed = int(rng.integers(2**62))
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed))
    return image.addcmul_(noise, per_image(rng.uniform(0, how.noise, n))).clamp_(0, 1)


def in_batches(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Batches of equal size; what does not fill one is left to another epoch. Fewer rows than one batch are one batch."""
    whole = len(rows) // size
    return np.split(rows[: whole * size], whole) if whole else [rows]
