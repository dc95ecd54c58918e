"""Fixed points worth trying first, by name: what experience would start with."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from spaces.errors import InputError, unknown_name
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
        "policy": "augmix+randaugment",
        "strength": "medium",
        "dense_units": 256,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "loss": "cross_entropy",
        "schedule": "cosine",
    },
}
"""``plain`` is the baseline; ``robust`` trains under the shift that validation measures."""


def resolve_recipe(spec: str | Mapping[str, Any], space: Space) -> dict[str, Value]:
    """Turn a recipe into values by the labels of a space; what it leaves out stays free.

    Args:
        spec: The name of a built-in recipe, or a mapping of parameter names to values.
        space: The space that the point must lie in.

    Returns:
        Values by label.

    Raises:
        InputError: If the name, a parameter or a value is unknown to the space.
    """
    if isinstance(spec, str):
        if spec not in RECIPES:
            raise unknown_name("recipe", spec, RECIPES)
        spec = RECIPES[spec]
    return space.labelled(check_point(spec))


def check_point(point: Mapping[str, Any]) -> dict[str, Value]:
    """Check a part of a point as TrialParams would, and give its values their types back."""
    # A backbone is the one parameter without a default: any name serves to check the others.
    complete = {"backbone": "small_cnn", **point}
    try:
        checked = TrialParams.model_validate(complete).model_dump()
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"])) or "the point"
        if first["type"] == "extra_forbidden":
            raise unknown_name("parameter", name, TrialParams.model_fields) from error
        raise InputError(f"{name} = {first['input']!r}: {first['msg']}") from error
    return {name: checked[name] for name in point}
