"""Hydra's source of config files, with a check of each file before it is loaded."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigResult

from olsrepro.config.yaml_file import refuse_swollen
from olsrepro.files import plain_yaml
from olsrepro.settings import UserError


class _HarmlessFiles(FileConfigSource):
    """Hydra's own source of config files, which first makes sure that one can be loaded."""

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path, self._normalize_file_name(config_path))
        try:
            return plain_yaml.read(path, lambda text: self._loaded(config_path, text))
        except ValueError as error:
            raise UserError(f"{path} can't be read: {error}") from None

    def _loaded(self, config_path: str, text: str) -> ConfigResult:
        refuse_swollen(text)
        try:
            return super().load_config(config_path)
        except HydraException:
            raise
        except OSError:  # OmegaConf's, for a single value
            raise plain_yaml.Harmful("it holds no `key: value` lines") from None


@cache
def use_harmless_files() -> None:
    """Have Hydra read its files through this source from now on."""
    Plugins.instance()  # registers Hydra's own sources, of which this takes the place
    SourcesRegistry.instance().types["file"] = _HarmlessFiles
