import pytest
import torch

from spinewatch_training import losses
from spinewatch_training.nets.yolov8 import YoloV8


def box(*values):
    return torch.tensor(values, dtype=torch.float32)


def test_overlap_of_known_boxes():
    assert losses.iou(box(0, 0, 2, 2), box(1, 0, 3, 2)).item() == pytest.approx(1 / 3)
    assert losses.iou(box(0, 0, 1, 1), box(2, 2, 3, 3)).item() == 0
    # same aspect: IoU less (distance of centres / diagonal of the span) squared
    assert losses.complete_iou(box(0, 0, 2, 2), box(1, 0, 3, 2)).item() == pytest.approx(1 / 3 - 1 / 13, abs=1e-5)
    assert losses.complete_iou(box(0, 0, 4, 2), box(0, 0, 4, 2)).item() == pytest.approx(1, abs=1e-5)
    assert losses.complete_iou(box(0, 0, 4, 1), box(0, 0, 1, 4)) < losses.iou(box(0, 0, 4, 1), box(0, 0, 1, 4))


def assigned(scores, corners, points, boxes):
    """One image beside another that has no box: anchors that learn, their boxes, their scores."""
    truth, real = losses.padded([torch.zeros(0, 4), boxes], torch.device("cpu"))
    learns, owned, target = losses.assign(scores.expand(2, -1), corners.expand(2, -1, -1), points, truth, real)
    assert not learns[0].any() and (target[~learns] == 0).all()
    anchor = learns[1].nonzero().squeeze(1)
    return anchor, owned[1, anchor], target[1, anchor]


def test_an_anchor_learns_only_a_box_that_it_lies_in_and_the_best_learns_its_overlap():
    net = YoloV8(64, (8, 8, 16, 16, 32), (1, 1), 8)
    boxes = torch.stack([box(8, 8, 40, 40), box(44, 44, 60, 60)])
    anchors = net.points.shape[1]
    corners = torch.stack([net.points[0] - 12, net.points[1] - 12, net.points[0] + 12, net.points[1] + 12], 1)
    anchor, owner, score = assigned(torch.full((anchors,), 0.5), corners, net.points, boxes)
    assert len(set(anchor.tolist())) == len(anchor) and {tuple(o) for o in owner.tolist()} == {tuple(b) for b in boxes.tolist()}
    for index, truth, value in zip(anchor, owner, score):
        x, y = net.points[:, index]
        assert truth[0] < x < truth[2] and truth[1] < y < truth[3]
        assert 0 < value <= 1
    first = (owner == boxes[0]).all(1)
    assert score[first].max().item() == pytest.approx(losses.iou(boxes[:1], corners[anchor[first]]).max().item(), rel=1e-4)


def test_a_box_far_smaller_than_the_first_guesses_still_teaches_an_anchor():
    net = YoloV8(64, (8, 8, 16, 16, 32), (1, 1), 8)
    corners = torch.stack([net.points[0] - 60, net.points[1] - 60, net.points[0] + 60, net.points[1] + 60], 1)
    anchor, _, score = assigned(torch.full((len(corners),), 1e-3), corners, net.points, torch.tensor([[18.0, 18, 24, 24]]))
    assert len(anchor) == 1 and score.item() > 0


def test_a_distribution_on_the_true_distance_costs_least():
    sides = torch.full((1, 4), 2.25)

    def cost(low, high):
        logits = torch.full((1, 4, 8), -20.0)
        logits[..., 2], logits[..., 3] = torch.tensor(low).log(), torch.tensor(high).log()
        return losses._distribution_loss(logits, sides).item()

    assert cost(0.75, 0.25) < min(cost(0.5, 0.5), cost(0.95, 0.05))


def test_distances_decode_to_the_box_that_they_were_made_of():
    net = YoloV8(64, (8, 8, 16, 16, 32), (1, 1), 8)
    anchor = torch.tensor([27])
    truth = torch.tensor([[12.0, 20.0, 40.0, 44.0]])
    sides = losses._sides(net, anchor, truth)
    distances = torch.full((1, 32, net.points.shape[1]), -30.0)
    for side, value in enumerate(sides[0]):
        low = int(value)
        distances[0, side * 8 + low, 27] = torch.log(1 - (value - low))
        distances[0, side * 8 + low + 1, 27] = torch.log(value - low + 1e-9)
    assert net.decode(distances)[0, :, 27].tolist() == pytest.approx(truth[0].tolist(), abs=1e-2)


def test_the_loss_of_an_empty_image_pushes_only_scores():
    net = YoloV8(64, (8, 8, 16, 16, 32), (1, 1), 8)
    distances, logits = net(torch.randn(2, 3, 64, 64))
    distances.retain_grad(), logits.retain_grad()
    losses.detection_loss(net, distances, logits, [torch.zeros(0, 4)] * 2).backward()
    assert distances.grad is None or distances.grad.abs().max() == 0
    assert (logits.grad > 0).all()


def test_what_the_loss_says_of_single_anchors_is_what_decode_says():
    net = YoloV8(64, (8, 8, 16, 16, 32), (1, 1), 8)
    distances, anchor = torch.randn(1, 32, net.points.shape[1]), torch.tensor([3, 70, 83])
    expected = net.decode(distances)[0, :, anchor].T
    assert torch.allclose(losses._corners(net, anchor, distances[0, :, anchor].T.reshape(3, 4, 8)), expected, atol=1e-4)


def test_unknown_labels_do_not_count():
    logits = torch.tensor([[3.0, -3.0]])
    assert losses.visibility_loss(logits, torch.tensor([[1.0, -1.0]])) == losses.visibility_loss(logits[:, :1], torch.ones(1, 1))


def test_what_imitates_perfectly_loses_nothing_and_the_gradient_leads_there():
    taught = box(-3.0, 0.5, 2.0)
    said = box(-2.0, 0.5, 4.0).requires_grad_()
    assert losses.imitation(taught, taught).item() == pytest.approx(0, abs=1e-7)
    losses.imitation(said, taught).backward()
    assert said.grad[0] > 0 and said.grad[1] == pytest.approx(0, abs=1e-7) and said.grad[2] > 0


def test_the_sides_of_a_box_are_imitated_as_far_as_its_score_counts():
    distances, other = torch.randn(1, 12, 2), torch.randn(1, 12, 2)
    logits = torch.tensor([[[40.0, -40.0]]])
    taught = (distances, logits)
    assert losses.box_imitation(taught, taught, 3).item() == pytest.approx(0, abs=1e-6)
    nobody_cares = torch.stack([distances[..., 0], other[..., 1]], 2)
    assert losses.box_imitation((nobody_cares, logits), taught, 3).item() == pytest.approx(0, abs=1e-6)
    # one anchor, one side moved: the divergence of its distribution, a quarter of the mean over the four
    moved = distances.clone()
    moved[0, 3:6, 0] = other[0, 3:6, 0]
    expected = torch.distributions.kl_divergence(
        torch.distributions.Categorical(logits=distances[0, 3:6, 0]), torch.distributions.Categorical(logits=other[0, 3:6, 0])
    )
    assert losses.box_imitation((moved, logits), taught, 3).item() == pytest.approx(expected.item() / 4, rel=1e-4)
