import numpy as np
import pytest

from spinewatch_training import metrics


def test_classifier_figures_of_a_case_counted_by_hand():
    true = np.zeros((3, 7), int)
    true[0, 0] = true[1, 0] = true[1, 1] = 1
    said = np.full((3, 7), 0.1)
    said[0, 0], said[1, 0], said[1, 2] = 0.9, 0.8, 0.7
    figures = metrics.classifier_figures(said, true)
    assert figures["f1_c1"] == 1 and figures["f1_c2"] == 0 and figures["f1_c3"] == 0
    assert figures["macro_f1"] == pytest.approx(1 / 7)
    assert figures["exact_match"] == pytest.approx(2 / 3) and figures["exact_match_with_vertebra"] == 0.5
    # first slice: its label is on top (1); second: C2's 0.1 ties with all others, so all 7 are needed
    assert figures["coverage_error_with_vertebra"] == 4


def at_half(found, truth):
    return metrics.meet(found, truth).figures()["map50"]


def test_an_image_that_counts_twice_is_as_good_as_two():
    rng = np.random.default_rng(0)
    truth = [rng.uniform(0, 20, (k, 2)).repeat(2, 1) + [0, 0, 10, 10] for k in (1, 0, 2, 1)]
    found = [np.concatenate([t + rng.normal(0, 1.5, t.shape), rng.random((len(t), 1))], 1) for t in truth]
    found[1] = np.array([[0, 0, 9, 9, 0.7]])
    counts = np.array([2, 1, 0, 3])
    again = np.repeat(np.arange(4), counts)
    expected = metrics.meet([found[i] for i in again], [truth[i] for i in again]).figures()
    assert metrics.meet(found, truth).figures(counts) == pytest.approx(expected)
    assert expected["map50"] > 0


def test_average_precision_by_hand():
    truth = [np.array([[0, 0, 10, 10.0]]), np.array([[20, 20, 30, 30.0]])]
    good, bad = [0, 0, 10, 10, 0.9], [50, 50, 60, 60, 0.95]
    assert at_half([np.array([good]), np.array([[20, 20, 30, 30, 0.5]])], truth) == pytest.approx(1)
    # the wrong box comes first: precision 1/2 up to recall 1/2, nothing beyond (51 of 101 points)
    found = [np.array([good, bad]), np.zeros((0, 5))]
    assert at_half(found, truth) == pytest.approx(0.5 * 51 / 101)
    # a second box on the same truth is a false alarm, not a hit
    twice = [np.array([good, [0, 0, 10, 10, 0.8]]), np.zeros((0, 5))]
    assert at_half(twice, truth) == pytest.approx(51 / 101)


def test_suppression_keeps_the_best_of_overlapping_boxes():
    output = np.array([[10, 10, 8, 8, 0.6], [11, 10, 8, 8, 0.9], [40, 40, 8, 8, 0.5], [60, 60, 8, 8, 0.001]]).T
    boxes = metrics.boxes_of_output(output)
    assert boxes[:, 4].tolist() == [0.9, 0.5]
    assert boxes[0, :4].tolist() == [7, 6, 15, 14]
