"""What a method needs and a run cannot give is refused when it is composed, with what to set."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from olsrepro.config.compose import compose_run
from olsrepro.config.teacher import teacher_config
from olsrepro.config.validate import validate
from olsrepro.models.settings import BackboneSettings
from olsrepro.settings import UserError


@dataclass(frozen=True)
class Stageless(BackboneSettings):
    """A family that names no stages."""

    has_stages: ClassVar[bool] = False
    name: str = "plain_mlp"


@pytest.mark.parametrize("method", ["byot", "byot_ols"])
def test_side_heads_on_a_backbone_without_stages_are_refused(method: str) -> None:
    config = replace(compose_run([f"method={method}"]), backbone=Stageless())
    with pytest.raises(
        UserError, match=f"^method={method} puts heads .* backbone=plain_mlp names none: choose .*resnet20"
    ):
        validate(config)


def test_an_odd_batch_for_pairs_is_refused_with_its_neighbours() -> None:
    with pytest.raises(
        UserError, match=r"^recipe.batch_size=127 is odd, but method=pairwise_confusion .* set 128 or 126"
    ):
        compose_run(["method=pairwise_confusion", "recipe.batch_size=127"])


@pytest.mark.parametrize("method", ["hard", "ols", "ddgsd"])
def test_an_odd_batch_is_nothing_to_methods_without_pairs(method: str) -> None:
    assert compose_run([f"method={method}", "recipe.batch_size=127"]).recipe.batch_size == 127


def test_a_data_set_without_sample_index_is_refused_to_who_remembers_samples() -> None:
    config = compose_run(["method=ols_single"])
    validate(config)
    stream = replace(config.dataset, name="stream", sample_index=False)
    with pytest.raises(UserError, match=r"^method=ols_single remembers .* dataset=stream has no sample index"):
        validate(replace(config, dataset=stream))
    validate(replace(compose_run(["method=ols"]), dataset=stream))


def test_more_predictions_than_memory_holds_are_refused_with_their_size() -> None:
    config = compose_run(["method=ols_single"])
    large = replace(config.dataset, name="imagenet", num_classes=1000, train_size=1_281_167)
    with pytest.raises(UserError, match=r"^method.source=previous_epoch .* 4\.8 GiB"):
        validate(replace(config, dataset=large))
    same_batch = compose_run(["method=ols_single", "method.source=same_batch"])
    validate(replace(same_batch, dataset=large))


def test_a_batch_that_half_of_is_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="batch"):
        compose_run(["method=ddgsd", "method.batch=forwards", "recipe.batch_size=1"])


def test_the_teacher_is_the_hard_run_of_everything_else() -> None:
    lines = ["backbone=resnet20", "noise=symmetric", "noise.rate=0.2", "seed=3", "recipe.epochs=7"]
    taught = compose_run(["method=tfkd_self", *lines, "runtime.ensemble_sizes=[2]"])
    assert teacher_config(taught) == compose_run(["method=hard", *lines])


@pytest.mark.parametrize("lines", [["method=ols"], ["method=tfkd_self", "method.teacher=0123456789abcdef-s4"]])
def test_there_is_none_where_the_method_wants_none_or_names_one(lines: list[str]) -> None:
    assert teacher_config(compose_run(lines)) is None
