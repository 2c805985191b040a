"""Overlaps of boxes: counted pixel by pixel, worked out by hand, and as torchvision has them."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torchvision.ops import box_iou, complete_box_iou_loss

from olsrepro.detection.boxes import area, ciou, iou, overlap


def drawn_boxes(count: int, seed: int, span: int = 12) -> Tensor:
    """Whole edges; every side is at least 1."""
    generator = torch.Generator().manual_seed(seed)
    corners = torch.randint(span, (count, 2), generator=generator)
    sides = torch.randint(1, span, (count, 2), generator=generator)
    return torch.cat([corners, corners + sides], dim=1).float()


def pixels(box: Tensor) -> set[tuple[int, int]]:
    x1, y1, x2, y2 = (int(edge) for edge in box)
    return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}


def test_overlaps_are_those_of_the_pixels_inside() -> None:
    first, second = drawn_boxes(15, seed=0), drawn_boxes(10, seed=1)
    expected = [[len(pixels(a) & pixels(b)) / len(pixels(a) | pixels(b)) for b in second] for a in first]
    torch.testing.assert_close(iou(first, second), torch.tensor(expected))
    torch.testing.assert_close(overlap(first[:10], second), iou(first, second)[:10].diagonal())
    assert area(first).tolist() == [len(pixels(box)) for box in first]


def test_overlaps_are_torchvision_s() -> None:
    first, second = drawn_boxes(30, seed=2) + 0.25, drawn_boxes(20, seed=3)
    torch.testing.assert_close(iou(first, second), box_iou(first, second))


def test_no_box_at_all_overlaps_nothing() -> None:
    assert iou(torch.zeros(0, 4), drawn_boxes(3, seed=0)).shape == (0, 3)
    assert ciou(torch.zeros(0, 4), torch.zeros(0, 4)).shape == (0,)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ([0, 0, 2, 2], [1, 1, 3, 3], 1 / 7),
        ([0, 0, 2, 2], [0, 0, 2, 2], 1.0),
        ([0, 0, 2, 2], [2, 0, 4, 2], 0.0),
        ([0, 0, 4, 4], [1, 1, 3, 3], 0.25),
        ([1, 1, 1, 1], [1, 1, 1, 1], 0.0),
        ([3, 3, 1, 1], [0, 0, 4, 4], 0.0),
    ],
)
def test_overlaps_worked_out_by_hand(first: list[float], second: list[float], expected: float) -> None:
    assert overlap(torch.tensor(first).float(), torch.tensor(second).float()).item() == pytest.approx(expected)


def test_complete_iou_takes_the_distance_of_the_centres() -> None:
    """IoU 1/7; the centres are (1, 1) apart, the box around both has sides of 3."""
    value = ciou(torch.tensor([[0.0, 0, 2, 2]]), torch.tensor([[1.0, 1, 3, 3]]))
    assert value.item() == pytest.approx(1 / 7 - 2 / 18)


def test_complete_iou_takes_unlike_aspect_ratios() -> None:
    """IoU 4/12; the centres are (1, 1) apart, the box around both has sides of 4; ratios 2 and 1/2."""
    unlike = 4 / math.pi**2 * (math.atan(0.5) - math.atan(2)) ** 2
    alpha = unlike / (1 - 1 / 3 + unlike)
    value = ciou(torch.tensor([[0.0, 0, 4, 2]]), torch.tensor([[0.0, 0, 2, 4]]))
    assert value.item() == pytest.approx(1 / 3 - 2 / 32 - alpha * unlike)


def test_equal_boxes_have_a_complete_iou_of_one() -> None:
    boxes = drawn_boxes(10, seed=4)
    assert torch.equal(ciou(boxes, boxes), torch.ones(10))


def test_complete_iou_and_its_gradient_are_torchvision_s() -> None:
    truth = drawn_boxes(40, seed=6).double()
    ours, theirs = ((drawn_boxes(40, seed=5).double() + 0.3).requires_grad_() for _ in range(2))
    value, expected = 1 - ciou(ours, truth), complete_box_iou_loss(theirs, truth)
    torch.testing.assert_close(value, expected, rtol=1e-6, atol=1e-6)
    value.sum().backward()
    expected.sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


def test_with_alpha_as_a_function_of_the_box_the_gradient_is_the_derivative_of_the_value() -> None:
    """By finite differences; a constant alpha changes no value, and the gradient by some hundredths."""
    truth, boxes = drawn_boxes(40, seed=6).double(), (drawn_boxes(40, seed=5).double() + 0.3).requires_grad_()
    assert torch.autograd.gradcheck(lambda predicted: ciou(predicted, truth, detach_alpha=False), boxes)
    gradients = []
    for detach_alpha in (False, True):
        value = ciou(boxes, truth, detach_alpha=detach_alpha)
        assert torch.equal(value, ciou(boxes, truth))
        gradients.append(torch.autograd.grad(value.sum(), boxes)[0])
    assert (gradients[0] - gradients[1]).abs().max() > 0.01


@pytest.mark.parametrize("detach_alpha", [True, False])
@pytest.mark.parametrize("box", [[1, 1, 1, 1], [1, 1, 5, 1], [1, 1, 1, 5], [5, 5, 1, 1], [-1e6, -1e6, 1e6, 1e6]])
@pytest.mark.parametrize("truth", [[1, 1, 1, 1], [0, 0, 4, 2]])
def test_complete_iou_and_its_gradient_are_finite_for_every_box(
    box: list[float], truth: list[float], detach_alpha: bool
) -> None:
    predicted = torch.tensor([box], dtype=torch.float32, requires_grad=True)
    value = ciou(predicted, torch.tensor([truth], dtype=torch.float32), detach_alpha=detach_alpha)
    value.sum().backward()
    assert value.isfinite().all()
    assert predicted.grad is not None
    assert predicted.grad.isfinite().all()
