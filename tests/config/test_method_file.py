"""A label method's switches with the comments that say where their defaults come from."""

from __future__ import annotations

from dataclasses import asdict

import pytest
import yaml

from olsrepro.config.compose import compose_run
from olsrepro.config.method_file import MethodFile, Switch, Value, method_file, read_method_file
from olsrepro.methods.registry import method_names, settings_class


def only(text: str) -> Switch:
    [switch] = read_method_file(text).switches
    return switch


def test_a_comment_on_a_values_line_is_its_source() -> None:
    assert only("name: a # who\neps: 0.1 # paper III-A\n") == Switch("eps", Value("0.1", "paper III-A"), "paper III-A")


def test_the_switches_stand_in_the_order_of_the_file_without_the_name() -> None:
    assert [switch.key for switch in read_method_file("z: 1\nname: a\nb: 2\na: 3\n").switches] == ["z", "b", "a"]


@pytest.mark.parametrize("written", ["1.0e-7", "[1.5, 0.5]", "null", "true", "'a # b'", '"its # not"'])
def test_a_default_is_told_as_it_is_written(written: str) -> None:
    assert only(f"name: a\nkey: {written} # so\n").default == Value(written, "so")


def test_a_value_without_a_comment_has_no_source() -> None:
    assert only("name: a\nkey: 1\n").source == ""


def test_a_comment_below_a_value_adds_to_its_own() -> None:
    assert only("name: a\nkey: 1 # ours\n# others: 2\n\n# of nothing\n").source == "ours; others: 2"


def test_a_comment_at_the_head_of_a_block_is_told_of_the_block_alone() -> None:
    text = "name: a\nfirst: 1\n\n# told of\n# both\nb: 2\nc: 3\n# of c alone\nd: 4\n\ne: 5\n"
    assert [(switch.key, switch.heading) for switch in read_method_file(text).switches] == [
        ("first", ""),
        ("b", "told of both"),
        ("c", "told of both"),
        ("d", "told of both"),
        ("e", ""),
    ]


TABLE = """\
name: a
alpha: null # by data set
beta: null
gamma: 3 # typed

# A guess each.
by_dataset:
  cifar10: { alpha: 0.1, beta: 1.0, gamma: 4 } # their code
  cifar100:
    alpha: 0.2 # their paper
    beta: 0.5
  imagenet: # nobody's
    alpha: 6.0
  default: { alpha: 6.0,
             beta: 1.0 } # ours
"""


def test_null_stands_for_the_default_of_the_table_and_other_data_sets_are_told() -> None:
    alpha, beta, _ = read_method_file(TABLE).switches
    assert (alpha.default, alpha.source) == (Value("6.0", "ours"), "by data set")
    assert alpha.on == {"cifar10": Value("0.1", "their code"), "cifar100": Value("0.2", "their paper")}
    assert beta.default == Value("1.0", "ours")
    assert beta.on == {"cifar100": Value("0.5", "")}


def test_a_typed_default_stands_for_itself_whatever_the_table_says() -> None:
    gamma = read_method_file(TABLE).switches[2]
    assert (gamma.default, gamma.on) == (Value("3", "typed"), {})


def test_the_head_of_the_table_is_the_files_note() -> None:
    assert read_method_file(TABLE).note == "A guess each."
    assert read_method_file("name: a\n") == MethodFile(())


def test_a_data_set_that_the_table_lacks_keeps_null() -> None:
    switch = only("name: a\nk: null # none\nby_dataset:\n  cifar10: { k: 1 } # x\n")
    assert (switch.default, switch.on) == (Value("null", "none"), {"cifar10": Value("1", "x")})


@pytest.mark.parametrize("name", method_names())
def test_every_switch_of_a_method_stands_in_its_file_with_a_comment(name: str) -> None:
    switches = method_file(name).switches
    assert {switch.key for switch in switches} == {*asdict(settings_class(name)())} - {"name"}
    assert [switch.key for switch in switches if not (switch.source or switch.heading)] == []
    sources = [value.source for switch in switches for value in switch.on.values()]
    assert all(sources)


@pytest.mark.parametrize("name", method_names())
@pytest.mark.parametrize("dataset", ["digits", "cifar10", "cifar100"])
def test_the_told_values_are_those_of_a_composed_run(name: str, dataset: str) -> None:
    composed = compose_run([f"method={name}", f"dataset={dataset}", "backbone=resnet8"]).method
    told = {switch.key: switch.on.get(dataset, switch.default).text for switch in method_file(name).switches}
    for key, text in told.items():
        value, depends_on_size = yaml.safe_load(text), getattr(settings_class(name)(), key) is None
        assert value == getattr(composed, key) or (value is None and depends_on_size)
