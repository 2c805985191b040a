"""Keys that every config file and record of a group had, whichever component it was of, before components had theirs.

Where such a key stands at the default that it had then, it says nothing, and is left out.
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
    """Return a group's values without the keys that say nothing of a component whose keys are ``known``."""
    former = FORMER.get(group, {})
    return {key: value for key, value in node.items() if key in known or key not in former or value != former[key]}
