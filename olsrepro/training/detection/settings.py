"""Recipe of object detection (Table X), and detection for composing, planning and recording. No torch here."""

from __future__ import annotations

from dataclasses import dataclass, field

from olsrepro.checks import check_choice, check_range
from olsrepro.data.detection.settings import CROP_SIDES, STRIDE
from olsrepro.methods.settings import MethodSettings
from olsrepro.settings import UserError, fact
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.schedule import cosine_rate
from olsrepro.training.task_kind import TaskKind

STEP_COUNTERS = ("whole", "released")
CIOU_ALPHAS = ("detached", "authors")
_BOX_BYTES = 4 * 4 + 4 + 8  # its edges, its score, its class
RELEASED_BATCH = 8  # our guess at the batch size that the paper's detector was trained with

KEPT = 100
"""Number of boxes per test image, those of the highest scores, that a run keeps."""


@dataclass(frozen=True)
class DetectionRecipe(RecipeSettings):
    """Warm-up and cosine per step, multi-scale training, mix-up; see also :class:`RecipeSettings`.

    Args:
        final_lr: rate at which the cosine ends.
        warmup_epochs: epochs in which the rate rises linearly from 0.
        crop_chance, translate_chance: chance that a training image is cropped, and that it is translated.
        mixup: chance that a second image is mixed in, by a share of Beta(``mixup_alpha``, ``mixup_alpha``).
        sizes: sides in pixels of training images, one drawn every ``size_every`` steps; empty: the data set's.
        loss_scale: factor of the mean loss of an image.
        step_counter: ``whole``, or ``released``: steps are counted for the rate as the released code does, which
            divides those of earlier epochs by its batch size, so that the rate hardly decays.
        crop_sides: ``all``, or ``released``: crops as in the released code, on the left and above only.
        ciou_alpha: whether the weight alpha of the aspect ratios in the CIoU is a constant for the gradient
            (``detached``, Zheng et al. 2020), or a function of the box (``authors``, the released code).
    """

    task: str = fact("detection")
    padding: int = 0
    milestones: list[int] = field(default_factory=list)
    final_lr: float = 1e-6
    warmup_epochs: float = 2.0
    crop_chance: float = 0.5
    translate_chance: float = 0.5
    mixup: float = 0.5
    mixup_alpha: float = 1.5
    sizes: list[int] = field(default_factory=list)
    size_every: int = 10
    loss_scale: float = 1.0
    step_counter: str = "whole"
    crop_sides: str = "all"
    ciou_alpha: str = "detached"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("final_lr", self.final_lr, 0)
        check_range("warmup_epochs", self.warmup_epochs, 0)
        for key in ("crop_chance", "translate_chance", "mixup"):
            check_range(key, getattr(self, key), 0, 1)
        check_range("size_every", self.size_every, 1)
        check_choice("step_counter", self.step_counter, STEP_COUNTERS)
        check_choice("crop_sides", self.crop_sides, CROP_SIDES)
        check_choice("ciou_alpha", self.ciou_alpha, CIOU_ALPHAS)
        for key in ("mixup_alpha", "loss_scale"):
            if not getattr(self, key) > 0:
                raise ValueError(f"{key}={getattr(self, key):g} must be above 0")
        for size in self.sizes:
            if size < STRIDE or size % STRIDE:
                raise ValueError(f"sizes={list(self.sizes)} must be multiples of {STRIDE} pixels")
        self._refuse_idle_keys()

    def _refuse_idle_keys(self) -> None:
        for key in ("padding", "cutout", "colour_jitter", "light_noise"):
            if getattr(self, key):
                raise ValueError(f"{key}={getattr(self, key):g} has no effect on a detector's images; set {key}=0")
        if self.milestones:
            raise ValueError(
                f"milestones={list(self.milestones)} has no effect: the rate follows a cosine; set milestones=[]"
            )
        if self.train_error != "running":
            raise ValueError(f"train_error={self.train_error} has no effect on a detector; set train_error=running")

    def training_area(self, side: int) -> float:
        """Return the mean area of a training image in square pixels over the sizes, which are equally likely."""
        sizes = self.sizes or [side]
        return sum(size**2 for size in sizes) / len(sizes)

    def rate_at(self, position: float) -> float:
        """Return the rate at a position in the training, in epochs: a line up to ``lr``, then half a cosine down."""
        if self.step_counter == "released":
            position = position % 1 + position // 1 / RELEASED_BATCH
        return cosine_rate(position, self.lr, self.final_lr, warmup=self.warmup_epochs, epochs=self.epochs)


class DetectionKind(TaskKind):
    """Images with objects in them, tested by mean average precision."""

    def output_bytes(self, num_classes: int) -> int:
        """Return the largest number of bytes of an image's boxes."""
        return KEPT * _BOX_BYTES

    def check_parts(self, dataset: str, method: MethodSettings, runtime: RuntimeSettings) -> None:
        """Refuse methods that label images, and ensembles."""
        if not method.labels_classes:
            raise UserError(
                f"method={method.name} labels images, but dataset={dataset} has objects, whose classes are all that a"
                " method can label: choose hard, ls or ols"
            )
        if runtime.ensemble_sizes:
            raise UserError(
                f"runtime.ensemble_sizes={runtime.ensemble_sizes} is for classifiers; set runtime.ensemble_sizes=[]"
            )


KIND = DetectionKind(
    name="detection",
    recipe=DetectionRecipe,
    tested=("mAP",),
    outputs="detections",
    scalars=(
        "lr",
        "train_loss",
        "train_box_loss",
        "train_objectness_loss",
        "train_class_loss",
        "test_mAP",
        "images_per_s",
    ),
    row_texts=(("test_mAP", "  test mAP {:6.2f} %"),),
    backbone_does="detects objects",
    dataset_has="boxes of objects",
    backbones="backbone=yolo_mobilenetv2",
    datasets="dataset=voc",
)
