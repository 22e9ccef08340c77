"""Losses: masked cross-entropy for the classifier; for the detector complete IoU (arXiv 1911.08287), distribution focal loss
(arXiv 2006.04388) and task-aligned assignment (arXiv 2108.07755). Boxes are x1 y1 x2 y2 in input pixels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .nets.yolov8 import YoloV8

TOP_ANCHORS = 10
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0
BOX_WEIGHT, SCORE_WEIGHT, DISTRIBUTION_WEIGHT = 7.5, 0.5, 1.5


def visibility_loss(logits: Tensor, visible: Tensor) -> Tensor:
    """Mean binary cross-entropy; labels of -1 (not known) do not count."""
    known = (visible >= 0).float()
    loss = F.binary_cross_entropy_with_logits(logits.float(), visible.clamp(min=0), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


def imitation(logits: Tensor, taught: Tensor) -> Tensor:
    """Mean divergence of the probabilities from those taught; 0 where they are alike."""
    return _divergence(logits, taught).mean()


def box_imitation(said: tuple[Tensor, Tensor], taught: tuple[Tensor, Tensor], bins: int) -> Tensor:
    """Divergence of every anchor's score and, by the score taught, of the four distributions of its sides, per unit of score.

    Both of distances N x 4*bins x A and logits N x 1 x A.
    """
    score = taught[1].sigmoid()
    sides, taught_sides = (each[0].unflatten(1, (4, bins)).log_softmax(2) for each in (said, taught))
    apart = F.kl_div(sides, taught_sides, reduction="none", log_target=True).sum(2).mean(1, keepdim=True)
    return (_divergence(said[1], taught[1]) + apart * score).sum() / score.sum().clamp(min=1)


def _divergence(logits: Tensor, taught: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a yes and a no from those taught."""
    least = F.binary_cross_entropy_with_logits(taught, taught.sigmoid(), reduction="none")
    return F.binary_cross_entropy_with_logits(logits, taught.sigmoid(), reduction="none") - least


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of broadcast boxes (... x 4)."""
    return _overlap(a, b)[0]


def complete_iou(a: Tensor, b: Tensor) -> Tensor:
    """IoU less the distance of the centres and the difference in aspect."""
    overlap, union_span = _overlap(a, b)
    diagonal = (union_span**2).sum(-1) + 1e-7
    distance = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    width_a, height_a = (a[..., 2:] - a[..., :2]).clamp(min=1e-3).unbind(-1)
    width_b, height_b = (b[..., 2:] - b[..., :2]).clamp(min=1e-3).unbind(-1)
    aspect = 4 / math.pi**2 * (torch.atan(width_b / height_b) - torch.atan(width_a / height_a)) ** 2
    weight = (aspect / (1 - overlap + aspect + 1e-7)).detach()
    return overlap - distance / diagonal - weight * aspect


def _overlap(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    span = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    return shared / (area - shared + 1e-7), span


@torch.no_grad()
def assign(scores: Tensor, corners: Tensor, points: Tensor, boxes: Tensor, real: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Task-aligned assignment.

    scores N x A, corners N x A x 4, points 2 x A, boxes N x m x 4 of which `real` (N x m) are not padding -> anchors N x A that
    learn a box, the box N x A x 4 that each learns, and the score N x A that each should give.
    """
    x, y = points
    low, high = boxes[..., None, :2], boxes[..., None, 2:]
    inside = (x > low[..., 0]) & (x < high[..., 0]) & (y > low[..., 1]) & (y < high[..., 1]) & real[..., None]
    overlap = iou(boxes[:, :, None], corners[:, None])
    alignment = scores[:, None] ** SCORE_POWER * overlap**OVERLAP_POWER
    # anchors outside rank below the worst inside, however small its alignment is at the start
    best = torch.where(inside, alignment, -1).topk(min(TOP_ANCHORS, alignment.shape[2]), 2)
    chosen = torch.zeros_like(inside).scatter_(2, best.indices, best.values >= 0)
    owner = torch.where(chosen, overlap, -1).argmax(1)
    mine = chosen & (owner[:, None] == torch.arange(boxes.shape[1], device=boxes.device)[:, None])
    alignment, overlap = alignment * mine, overlap * mine
    scale = overlap.amax(2, keepdim=True) / alignment.amax(2, keepdim=True).clamp(min=1e-30)
    return mine.any(1), boxes.gather(1, owner[..., None].expand(-1, -1, 4)), (alignment * scale).amax(1)


def padded(boxes: list[Tensor], device: torch.device) -> tuple[Tensor, Tensor]:
    """Boxes m x 4 of every image -> N x most x 4, and which of them are real."""
    together = nn.utils.rnn.pad_sequence(boxes, batch_first=True).to(device)
    counts = torch.tensor([len(b) for b in boxes], device=device)
    return together, torch.arange(together.shape[1], device=device) < counts[:, None]


def detection_loss(net: YoloV8, distances: Tensor, logits: Tensor, boxes: list[Tensor]) -> Tensor:
    """Sum of the three losses, each per unit of assigned score. An image without boxes teaches only scores of 0."""
    distances, logits = distances.float(), logits.float().squeeze(1)
    truth, real = padded(boxes, logits.device)
    if not truth.shape[1]:
        return SCORE_WEIGHT * F.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="sum")
    with torch.no_grad():
        corners = net.decode(distances).transpose(1, 2)
    learns, owned, target = assign(logits.detach().sigmoid(), corners, net.points, truth, real)
    total = target.sum().clamp(min=1)
    loss = SCORE_WEIGHT * F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / total
    image, anchor = learns.nonzero(as_tuple=True)
    box, score = owned[image, anchor], target[image, anchor]
    distribution = distances[image, :, anchor].view(-1, 4, net.bins)
    loss = loss + BOX_WEIGHT * ((1 - complete_iou(_corners(net, anchor, distribution), box)) * score).sum() / total
    spread = _distribution_loss(distribution, _sides(net, anchor, box))
    return loss + DISTRIBUTION_WEIGHT * (spread * score).sum() / total


def _corners(net: YoloV8, anchor: Tensor, distribution: Tensor) -> Tensor:
    """What `decode` says of single anchors: k x 4 x bins -> k x 4."""
    sides = (distribution.softmax(2) * net.steps).sum(2) * net.strides[anchor, None]
    point = net.points[:, anchor].T
    return torch.cat([point - sides[:, :2], point + sides[:, 2:]], 1)


def _sides(net: YoloV8, anchor: Tensor, box: Tensor) -> Tensor:
    """Distances k x 4 from the anchors to the sides of their boxes, in strides, within what the bins can say."""
    point, stride = net.points[:, anchor].T, net.strides[anchor, None]
    sides = torch.cat([point - box[:, :2], box[:, 2:] - point], 1) / stride
    return sides.clamp(0, net.bins - 1 - 0.01)


def _distribution_loss(distribution: Tensor, sides: Tensor) -> Tensor:
    """Cross-entropy with the two bins around the true distance, k."""
    low = sides.floor().long()
    share = sides - low
    log = distribution.log_softmax(2)
    below, above = log.gather(2, low[..., None]), log.gather(2, low[..., None] + 1)
    return -(below.squeeze(2) * (1 - share) + above.squeeze(2) * share).mean(1)
