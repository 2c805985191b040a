"""Teacher of a run whose method wants a trained one and names none: the same run with hard labels."""

from __future__ import annotations

from dataclasses import replace

from olsrepro.config.run_config import RunConfig
from olsrepro.methods.registry import settings_class

TAUGHT_WITH = "hard"


def teacher_config(config: RunConfig) -> RunConfig | None:
    """Return the run of the same data, noise, backbone, recipe and seed with hard labels.

    None where the method wants no teacher or names a run.
    """
    if not config.method.wants_teacher or config.method.teacher_run is not None:
        return None
    return replace(config, method=settings_class(TAUGHT_WITH)(), runtime=replace(config.runtime, ensemble_sizes=[]))
