"""What a run's network starts from is filled in when the run is composed, and only that is in its id."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
import user_folder
from user_folder import refusal

from olsrepro.config import pretrained
from olsrepro.config.compose import compose_many, compose_run
from olsrepro.config.restore import restored
from olsrepro.store.identity import run_id

WHOLE = ["dataset=digits@cub", "preset=paper", "recipe.crop=pad", "method=hard"]
FROM_PUBLISHED = [*WHOLE, "backbone=resnet50", "recipe.pretrained=true"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.pth"
    path.write_bytes(b"some weights")
    return path


def start_of(*lines: str) -> str | None:
    return compose_run(lines).recipe.start


@pytest.mark.parametrize(
    ("backbone", "file"),
    [
        ("resnet50", "resnet50-0676ba61.pth"),
        ("resnet101", "resnet101-63fe2227.pth"),
        ("mobilenetv2", "mobilenet_v2-b0353104.pth"),
        ("efficientnet_b7", "tf_efficientnet_b7_aa-076e3472.pth"),
    ],
)
def test_published_weights_enter_by_the_name_of_their_file(backbone: str, file: str) -> None:
    assert start_of(*WHOLE, f"backbone={backbone}", "recipe.pretrained=true") == file


def test_drawn_weights_have_no_start() -> None:
    assert start_of() is None
    assert start_of(*WHOLE, "backbone=resnet50", "recipe.pretrained=false") is None


def test_a_file_enters_by_its_sum_and_becomes_absolute(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = compose_run(["recipe.pretrained=weights.pth"]).recipe
    assert recipe.pretrained == str(weights)
    assert recipe.start == f"sha256:{sha256(b'some weights').hexdigest()}"


def test_the_home_folder_is_understood(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compose_run(["recipe.pretrained='~/weights.pth'"]).recipe.pretrained == str(weights)


def test_the_id_goes_by_the_weights_and_not_by_their_place(weights: Path, tmp_path: Path) -> None:
    copy, other = tmp_path / "copy.bin", tmp_path / "other.pth"
    copy.write_bytes(weights.read_bytes())
    other.write_bytes(b"other weights")
    first, same, another = (run_id(compose_run([f"recipe.pretrained={path}"])) for path in (weights, copy, other))
    assert first == same
    assert len({first, another, run_id(compose_run([]))}) == 3


def test_published_and_drawn_weights_are_two_runs() -> None:
    drawn = [*FROM_PUBLISHED[:-1], "recipe.pretrained=false"]
    assert run_id(compose_run(FROM_PUBLISHED)) != run_id(compose_run(drawn))


def test_a_file_that_changes_is_another_start(weights: Path) -> None:
    first = start_of(f"recipe.pretrained={weights}")
    weights.write_bytes(b"weights of the next day")
    assert start_of(f"recipe.pretrained={weights}") == f"sha256:{sha256(weights.read_bytes()).hexdigest()}" != first


def test_a_file_is_read_once_for_a_sweep(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    summed = pretrained.sha256
    monkeypatch.setattr(pretrained, "sha256", lambda path: read.append(path) or summed(path))
    compose_many([[f"recipe.pretrained={weights}", f"seed={seed}", "recipe.lr=0.05"] for seed in range(3)])
    assert read == [weights]


@pytest.mark.parametrize("path", ["no/such.pth", "yes", "''"])
def test_a_file_that_cannot_be_read_is_refused(path: str) -> None:
    message = refusal([f"recipe.pretrained={path}"])
    assert message.startswith("recipe.pretrained=/")
    assert "can't be read" in message
    assert message.endswith("set recipe.pretrained=true (published weights) or false (drawn weights)")


def test_a_start_that_is_typed_is_compared(weights: Path) -> None:
    assert compose_run([*FROM_PUBLISHED, "recipe.start=resnet50-0676ba61.pth"]) == compose_run(FROM_PUBLISHED)
    assert refusal([*FROM_PUBLISHED, "recipe.start=resnet50-11ad3fa6.pth"]) == (
        "recipe.start=resnet50-11ad3fa6.pth does not fit recipe.pretrained=true, which is resnet50-0676ba61.pth"
    )
    own = f"sha256:{sha256(b'some weights').hexdigest()}"
    assert start_of(f"recipe.pretrained={weights}", f"recipe.start='{own}'") == own
    message = refusal([f"recipe.pretrained={weights}", "recipe.start='sha256:00'"])
    assert message == f"recipe.start=sha256:00 does not fit recipe.pretrained={weights}, which is {own}"


def test_a_start_without_pretrained_weights_is_refused() -> None:
    assert refusal(["recipe.start=resnet50-0676ba61.pth"]).startswith(
        "recipe.start=resnet50-0676ba61.pth has no effect with recipe.pretrained=false; set recipe.pretrained=true"
    )


def test_a_backbone_that_nobody_publishes_is_refused_with_what_to_do() -> None:
    assert refusal(["backbone=resnet20", "recipe.pretrained=true"]) == (
        "recipe.pretrained=true: there are no published weights of backbone=resnet20 to fetch; name a file of weights"
        " with recipe.pretrained=PATH, or set recipe.pretrained=false (drawn weights)"
    )


def test_san_is_refused_with_where_its_weights_lie() -> None:
    message = refusal([*WHOLE, "backbone=san15", "recipe.pretrained=true"])
    assert "SAN's own, which the paper starts from and which were trained with label smoothing" in message
    assert "are on the drive that its README links to" in message


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["backbone.width=0.5"], "backbone.width=0.5; set backbone.width=1, or"),
        (["backbone.depth_factor=2"], "backbone.depth_factor=2; set backbone.depth_factor=1, or"),
        (
            ["backbone.width=0.5", "backbone.depth_factor=2"],
            "backbone.width=0.5 and backbone.depth_factor=2; set backbone.width=1 backbone.depth_factor=1, or",
        ),
    ],
)
def test_a_scaled_network_is_refused_with_its_factors(lines: list[str], told: str) -> None:
    assert f"recipe.pretrained=true: no published weights fit {told} recipe.pretrained=false" in refusal(
        [*FROM_PUBLISHED, *lines]
    )


OWN_RECIPE = """
epochs: 8
milestones: [4]
padding: 4
pretrained: true
"""


def test_a_preset_is_told_by_its_start(tmp_path: Path) -> None:
    """A data set of the user's own whose recipe of the same name starts from published weights."""
    own = user_folder.write(
        tmp_path / "own",
        {
            "dataset/tiny.yaml": user_folder.TINY_SET.replace("image_size: 4", "image_size: 32"),
            "recipe/tiny.yaml": OWN_RECIPE,
        },
    )
    base = ["dataset=tiny", "preset=paper"]
    whole = [*base, "backbone=resnet50"]
    config = compose_run([*whole, "recipe.pretrained=true"], own)
    assert (config.preset, config.recipe.start) == ("paper", "resnet50-0676ba61.pth")
    assert compose_run(whole, own) == config
    assert compose_run([*whole, "recipe.pretrained=false"], own).preset == "custom"
    assert compose_run([*base, "backbone=resnet20", "recipe.pretrained=false"], own).preset == "custom"
    assert "there are no published weights of backbone=resnet20" in refusal([*base, "backbone=resnet20"], own)


def test_a_key_that_a_recipes_file_leaves_to_its_default_can_be_set(tmp_path: Path) -> None:
    own = user_folder.write(tmp_path / "own", {"recipe/short_file.yaml": "epochs: 8\nmilestones: [4]\n"})
    lines = ["recipe=short_file", "recipe.cutout=4", "recipe.momentum=0.5"]
    (config,) = compose_many([lines], own)
    assert (config.recipe.cutout, config.recipe.momentum) == (4, 0.5)
    assert compose_run(lines, own) == config


def test_a_record_gives_the_start_back_though_the_file_is_gone(weights: Path) -> None:
    config = compose_run([f"recipe.pretrained={weights}"])
    weights.unlink()
    assert restored(config.as_dict(), config.runtime).in_force() == config.in_force()
