"""How a policy is written: paths joined by ``|``, operations by ``+``, strengths after ``@``.

A sweep file may hold the same as lists and mappings: ``{paths: [none, [{augmix: high}, flip]]}``
is ``none|augmix@high+flip``. The short text is what is drawn, stored, compared and shown.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaces.errors import InputError, unknown_name
from spaces.operations import SCALES, SETTINGS, STRENGTHS

IDENTITY = "none"
KNOWN_OPERATIONS: tuple[str, ...] = (IDENTITY, *SETTINGS)
_ADVICE = (
    "Join operations with '+' and paths with '|', write a strength of its own after '@'; to use "
    "your own, write 'your_module:attribute'."
)


@dataclass(frozen=True)
class Step:
    """One operation of a path, as it is written."""

    name: str
    """A known operation, or ``module:attribute``."""
    strength: str = ""
    """Its own: a level or a number. Empty where it takes that of the trial."""

    @property
    def is_own(self) -> bool:
        """Say whether the operation is the user's."""
        return ":" in self.name

    @property
    def text(self) -> str:
        """Write it as a part of a policy."""
        return f"{self.name}@{self.strength}" if self.strength else self.name


def split_policy(text: str) -> tuple[tuple[Step, ...], ...]:
    """Take a policy apart.

    Args:
        text: Such as ``none|augmix@high+randaugment``.

    Returns:
        The steps of each path; a path without steps is the identity.

    Raises:
        InputError: If an operation or a strength is unknown, or ``none`` is joined with another.
    """
    return tuple(_split_path(path, text) for path in text.split("|"))


def policy_text(spec: Any) -> str:
    """Write a policy in its one short form.

    Args:
        spec: A text, a list of operations (a path), ``{operation: strength}``, or
            ``{"paths": [...]}`` of such.

    Raises:
        InputError: If it is none of these, or :func:`split_policy` refuses it.
    """
    return "|".join(path_text(path) for path in split_policy(_flat(spec)))


def path_text(steps: tuple[Step, ...]) -> str:
    """Write one path."""
    return "+".join(step.text for step in steps) or IDENTITY


def takes_strength(text: str) -> bool:
    """Say whether any operation of a policy leaves its strength to the trial."""
    parts = (part.strip() for path in text.split("|") for part in path.split("+"))
    return any(part != IDENTITY and "@" not in part for part in parts)


def _split_path(path: str, policy: str) -> tuple[Step, ...]:
    parts = [part.strip() for part in path.split("+")]
    if parts == [IDENTITY]:
        return ()
    if any(part.partition("@")[0].strip() == IDENTITY for part in parts):
        raise InputError(
            f"policy {policy!r}: 'none' stands alone in its path, without a strength; leave it out "
            "of the chain."
        )
    return tuple(_step(part, policy) for part in parts)


def _step(part: str, policy: str) -> Step:
    written, _, strength = part.partition("@")
    step = Step(written.strip(), strength.strip())
    if not step.is_own and step.name not in SETTINGS:
        raise unknown_name("augmentation policy", step.name, KNOWN_OPERATIONS, _ADVICE)
    if "@" in part:
        return Step(step.name, _own_strength(step, policy))
    return step


def _own_strength(step: Step, policy: str) -> str:
    """Write a strength in its one form: a level where there is one, or else the number."""
    if step.strength in STRENGTHS:
        return step.strength
    scale = SCALES.get(step.name)
    number = _number(step.strength)
    if scale is None or number is None:
        choices = ", ".join(STRENGTHS)
        other = "" if scale is None else f", or the {scale.parameter} as a number"
        raise InputError(
            f"policy {policy!r}: the strength {step.strength!r} of {step.name} is unknown; known: "
            f"{choices}{other}."
        )
    if not 0 < number <= scale.high:
        raise InputError(
            f"policy {policy!r}: the {scale.parameter} of {step.name} must be above 0 and at most "
            f"{scale.high:g}, got {step.strength}."
        )
    levels = (level for level, value in scale.levels.items() if value == number)
    return next(levels, str(number).removesuffix(".0"))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _flat(spec: Any) -> str:
    match spec:
        case {"paths": [_, *_] as paths} if len(spec) == 1:
            return "|".join(map(_flat_path, paths))
        case _:
            return _flat_path(spec)


def _flat_path(spec: Any) -> str:
    match spec:
        case [_, *_]:
            return "+".join(_flat_step(step, spec) for step in spec)
        case str():
            return spec
        case _:
            return _flat_step(spec, spec)


def _flat_step(step: Any, spec: Any) -> str:
    match step:
        case str() if "|" not in step:
            return step
        case Mapping() if len(step) == 1:
            [(name, strength)] = step.items()
            is_plain = isinstance(name, str) and isinstance(strength, str | int | float)
            if is_plain and not set("|+@") & set(f"{name}{strength}"):
                return f"{name}@{strength}"
    raise InputError(
        f"policy {spec!r} cannot be read: {step!r} is no operation. Write a text as "
        "'none|augmix@high+flip', a list of operations as [{augmix: high}, flip], or "
        "{paths: [none, [{augmix: high}, flip]]}."
    )
