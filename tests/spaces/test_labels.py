"""The values of a recipe reach every trial that can have them, or are refused."""

import random

import pytest

from spaces.default_space import SPACES
from spaces.errors import InputError
from spaces.labels import labelled
from spaces.narrowing import resolve_space
from spaces.params import TrialParams
from spaces.space import Dimension, Value

SPACE = SPACES["small"]


def draw(given: dict[str, Value], seed: int) -> TrialParams:
    """Draw a point of the space at random, but for the labels that are given."""
    generator = random.Random(seed)

    def suggest(dimension: Dimension) -> Value:
        if dimension.label in given:
            return given[dimension.label]
        if dimension.choices:
            return generator.choice(dimension.choices)
        return generator.uniform(dimension.low, dimension.high)

    return SPACE.draw(suggest)


@pytest.mark.parametrize(
    "point",
    [
        {"learning_rate": 2e-3},
        {"learning_rate": 2e-3, "optimizer": "lion"},
        {"weight_decay": 1e-2, "momentum": 0.95, "nesterov": False},
        {"warmup_fraction": 0.2, "focal_gamma": 3.0},
        {"weights": "imagenet"},
    ],
    ids=str,
)
def test_a_value_holds_in_every_trial_that_has_such_a_parameter(point: dict[str, Value]) -> None:
    given = labelled(point, SPACE)
    drawn = [draw(given, seed) for seed in range(200)]
    for name, value in point.items():
        having = [params for params in drawn if name in params.model_fields_set]
        # The weights of a network that has none are chosen, not drawn.
        having = [params for params in having if params.backbone != "small_cnn"]
        assert having
        assert {getattr(params, name) for params in having} == {value}


def test_a_label_sets_its_own_optimizer_alone() -> None:
    given = labelled({"adamw_learning_rate": 9e-3, "lion_learning_rate": 2e-5}, SPACE)
    rates: dict[str, set[float]] = {}
    for seed in range(200):
        params = draw(given, seed)
        rates.setdefault(params.optimizer, set()).add(params.learning_rate)
    assert (rates["adamw"], rates["lion"]) == ({9e-3}, {2e-5})
    assert len(rates["sgd"]) > 1


def test_a_label_says_more_than_the_name() -> None:
    given = labelled({"learning_rate": 2e-3, "lion_learning_rate": 2e-5}, SPACE)
    rates = {
        (params.optimizer, params.learning_rate) for params in map(draw, [given] * 50, range(50))
    }
    assert rates == {("adamw", 2e-3), ("sgd", 2e-3), ("lion", 2e-5)}


@pytest.mark.parametrize(
    ("point", "message"),
    [
        (
            {"optimizer": "lion", "momentum": 0.95},
            "momentum = 0.95 applies to no trial .* only where optimizer is sgd. Leave it out",
        ),
        ({"backbone": "small_cnn", "weights": "imagenet"}, "weights = 'imagenet' applies to no"),
        ({"optimizer": "sgd", "adamw_learning_rate": 1e-3}, "only where optimizer is adamw"),
        (
            {"optimizer": "adamw", "learning_rate": 1e-3, "adamw_learning_rate": 2e-3},
            "^learning_rate = 0.001 applies to no trial",
        ),
        (
            {"learning_rate": 1e-2},
            "outside the space where optimizer is lion; known: 1e-05, 0.003. Fix optimizer too, or",
        ),
        (
            {"learning_rate": 1e-2, "optimizer": "lion"},
            "outside the space where optimizer is lion; known: 1e-05, 0.003. Widen the space",
        ),
    ],
    ids=str,
)
def test_a_value_that_would_be_lost_is_refused(point: dict[str, Value], message: str) -> None:
    with pytest.raises(InputError, match=message):
        labelled(point, SPACE)


def test_a_default_that_holds_without_being_drawn_may_be_said() -> None:
    point: dict[str, Value] = {"optimizer": "adamw", "momentum": 0.9}
    assert labelled(point, SPACE) == {"optimizer": "adamw"}
    point = {"backbone": "small_cnn", "weights": "none"}
    assert labelled(point, SPACE) == {"backbone": "small_cnn"}


def test_what_a_narrowed_space_cannot_draw_asks_for_no_value() -> None:
    space = resolve_space({"base": "small", "optimizer": ["adamw", "sgd"]})
    assert labelled({"learning_rate": 1e-2}, space) == {
        "adamw_learning_rate": 1e-2,
        "sgd_learning_rate": 1e-2,
    }
