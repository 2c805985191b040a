"""A user's own config groups, for ``--config-dir``; and the one line that a mistake is answered with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from olsrepro.config.compose import compose_run
from olsrepro.settings import UserError

TINY_SET = "name: tiny\nnum_classes: 10\ntrain_size: 200\ntest_size: 20\nimage_size: 4\n"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def refusal(lines: Sequence[str], config_dir: Path | None = None) -> str:
    """What composing says against these lines; one line, whatever they are."""
    with pytest.raises(UserError) as caught:
        compose_run(lines, config_dir)
    message = str(caught.value)
    assert message.strip()
    assert "\n" not in message
    return message
