"""Settings of data-distortion guided self-distillation (Xu & Liu, AAAI 2019)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

from olsrepro.checks import check_choice, check_range, check_weights
from olsrepro.data.settings import AugmentSettings, View
from olsrepro.losses.switches import REDUCTIONS
from olsrepro.methods.settings import MethodSettings, RunContext
from olsrepro.settings import UserError

SUPERVISIONS = ("logits", "class_labels")
VIEWS = ("two_draws", "flip_vs_crop")
BATCHES = ("images", "forwards")


@dataclass(frozen=True)
class Settings(MethodSettings):
    """Self-distillation between two distorted views of an image, beside its label; without features (paper V-A).

    Args:
        supervision: ``logits``, or ``class_labels``: cross entropy of both views alone, the same as ``lam`` 0.
        ce_weight: weight of the sum of both views' cross entropies.
        lam: weight of the sum of both KL divergences.
        T: temperature of both sides of a divergence.
        scale_t2: multiply the divergences by T squared.
        detach: no gradient flows through the view that serves as target.
        reduction: ``batchmean``, or ``mean`` over batch and classes.
        views: ``two_draws`` of the recipe's augmentation, or ``flip_vs_crop``: the first view takes the recipe's flip
            and no crop, the second its crop and no flip.
        batch: whether the recipe's batch size counts ``images``, or ``forwards``, two per image.
        joint_forward: both views pass through the network as one batch, whose statistics batch normalisation uses;
            else one after the other.
    """

    passes: ClassVar[float] = 2.0

    name: str = "ddgsd"
    supervision: str = "logits"
    ce_weight: float = 1.0
    lam: float = 1.0
    T: float = 3.0
    scale_t2: bool = True
    detach: bool = True
    reduction: str = "batchmean"
    views: str = "two_draws"
    batch: str = "images"
    joint_forward: bool = True

    def __post_init__(self) -> None:
        check_choice("supervision", self.supervision, SUPERVISIONS)
        check_range("ce_weight", self.ce_weight, 0)
        check_range("lam", self.lam, 0)
        check_range("T", self.T, 1e-6)
        check_choice("reduction", self.reduction, REDUCTIONS)
        check_choice("views", self.views, VIEWS)
        check_choice("batch", self.batch, BATCHES)
        self._check_supervision()

    def _check_supervision(self) -> None:
        if self.supervision == "logits":
            check_weights(ce_weight=self.ce_weight, lam=self.lam)
            return
        for key in ("lam", "T", "scale_t2", "detach", "reduction"):
            if (value := getattr(self, key)) != getattr(Settings, key) and (key, value) != ("lam", 0):
                raise ValueError(f"{key}={value} has no effect with supervision=class_labels; use supervision=logits")
        if self.ce_weight == 0:
            raise ValueError("ce_weight=0 must be above 0 with supervision=class_labels: the loss has no term left")

    def first_view(self, augment: AugmentSettings) -> AugmentSettings:
        """Return the augmentation of the view that the training error is computed from."""
        return augment.uncropped() if self.views == "flip_vs_crop" else augment

    def more_views(self, augment: AugmentSettings) -> tuple[View, ...]:
        """Return the second view: other draws of the same images."""
        return (View(replace(augment, flip=False) if self.views == "flip_vs_crop" else augment),)

    def images_per_batch(self, batch_size: int) -> int:
        """Return the number of images in a batch; of an odd number of forwards one is left over.

        Raises:
            UserError: there are fewer forwards than one image needs.
        """
        if self.batch == "images":
            return batch_size
        if batch_size < 2:
            raise UserError(f"recipe.batch_size={batch_size} must be at least 2 with method.batch=forwards")
        return batch_size // 2

    def resolved(self) -> Settings:
        """Return equivalent settings in the form that a run id covers: switches without effect have their defaults."""
        if self.supervision == "logits" and self.lam != 0:
            return replace(self, scale_t2=Settings.scale_t2) if self.T == 1 else self
        return Settings(
            lam=0.0,
            ce_weight=self.ce_weight,
            views=self.views,
            batch=self.batch,
            joint_forward=self.joint_forward,
        )

    def in_force(self, context: RunContext) -> Settings:
        """Return the settings with the weight of the divergences that the supervision implies."""
        return replace(self, lam=0.0) if self.supervision == "class_labels" else self

    def identity(self) -> dict[str, Any]:
        """Return the resolved switches: ``class_labels`` and ``lam`` 0 are one run."""
        return MethodSettings.identity(self.resolved())

    def criterion_switches(self) -> dict[str, Any]:
        """Return the switches of the criterion, in which the supervision has become a weight."""
        resolved = self.resolved()
        names = ("ce_weight", "lam", "T", "scale_t2", "detach", "reduction")
        return {name: getattr(resolved, name) for name in names}
