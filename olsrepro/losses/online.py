"""Online Label Smoothing as a loss that any training loop can use."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from olsrepro.checks import check_flag
from olsrepro.losses.criterion import Criterion, check_targets, hard_cross_entropy, is_training_pass, weighted_sum
from olsrepro.losses.label_table import LabelTable
from olsrepro.losses.online_rules import resolve_ols


class OnlineLabelSmoothing(Criterion):
    """Cross entropy with the label and with a soft label formed by the class's own correct predictions.

    ``L = hard_weight CE(y, z) + soft_weight CE(S[y], z)`` with the soft labels S of the previous period (paper Eq. 4);
    S is a constant. In training mode the predictions of the same forward pass are counted for the next S (Eq. 5):
    where ``argmax z`` is y (ties: the lowest index), or everywhere with ``accumulate="all"``. ::

        criterion = OnlineLabelSmoothing(num_classes=100)
        for epoch in range(epochs):
            for images, target in loader:
                loss = criterion(network(images), target)
                ...
            criterion.update()

    Neither eval mode nor a pass without gradients (``torch.no_grad()``) is counted: a validation loop leaves the soft
    labels as they are. Ranks of ``torch.distributed`` share their statistics in :meth:`update` only, which all of them
    must call, also where the criterion is part of a module under ``DistributedDataParallel`` or FSDP. The
    ``state_dict`` resumes in the middle of a period; several ranks then have one each.

    Args:
        num_classes: K.
        alpha: weight of the label; the soft label has ``1 - alpha``. None means 0.5, the paper's value.
        variant: ``paper``; ``official_cifar`` (authors' code, cifar/scripts/train_cifar_all_methods.py), whose first
            period has no soft labels; ``official_finegrained`` (fine-grained/solver.py) with both weights 1 and rows
            frozen at 0.88. It determines every switch below that is left at None.
        hard_weight: weight of the label, instead of ``alpha``.
        soft_weight: weight of the soft label, instead of ``1 - alpha``.
        initial_labels: S of the first period, see :class:`LabelTable`; with ``hard_only`` that period is plain cross
            entropy of weight 1 (authors' code, cifar/scripts/train_cifar_all_methods_deepsupervision.py).
        accumulate: ``correct`` (paper III-B) or ``all`` predictions (Algorithm 1 as printed).
        empty_class: ``uniform``, ``zeros`` or ``keep``: the new row of a class without a counted prediction.
        freeze_at: a row whose largest entry has reached this keeps its value; above 1 freezes none.
        count_without_grad: training mode counts under ``torch.no_grad()`` and ``torch.inference_mode()`` too.

    Attributes:
        table: the :class:`LabelTable`: soft labels and statistics.
        rules: the resolved switches, :class:`~olsrepro.losses.online_rules.OlsRules`.

    Raises:
        ValueError: a switch is out of its range, or ``alpha`` is given with one of the official variants.
    """

    def __init__(
        self,
        num_classes: int,
        alpha: float | None = None,
        variant: str = "paper",
        hard_weight: float | None = None,
        soft_weight: float | None = None,
        initial_labels: str | None = None,
        accumulate: str | None = None,
        empty_class: str | None = None,
        freeze_at: float | None = None,
        count_without_grad: bool = False,
    ) -> None:
        super().__init__(num_classes)
        check_flag("count_without_grad", count_without_grad)
        self.count_without_grad = count_without_grad
        self.rules = resolve_ols(
            variant, alpha, hard_weight, soft_weight, initial_labels, accumulate, empty_class, freeze_at
        )
        rules = self.rules
        self.table = LabelTable(num_classes, rules.initial_labels, rules.empty_class, rules.freeze_at)

    @property
    def soft_labels(self) -> Tensor:
        """Current soft labels, (K, K) fp32: row y for class y."""
        return self.table.soft_labels

    @property
    def period(self) -> int:
        """Number of periods that have ended."""
        return self.table.period

    def update(self) -> None:
        """End a period (an epoch in the paper): turn the counted predictions into soft labels and reset the counts."""
        self.table.update()

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch; in training mode, with gradients, its predictions are counted."""
        hard_weight, soft_weight = self._weights()
        table = self.table
        if soft_weight == 0:
            loss = weighted_sum((hard_weight, lambda: hard_cross_entropy(logits, target)))
            p = logits.detach().softmax(1)
        else:
            loss, p = _SoftenedCrossEntropy.apply(logits, target, table.soft_labels, hard_weight, soft_weight)
        if is_training_pass(self) or (self.training and self.count_without_grad):
            correct = None if self.rules.accumulate == "all" else _is_correct(logits.detach(), target)
            table.count(target, p, correct)
        return loss

    def targets(self, classes: Tensor) -> Tensor:
        """Return the loss's targets for classes (B,) int64: weighted hard and soft labels, (B, K) fp32."""
        check_targets(classes, self.num_classes)
        hard_weight, soft_weight = self._weights()
        hard = hard_weight * F.one_hot(classes, self.num_classes).float()
        return hard + soft_weight * self.table.labels(classes) if soft_weight else hard

    @torch.no_grad()
    def observe(self, target: Tensor, predictions: Tensor, counted: Tensor) -> None:
        """Count predictions (B, K) that went into another loss, such as a detector's; :meth:`loss` counts its own.

        Whatever the mode: the caller knows which predictions are of training. ``counted`` (B,) bool marks the rows that
        can count; of these ``accumulate`` selects all or the correct ones.
        """
        right = counted if self.rules.accumulate == "all" else counted & _is_correct(predictions, target)
        self.table.observe(target, predictions, right)

    def _weights(self) -> tuple[float, float]:
        if self.rules.initial_labels == "hard_only" and self.period == 0:
            return 1.0, 0.0
        return self.rules.hard_weight, self.rules.soft_weight


def _is_correct(logits: Tensor, target: Tensor) -> Tensor:
    # max is faster than argmax on the CPU; both take the lowest index of a tie.
    return logits.max(1).indices.eq_(target)


class _SoftenedCrossEntropy(torch.autograd.Function):
    """``CE(t, z)`` with ``t = hard_weight onehot(y) + soft_weight S[y]``, and ``p = softmax(z)`` as a constant.

    The gradient for the logits, ``(p sum(t) - t) / B``, is computed in the forward pass, where everything it needs is
    available: this takes half the passes over memory that autograd would. Rows of S may sum to less than 1.
    """

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, soft_labels: Tensor, hard_weight: float, soft_weight: float
    ) -> tuple[Tensor, Tensor]:
        scale = -1 / len(target)
        log_p = logits.log_softmax(1)
        t = soft_labels.index_select(0, target).to(log_p.dtype).mul_(scale * soft_weight)
        t.scatter_(1, target.unsqueeze(1), scale * hard_weight, reduce="add")
        loss = torch.dot(t.view(-1), log_p.view(-1))
        p = log_p.exp_()
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(t.addcmul_(p, t.sum(1, keepdim=True), value=-1))
        ctx.mark_non_differentiable(p)
        ctx.set_materialize_grads(False)
        return loss, p

    @staticmethod
    def backward(ctx: Any, grad_loss: Tensor | None, _: Tensor | None) -> tuple[Tensor | None, None, None, None, None]:
        if grad_loss is None:
            return None, None, None, None, None
        # torch's once_differentiable does the same, but costs 5 % of a step's time at 100 classes.
        if torch.is_grad_enabled():
            raise RuntimeError("OnlineLabelSmoothing has no second derivative; call backward without create_graph")
        (gradient,) = ctx.saved_tensors
        return gradient * grad_loss, None, None, None, None
