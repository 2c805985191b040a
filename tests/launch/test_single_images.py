"""A last part of one image is refused where BatchNorm has no statistics for it, and trained on where it has."""

from __future__ import annotations

from pathlib import Path

import pytest

from olsrepro.cli import exit_codes
from olsrepro.cli.main import main
from olsrepro.config.compose import compose_run
from olsrepro.launch.ranks import smallest_part

# 1437 = 4 · 359 + 1
ONE_LEFT = ["train", "backbone=resnet8", "backbone.width=0.25", "recipe.epochs=1", "recipe.batch_size=359"]


def test_a_side_head_that_ends_in_one_place_is_refused_before_a_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*ONE_LEFT, "method=byot", f"runtime.runs_dir={tmp_path}"]) == exit_codes.RUN_FAILED
    said = capsys.readouterr()
    assert "recipe.batch_size=359 leaves a part of one image in the last batch of dataset=digits" in said.err
    assert "epoch 1/1" not in said.out


def test_a_network_that_ends_in_more_places_trains_on_one_image(tmp_path: Path) -> None:
    assert main([*ONE_LEFT, "method=hard", f"runtime.runs_dir={tmp_path}"]) == exit_codes.DONE


@pytest.mark.parametrize(
    ("ranks", "lines", "expected"),
    [
        (1, ["recipe.batch_size=359"], 1),
        (1, ["recipe.batch_size=128"], 29),  # 1437 = 11 · 128 + 29
        (2, ["recipe.batch_size=478"], 1),  # 1437 = 3 · 478 + 3
        (2, ["recipe.batch_size=478", "runtime.accumulate=1", "method=byot"], 1),
        (1, ["recipe.batch_size=479"], 479),  # 1437 = 3 · 479
    ],
)
def test_the_smallest_part_is_of_the_last_batch(
    ranks: int, lines: list[str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = {"RANK": 0, "WORLD_SIZE": ranks, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": ranks, "MASTER_PORT": 1}
    for name, value in (told | {"MASTER_ADDR": "127.0.0.1"}).items():
        monkeypatch.setenv(name, str(value))
    assert smallest_part(compose_run(lines)) == expected
