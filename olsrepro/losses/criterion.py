"""Base of all criteria: checks of their arguments, precision, and sums of weighted terms."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch._subclasses.fake_tensor import is_fake

from olsrepro.checks import check_whole

_NEVER = -(10**18)  # a target to ignore that none is: torch's default ignores -100 without a word


class Criterion(nn.Module):
    """Loss ``(logits (B, K), target (B,)) -> scalar``, the mean over the batch.

    Half-precision logits are raised to fp32, under any autocast; float64 stays float64. A target outside 0..K-1 is
    refused, also the -100 that ``torch.nn.CrossEntropyLoss`` ignores: by a :class:`ValueError` on the CPU, by the
    kernels on other devices and in a compiled caller. Subclasses define :meth:`loss`.

    Raises:
        ValueError: there are fewer than two classes.
    """

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        check_whole("num_classes", num_classes, 2)
        self.num_classes = int(num_classes)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch.

        Args:
            logits: (B, K), floating.
            target: (B,), int64 class indices.

        Raises:
            ValueError: shapes other than these, an empty batch, or (on the CPU) a target outside 0..K-1.
            TypeError: other dtypes.
        """
        check_batch(logits, target, self.num_classes)
        if torch.is_autocast_enabled(logits.device.type):
            with torch.autocast(logits.device.type, enabled=False):
                return self.loss(raised(logits), target)
        return self.loss(raised(logits), target)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a checked batch whose logits are fp32 or float64, outside any autocast."""
        raise NotImplementedError(f"{type(self).__name__} defines no loss")

    def extra_repr(self) -> str:
        """Return the number of classes, for ``print``."""
        return f"num_classes={self.num_classes}"


class ClassCriterion(Criterion):
    """Criterion whose label of a class is the same in every image; subclasses define :meth:`targets`."""

    def targets(self, classes: Tensor) -> Tensor:
        """Return the label distributions (B, K), fp32, of classes (B,) int64."""
        raise NotImplementedError(f"{type(self).__name__} defines no targets")


def check_batch(logits: Tensor, target: Tensor, num_classes: int) -> None:
    """Refuse logits and targets that don't fit together, without waiting for the device.

    Raises:
        ValueError: shapes other than (B, K) and (B,), an empty batch, or what :func:`check_targets` refuses.
        TypeError: anything but tensors, logits that aren't floating, targets that aren't int64.
    """
    for name, value in (("logits", logits), ("target", target)):
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, not {type(value).__name__}; torch.as_tensor({name}) makes one")
    if logits.ndim != 2 or logits.shape[1] != num_classes:
        raise ValueError(f"logits must have shape (B, {num_classes}), got {tuple(logits.shape)}")
    if target.ndim != 1 or len(target) != len(logits):
        raise ValueError(f"target must have shape ({len(logits)},) to match the logits, got {tuple(target.shape)}")
    if len(target) == 0:
        raise ValueError("an empty batch has no mean loss")
    if not logits.is_floating_point():
        raise TypeError(f"logits must be floating, got {logits.dtype}")
    if target.dtype != torch.int64:
        raise TypeError(f"target must hold class indices as int64, got {target.dtype}")
    check_targets(target, num_classes)


def check_targets(target: Tensor, num_classes: int) -> None:
    """Refuse targets (B,) outside 0..K-1 (:class:`ValueError`) if they can be read without waiting for the device."""
    if not len(target) or not _is_readable(target):
        return
    low, high = target.aminmax()
    if low < 0 or high >= num_classes:
        row = int(((target < 0) | (target >= num_classes)).nonzero()[0])
        raise ValueError(
            f"target={int(target[row])} in row {row} is none of the classes 0 to {num_classes - 1}; leave such rows out"
        )


def _is_readable(tensor: Tensor) -> bool:
    """Tell whether values are on the CPU, and there are any: a trace has none, ``vmap`` hides them."""
    if torch.compiler.is_compiling() or not tensor.is_cpu:
        return False
    return not is_fake(tensor) and not torch._C._functorch.is_batchedtensor(tensor)


def hard_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Return the batch mean of ``-log softmax(z)[y]`` for logits (B, K) and classes (B,); no target is ignored."""
    return F.cross_entropy(logits, target, ignore_index=_NEVER)


def hard_nll(log_p: Tensor, target: Tensor) -> Tensor:
    """Return the batch mean of ``-log_p[y]`` for log probabilities (B, K) and classes (B,); no target is ignored."""
    return F.nll_loss(log_p, target, ignore_index=_NEVER)


def is_training_pass(module: nn.Module) -> bool:
    """Tell whether a module learns from a forward pass: in training mode, and where gradients are recorded."""
    return module.training and torch.is_grad_enabled()


def raised(logits: Tensor) -> Tensor:
    """Return half-precision logits in fp32, others unchanged."""
    return logits if logits.dtype in (torch.float32, torch.float64) else logits.float()


def weighted_sum(*terms: tuple[float, Callable[[], Tensor]]) -> Tensor:
    """Sum weight times term; a term of weight 0 isn't computed and weight 1 doesn't multiply.

    A loss with a single term left is therefore bit for bit that term, gradient included.
    """
    parts = [term() if weight == 1 else weight * term() for weight, term in terms if weight != 0]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def cross_entropy(labels: Tensor, log_p: Tensor) -> Tensor:
    """Return the batch mean of the cross entropy between label distributions and log probabilities, both (B, K)."""
    return -(labels * log_p).sum(1).mean()
