"""Classification for composing, planning and recording. No torch here."""

from __future__ import annotations

from olsrepro.methods.settings import MethodSettings
from olsrepro.training.recipe import RecipeSettings
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.task_kind import TaskKind

_LOGIT_BYTES = 4
_TOP = 5


class ClassificationKind(TaskKind):
    """Images of one class each, tested by top-1 and top-5 error."""

    def shows(self, key: str, num_classes: int) -> bool:
        """Return false for the top-5 error among at most five classes, which is 0 by definition."""
        return num_classes > _TOP or "top5" not in key

    def output_bytes(self, num_classes: int) -> int:
        """Return the number of bytes of an image's logits."""
        return num_classes * _LOGIT_BYTES

    def check_parts(self, dataset: str, method: MethodSettings, runtime: RuntimeSettings) -> None:
        """Refuse nothing: all methods and ensembles work for classifiers."""


KIND = ClassificationKind(
    name="classification",
    recipe=RecipeSettings,
    tested=("top1_err", "top5_err"),
    outputs="logits",
    scalars=("lr", "train_loss", "train_err", "test_loss", "test_top1_err", "test_top5_err", "images_per_s"),
    row_texts=(
        ("train_err", "  train err {:6.2f} %"),
        ("test_top1_err", "  test err {:6.2f} % top-1"),
        ("test_top5_err", " {:6.2f} % top-5"),
    ),
    backbone_does="classifies images",
    dataset_has="one label per image",
    backbones="a backbone that classifies, such as resnet56",
    datasets="a data set with one label per image, such as cifar100",
)
