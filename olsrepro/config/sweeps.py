"""Lines with several values, in Hydra's sweep grammar."""

from __future__ import annotations

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, ValueType
from hydra.errors import HydraException

from olsrepro.config.overrides import TOO_LONG
from olsrepro.settings import UserError


def swept_values(line: str) -> tuple[str, list[str]]:
    """Return key and values of a line: ``method.alpha=0.1,0.3``, ``seed=range(0,3)``, ``method=choice(hard,ls)``.

    Raises:
        UserError: the line can't be read, names a value twice, or asks for all that match a pattern.
    """
    try:
        override: Override = OverridesParser.create().parse_override(line)
    except HydraException as error:
        raise UserError(f"{line} can't be read ({str(error).splitlines()[0]})") from None
    except (ValueError, RecursionError):
        raise UserError(TOO_LONG.format(key=line.partition("=")[0])) from None
    key = override.key_or_group
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        raise UserError(f"{line}: name the values, as in {key}=a,b")
    if not override.is_sweep_override():
        return key, [line.partition("=")[2]]
    values = [str(value) for value in override.sweep_string_iterator()]
    if len(set(values)) < len(values):
        raise UserError(f"{line} names a value twice")
    return key, values
