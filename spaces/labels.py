"""A point, or a part of one, by the labels under which a sampler knows what is drawn."""

from collections.abc import Iterator, Mapping

from spaces.errors import InputError, unknown_name
from spaces.params import TrialParams
from spaces.space import Dimension, Space, Value


def labelled(point: Mapping[str, Value], space: Space) -> dict[str, Value]:
    """Translate the names of a point into labels.

    Where the point leaves a choice open, a value that depends on it is given to every dimension
    that the choice may lead to: a learning rate to that of each optimizer.

    Args:
        point: Values by the names of TrialParams, or by label; those left out stay free.
        space: Where the point lies.

    Returns:
        Values by label.

    Raises:
        InputError: If a key is no dimension of the space, if no trial with these values has it, or
            if one might have it and not with this value.
    """
    known = {name for dimension in space.dimensions for name in (dimension.name, dimension.label)}
    for key in point:
        if key not in known:
            raise unknown_name("parameter", key, known, "Widen the space to set it.")
    found: dict[str, Value] = {}
    reached: set[str] = set()
    unused = {**point}
    for dimension in _within_reach(point, space):
        reached.add(dimension.name)
        own = _key_of(dimension, point)
        if own is not None:
            found[dimension.label] = _inside(dimension, own, point)
            unused.pop(own, None)
    for key in unused:
        if key in reached or not _holds_anyway(key, point):
            raise _applies_to_none(key, point[key], space)
    return found


def _within_reach(point: Mapping[str, Value], space: Space) -> Iterator[Dimension]:
    """Yield the dimensions that a trial with these values may have."""
    possible: dict[str, set[Value]] = {}
    for dimension in space.dimensions:
        conditions = dimension.when.items()
        if all(possible.get(name, set()) & set(values) for name, values in conditions):
            key = _key_of(dimension, point)
            values = dimension.choices if key is None else (point[key],)
            possible.setdefault(dimension.name, set()).update(values)
            yield dimension


def _key_of(dimension: Dimension, point: Mapping[str, Value]) -> str | None:
    """Find what a point calls a dimension: a label says more than a name."""
    return next((key for key in (dimension.label, dimension.name) if key in point), None)


def _inside(dimension: Dimension, key: str, point: Mapping[str, Value]) -> Value:
    if not dimension.contains(point[key]):
        known = dimension.choices or (dimension.low, dimension.high)
        where = f" where {dimension.condition}" if dimension.when else ""
        still_open = [name for name in dimension.when if name not in point]
        fix = f"Fix {' and '.join(still_open)} too, or widen" if still_open else "Widen"
        raise InputError(
            f"{key} = {point[key]!r} lies outside the space{where}; known: "
            f"{', '.join(map(str, known))}. {fix} the space to try it."
        )
    return point[key]


def _holds_anyway(key: str, point: Mapping[str, Value]) -> bool:
    """Say whether a value is the default, which holds where a trial does not have the dimension."""
    others = {name: value for name, value in point.items() if name in TrialParams.model_fields}
    others.pop(key, None)
    # A backbone is the one parameter without a default.
    defaults = TrialParams.model_validate({"backbone": "any", **others})
    return getattr(defaults, key, None) == point[key]


def _applies_to_none(key: str, value: Value, space: Space) -> InputError:
    conditions = [d.condition for d in space.dimensions if key in (d.name, d.label)]
    return InputError(
        f"{key} = {value!r} applies to no trial with the other values: the space has it only where "
        f"{' or where '.join(conditions)}. Leave it out, or change the others."
    )
