"""State of torch's generators, from which dropout draws; data, noise and labels draw by address instead."""

from __future__ import annotations

from typing import Any

import torch


def random_state(device: torch.device) -> dict[str, Any]:
    """Return the states of torch's generators, of the CPU and of the device."""
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def load_random_state(state: dict[str, Any], device: torch.device) -> None:
    """Restore the states of torch's generators."""
    torch.set_rng_state(state["cpu"])
    if device.type == "cuda" and state["cuda"] is not None:
        torch.cuda.set_rng_state(state["cuda"], device)
