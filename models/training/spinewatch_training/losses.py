"""Losses: masked cross-entropy for the classifier; for the detector complete IoU (arXiv 1911.08287), distribution focal loss
(arXiv 2006.04388) and task-aligned assignment (arXiv 2108.07755). Boxes are x1 y1 x2 y2 in input pixels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from .nets.yolov8 import YoloV8

TOP_ANCHORS = 10
SCORE_POWER, OVERLAP_POWER = 0.5, 6.0
BOX_WEIGHT, SCORE_WEIGHT, DISTRIBUTION_WEIGHT = 7.5, 0.5, 1.5


def visibility_loss(logits: Tensor, visible: Tensor) -> Tensor:
    """Mean binary cross-entropy; labels of -1 (not known) do not count."""
    known = (visible >= 0).float()
    loss = F.binary_cross_entropy_with_logits(logits.float(), visible.clamp(min=0), reduction="none")
    return (loss * known).sum() / known.sum().clamp(min=1)


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
def assign(scores: Tensor, corners: Tensor, points: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Task-aligned assignment within one image.

    scores A, corners A x 4, points 2 x A, boxes m x 4 with m > 0 -> anchors k that learn a box, the box k x 4 that each
    learns, and the score k that it should give.
    """
    x, y = points
    inside = (x > boxes[:, :1]) & (x < boxes[:, 2:3]) & (y > boxes[:, 1:2]) & (y < boxes[:, 3:])
    overlap = iou(boxes[:, None], corners[None])
    alignment = scores**SCORE_POWER * overlap**OVERLAP_POWER
    # anchors outside rank below the worst inside, however small its alignment is at the start
    best = torch.where(inside, alignment, -1).topk(min(TOP_ANCHORS, alignment.shape[1]), 1)
    chosen = torch.zeros_like(inside).scatter_(1, best.indices, best.values >= 0)
    claimed_by = torch.where(chosen, overlap, -1).argmax(0)
    anchor = chosen.any(0).nonzero().squeeze(1)
    owner = claimed_by[anchor]
    mine = torch.zeros_like(chosen)
    mine[owner, anchor] = True
    alignment, overlap = alignment * mine, overlap * mine
    scale = overlap.amax(1) / alignment.amax(1).clamp(min=1e-30)
    return anchor, boxes[owner], alignment[owner, anchor] * scale[owner]


def detection_loss(net: YoloV8, distances: Tensor, logits: Tensor, boxes: list[Tensor]) -> Tensor:
    """Sum of the three losses, each per unit of assigned score. An image without boxes teaches only scores of 0."""
    distances, logits = distances.float(), logits.float().squeeze(1)
    corners = net.decode(distances).transpose(1, 2)
    target = torch.zeros_like(logits)
    learned = []
    for image, truth in enumerate(boxes):
        if len(truth):
            truth = truth.to(logits.device)
            anchor, box, score = assign(logits[image].sigmoid(), corners[image], net.points, truth)
            target[image, anchor] = score
            learned.append((torch.full_like(anchor, image), anchor, box, score))
    total = target.sum().clamp(min=1)
    loss = SCORE_WEIGHT * F.binary_cross_entropy_with_logits(logits, target, reduction="sum") / total
    if not learned:
        return loss
    image, anchor, box, score = (torch.cat(column) for column in zip(*learned))
    loss = loss + BOX_WEIGHT * ((1 - complete_iou(corners[image, anchor], box)) * score).sum() / total
    distribution = distances[image, :, anchor].view(-1, 4, net.bins)
    spread = _distribution_loss(distribution, _sides(net, anchor, box))
    return loss + DISTRIBUTION_WEIGHT * (spread * score).sum() / total


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
