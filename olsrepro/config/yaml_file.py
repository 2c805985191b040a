"""A file of `configs/`, or of the user's own groups, as OmegaConf has it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from olsrepro.files import plain_yaml

MOST_INTERPOLATED = 24
"""Interpolations in a file; ours have two at most. As many can stand for some thousands of values."""


def load(path: Path) -> Any:
    """Load a config file.

    Raises:
        ValueError: it can't be read; as :func:`olsrepro.files.plain_yaml.read`.
    """
    return plain_yaml.read(path, parse)


def parse(text: str) -> Any:
    """Parse a config file's text, which must be harmless otherwise; as :func:`refuse_swollen`."""
    refuse_swollen(text)
    return OmegaConf.load(StringIO(text))


def refuse_swollen(text: str) -> None:
    """Refuse a text that may stand for far more than is written, as interpolations of interpolations do.

    Raises:
        Harmful: it has more interpolations than :data:`MOST_INTERPOLATED`.
    """
    if (count := text.count("${")) > MOST_INTERPOLATED:
        raise plain_yaml.Harmful(f"it has {count:,} interpolations ${{…}}, and {MOST_INTERPOLATED} are the most")
