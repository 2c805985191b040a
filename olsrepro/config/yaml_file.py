"""A file of `configs/`, or of the user's own groups, as OmegaConf has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]  # a dependency of omegaconf
from omegaconf import OmegaConf
from omegaconf._utils import get_yaml_loader

from olsrepro.files import plain_yaml

MOST_INTERPOLATED = 24
"""Interpolations in a file; ours have two at most. As many can stand for some thousands of values."""
_OmegaConfLoader: Any = get_yaml_loader()


def _with_libyaml(parser: Any) -> Any:
    """Return OmegaConf's loader (which knows 1e-3 and refuses a key that is there twice) with libyaml's parser."""

    class Loader(parser, _OmegaConfLoader):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            parser.__init__(self, text)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    return Loader


_Loader = _with_libyaml(yaml.cyaml.CParser) if hasattr(yaml, "CSafeLoader") else _OmegaConfLoader


def load(path: Path) -> Any:
    """Load a config file.

    Raises:
        ValueError: it can't be read; as :func:`olsrepro.files.plain_yaml.read`.
    """
    return plain_yaml.read(path, parse)


def parse(text: str) -> Any:
    """Parse a config file's text, which must be harmless otherwise; as :func:`refuse_swollen`."""
    refuse_swollen(text)
    values = yaml.load(text, _Loader)
    return OmegaConf.create({} if values is None else values)


def refuse_swollen(text: str) -> None:
    """Refuse a text that may stand for far more than is written, as interpolations of interpolations do.

    Raises:
        Harmful: it has more interpolations than :data:`MOST_INTERPOLATED`.
    """
    if (count := text.count("${")) > MOST_INTERPOLATED:
        raise plain_yaml.Harmful(f"it has {count:,} interpolations ${{…}}, and {MOST_INTERPOLATED} are the most")
