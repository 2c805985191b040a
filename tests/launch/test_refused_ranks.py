"""What can't be split among ranks, or into the parts of a step, is told in one line before anything is read."""

from __future__ import annotations

import pytest

from olsrepro.config.compose import compose_run
from olsrepro.launch.ranks import refuse_uneven
from olsrepro.settings import UserError


def started(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """As if ``torchrun`` had started so many processes."""
    told = {"RANK": 0, "WORLD_SIZE": count, "LOCAL_RANK": 0, "LOCAL_WORLD_SIZE": count}
    for name, value in (told | {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": 1}).items():
        monkeypatch.setenv(name, str(value))


def refusal(*lines: str) -> str:
    with pytest.raises(UserError) as told:
        refuse_uneven(compose_run(lines))
    line = str(told.value)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("count", "lines", "expected"),
    [
        (
            4,
            ["recipe.batch_size=66"],
            "recipe.batch_size=66, 66 images a step, is not divisible by 4 ranks x runtime.accumulate=1;"
            " 64 or 68 images are",
        ),
        (
            1,
            ["recipe.batch_size=65", "runtime.accumulate=2"],
            "recipe.batch_size=65, 65 images a step, is not divisible by 1 rank x runtime.accumulate=2;"
            " 64 or 66 images are",
        ),
        (
            3,
            ["recipe.batch_size=4", "runtime.accumulate=2"],
            "recipe.batch_size=4, 4 images a step, is not divisible by 3 ranks x runtime.accumulate=2; 6 images are",
        ),
        (
            4,
            ["recipe.batch_size=36", "method=pairwise_confusion"],
            "recipe.batch_size=36, 36 images a step in pairs, is not divisible by 4 ranks x runtime.accumulate=1;"
            " 32 or 40 images are",
        ),
        (
            2,
            ["recipe.batch_size=66", "method=ddgsd", "method.batch=forwards"],
            "recipe.batch_size=66, 33 images a step, is not divisible by 2 ranks x runtime.accumulate=1;"
            " 32 or 34 images are",
        ),
        (
            8,
            ["recipe.batch_size=16", "runtime.accumulate=2"],  # 1437 = 89 · 16 + 13
            "recipe.batch_size=16 leaves a last batch of 13 training images of dataset=digits, too few for 8 ranks x"
            " runtime.accumulate=2; choose another batch size",
        ),
        (
            1,
            ["recipe.batch_size=64", "runtime.accumulate=2", "method=l2rw"],
            "runtime.accumulate=2 does not work with method=l2rw, which needs all images of a step at once: set"
            " runtime.accumulate=1, and start more ranks if a batch is too large for one",
        ),
        (400, ["recipe.batch_size=800"], "dataset=digits has only 360 test images for 400 ranks: start fewer ranks"),
    ],
)
def test_it_is_refused(monkeypatch: pytest.MonkeyPatch, count: int, lines: list[str], expected: str) -> None:
    started(monkeypatch, count)
    assert refusal(*lines) == expected


@pytest.mark.parametrize(
    ("count", "lines"),
    [
        (1, ["recipe.batch_size=65"]),
        (1, ["recipe.batch_size=65", "method=l2rw"]),
        (4, ["recipe.batch_size=64", "runtime.accumulate=2"]),  # 1437 = 22 · 64 + 29, three or four for each part
        (4, ["recipe.batch_size=64", "method=l2rw"]),
        (4, ["dataset=imagenet", "backbone=resnet50", "preset=paper"]),  # 1281167 = 5004 · 256 + 143
        (4, ["dataset=cub", "backbone=resnet50", "preset=paper"]),  # 5994 = 93 · 64 + 42
    ],
)
def test_what_divides_passes(monkeypatch: pytest.MonkeyPatch, count: int, lines: list[str]) -> None:
    started(monkeypatch, count)
    refuse_uneven(compose_run(lines))


def test_a_clean_set_that_is_kept_apart_counts_for_the_last_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 1437 images 20 are clean: 1417 = 22 · 64 + 9."""
    started(monkeypatch, 16)
    assert "leaves a last batch of 9 " in refusal("recipe.batch_size=64", "method=l2rw")
    refuse_uneven(compose_run(["recipe.batch_size=64", "method=l2rw", "method.clean_in_training=true"]))
