"""Settings objects from the plain values of groups: each value is converted to its field's type and checked."""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from omegaconf import OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException

from olsrepro.checks import did_you_mean
from olsrepro.config.components import SCANNED, component, settings_class
from olsrepro.config.former_keys import without_idle
from olsrepro.settings import UserError, cached_by_class, fact_names

LABELS = {"name", *(components.key for components in SCANNED.values())}
WORDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    list[int]: "a list of whole numbers, as in [2,3]",
    list[float]: "a list of numbers, as in [1.5,0.5]",
    NoneType: "null",
}


def fill(group: str, node: Mapping[str, Any]) -> Any:
    """Return the settings object of a group's values, a new one each time with lists of its own.

    Raises:
        UserError: a key or a value is wrong; the message names both.
    """
    return pickle.loads(_filled(group, pickle.dumps(dict(node))))


@lru_cache(maxsize=4096)
def _filled(group: str, node: bytes) -> bytes:
    """Return the pickled settings object of pickled values, cached because the runs of a sweep share most values.

    Pickles tell 1 from 1.0, and keep runs from sharing a list.
    """
    return pickle.dumps(_new(group, pickle.loads(node)))


def _new(group: str, given: dict[str, Any]) -> Any:
    cls = settings_class(group, given)
    node = without_idle(group, {item.name for item in fields(cls)}, given)
    _refuse_unknown(group, cls, node)
    try:
        values = node if _is_typed(cls, node) else _converted(cls, node)
        _refuse_infinite(group, values)
        _refuse_untyped(group, cls, values)
        return cls(**values)
    except MissingMandatoryValue as error:
        raise UserError(f"{group}.{error.full_key} is missing from the config file of this {group}") from None
    except OmegaConfBaseException as error:
        raise UserError(_wrong_type(group, cls, node, error)) from None
    except ValueError as error:
        prefix = "" if str(error).startswith(f"{group}.") else f"{group}."
        raise UserError(f"{prefix}{error}") from None


def _converted(cls: type[Any], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return values converted to the types of their fields; raises OmegaConf's errors where that can't be done."""
    typed = OmegaConf.merge(_schema(cls), node)
    values = OmegaConf.to_container(typed, throw_on_missing=True)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _is_typed(cls: type[Any], node: Mapping[str, Any]) -> bool:
    """Return whether nothing is to be converted and no value is missing: the usual case, a hundred times as fast."""
    hints = _hints(cls)
    return _required(cls) <= node.keys() and all(_has_type(value, hints[key]) for key, value in node.items())


def _has_type(value: Any, hint: Any) -> bool:
    """Return whether a value is of one of a field's types as it stands; a text that may mean another value is not."""
    if isinstance(value, str) and ("${" in value or value == "???"):
        return False
    if type(value) is list:
        return any(get_origin(kind) is list and _all_are(value, *get_args(kind)) for kind in _kinds(hint))
    return type(value) in _kinds(hint)


def _all_are(values: Iterable[Any], kind: Any) -> bool:
    return kind is not str and all(type(value) is kind for value in values)


@cached_by_class
def _required(cls: type[Any]) -> frozenset[str]:
    return frozenset(
        item.name for item in fields(cls) if item.init and item.default is MISSING and item.default_factory is MISSING
    )


@cached_by_class
def switch_names(cls: type[Any]) -> list[str]:
    """Return the keys of a settings class that can be set: all but facts and names."""
    read_only = fact_names(cls) | LABELS
    return [item.name for item in fields(cls) if item.name not in read_only]


@cached_by_class
def _hints(cls: type[Any]) -> Mapping[str, Any]:
    return get_type_hints(cls)


@cached_by_class
def _schema(cls: type[Any]) -> Any:
    """Return the class as OmegaConf reads it, which takes milliseconds; merging copies it."""
    return OmegaConf.structured(cls)


def unknown_key(group: str, name: str, value: Any, node: Mapping[str, Any]) -> str:
    """Return the message about a key that the chosen component lacks: which components have it, or the nearest key.

    Args:
        group: the group whose component lacks the key.
        name: name of the key.
        value: value that it was given.
        node: the group's values, which name the component.
    """
    told = f"{group}.{name}={shown(value)}: {component(group, node)} has no {name}; "
    if owners := _owners(group, name):
        verb = "has" if len(owners) == 1 else "have"
        return f"{told}{', '.join(owners)} {verb} it: choose another with {group}=…"
    known = switch_names(settings_class(group, node))
    return told + (did_you_mean(name, known) if known else "it has no keys to set")


def _owners(group: str, name: str) -> list[str]:
    """Find the components of a group that have a key."""
    if group not in SCANNED:
        return []
    components = SCANNED[group]
    return [owner for owner in components.names() if name in switch_names(components.settings_class(owner))]


def _refuse_unknown(group: str, cls: type[Any], node: Mapping[str, Any]) -> None:
    known = {item.name for item in fields(cls)}
    for name, value in node.items():
        if name not in known:
            raise UserError(unknown_key(group, name, value, node))


def _refuse_infinite(group: str, values: Mapping[Any, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"{group}.{key}={value:g} must be a finite number")


def _refuse_untyped(group: str, cls: type[Any], values: Mapping[Any, Any]) -> None:
    """Refuse what OmegaConf lets pass: a text like ``${key}`` where none is wanted, and lists in lists."""
    hints = _hints(cls)
    for name, value in values.items():
        is_nested = isinstance(value, list) and any(isinstance(item, list | dict) for item in value)
        if is_nested or (isinstance(value, str) and str not in _kinds(hints[name])):
            raise UserError(_must_be(group, name, value, hints[name]))


def _kinds(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if isinstance(hint, UnionType) else (hint,)


def _wrong_type(group: str, cls: type[Any], node: Mapping[str, Any], error: OmegaConfBaseException) -> str:
    name = str(error.full_key).partition(".")[0].partition("[")[0]
    hint = _hints(cls).get(name)
    if hint is None:
        return f"{group}: {str(error.msg or error).splitlines()[0]}"
    return _must_be(group, name, node.get(name), hint)


def _must_be(group: str, name: str, value: Any, hint: Any) -> str:
    kinds = (WORDS.get(kind, str(kind)) for kind in _kinds(hint))
    return f"{group}.{name}={shown(value)} must be {' or '.join(kinds)}"


def shown(value: Any) -> str:
    """Return a value as it is written in a config."""
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)
