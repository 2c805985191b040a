"""Names that experiments use already and that are not built yet: counted in plans, told as not available."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from olsrepro.config.locate import configs_folder

AWAITED: Mapping[str, tuple[str, ...]] = {
    "dataset": (),
    "backbone": (),
    "method": (),
    "evaluation": (),
}
"""By group. What builds one deletes its name here; a component with a config file is not awaited in any case."""


def is_awaited(group: str, name: str) -> bool:
    """Whether a name is one that experiments use and that has no config file yet."""
    return name in AWAITED.get(group, ()) and not (configs_folder() / group / f"{name}.yaml").is_file()


def missing_component(lines: Iterable[str]) -> str | None:
    """The first choice among override lines that is not built yet, such as ``method=byot``; None: all are."""
    choices = (line.partition("=") for line in lines)
    return next((f"{group}={name}" for group, _, name in choices if is_awaited(group, name)), None)


def missing_evaluation(evaluation: Mapping[str, object]) -> str | None:
    """What a line's ``evaluate`` names, such as ``evaluation=fgsm``, if it is not built yet; else None."""
    name = str(evaluation.get("name", ""))
    return f"evaluation={name}" if is_awaited("evaluation", name) else None
