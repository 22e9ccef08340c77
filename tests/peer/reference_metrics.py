"""Every figure of `spinewatch evaluate`, computed by scikit-learn and pycocotools.

Usage: reference_metrics.py PREDICTIONS.jsonl > FIGURES.json

Reads what `spinewatch evaluate --predictions` writes and prints one JSON object: key of the figure to value, null where
there is nothing to count. What neither library has (the challenge's loss, figures at a prevalence) is written out in NumPy.
"""

import contextlib
import io
import json
import sys
import warnings

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from sklearn import metrics
from sklearn.calibration import calibration_curve

PREVALENCE = 0.1
NAMES = ["c1", "c2", "c3", "c4", "c5", "c6", "c7"]


def single(values):
    """The device's numbers are of single precision."""
    return np.asarray(values, dtype=np.float32).astype(np.float64)


def number(value):
    value = float(value)
    return None if np.isnan(value) else value


def share(part, whole):
    return None if whole == 0 else part / whole


def area(truth, score):
    return number(metrics.roc_auc_score(truth, score)) if len(set(truth)) == 2 else None


def average_precision(truth, score):
    return number(metrics.average_precision_score(truth, score)) if np.any(truth) else None


def mean(values):
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def calibration_error(truth, score):
    """Bins and their means by scikit-learn; it says how many answers a bin holds only through `numpy.histogram`'s rule."""
    if len(truth) == 0:
        return None
    yes, mean_score = calibration_curve(truth, score, n_bins=10, strategy="uniform")
    held = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], score), minlength=10)
    return float(np.sum(np.abs(yes - mean_score) * held[held > 0]) / len(truth))


def within_vertebrae(known):
    """Which slices show the same as their study's four before and after them."""
    studies = np.array([s["study"] for s in known])
    truth = np.array([s["shown"] for s in known], dtype=int)
    same = np.ones(len(known), bool)
    for apart in range(1, 5):
        differs = (studies[apart:] == studies[:-apart]) & (truth[apart:] != truth[:-apart]).any(axis=1)
        same[apart:] &= ~differs
        same[:-apart] &= ~differs
    return same


def figures_of_slices(slices, thresholds):
    known = [s for s in slices if s["shown"] is not None]
    truth = np.array([s["shown"] for s in known], dtype=int)
    score = single([s["vertebrae"] for s in known])
    said = (score >= single(thresholds)).astype(int)
    counted = np.array([s["counted"] for s in known], dtype=int)
    shows = truth.any(axis=1)
    within = shows & within_vertebrae(known)
    areas = [area(truth[:, i], score[:, i]) for i in range(7)]
    precisions = [average_precision(truth[:, i], score[:, i]) for i in range(7)]
    figures = {
        "macro_f1": metrics.f1_score(truth, said, average="macro", zero_division=0),
        "macro_f1_with_vertebra": metrics.f1_score(truth[shows], said[shows], average="macro", zero_division=0),
        "exact_match": metrics.accuracy_score(truth, said),
        "exact_match_with_vertebra": metrics.accuracy_score(truth[shows], said[shows]),
        "exact_match_within": metrics.accuracy_score(truth[within], said[within]),
        "counted_macro_f1_with_vertebra": metrics.f1_score(truth[shows], counted[shows], average="macro", zero_division=0),
        "counted_exact_match_with_vertebra": metrics.accuracy_score(truth[shows], counted[shows]),
        "counted_exact_match_within": metrics.accuracy_score(truth[within], counted[within]),
        "coverage_error": metrics.coverage_error(truth, score),
        "coverage_error_with_vertebra": metrics.coverage_error(truth[shows], score[shows]),
        "coverage_error_least": metrics.coverage_error(truth, truth),
        "coverage_error_least_with_vertebra": metrics.coverage_error(truth[shows], truth[shows]),
        "macro_auc": mean(areas),
        "macro_average_precision": mean(precisions),
        "calibration_error": calibration_error(truth.ravel(), score.ravel()),
    }
    for i, name in enumerate(NAMES):
        t, s = truth[:, i], said[:, i]
        figures[f"{name}.f1"] = metrics.f1_score(t, s, zero_division=0)
        figures[f"{name}.precision"] = number(metrics.precision_score(t, s, zero_division=np.nan))
        figures[f"{name}.sensitivity"] = number(metrics.recall_score(t, s, zero_division=np.nan))
        figures[f"{name}.specificity"] = number(metrics.recall_score(t, s, pos_label=0, zero_division=np.nan))
        figures[f"{name}.accuracy"] = metrics.accuracy_score(t, s)
        figures[f"{name}.auc"] = areas[i]
        figures[f"{name}.average_precision"] = precisions[i]
    return figures


def figures_of_fractured_slices(slices, fractured):
    """`fractured` by study. Fractured in a slice: shown by it, fractured in the study, and the slice has a box."""
    rows = []
    for s in slices:
        if "fractures" in s and (not s["true_boxes"] and s["boxes_known"] or s["true_boxes"] and s["shown"] is not None):
            here = np.logical_and(s["shown"], fractured[s["study"]]) if s["true_boxes"] else np.zeros(7, bool)
            rows.append((here, single(s["fractures"]), s["fractures_said"]))
    truth, score, said = (np.array(part) for part in zip(*rows))
    areas = [area(truth[:, i], score[:, i]) for i in range(7)]
    figures = {
        "macro_f1": metrics.f1_score(truth, said, average="macro", zero_division=0),
        "accuracy": mean([metrics.accuracy_score(truth[:, i], said[:, i]) for i in range(7)]),
        "macro_auc": mean(areas),
    }
    for i, name in enumerate(NAMES):
        t, s = truth[:, i], said[:, i]
        figures[f"{name}.sensitivity"] = number(metrics.recall_score(t, s, zero_division=np.nan))
        figures[f"{name}.specificity"] = number(metrics.recall_score(t, s, pos_label=0, zero_division=np.nan))
        figures[f"{name}.f1"] = metrics.f1_score(t, s, zero_division=0)
        figures[f"{name}.accuracy"] = metrics.accuracy_score(t, s)
        figures[f"{name}.auc"] = areas[i]
    return figures


def coco(slices):
    """pycocotools' evaluation of the slices, all sizes, one class."""
    images, annotations, found = [], [], []
    for number_of, s in enumerate(slices, start=1):
        images.append({"id": number_of})
        for x, y, w, h in single(s["true_boxes"]).reshape(-1, 4).tolist():
            annotation = {"id": len(annotations) + 1, "image_id": number_of, "category_id": 1, "iscrowd": 0}
            annotations.append(annotation | {"bbox": [x, y, w, h], "area": w * h})
        for x, y, w, h, score in single(s["boxes"]).reshape(-1, 5).tolist():
            found.append({"image_id": number_of, "category_id": 1, "bbox": [x, y, w, h], "score": score})
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, "images": images, "annotations": annotations, "categories": [{"id": 1}]}
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def figures_of_boxes(slices, least):
    slices = [s for s in slices if s["boxes_known"]]
    there = sum(len(s["true_boxes"]) for s in slices)
    if there == 0 or not any(s["boxes"] for s in slices):
        raise SystemExit("no box to compare: take predictions with boxes and fractures")
    evaluation = coco(slices)
    precision = evaluation.eval["precision"][:, :, 0, 0, -1]
    fractured = coco([s for s in slices if s["true_boxes"]]).eval["precision"][:, :, 0, 0, -1]
    matches = [image for image in evaluation.evalImgs if image is not None]
    score = np.concatenate([image["dtScores"] for image in matches])
    hit = np.concatenate([image["dtMatches"][0] > 0 for image in matches])
    above = score >= np.float32(least)
    return {
        "map50": precision[0].mean(),
        "map50_95": precision.mean(),
        "map50_fractured": fractured[0].mean(),
        "map50_95_fractured": fractured.mean(),
        "precision": share(hit[above].sum(), above.sum()),
        "recall": share(hit[above].sum(), there),
        "calibration_error": calibration_error(hit, score),
    }


def figures_of_images(slices, least):
    slices = [s for s in slices if s["boxes_known"]]
    truth = np.array([len(s["true_boxes"]) > 0 for s in slices])
    score = single([max([b[4] for b in s["boxes"]], default=0.0) for s in slices])
    said = score >= np.float32(least)
    return {
        "sensitivity": number(metrics.recall_score(truth, said, zero_division=np.nan)),
        "specificity": number(metrics.recall_score(truth, said, pos_label=False, zero_division=np.nan)),
        "precision": number(metrics.precision_score(truth, said, zero_division=np.nan)),
        "accuracy": metrics.accuracy_score(truth, said),
        "auc": area(truth, score),
    }


def weighted_log_loss(fractured, score):
    """As the RSNA 2022 challenge: weights by label and patient, normalised row by row."""
    truth = np.column_stack([fractured, fractured.any(axis=1)])
    probability = np.clip(np.column_stack([score, score.max(axis=1)]), 1e-3, 1 - 1e-3)
    weights = np.where(truth, 2, 1) * np.array([1, 1, 1, 1, 1, 1, 1, 7])
    loss = -np.where(truth, np.log(probability), np.log(1 - probability))
    return np.mean(np.sum(weights * loss, axis=1) / np.sum(weights, axis=1))


def figures_of_studies(studies):
    said = [s["assessment"] for s in studies]
    fractured = np.array([s["fractured"] for s in studies], dtype=bool)
    score = single([a["vertebrae"] for a in said])
    named = np.array([[f"C{i + 1}" in {f["level"] for f in a["findings"]} for i in range(7)] for a in said])
    suspected = np.array([a["verdict"] == "suspected" for a in said])
    truth = fractured.any(axis=1)
    sensitivity = metrics.recall_score(truth, suspected)
    specificity = metrics.recall_score(truth, suspected, pos_label=False)
    right, wrong = PREVALENCE * sensitivity, (1 - PREVALENCE) * (1 - specificity)
    alarms = [i for i in range(len(studies)) if truth[i] and suspected[i]]
    first = [bool(said[i]["findings"]) and fractured[i][int(said[i]["findings"][0]["level"][1]) - 1] for i in alarms]
    figures = {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "judged": share(sum(a["verdict"] in ("suspected", "none_suspected") for a in said), len(said)),
        "ppv_at_10_percent": share(right, right + wrong),
        "alarms_per_100": 100 * (right + wrong),
        "auc": area(truth, score.max(axis=1)),
        "average_precision": average_precision(truth, score.max(axis=1)),
        "level_named_right": share(sum(first), len(first)),
        "level_precision": number(metrics.precision_score(fractured, named, average="micro", zero_division=np.nan)),
        "level_recall": number(metrics.recall_score(fractured, named, average="micro", zero_division=np.nan)),
        "level_accuracy": 1 - metrics.hamming_loss(fractured, named),
        "all_levels_right": metrics.accuracy_score(fractured, named),
        "weighted_log_loss": weighted_log_loss(fractured, score),
        "calibration_error": calibration_error(truth, score.max(axis=1)),
    }
    for i, name in enumerate(NAMES):
        t, s = fractured[:, i], named[:, i]
        figures[f"{name}.sensitivity"] = number(metrics.recall_score(t, s, zero_division=np.nan))
        figures[f"{name}.specificity"] = number(metrics.recall_score(t, s, pos_label=False, zero_division=np.nan))
        figures[f"{name}.auc"] = area(t, score[:, i])
    return figures


def main(path):
    warnings.simplefilter("ignore")
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    run = lines[0]
    slices = [line for line in lines if line["what"] == "slice"]
    studies = [line for line in lines if line["what"] == "study"]
    groups = {
        "slices": figures_of_slices(slices, run["thresholds"]),
        "fracture_slices": figures_of_fractured_slices(slices, {s["study"]: s["fractured"] for s in studies}),
        "boxes": figures_of_boxes(slices, run["score"]),
        "images": figures_of_images(slices, run["score"]),
        "studies": figures_of_studies(studies),
    }
    flat = {f"{group}.{key}": value for group, figures in groups.items() for key, value in figures.items()}
    print(json.dumps({key: None if value is None else float(value) for key, value in flat.items()}, indent=1))


if __name__ == "__main__":
    main(sys.argv[1])
