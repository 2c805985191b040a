"""Keys that all config files and records of a group used to have, before each component had its own.

Such a key says nothing where it has the default that it had then, and is left out.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

FORMER: dict[str, dict[str, Any]] = {
    "noise": {
        "rate": 0.0,
        "seed": None,
        "selection": "exact",
        "include_true": False,
        "pool": "all",
        "scope": "all",
        "path": None,
        "key": None,
        "sha256": None,
    },
}


def without_idle(group: str, known: Container[str], node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a group's values without former keys that say nothing; a component's own keys are ``known``."""
    former = FORMER.get(group, {})
    return {key: value for key, value in node.items() if key in known or key not in former or value != former[key]}
