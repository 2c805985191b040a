"""Every mistake is answered by one line with the key, the value and what would be right."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import user_folder

from olsrepro.config.compose import compose_run
from olsrepro.config.sweeps import swept_values
from olsrepro.experiments.measured import parameter_value
from olsrepro.methods.registry import method_names
from olsrepro.settings import UserError

MISTAKES = [
    # misspelt: a group, a choice, a key
    ("metod=ols", ["metod=ols", "did you mean method?"]),
    ("methd.alpha=1", ["methd.alpha=1", "did you mean method?"]),
    ("sede=1", ["sede=1", "did you mean seed?"]),
    ("epochs=4", ["epochs=4", "unknown key `epochs`"]),
    ("method=olss", ["method=olss", "did you mean ols"]),
    ("method=?", ["method=?", f"valid: {', '.join(method_names())}"]),
    ("dataset=cifar-100", ["dataset=cifar-100", "did you mean cifar100"]),
    ("backbone=resnet200", ["backbone=resnet200", "did you mean resnet20"]),
    ("recipe=digit", ["recipe=digit", "did you mean digits"]),
    ("dataset=digits@cbu", ["dataset=digits@cbu", "did you mean digits@cub"]),
    ("preset=papr", ["preset=papr", "did you mean paper?"]),
    ("noise=symetric", ["noise=symetric", "did you mean symmetric or asymmetric?"]),
    ("runtime=fast", ["runtime=fast", "default"]),
    ("dataset=null", ["dataset=null", "valid: aircraft, cars, cifar10"]),
    ("dataset=[cifar10]", ["dataset=[cifar10]", "cifar10"]),
    ("method.alpah=1", ["method.alpah=1", "method=ols", "did you mean alpha?"]),
    ("recipe.epoch=5", ["recipe.epoch=5", "did you mean epochs?"]),
    ("recipe.epochs.more=5", ["recipe.epochs.more=5", "did you mean epochs?"]),
    ("backbone.widht=1", ["backbone.widht=1", "did you mean width?"]),
    ("noise.rat=0.1", ["noise.rat=0.1", "noise.kind=none", "no keys to set"]),
    ("noise=symmetric noise.rat=0.1", ["noise.rat=0.1", "did you mean rate"]),
    ("runtime.thread=2", ["runtime.thread=2", "did you mean threads?"]),
    ("dataset.nam=x", ["dataset.nam=x", "no keys to set"]),
    ("preset.epochs=5", ["preset.epochs=5", "preset=NAME"]),
    ("recipe.reference={epochs:3}", ["recipe.reference={epochs:3}", "has no reference"]),
    ("method.by_dataset=null", ["method.by_dataset=null", "has no by_dataset"]),
    ("recipe.milestones=[[1],[2]]", ["recipe.milestones=[[1], [2]]", "a list of whole numbers"]),
    (f"recipe.epochs={10**400}", ["recipe.epochs=inf", "at least 1"]),
    # another method's switch
    (
        "method=ls method.alpha=0.3",
        ["method.alpha=0.3", "method=ls", ", ols, ols_single, ", "have it"],
    ),
    ("method=ls method.update_period=5", ["method.update_period=5", "method=ls", "byot_ols, ols have it"]),
    # facts and names
    ("dataset.num_classes=5", ["dataset.num_classes=5", "describes the dataset", "dataset="]),
    ("backbone.params=5", ["backbone.params=5", "describes the backbone", "backbone="]),
    ("backbone.name=x", ["backbone.name=x", "describes the backbone"]),
    ("backbone.family=resnext29", ["backbone.family=resnext29", "describes the backbone"]),
    ("method.name=ls", ["method.name=ls", "describes the method", "method="]),
    # Hydra's grammar beyond key=value
    ("+recipe.foo=1", ["+recipe.foo=1", "key=value"]),
    ("++recipe.epochs=4", ["++recipe.epochs=4", "key=value"]),
    ("~recipe.epochs", ["~recipe.epochs", "key=value"]),
    ("~recipe.epochs=4", ["~recipe.epochs=4", "key=value"]),
    ("dataset@noise=cifar10", ["dataset@noise=cifar10", "key=value"]),
    ("seed=1,2", ["seed=1,2", "one run takes one"]),
    ("seed=range(1,3)", ["seed=range(1,3)", "one run takes one"]),
    ("method=ols,ls", ["method=ols,ls", "one run takes one"]),
    ("recipe", ["recipe", "key=value", "recipe.epochs=8"]),
    ("--foo", ["--foo", "key=value"]),
    ("=3", ["=3", "valid: backbone, dataset"]),
    ("recipe.lr=[", ["recipe.lr=[", "can't be read"]),
    ("recipe.lr={", ["recipe.lr={", "can't be read"]),
    ("runtime.data_dir=a=b", ["runtime.data_dir=a=b", "quote"]),
    ("hydra.job.chdir=true", ["hydra.job.chdir=true", "unknown key `hydra`"]),
    ("hydra.run.dir=/tmp", ["hydra.run.dir=/tmp", "unknown key `hydra`"]),
    ("hydra.searchpath=[]", ["hydra.searchpath=[]", "unknown key `hydra`"]),
    ("hydra/launcher=basic", ["hydra/launcher=basic", "valid: backbone, dataset"]),
    ("recipe.lr=${foo}", ["recipe.lr", "foo"]),
    ("recipe.lr=${oc.env:NOT_SET_ANYWHERE}", ["recipe.lr", "NOT_SET_ANYWHERE"]),
    ("recipe.epochs=???", ["recipe.epochs", "issing"]),
    # twice
    ("recipe.epochs=8 recipe.epochs=9", ["recipe.epochs is given twice", "recipe.epochs=8", "recipe.epochs=9"]),
    ("method=ols method=ls", ["method is given twice"]),
    # wrong types
    ("recipe.epochs=1.5", ["recipe.epochs=1.5 must be a whole number"]),
    ("recipe.epochs=abc", ["recipe.epochs=abc must be a whole number"]),
    ("recipe.epochs=true", ["recipe.epochs=true must be a whole number"]),
    ("recipe.epochs=null", ["recipe.epochs=null must be a whole number"]),
    ("recipe.lr=fast", ["recipe.lr=fast must be a number"]),
    ("recipe.flip=maybe", ["recipe.flip=maybe must be true or false"]),
    ("recipe.milestones=5", ["recipe.milestones=5 must be a list of whole numbers"]),
    ("recipe.milestones=[a,b]", ["recipe.milestones=[a, b] must be a list of whole numbers"]),
    ("method.alpha=half", ["method.alpha=half must be a number or null"]),
    ("runtime.threads=many", ["runtime.threads=many must be a whole number or null"]),
    ("runtime.data_dir=null", ["runtime.data_dir=null must be text"]),
    ("seed=abc", ["seed=abc must be a whole number"]),
    ("seed=true", ["seed=true must be a whole number"]),
    # out of range
    ("seed=-1", ["seed=-1 must be", "at least 0"]),
    ("recipe.epochs=0", ["recipe.epochs=0 must be at least 1"]),
    ("recipe.batch_size=0", ["recipe.batch_size=0 must be at least 1"]),
    ("recipe.lr=-1", ["recipe.lr=-1 must be at least 0"]),
    ("recipe.lr=nan", ["recipe.lr=nan must be"]),
    ("recipe.lr=inf", ["recipe.lr=inf must be a finite number"]),
    ("method.hard_weight=inf", ["method.hard_weight=inf must be a finite number"]),
    ("recipe.momentum=1.5", ["recipe.momentum=1.5 must be in [0, 1]"]),
    ("recipe.momentum=0", ["nesterov=true needs a momentum above 0", "nesterov=false"]),
    ("recipe.milestones=[5,3]", ["recipe.milestones=[5, 3]", "rising order"]),
    ("recipe.milestones=[0,3]", ["recipe.milestones=[0, 3]", "at least 1"]),
    ("recipe.precision=fp16", ["recipe.precision=fp16", "did you mean bf16 or fp32?"]),
    ("noise=symmetric noise.rate=1.2", ["noise.rate=1.2 must be in [0, 1]"]),
    ("noise.rate=0.3", ["noise.rate=0.3: noise.kind=none has no rate; ", "symmetric have it", "with noise=…"]),
    ("backbone.width=0", ["backbone.width=0 must be"]),
    ("backbone.depth_factor=0", ["backbone.depth_factor=0 must be"]),
    ("backbone=resnet20 backbone.depth=21", ["backbone.depth=21", "nearest legal: 20 and 26"]),
    ("backbone=cifar_resnet18 backbone.depth=44", ["backbone.depth=44", "valid: 18, 34, 50, 101"]),
    ("method=ls method.eps=1.5", ["method.eps=1.5 must be in [0, 1]"]),
    ("method=ls method.spread=others_", ["method.spread=others_", "did you mean others?"]),
    ("method.variant=pape", ["method.variant=pape", "did you mean paper?"]),
    ("method.initial_labels=unifrom", ["method.initial_labels=unifrom", "did you mean uniform?"]),
    ("method.update_period=0", ["method.update_period=0 must be epoch or"]),
    ("runtime.device=gpu", ["runtime.device=gpu", "cpu"]),
    ("runtime.threads=0", ["runtime.threads=0 must be at least 1"]),
    ("runtime.checkpoint_minutes=0", ["runtime.checkpoint_minutes=0 must be"]),
    # parts that do not fit each other
    (
        "method.variant=official_finegrained method.alpha=0.5",
        ["method.alpha=0.5", "variant=official_finegrained", "set hard_weight and soft_weight"],
    ),
    ("method=sce method.alpha=0 method.beta=0", ["method.alpha and beta are both 0"]),
    ("method.alpha=0 method.soft_weight=0", ["hard_weight and soft_weight are both 0"]),
    ("recipe.batch_size=2000", ["recipe.batch_size=2000", "1437", "dataset=digits"]),
    ("recipe.cutout=20", ["recipe.cutout=20", "dataset=digits", "half the side, 4"]),
    ("runtime.ensemble_sizes=[0]", ["runtime.ensemble_sizes=0 must be at least 1"]),
]


@pytest.mark.parametrize(("lines", "parts"), MISTAKES, ids=[lines for lines, _ in MISTAKES])
def test_a_mistake_is_answered_with_key_value_and_what_would_be_right(lines: str, parts: list[str]) -> None:
    message = user_folder.refusal(lines.split(" "))
    assert all(part in message for part in parts), message


def test_a_config_dir_that_is_no_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        assert user_folder.refusal([], place) == f"--config-dir {place} is not a folder"


FAULTY_FILES = [
    ("method=mine", {"method/mine.yaml": "name: olss\n"}, ["method=olss", "did you mean ols"]),
    ("method=mine", {"method/mine.yaml": "alpha: 0.3\n"}, ["method.name is missing"]),
    ("method=mine", {"method/mine.yaml": ""}, ["method.name is missing"]),
    ("method=mine", {"method/mine.yaml": "- a\n"}, ["method", "key: value"]),
    ("method=mine", {"method/mine.yaml": "name: [ols\n"}, ["method/mine.yaml", "line"]),
    ("method=mine", {"method/mine.yaml": "name: ols\nalhpa: 1\n"}, ["method.alhpa=1", "did you mean alpha?"]),
    ("method=mine", {"method/mine.yaml": "name: ols\nalpha: x\n"}, ["method.alpha=x must be a number"]),
    ("method=mine", {"method/mine.yaml": "defaults: [olz]\n"}, ["method/mine", "method/olz"]),
    ("method=mine", {"method/mine.yaml": "name: sce\nalpha: null\nby_dataset: 5\n"}, ["method.by_dataset=5"]),
    ("method=mine", {"method/mine.yaml": "name: sce\nalpha: null\n"}, ["method.alpha=null must be a number"]),
    ("backbone=mine", {"backbone/mine.yaml": "name: mine\ndepth: 20\n"}, ["backbone.family is missing"]),
    ("backbone=mine", {"backbone/mine.yaml": "family: thin\n"}, ["backbone.family=thin", "thin_resnet"]),
    ("recipe=mine preset=paper", {"recipe/mine.yaml": "epochs: 10\n"}, ["recipe.milestones=null", "reference"]),
    (
        "recipe=mine",
        {"recipe/mine.yaml": "milestones: null\nreference:\n  epochs: 5\n"},
        ["recipe.milestones=null", "reference"],
    ),
    (
        "recipe=mine",
        {"recipe/mine.yaml": "milestones: null\nreference:\n  epochs: 5\n  milestones: [4, 2]\n"},
        ["recipe.milestones=[3, 1]", "rising order"],
    ),
    ("preset=mine", {"preset/mine.yaml": "recipe:\n  epochs: 10\n"}, ["@package _global_"]),
    ("preset=mine", {"preset/mine.yaml": "# @package _global_\nrecpe:\n  epochs: 1\n"}, ["recpe", "recipe"]),
    (
        "preset=mine",
        {"preset/mine.yaml": "# @package _global_\nrecipe:\n  epoch: 1\n"},
        ["recipe.epoch=1", "did you mean epochs?"],
    ),
    ("dataset=tiny", {"dataset/tiny.yaml": user_folder.TINY_SET}, ["dataset=tiny", "recipe=NAME", "digits"]),
    ("dataset=tiny recipe=digits", {"dataset/tiny.yaml": "name: tiny\n"}, ["dataset.num_classes is missing"]),
    (
        "dataset=tiny recipe=digits backbone=cifar_resnet18",
        {"dataset/tiny.yaml": user_folder.TINY_SET},
        ["backbone=cifar_resnet18", "at least 8 pixels", "dataset=tiny has 4", "resnet8"],
    ),
]


@pytest.mark.parametrize(("lines", "files", "parts"), FAULTY_FILES)
def test_a_mistake_in_a_users_file_is_answered_likewise(
    lines: str, files: dict[str, str], parts: list[str], tmp_path: Path
) -> None:
    message = user_folder.refusal(lines.split(" "), user_folder.write(tmp_path / "own", files))
    assert all(part in message for part in parts), message


@pytest.mark.parametrize("value", ["1" * 5000, "[" * 3000 + "]" * 3000], ids=["digits", "brackets"])
@pytest.mark.parametrize(
    "read",
    [lambda line: compose_run([line]), swept_values, lambda line: parameter_value(*line.split("="))],
    ids=["run", "sweep", "evaluation"],
)
def test_a_value_that_is_too_long_to_read_is_told_by_its_key(value: str, read: Callable[[str], object]) -> None:
    with pytest.raises(UserError, match=r"^recipe\.epochs.* can't be read: .*(digits|5,000 characters|depth)") as told:
        read(f"recipe.epochs={value}")
    assert len(str(told.value)) < 300


@pytest.mark.parametrize(
    ("key", "largest"), [("recipe.cutout", 16), ("recipe.batch_size", 1437)], ids=["two sides", "all training images"]
)
def test_the_largest_value_that_fits_is_taken_and_one_more_is_refused(key: str, largest: int) -> None:
    compose_run(["dataset=digits", f"{key}={largest}"])
    with pytest.raises(UserError, match=f"^{key}={largest + 1} "):
        compose_run(["dataset=digits", f"{key}={largest + 1}"])
