"""Spaces: what is drawn, what is narrowed, what is refused."""

import random
from typing import Any

import pytest

from spaces.backbones import BACKBONES
from spaces.default_space import SPACES
from spaces.errors import InputError
from spaces.narrowing import base_of, on_base, resolve_space
from spaces.params import TrialParams
from spaces.policy_text import takes_strength
from spaces.recipes import RECIPES, resolve_recipe
from spaces.space import Dimension, Space, Value


class _Draws:
    """Draws at random, and remembers what by label."""

    def __init__(self, seed: int) -> None:
        self._generator = random.Random(seed)
        self.drawn: dict[str, Value] = {}

    def __call__(self, dimension: Dimension) -> Value:
        value = (
            self._generator.choice(dimension.choices)
            if dimension.choices
            else self._generator.uniform(dimension.low, dimension.high)
        )
        self.drawn[dimension.label] = value
        return value


def _draw(space: Space, seed: int) -> tuple[TrialParams, dict[str, Value]]:
    draws = _Draws(seed)
    return space.draw(draws), draws.drawn


@pytest.mark.parametrize("name", SPACES)
def test_every_point_of_a_named_space_is_a_trial_with_its_own_conditional_parameters(
    name: str,
) -> None:
    for seed in range(200):
        params, drawn = _draw(SPACES[name], seed)
        assert params.backbone in BACKBONES
        assert ("momentum" in drawn) == (params.optimizer == "sgd")
        assert ("weight_decay" in drawn) == (params.optimizer != "sgd")
        assert ("strength" in drawn) == takes_strength(params.policy)
        assert ("focal_gamma" in drawn) == (params.loss == "focal")
        assert ("focal_alpha" in drawn) == (
            params.loss == "focal" and params.class_weights == "none"
        )
        assert f"{params.optimizer}_learning_rate" in drawn
        assert len([label for label in drawn if label.endswith("learning_rate")]) == 1


@pytest.mark.parametrize("name", SPACES)
def test_fine_tuning_draws_its_own_parameters_and_leaves_the_heads_as_they_are(name: str) -> None:
    ranges = {"adamw": (3e-5, 3e-4), "sgd": (1e-4, 1e-3), "lion": (1e-5, 1e-4)}
    for seed in range(100):
        head, drawn = _draw(SPACES[name], seed)
        assert not [label for label in drawn if "finetune" in label]
        draws = _Draws(seed)
        params = SPACES[name].draw_finetuning(head, draws)
        label = f"{head.optimizer}_finetune_learning_rate"
        assert draws.drawn == {
            "finetune_fraction": params.finetune_fraction,
            label: params.finetune_learning_rate,
        }
        low, high = ranges[head.optimizer]
        assert low <= params.finetune_learning_rate <= high
        own = {"finetune_fraction", "finetune_learning_rate"}
        assert params.model_dump(exclude=own) == head.model_dump(exclude=own)


def test_a_head_can_have_been_drawn_from_the_dimensions_that_drew_it() -> None:
    for seed in range(100):
        head, drawn = _draw(SPACES["default"], seed)
        found = SPACES["default"].head_dimensions(head)
        assert [dimension.label for dimension in found] == list(drawn)


def test_a_recipe_gives_the_parameters_of_fine_tuning_too() -> None:
    recipe = {"optimizer": "lion", "finetune_learning_rate": 5e-5, "finetune_fraction": 0.6}
    assert resolve_recipe(recipe, SPACES["small"]) == {
        "optimizer": "lion",
        "lion_finetune_learning_rate": 5e-5,
        "finetune_fraction": 0.6,
    }


def test_weights_left_out_are_those_that_there_are() -> None:
    assert TrialParams(backbone="resnet50").weights == "imagenet"
    assert TrialParams(backbone="small_cnn").weights == "none"
    assert TrialParams(backbone="my_lab.nets:tiny").weights == "own"
    assert TrialParams(backbone="vectors.npy").weights == "own"


@pytest.mark.parametrize(
    ("narrowed", "weights"),
    [
        ({"backbone": "resnet50", "weights": "none"}, "none"),
        ({"backbone": "my_lab.nets:tiny", "weights": "none"}, "none"),
        ({"backbone": "my_lab.nets:tiny"}, "own"),
        ({"backbone": ["resnet50", "my_lab.nets:tiny"]}, "imagenet"),
        ({"backbone": ["my_lab.nets:tiny", "resnet50"]}, "own"),
    ],
)
def test_weights_follow_the_backbones_that_a_space_is_narrowed_to(
    narrowed: dict[str, Any], weights: str
) -> None:
    space = resolve_space({"base": "small", "optimizer": "adamw", **narrowed})
    point = space.draw(lambda dimension: dimension.choices[0] if dimension.choices else 0.1)
    assert point.weights == weights


def test_classes_are_balanced_once_in_any_trial_but_one_that_has_run() -> None:
    both = {"backbone": "b", "focal_alpha": "balanced", "class_weights": "balanced"}
    assert TrialParams(**both, loss="cross_entropy").class_weights == "balanced"
    with pytest.raises(InputError, match="Set one of them to 'none'"):
        TrialParams(**both, loss="focal")
    assert TrialParams.of_trial({**both, "loss": "focal"}).focal_alpha == "balanced"


def test_a_trial_of_before_deep_features_is_promoted_with_the_last() -> None:
    point = {"backbone": "mobilenet_0.25", "weights": "imagenet"}
    assert TrialParams.of_trial(point).features == "last"
    drawn = TrialParams.model_validate(point).model_dump(exclude_unset=True)
    assert TrialParams.of_trial(drawn).features == "deep"


def test_narrowing_fixes_lists_and_ranges() -> None:
    space = resolve_space(
        {
            "base": "small",
            "backbone": ["mobilenet_0.25"],
            "optimizer": "adamw",
            "learning_rate": {"low": 0.001, "high": 0.002},
            "dropout": [0.1, 0.2],
            "finetune_learning_rate": 1e-4,
        }
    )
    for seed in range(50):
        params, drawn = _draw(space, seed)
        assert params.backbone == "mobilenet_0.25"
        assert params.optimizer == "adamw"
        assert 0.001 <= params.learning_rate <= 0.002
        assert params.dropout in (0.1, 0.2)
        assert not {"momentum", "nesterov", "lion_learning_rate"} & drawn.keys()
        assert space.draw_finetuning(params, _Draws(seed)).finetune_learning_rate == 1e-4


@pytest.mark.parametrize(
    ("policies", "taking"),
    [
        (
            ["none", "none|geometric", "geometric+flip@low"],
            {"none|geometric", "geometric+flip@low"},
        ),
        (["none", "augmix@high|flip@low"], set()),
        ("none", set()),
    ],
)
def test_a_strength_is_drawn_under_those_policies_of_a_narrowed_space_that_take_one(
    policies: object, taking: set[str]
) -> None:
    space = resolve_space({"base": "small", "policy": policies})
    with_strength = set()
    for seed in range(60):
        params, drawn = _draw(space, seed)
        if "strength" in drawn:
            with_strength.add(params.policy)
    assert with_strength == taking


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("auto", "small"),
        ("default", "default"),
        ("my_lab:SPACE", "my_lab:SPACE"),
        ({"optimizer": "sgd"}, {"base": "small", "optimizer": "sgd"}),
        ({"base": "auto", "optimizer": "sgd"}, {"base": "small", "optimizer": "sgd"}),
        ({"base": "default", "optimizer": "sgd"}, {"base": "default", "optimizer": "sgd"}),
    ],
)
def test_auto_stands_for_the_space_that_is_chosen_and_nothing_else_does(
    spec: Any, expected: Any
) -> None:
    assert on_base(spec, "small") == expected
    assert base_of(on_base(spec, "small")) != "auto"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("smal", "unknown space 'smal'; known: small, auto, default"),
        ({"bakbone": "vgg16"}, "Did you mean 'backbone'"),
        ({"dropout": {"low": 0.4, "high": 0.1}}, "low 0.4 is above high 0.1"),
        ({"dropout": {"lo": 0.1}}, "unknown key of space.dropout 'lo'"),
        ({"dropout": {"low": "a"}}, "'a' is not a number"),
        ({"learning_rate": {"low": 0.0}}, "a log scale needs low above 0"),
        ({"optimizer": []}, "optimizer has no choices"),
        ({"dropout": [[1]]}, "is not a plain value"),
        ({"backbone": {"low": 1}}, "a range needs both low and high"),
        ("no_such_module:SPACE", "could not be imported"),
        ("spaces.errors:NOTHING", "has no attribute 'NOTHING'"),
        ("spaces.errors:InputError", "not a spaces.space.Space"),
    ],
)
def test_a_wrong_space_is_refused_with_what_to_change(spec: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_space(on_base(spec, "small"))
    assert message in str(caught.value)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_lie_in_both_spaces(name: str) -> None:
    for space in SPACES.values():
        labelled = resolve_recipe(name, space)
        assert "adamw_learning_rate" in labelled
        assert "learning_rate" not in labelled


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("robst", "Did you mean 'robust'"),
        ({"learning_rat": 0.1}, "unknown parameter 'learning_rat'"),
        ({"dropout": 1.5}, "dropout = 1.5"),
        ({"dropout": 0.9}, "lies outside the space"),
        ({"optimizer": "adam"}, "optimizer = 'adam'"),
        (
            {"loss": "focal", "focal_alpha": "balanced", "class_weights": "balanced"},
            "focal_alpha = 'balanced' applies to no trial",
        ),
    ],
)
def test_a_wrong_recipe_is_refused(recipe: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve_recipe(recipe, SPACES["small"])
    assert message in str(caught.value)


def test_a_point_from_elsewhere_may_not_name_other_code() -> None:
    space = resolve_space({"base": "small", "backbone": ["mobilenet_0.25", "small_cnn"]})
    space.check_names(TrialParams(backbone="mobilenet_0.25"))
    space.check_names(TrialParams(backbone="small_cnn"))
    with pytest.raises(InputError, match="backbone = 'evil:code' lies outside"):
        space.check_names(TrialParams(backbone="evil:code"))
