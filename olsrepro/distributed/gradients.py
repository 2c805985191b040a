"""Exchange between ranks in a step: the gradients' sum, and the running statistics of the first rank."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from olsrepro.distributed.ranks import count_exchange, rank_count

BUCKET = 2**23  # numbers in one message: large enough to be quick, small enough that one fills while another travels


def sum_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace every gradient by its sum over the ranks; every rank must call it, with gradients of the same parameters.

    Gradients are summed after they are whole, not while they are formed as ``DistributedDataParallel`` does: label
    methods call a network more than once in a step, differentiate it twice or leave heads out, which its hooks forbid.
    """
    if rank_count() == 1:
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    with torch.no_grad():
        sent = [(bucket, *_sent(bucket)) for bucket in _buckets(gradients)]
        for bucket, flat, work in sent:
            work.wait()
            _unpack(flat, bucket)


@torch.no_grad()
def share_running_statistics(buffers: Sequence[Tensor]) -> None:
    """Give every rank the first one's buffers, as under ``DataParallel``; every rank must call it.

    There the first replica alone kept its statistics.
    """
    if rank_count() == 1 or not buffers:
        return
    flat = torch.cat([buffer.reshape(-1) for buffer in buffers])
    count_exchange()
    dist.broadcast(flat, src=0)
    _unpack(flat, buffers)


def running_statistics(*modules: nn.Module) -> list[Tensor]:
    """List the running means and variances of all batch norms in some modules."""
    norms = (norm for module in modules for norm in module.modules() if isinstance(norm, _BatchNorm))
    kept = (buffer for norm in norms for buffer in (norm.running_mean, norm.running_var))
    return [buffer for buffer in kept if buffer is not None]


def _buckets(tensors: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Group tensors, in order and by dtype, into messages of at most :data:`BUCKET` numbers, or of one tensor."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        if bucket and (tensor.dtype != bucket[0].dtype or sum(map(Tensor.numel, bucket)) + tensor.numel() > BUCKET):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket


def _sent(bucket: Sequence[Tensor]) -> tuple[Tensor, dist.Work]:
    flat = torch.cat([tensor.reshape(-1) for tensor in bucket])
    count_exchange()
    work = dist.all_reduce(flat, async_op=True)
    assert work is not None
    return flat, work


def _unpack(flat: Tensor, tensors: Sequence[Tensor]) -> None:
    parts = torch.split(flat, [tensor.numel() for tensor in tensors])
    for tensor, part in zip(tensors, parts, strict=True):
        tensor.copy_(part.view(tensor.shape))
