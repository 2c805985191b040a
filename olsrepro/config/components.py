"""Settings classes of groups: where a group has several components, a key in its values names the right one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from olsrepro.checks import did_you_mean
from olsrepro.data.datasets.settings import dataset_class
from olsrepro.data.noise import registry as noise
from olsrepro.methods import registry as methods
from olsrepro.models import registry as models
from olsrepro.settings import UserError
from olsrepro.training.runtime import RuntimeSettings
from olsrepro.training.tasks import task_kinds


@dataclass(frozen=True)
class Components:
    """Components of a group that are found by scanning.

    Attributes:
        key: the key in a config file that names the component.
        names: returns the names of all components.
        settings_class: returns the class of one by its name; :class:`UserError` with the nearest for an unknown one.
    """

    key: str
    names: Callable[[], tuple[str, ...]]
    settings_class: Callable[[str], type[Any]]


SCANNED = {
    "backbone": Components("family", models.families, models.settings_class),
    "method": Components("name", methods.method_names, methods.settings_class),
    "noise": Components("kind", noise.noise_kinds, noise.settings_class),
}


def _recipe_class(node: Mapping[str, Any]) -> type[Any]:
    task = str(node.get("task", "classification"))
    if task not in task_kinds():
        raise UserError(f"recipe.task={task} is not known; {did_you_mean(task, task_kinds())}")
    return task_kinds()[task].recipe


OTHERS: dict[str, Callable[[Mapping[str, Any]], type[Any]]] = {
    "dataset": lambda node: dataset_class(str(node.get("name", ""))),
    "recipe": _recipe_class,
    "runtime": lambda node: RuntimeSettings,
}


def settings_class(group: str, node: Mapping[str, Any]) -> type[Any]:
    """Return the settings class that a group's values fill.

    Raises:
        UserError: the key that names the component is missing, or names an unknown one.
    """
    return _scanned_class(group, node, SCANNED[group]) if group in SCANNED else OTHERS[group](node)


def _scanned_class(group: str, node: Mapping[str, Any], components: Components) -> type[Any]:
    if components.key not in node:
        raise UserError(f"{group}.{components.key} is missing from the config file of this {group}")
    return components.settings_class(str(node[components.key]))


def component(group: str, node: Mapping[str, Any]) -> str:
    """Name the component that a group's values belong to, as in ``method=ols`` and ``noise.kind=symmetric``."""
    if "name" in node:
        return f"{group}={node['name']}"
    if group in SCANNED and SCANNED[group].key in node:
        return f"{group}.{SCANNED[group].key}={node[SCANNED[group].key]}"
    return group
