from typing import Any

import pytest

from spaces.errors import InputError
from spaces.narrowing import resolve_space


@pytest.mark.parametrize(
    ("narrowed", "says"),
    [
        ({"optimizer": "adam"}, "'adamw', 'sgd' or 'lion'"),
        ({"optimizer": ["adamw", "rmsprop"]}, "'rmsprop'"),
        ({"dropout": {"low": 0.0, "high": 1.5}}, "1.5"),
        ({"adamw_learning_rate": 0.0}, "learning_rate"),
        ({"batch_size": [32, 0]}, "batch_size"),
        ({"dense_units": 12.5}, "12.5"),
    ],
)
def test_a_value_that_no_trial_takes_is_refused_with_the_space(
    narrowed: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match="cannot be") as refused:
        resolve_space({"base": "small", **narrowed})
    assert says in str(refused.value)


def test_a_range_of_a_whole_number_draws_whole_numbers() -> None:
    space = resolve_space({"base": "small", "dense_units": {"low": 16, "high": 128}})
    dimension = next(d for d in space.dimensions if d.name == "dense_units")
    assert dimension.kind == "int"
