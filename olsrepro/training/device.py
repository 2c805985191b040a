"""Device that a run trains on, with threads and determinism as its settings say."""

from __future__ import annotations

import os

import torch

from olsrepro.distributed.rank_info import RankInfo, rank_info
from olsrepro.settings import UserError
from olsrepro.training.memory import spare_page_faults
from olsrepro.training.runtime import RuntimeSettings


def prepare_device(runtime: RuntimeSettings) -> torch.device:
    """Set threads and determinism for this process, and return the device to train on.

    Raises:
        UserError: the device is not available, or can't do what is asked.
    """
    device = _choose_device(_own_device(runtime.device, rank_info()))
    if runtime.channels_last and device.type == "cpu":
        # Seen in torch 2.14: the backward pass of a narrow strided 1 x 1 convolution writes past its memory.
        raise UserError("runtime.channels_last=true is for GPUs: in that layout torch's CPU kernels corrupt memory")
    if runtime.threads is not None:
        torch.set_num_threads(runtime.threads)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        _prepare_cuda(runtime.deterministic)
    else:
        spare_page_faults()
    return device


def _prepare_cuda(deterministic: bool) -> None:
    """Set determinism of cuDNN, cuBLAS and torch; a CPU needs nothing, because its kernels are deterministic."""
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS is not deterministic
    torch.use_deterministic_algorithms(deterministic)
    torch.backends.cudnn.benchmark = not deterministic
    torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32; torch's default for convolutions is TF32


def _own_device(name: str, here: RankInfo) -> str:
    """Return the name of this rank's device: of several ranks on a machine, each has the GPU of its own number."""
    if here.ranks == 1 or name == "cpu" or not torch.cuda.is_available():
        return name
    if name.startswith("cuda:"):
        raise UserError(f"runtime.device={name} is one GPU, but there are {here.ranks} ranks; set runtime.device=cuda")
    return f"cuda:{here.local_rank}"


def _choose_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"runtime.device={name} is not usable here ({reason}); set runtime.device=auto or cpu"
        ) from None
    return device
