"""A file of `configs/`, or of the user's own groups, as OmegaConf has it."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from olsrepro.files import plain_yaml


def load(path: Path) -> Any:
    """Load a config file.

    Raises:
        ValueError: it can't be read; as :func:`olsrepro.files.plain_yaml.read`.
    """
    return plain_yaml.read(path, parse)


def parse(text: str) -> Any:
    """Parse a config file's text, which must be harmless."""
    return OmegaConf.load(StringIO(text))
