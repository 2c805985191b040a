"""Names that experiments already use but that are not built yet: counted in plans, shown as not available."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from olsrepro.config.locate import configs_folder

AWAITED: Mapping[str, tuple[str, ...]] = {
    "dataset": (),
    "backbone": (),
    "method": (),
    "evaluation": (),
}
"""Names by group, each deleted here once the component is built; one with a config file is never awaited."""


def is_awaited(group: str, name: str) -> bool:
    """Return whether experiments use a name that has no config file yet."""
    return name in AWAITED.get(group, ()) and not (configs_folder() / group / f"{name}.yaml").is_file()


def missing_component(lines: Iterable[str]) -> str | None:
    """Return the first choice among override lines that is not built yet, such as ``method=byot``, or None."""
    choices = (line.partition("=") for line in lines)
    return next((f"{group}={name}" for group, _, name in choices if is_awaited(group, name)), None)


def missing_evaluation(evaluation: Mapping[str, object]) -> str | None:
    """Return the evaluation that a line needs, such as ``evaluation=fgsm``, if it is not built yet, else None."""
    name = str(evaluation.get("name", ""))
    return f"evaluation={name}" if is_awaited("evaluation", name) else None
