"""The wheel has code, configs and types, and works from a folder that knows nothing of the checkout."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import olsrepro
from olsrepro.methods.registry import method_names

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked."""
    pytest.importorskip("hatchling", reason="builds the wheel: pip install hatchling")
    pytest.importorskip("pip")
    built, site = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--no-index", "-w", str(built), str(ROOT)], check=True, timeout=240)
    [wheel] = built.iterdir()
    assert wheel.name == f"olsrepro-{olsrepro.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def in_wheel(site: Path, *arguments: str, cwd: Path) -> str:
    environment = os.environ | {"PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=True, timeout=120
    ).stdout


def packed_files(site: Path) -> set[str]:
    return {str(path.relative_to(site)) for path in site.rglob("*") if path.is_file()}


def test_the_wheel_has_every_module_and_every_config(site: Path) -> None:
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "olsrepro").rglob("*.py")}
    configs = {f"olsrepro/{path.relative_to(ROOT)}" for path in (ROOT / "configs").rglob("*.yaml")}
    assert code | configs | {"olsrepro/py.typed"} <= packed_files(site)
    assert "olsrepro/configs/config.yaml" in configs


def test_the_wheel_has_the_card_of_every_method(site: Path) -> None:
    cards = {str(path.relative_to(ROOT)) for path in (ROOT / "olsrepro").rglob("card.yaml")}
    assert {f"olsrepro/methods/{name}/card.yaml" for name in method_names()} <= cards <= packed_files(site)


def test_the_wheel_has_nothing_else(site: Path) -> None:
    assert {path.name for path in site.iterdir()} == {"olsrepro", f"olsrepro-{olsrepro.__version__}.dist-info"}
    strange = [
        path.name for path in site.rglob("*") if path.name.startswith(("test", "conftest")) or path.suffix == ".pyc"
    ]
    assert strange == []


def test_the_wheel_names_the_command_and_what_it_needs(site: Path) -> None:
    information = site / f"olsrepro-{olsrepro.__version__}.dist-info"
    assert "olsrepro = olsrepro.cli.main:main" in (information / "entry_points.txt").read_text()
    needed = re.findall(r"^Requires-Dist: ([\w-]+)", (information / "METADATA").read_text(), re.M)
    assert {"torch", "hydra-core", "omegaconf", "filelock", "rich"} <= set(needed)


def test_an_installed_wheel_finds_the_configs_inside_itself(site: Path, tmp_path: Path) -> None:
    program = "from olsrepro.config.locate import configs_folder; print(configs_folder())"
    assert in_wheel(site, "-c", program, cwd=tmp_path) == f"{site.resolve() / 'olsrepro' / 'configs'}\n"


def test_an_installed_wheel_composes_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    text = in_wheel(site, "-m", "olsrepro", "train", "--dry-run", "backbone=resnet56", cwd=tmp_path)
    assert "name: resnet56" in text
    assert "run id: " in text
    assert list(tmp_path.iterdir()) == []


def test_an_installed_wheel_explains_a_method_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    text = in_wheel(site, "-m", "olsrepro", "explain", "ols", "--no-measure", cwd=tmp_path)
    assert text.startswith("ols: Online label smoothing\n")
    assert "  alpha " in text
    assert list(tmp_path.iterdir()) == []
