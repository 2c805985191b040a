"""The evaluation of a detector: its passes are pooled, its parameters reach the numbers, mistakes are told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from olsrepro.data.detection.letterbox import Placement
from olsrepro.data.objects import Annotated, Objects
from olsrepro.detection.postprocess import Detections, candidates, merged, suppressed
from olsrepro.evaluation.detection.average_precision import mean_average_precision
from olsrepro.evaluation.detection.measure import measure
from olsrepro.evaluation.detection.settings import Settings
from olsrepro.evaluation.registry import evaluation_names, read_settings
from olsrepro.models.detector import Detector
from olsrepro.settings import UserError

CLASSES = 2
WIDTH, HEIGHT = 200, 100


class ToyDetector(Detector):
    """Reads its raw maps off the mean colours of cells: a lively function of the images, without any training."""

    def __init__(self, outputs: int = 3 * (5 + CLASSES)) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.mixing = 6 * torch.randn(3, outputs, 3, generator=generator)

    def forward(self, images: Tensor) -> list[Tensor]:
        pooled = [torch.nn.functional.avg_pool2d(images - 0.5, stride) for stride in self.strides]
        return [torch.einsum("oc,bchw->bohw", mix, one) for mix, one in zip(self.mixing, pooled, strict=True)]


@dataclass
class ToyRun:
    """Three images of 200 x 100 pixels."""

    detector: Detector = field(default_factory=ToyDetector)
    name: str = "toy-s0"
    image_size: int = 416
    class_names: tuple[str, ...] = ("disc", "ring")
    asked: list[tuple[int, bool, int]] = field(default_factory=list)

    def network(self) -> Detector:
        return self.detector

    def test_objects(self) -> Objects:
        boxes = [(20.0, 10.0, 90.0, 80.0), (100.0, 20.0, 190.0, 90.0)]
        return Objects.listed([[Annotated(box, label) for label, box in enumerate(boxes)]] * 2 + [[]])

    def detection_test(self, size: int, flip: bool, batch_size: int) -> Iterator[tuple[Tensor, Sequence[Placement]]]:
        self.asked.append((size, flip, batch_size))
        images = self.images(size)
        images = images.flip(3) if flip else images
        for part in images.split(batch_size):
            yield part, [Placement(WIDTH, HEIGHT, size, is_mirrored=flip)] * len(part)

    @staticmethod
    def images(size: int) -> Tensor:
        generator = torch.Generator().manual_seed(7)
        coarse = torch.rand(3, 3, 6, 6, generator=generator)
        return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bilinear")


def passes(run: ToyRun, sizes: Sequence[int], flips: Sequence[bool], threshold: float) -> list[list[Detections]]:
    """By image, what each pass finds there, in pixels of the image."""
    by_pass = []
    for size in sizes:
        for flip in flips:
            ((images, placements),) = run.detection_test(size, flip, 3)
            found = candidates(run.detector(images), threshold)
            by_pass.append([one.moved(p.restored(one.boxes)) for one, p in zip(found, placements, strict=True)])
    return [list(of_image) for of_image in zip(*by_pass, strict=True)]


def test_detection_is_found_by_its_name() -> None:
    assert "detection" in evaluation_names()
    assert read_settings({"name": "detection"}) == Settings()
    assert Settings.task == "detection"


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("rule", ["all_point", "eleven_point"])
def test_every_parameter_reaches_the_number(flip: bool, rule: str) -> None:
    run = ToyRun()
    settings = Settings(
        sizes=[96, 64], flip=flip, score_threshold=0.3, nms_iou=0.6, iou=0.25, rule=rule, batch_size=2, keep=3
    )
    found = [suppressed(merged(one), 0.6) for one in passes(run, (64, 96), (False, True)[: 1 + flip], 0.3)]
    scores = mean_average_precision(found, run.test_objects(), CLASSES, rule=rule, least_iou=0.25)
    result = measure(settings, run)
    assert result.values == {"mAP": pytest.approx(scores.mean)}
    assert 0 < scores.mean < 100
    assert result.samples == 3
    assert result.detail["average_precision"] == dict(zip(run.class_names, scores.by_class, strict=True))
    assert result.detail["mAP"][rule] == result.values["mAP"]
    assert result.detail["parameters"] == settings.identity()
    torch.testing.assert_close(result.tensors["boxes"], merged(found).boxes, rtol=1e-4, atol=1e-3)
    assert result.tensors["starts"].diff().tolist() == [len(one) for one in found]


def test_a_batch_s_size_changes_nothing_and_is_what_the_run_is_asked_for() -> None:
    runs = [ToyRun(), ToyRun()]
    one, all_at_once = (
        measure(Settings(sizes=(64,), batch_size=size, score_threshold=0.2), run)
        for size, run in zip((1, 3), runs, strict=True)
    )
    assert one.values == all_at_once.values
    assert runs[0].asked == [(64, False, 1), (64, True, 1)]


def test_only_the_strongest_boxes_of_an_image_are_looked_at() -> None:
    run = ToyRun()
    few = measure(Settings(sizes=(64, 96), score_threshold=0.2, most=4, keep=3), run)
    assert all(1 <= count <= 4 for count in few.tensors["starts"].diff().tolist())
    best = [merged(one).scores.max() for one in passes(run, (64, 96), (False, True), 0.2)]
    first = few.tensors["starts"][:-1]
    assert torch.equal(few.tensors["scores"][first], torch.stack(best))


def test_boxes_are_those_of_the_original_images_and_do_not_leave_them() -> None:
    boxes = measure(Settings(sizes=(64, 96), score_threshold=0.2, keep=3), ToyRun()).tensors["boxes"]
    assert boxes.min() >= 0
    assert boxes[:, 2].max() <= WIDTH
    assert boxes[:, 3].max() <= HEIGHT
    assert boxes[:, 2].max() > 100


def test_one_image_s_boxes_are_kept_where_one_is_asked_for_and_none_by_default() -> None:
    kept = measure(Settings(sizes=(64,), keep=1), ToyRun()).tensors
    assert len(kept["starts"]) == 2
    assert len(kept["boxes"]) == kept["starts"][1]
    assert not measure(Settings(sizes=(64,)), ToyRun()).tensors


def test_a_network_whose_maps_are_not_finite_is_refused() -> None:
    detector = ToyDetector()
    detector.mixing[1, 0, 0] = float("nan")
    with pytest.raises(UserError, match="raw maps are not finite"):
        measure(Settings(sizes=(64,)), ToyRun(detector))


@pytest.mark.parametrize(("side", "sizes"), [(416, [320, 416, 512, 608]), (128, [96, 128, 160, 192]), (32, [32])])
def test_sizes_that_nobody_named_are_the_papers_at_the_data_sets_scale(side: int, sizes: list[int]) -> None:
    assert Settings().sizes_at(side) == sizes


def test_sizes_in_another_order_are_one_evaluation() -> None:
    assert Settings(sizes=[608, 320]).identity() == Settings(sizes=(320, 608)).identity()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("sizes", 416, r"detection\.sizes=416 must be a list such as \[320,416\]"),
        ("sizes", [320, 400], r"detection\.sizes=\[320, 400\] must be multiples of 32 pixels; take 384 or 416 for 400"),
        ("sizes", [0], r"detection\.sizes=0 must be a whole number of at least 32"),
        ("sizes", [320, 320], r"names a size twice"),
        ("flip", "on", r"detection\.flip=on must be true or false"),
        ("score_threshold", 5, r"detection\.score_threshold=5 must be in \[0, 1\]"),
        ("rule", "11_point", r"detection\.rule=11_point is not known; did you mean .*eleven_point"),
        ("most", 0, r"detection\.most=0 must be a whole number of at least 1"),
        ("nms", 0.4, r"detection\.nms=0\.4: detection has no nms; did you mean nms_iou"),
    ],
)
def test_a_mistaken_parameter_is_told_in_one_line(key: str, value: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_settings({"name": "detection", key: value})
