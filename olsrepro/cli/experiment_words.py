"""Names and overrides on one command line, as in ``olsrepro table 2 7 preset=smoke seeds=3``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from olsrepro.settings import UserError

if TYPE_CHECKING:
    from olsrepro.experiments.experiment import Experiment
    from olsrepro.experiments.request import Request

ALL = "all"
EXAMPLES = {"table": "2 or demo", "figure": "7a"}
KEYS = """\
keys in addition to those of `olsrepro train`:
  preset=P    by default paper: each recipe in full. short and mini show a trend; smoke only tests the machinery
  seeds=N     take seeds 0 to N - 1 for every cell; by default as many as in the paper, one for smoke
  select=R    which numbers of a run count: best (lowest test error; the paper says so of ImageNet,
              the authors' code does so on the other sets), last, mean_of_last_ten; by default the experiment's own
  extra=true  also show rows that the paper does not have, such as other readings of a method"""


def read_words(
    words: Sequence[str], prefix: str, is_of_all: Callable[[Experiment], bool]
) -> tuple[list[Experiment], Request]:
    """Return the experiments that words name, each once and in order, and the request that their overrides make.

    Args:
        words: names, and ``key=value`` overrides.
        prefix: ``table`` or ``figure``: what a bare number means.
        is_of_all: which of the paper's experiments ``all`` stands for.

    Raises:
        UserError: a name or an override is not known, or no name is given.
    """
    from olsrepro.config.overrides import refuse_blanks
    from olsrepro.experiments.files import experiments, find, load_with_extras
    from olsrepro.experiments.request import parse_request

    refuse_blanks(words)
    names = [word for word in words if "=" not in word]
    if not names:
        raise UserError(f"name an experiment, such as {EXAMPLES[prefix]}, or all; `olsrepro experiments` lists them")

    def named(name: str) -> Iterable[Experiment]:
        if name != ALL:
            if "," in name:
                raise UserError(f"{name}: separate names by blanks, not commas, as in {name.replace(',', ' ').strip()}")
            return [find(name, prefix)]
        return (item for item in experiments() if item.order is not None and is_of_all(item))

    request = parse_request([word for word in words if "=" in word])
    found = {item.name: item for name in names for item in named(name)}
    return [load_with_extras(name) if request.extra else item for name, item in found.items()], request
