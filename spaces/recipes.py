"""Fixed points worth trying first, by name: what experience would start with."""

from collections.abc import Mapping
from typing import Any, cast

from pydantic import ValidationError

from spaces.errors import InputError, unknown_name
from spaces.labels import labelled
from spaces.params import TrialParams
from spaces.space import Space, Value

RECIPES: Mapping[str, Mapping[str, Value]] = {
    "plain": {
        "policy": "none",
        "dense_units": 0,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "loss": "cross_entropy",
        "schedule": "constant",
    },
    "robust": {
        "policy": "none|augmix+randaugment|augmix+randaugment",
        "strength": "medium",
        "dense_units": 128,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "loss": "cross_entropy",
        "schedule": "cosine",
    },
}
"""``plain`` is the baseline; ``robust`` trains under the shift that validation measures, with every
third epoch of an image clean."""


def resolve_recipe(spec: str | Mapping[str, Any], space: Space) -> dict[str, Value]:
    """Turn a recipe into values by the labels of a space; what it leaves out stays free.

    Args:
        spec: The name of a built-in recipe, or a mapping of parameter names or labels to values.
        space: The space that the point must lie in.

    Returns:
        Values by label.

    Raises:
        InputError: If the name, a parameter or a value is unknown to the space, or a value would
            apply to no trial.
    """
    if isinstance(spec, str):
        if spec not in RECIPES:
            raise unknown_name("recipe", spec, RECIPES)
        spec = RECIPES[spec]
    names = {dimension.label: dimension.name for dimension in space.dimensions}
    point = {key: _checked(key, value, names.get(key, key)) for key, value in spec.items()}
    return labelled(point, space)


def _checked(key: str, value: Any, name: str) -> Value:
    """Check a value as TrialParams would, and give it its type back."""
    try:
        # A backbone is the one parameter without a default: any name serves to check the others.
        point = TrialParams.model_validate({"backbone": "small_cnn", name: value})
    except ValidationError as error:
        first = error.errors()[0]
        if first["type"] == "extra_forbidden":
            raise unknown_name("parameter", key, TrialParams.model_fields) from error
        raise InputError(f"{key} = {value!r}: {first['msg']}") from error
    return cast("Value", getattr(point, name))
