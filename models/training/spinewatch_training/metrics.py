"""Figures per slice and per box. NumPy in, plain numbers out."""

from dataclasses import dataclass

import numpy as np

NMS_IOU = 0.5
LEAST_SCORE = 0.01


def classifier_figures(probabilities: np.ndarray, visible: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Macro F1 over C1 to C7 in all slices; exact match ratio in all slices, and in those that show a vertebra."""
    shown, true = probabilities >= threshold, visible > 0
    hit, said, there = (shown & true).sum(0), shown.sum(0), true.sum(0)
    f1 = 2 * hit / np.maximum(said + there, 1)
    exact, any_level = (shown == true).all(1), true.any(1)
    return {
        "macro_f1": float(f1.mean()),
        **{f"f1_c{i + 1}": float(v) for i, v in enumerate(f1)},
        "exact_match": float(exact.mean()),
        "exact_match_with_vertebra": float(exact[any_level].mean()) if any_level.any() else 0.0,
        "coverage_error_with_vertebra": _coverage_error(probabilities[any_level], true[any_level]),
    }


def _coverage_error(probabilities: np.ndarray, true: np.ndarray) -> float:
    """How far down the ranking one must go to cover all true labels."""
    if not len(true):
        return 0.0
    lowest_true = np.where(true, probabilities, np.inf).min(1)
    return float((probabilities >= lowest_true[:, None]).sum(1).mean())


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Boxes m x 4 and k x 4 -> m x k."""
    low, high = np.maximum(a[:, None, :2], b[None, :, :2]), np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = (high - low).clip(0).prod(2)
    area = (a[:, 2:] - a[:, :2]).prod(1)[:, None] + (b[:, 2:] - b[:, :2]).prod(1)[None]
    return shared / np.maximum(area - shared, 1e-9)


def boxes_of_output(output: np.ndarray, least_score: float = LEAST_SCORE) -> np.ndarray:
    """One image's output, 5 x A (cx cy w h score) -> m x 5 (x1 y1 x2 y2 score) after non-maximum suppression, best first."""
    output = output.T[output[4] >= least_score]
    output = output[np.argsort(-output[:, 4], kind="stable")][:100]
    centre, size = output[:, :2], output[:, 2:4]
    boxes = np.concatenate([centre - size / 2, centre + size / 2, output[:, 4:]], 1)
    kept: list[int] = []
    overlap = pairwise_iou(boxes[:, :4], boxes[:, :4])
    for i in range(len(boxes)):
        if all(overlap[i, k] <= NMS_IOU for k in kept):
            kept.append(i)
    return boxes[kept]


IOU_THRESHOLDS = np.arange(0.5, 0.96, 0.05)


@dataclass(frozen=True)
class Met:
    """Found boxes of some images, the best first, and which of them meet a true one."""

    scores: np.ndarray
    """F, falling."""
    image: np.ndarray
    """F, the image of each."""
    hits: np.ndarray
    """F x thresholds of IoU: each true box is met once, by the best-scored box that overlaps it enough."""
    true: np.ndarray
    """The number of true boxes of every image."""

    def figures(self, counts: np.ndarray | None = None) -> dict[str, float]:
        """Average precision over all images, at an IoU of 0.5 and as the mean over 0.5 to 0.95; images count as often as
        `counts` says."""
        counts = np.ones(len(self.true)) if counts is None else counts
        precision = [self.average_precision(k, counts) for k in range(self.hits.shape[1])]
        return {"map50": precision[0], "map50_95": float(np.mean(precision))}

    def average_precision(self, threshold: int, counts: np.ndarray) -> float:
        """The mean precision at 101 points of recall, as COCO has it."""
        weight, total = counts[self.image].astype(float), float((self.true * counts).sum())
        if not total or not weight.any():
            return 0.0
        hits = (self.hits[:, threshold] * weight).cumsum()
        recall, precision = hits / total, hits / np.maximum(weight.cumsum(), 1e-9)
        precision = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.linspace(0, 1, 101))
        return float(np.where(at < len(precision), precision[at.clip(max=len(precision) - 1)], 0).mean())


def meet(found: list[np.ndarray], true: list[np.ndarray]) -> Met:
    """`found` m x 5 (x1 y1 x2 y2 score) and `true` k x 4, per image."""
    scores, image, hits = [], [], []
    for index, (boxes, truth) in enumerate(zip(found, true)):
        boxes = boxes[np.argsort(-boxes[:, 4], kind="stable")]
        overlap = pairwise_iou(boxes[:, :4], truth)
        scores.append(boxes[:, 4])
        image.append(np.full(len(boxes), index))
        hits.append(np.stack([_hits(overlap, threshold) for threshold in IOU_THRESHOLDS], 1))
    scores = np.concatenate(scores)
    order = np.argsort(-scores, kind="stable")
    counts = np.array([len(truth) for truth in true])
    return Met(scores[order], np.concatenate(image)[order], np.concatenate(hits)[order], counts)


def _hits(overlap: np.ndarray, threshold: float) -> np.ndarray:
    """Which of the boxes, best first, meet a true box that none before has met."""
    hits = np.zeros(len(overlap), bool)
    if overlap.shape[1]:
        free = np.ones(overlap.shape[1], bool)
        for index in np.flatnonzero((overlap >= threshold).any(1)):
            candidates = np.where(free, overlap[index], -1)
            best = int(candidates.argmax())
            hits[index] = candidates[best] >= threshold
            free[best] &= not hits[index]
    return hits


def fracture_figures(probabilities: np.ndarray, fractured: np.ndarray, threshold: float = 0.5) -> dict[str, float]:
    """Per level over the slices of which it is known (-1 is not): sensitivity, specificity and F1, as S2 prints them, the mean
    area under the ROC over the levels that have both kinds, and the share of answers that are right."""
    figures, areas = {}, []
    for level in range(7):
        known = fractured[:, level] >= 0
        true, score = fractured[known, level] > 0, probabilities[known, level]
        said = score >= threshold
        hit = (said & true).sum()
        figures[f"sensitivity_c{level + 1}"] = float(hit / max(1, true.sum()))
        figures[f"specificity_c{level + 1}"] = float((~said & ~true).sum() / max(1, (~true).sum()))
        figures[f"f1_c{level + 1}"] = float(2 * hit / max(1, said.sum() + true.sum()))
        if true.any() and not true.all():
            areas.append(area_under_roc(score, true))
    known = fractured >= 0
    accuracy = ((probabilities >= threshold) == (fractured > 0))[known].mean() if known.any() else 0.0
    return {"mean_auc": float(np.mean(areas)) if areas else 0.0, "accuracy": float(accuracy), **figures}


def area_under_roc(scores: np.ndarray, true: np.ndarray) -> float:
    """The share of pairs of a true and a false one that are ranked right; equal scores count half."""
    order, counts = np.unique(scores, return_inverse=True, return_counts=True)[1:]
    rank = counts.cumsum() - (counts - 1) / 2
    positive, negative = true.sum(), (~true).sum()
    return float((rank[order][true].sum() - positive * (positive + 1) / 2) / (positive * negative))
