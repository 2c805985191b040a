"""Location of `configs/`: inside the package in a wheel, beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import olsrepro


@cache
def configs_folder() -> Path:
    """Return the absolute path of the folder of config groups.

    Raises:
        FileNotFoundError: the installation is broken.
    """
    package = Path(olsrepro.__file__).resolve().parent
    for folder in (package / "configs", package.parent / "configs"):
        if (folder / "config.yaml").is_file():
            return folder
    raise FileNotFoundError(f"no configs/ inside {package} or beside it; reinstall olsrepro")
