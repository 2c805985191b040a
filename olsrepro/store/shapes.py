"""Shapes of the files in a store: what its readers count on. A record that lacks it counts as one that can't be read.

Later versions may add to any of these, and records of old lack what was added since; a part is named here only if a
reader needs it, and only if it was written from the first record of this schema on, or may be missing.
"""

from __future__ import annotations

from typing import Any

from olsrepro.files.shape import (
    MAPPING,
    NUMBER,
    TEXT,
    WHOLE,
    Agreeing,
    Cases,
    Each,
    Having,
    ListOf,
    Maybe,
    Plain,
    Shape,
)
from olsrepro.training.tasks import task_kinds

_PROCESS = Having({"device": TEXT, "olsrepro": TEXT, "code": Having({"commit": Maybe(TEXT)})})
_HISTORY = ListOf(_PROCESS, least=1)
_COMPONENT = Having({"name": TEXT})
_SPEED = Plain("a number of at least 0", lambda value: NUMBER.fits(value) and value >= 0)

_CONFIG = Having(
    {
        "dataset": Having({"name": TEXT, "num_classes": WHOLE}),
        "noise": MAPPING,
        "backbone": _COMPONENT,
        "method": _COMPONENT,
        "recipe": Having({"precision": TEXT}),
        "seed": WHOLE,
        "preset": TEXT,
    }
)
_TESTED = {name: Maybe(NUMBER) for kind in task_kinds().values() for name in kind.tested}
_ERRORS = Having(
    {
        "last": Having({"epoch": WHOLE, **_TESTED}),
        "best": Having({"epoch": WHOLE, **_TESTED}),
        "mean_of_last_ten": Having(_TESTED),
    }
)

FINISHED_RUN = Having(
    {
        "run_id": TEXT,
        "config": _CONFIG,
        "canonical": Having({"backbone": MAPPING}),
        "errors": _ERRORS,
        "training": Having({"images_per_s": _SPEED, "device": TEXT}),
        "files": Each(TEXT),
        "history": _HISTORY,
        "unreadable": Maybe(ListOf(TEXT)),
    }
)
FAILED_RUN = Having(
    {"run_id": TEXT, "config": MAPPING, "error": Having({"kind": TEXT, "message": TEXT}), "history": _HISTORY}
)
RUN = Cases("status", {"finished": FINISHED_RUN, "failed": FAILED_RUN})

_FACTS: dict[str, Shape] = {"run_id": TEXT, "history": _HISTORY, "finished": TEXT}
FACTS = Cases("status", {"finished": Having({**_FACTS, "facts": Each(NUMBER)})})
SPEED_FACTS = Cases("status", {"finished": Having({**_FACTS, "facts": Having({"images_per_s": _SPEED})})})


def evaluation(detail: Shape = MAPPING) -> Shape:
    """Return the shape of an evaluation's record, with that of its detail."""
    parts: dict[str, Shape] = {
        "run_id": TEXT,
        "of": TEXT,
        "evaluation": Having({"name": TEXT, "weights": TEXT}),
        "values": Each(NUMBER),
        "samples": WHOLE,
        "detail": detail,
        "history": _HISTORY,
    }
    return Cases("status", {"finished": Having(parts)})


def _names_each(label: dict[str, Any]) -> bool:
    names, row = label["class_names"], label["row"]
    return len(names) == len(row) and label["target"] in range(len(row))


EVALUATION = evaluation()
EVALUATIONS = {
    "soft_label": evaluation(
        Agreeing(
            Having({"class_names": ListOf(TEXT), "row": ListOf(NUMBER), "target": WHOLE}),
            "a number for each class, with one of them as target",
            _names_each,
        )
    ),
    "embedding": evaluation(Having({"class_names": ListOf(TEXT)})),
}
"""Shapes of evaluations with a picture, by name; that of any other is :data:`EVALUATION`."""

CURVE_ROW = Having(
    {
        "epoch": WHOLE,
        "train_err": Maybe(NUMBER),
        "n_flipped": Maybe(WHOLE),
        "hit_flipped_wrong": Maybe(WHOLE),
        **{f"test_{name}": shape for name, shape in _TESTED.items()},
    }
)
