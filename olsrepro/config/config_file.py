"""Values of a config file as OmegaConf reads them, parsed by libyaml where it is installed: ten times as fast."""

from __future__ import annotations

from typing import Any

import yaml  # type: ignore[import-untyped,unused-ignore]  # omegaconf brings it
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf._utils import get_yaml_loader

_OmegaConfLoader: Any = get_yaml_loader()


def _libyaml_loader(parser: Any) -> Any:
    """Return OmegaConf's loader (which knows 1e-3 and refuses a key that is there twice) with libyaml's parser."""

    class Loader(parser, _OmegaConfLoader):  # type: ignore[misc]
        def __init__(self, text: str) -> None:
            parser.__init__(self, text)
            yaml.constructor.SafeConstructor.__init__(self)
            yaml.resolver.Resolver.__init__(self)

    return Loader


_Loader = _libyaml_loader(yaml.cyaml.CParser) if hasattr(yaml, "CSafeLoader") else _OmegaConfLoader


def parse_config(text: str) -> DictConfig | ListConfig:
    """Parse the text of a config file; an empty one is an empty mapping.

    Raises:
        YAMLError: it is no YAML, or has a key twice.
        OmegaConfBaseException: it holds what no config may.
    """
    values = yaml.load(text, _Loader)
    return OmegaConf.create({} if values is None else values)
