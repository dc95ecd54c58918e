"""What a value must be, whatever its key: something that files and databases can hold."""

import math
from collections.abc import Mapping
from typing import Any

from spaces.errors import InputError
from spaces.text import is_text

MAX_DEPTH = 50
_LARGEST_INT = 2**63 - 1


def check_plain(value: Any, origin: str, *key: str) -> None:
    """Refuse numbers and texts that cannot be stored, in a value and in all that it holds.

    Args:
        value: A sweep, or a part of it.
        origin: What to call the sweep in an error.
        key: Where the value stands in it.

    Raises:
        InputError: If a number is not finite or too large, a text holds what is no text, a key is
            none, or the values are nested too deep.
    """
    problem = "is nested too deep" if len(key) > MAX_DEPTH else _problem(value)
    if problem is not None:
        raise InputError(f"{origin}: {'.'.join(key[:3])} {problem}.")
    if isinstance(value, Mapping):
        for name, part in value.items():
            if not isinstance(name, str):
                raise InputError(f"{origin}: {name!r} is no key: write quotes around it.")
            check_plain(part, origin, *key, name)
    elif isinstance(value, list | tuple):
        for number, part in enumerate(value):
            check_plain(part, origin, *key, str(number))


def _problem(value: Any) -> str | None:
    match value:
        case float() if not math.isfinite(value):
            return f"= {value} will not do: a number has to be finite"
        case int() if abs(value) > _LARGEST_INT:
            return "will not do: a whole number has at most 19 digits"
        case str() if "\0" in value or not is_text(value):
            return f"= {value!r} will not do: it holds bytes that are no text in UTF-8"
    return None
