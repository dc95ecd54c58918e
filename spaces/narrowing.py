"""From a sweep file's ``space`` to a :class:`Space`: a name, an own space, or a narrowed one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from spaces.backbones import default_weights
from spaces.default_space import SPACES
from spaces.errors import InputError, unknown_name
from spaces.params import TrialParams
from spaces.policy_text import policy_text, takes_strength
from spaces.references import load_reference
from spaces.space import Dimension, Space

AUTO = "auto"
"""In the place of a space's name: whoever creates the sweep chooses one by the hardware."""
RANGE_KEYS = {"low", "high", "log"}


def resolve_space(spec: str | Mapping[str, Any]) -> Space:
    """Find the space that a sweep file asks for.

    Args:
        spec: ``default``, ``small``, ``module:attribute``, or a mapping whose ``base`` is one of
            these and whose other keys narrow dimensions: a single value fixes one, a list gives
            its choices, ``{low: , high: }`` its range. A policy may stand in any of its forms
            (:mod:`spaces.policy_text`). Where it is ``auto``, :func:`on_base` comes first.

    Returns:
        The space.

    Raises:
        InputError: If a name is unknown, or a value is of the wrong kind.
    """
    if isinstance(spec, str):
        return _named_space(spec)
    spec = with_short_policies(spec)
    base = _named_space(base_of(spec))
    narrowed = {name: value for name, value in spec.items() if name != "base"}
    return narrow(base, narrowed)


def base_of(spec: str | Mapping[str, Any]) -> str:
    """Name the space that a sweep file takes or narrows."""
    return spec if isinstance(spec, str) else str(spec.get("base", AUTO))


def on_base(spec: str | Mapping[str, Any], base: str) -> str | dict[str, Any]:
    """Put the name of a space where the file leaves the choice open.

    Args:
        spec: As for :func:`resolve_space`, or ``auto``, alone or as the base that is narrowed.
        base: What ``auto`` stands for.
    """
    if isinstance(spec, str):
        return base if spec == AUTO else spec
    return {**spec, "base": base} if base_of(spec) == AUTO else dict(spec)


def with_short_policies(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Write the policies of a narrowed space in their short form; a list is one of choices.

    Raises:
        InputError: If one cannot be read.
    """
    short = dict(spec)
    if isinstance(spec.get("policy"), list | tuple):
        short["policy"] = [policy_text(choice) for choice in spec["policy"]]
    elif "policy" in spec:
        short["policy"] = policy_text(spec["policy"])
    return short


def _named_space(name: str) -> Space:
    if ":" in name:
        space = load_reference(name)
        if not isinstance(space, Space):
            raise InputError(f"{name!r} is a {type(space).__name__}, not a spaces.space.Space")
        return space
    if name not in SPACES:
        raise unknown_name(
            "space", name, [*SPACES, AUTO], "To use your own, write 'your_module:attribute'."
        )
    return SPACES[name]


def narrow(base: Space, changes: Mapping[str, Any]) -> Space:
    """Replace the values of some dimensions, by name or by label."""
    known = {d.name for d in base.dimensions} | {d.label for d in base.dimensions}
    for name in changes:
        if name not in known:
            raise unknown_name("dimension of the space", name, known)
    dimensions = tuple(_narrowed(dimension, changes) for dimension in base.dimensions)
    if "policy" in changes:
        dimensions = _with_strength_where_taken(dimensions)
    if "backbone" in changes:
        dimensions = _with_weights_where_there_are(dimensions, changes)
    return Space(tuple(_without_lost_conditions(dimensions)))


def _narrowed(dimension: Dimension, changes: Mapping[str, Any]) -> Dimension:
    name = dimension.label if dimension.label in changes else dimension.name
    if name not in changes:
        return dimension
    value = changes[name]
    if isinstance(value, Mapping):
        return _with_range(dimension, value)
    choices = tuple(value) if isinstance(value, list | tuple) else (value,)
    for choice in choices:
        if not isinstance(choice, str | int | float | bool):
            raise InputError(f"space.{name}: {choice!r} is not a plain value")
    return replace(dimension, kind="choice", choices=choices, log=False)


def _with_range(dimension: Dimension, value: Mapping[str, Any]) -> Dimension:
    for key, bound in value.items():
        if key not in RANGE_KEYS:
            raise unknown_name(f"key of space.{dimension.name}", key, RANGE_KEYS)
        if not isinstance(bound, int | float):
            raise InputError(f"space.{dimension.name}.{key}: {bound!r} is not a number")
    kind = _number_kind(dimension)
    if dimension.kind == "choice" and not {"low", "high"} <= value.keys():
        raise InputError(f"space.{dimension.name}: a range needs both low and high")
    return replace(dimension, kind=kind, choices=(), **value)


def _number_kind(dimension: Dimension) -> Literal["int", "float"]:
    counts = TrialParams.model_fields[dimension.name].annotation is int
    return "int" if counts else "float"


def _with_strength_where_taken(dimensions: tuple[Dimension, ...]) -> tuple[Dimension, ...]:
    """Let a strength that depends on the policy follow the policies that there are now."""
    policies = [choice for d in dimensions if d.name == "policy" for choice in d.choices]
    taking = tuple(policy for policy in policies if takes_strength(str(policy)))
    return tuple(
        replace(d, when={**d.when, "policy": taking})
        if d.name == "strength" and "policy" in d.when
        else d
        for d in dimensions
    )


def _with_weights_where_there_are(
    dimensions: tuple[Dimension, ...], changes: Mapping[str, Any]
) -> tuple[Dimension, ...]:
    """Let what depends on pretrained backbones follow those that there are now.

    A backbone of the user's comes with its weights, unless the file itself names others.
    """
    names = [str(choice) for d in dimensions if d.name == "backbone" for choice in d.choices]

    def taking(name: str) -> tuple[str, ...]:
        usual = "own" if name in changes else "imagenet"
        return tuple(each for each in names if default_weights(each) in ("imagenet", usual))

    return tuple(
        replace(d, when={**d.when, "backbone": taking(d.name)})
        if d.name in ("weights", "features") and "backbone" in d.when
        else d
        for d in dimensions
    )


def _without_lost_conditions(dimensions: tuple[Dimension, ...]) -> list[Dimension]:
    """Leave out dimensions whose condition can no longer be met, so that none of them lingers."""
    choices: dict[str, set[Any]] = {}
    for dimension in dimensions:
        choices.setdefault(dimension.name, set()).update(dimension.choices)
    return [
        dimension
        for dimension in dimensions
        if all(choices.get(name, set()) & set(values) for name, values in dimension.when.items())
    ]
