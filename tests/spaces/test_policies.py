"""Policies: what their paths do, known and own operations."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import InputError
from spaces.operations import (
    SETTINGS,
    STRENGTHS,
    AugMix,
    CutMix,
    Geometric,
    MixUp,
    OwnFunction,
    RandAugment,
)
from spaces.policies import load_policy, load_shift, parse_path, parse_policy
from spaces.policy_text import KNOWN_OPERATIONS


def test_a_joined_name_gives_its_operations_in_order() -> None:
    path = parse_path("augmix+randaugment")
    assert [type(step) for step in path.operations("low")] == [AugMix, RandAugment]
    assert path.name == "augmix+randaugment"


def test_a_policy_gives_its_paths_in_order_as_often_as_they_stand() -> None:
    policy = parse_policy("none|augmix+cutmix|flip|flip")
    assert [path.name for path in policy.paths] == ["none", "augmix+cutmix", "flip", "flip"]
    assert [path.is_identity for path in policy.paths] == [True, False, False, False]
    assert [path.mixes_images for path in policy.paths] == [False, True, False, False]
    assert policy.name == "none|augmix+cutmix|flip|flip"


def test_an_operation_keeps_its_own_strength_and_the_others_take_that_of_the_trial() -> None:
    path = parse_path("augmix@high+randaugment+geometric@0.3")
    for strength, magnitude in (("low", 0.25), ("medium", 0.5), ("high", 0.75)):
        assert path.operations(strength) == (
            AugMix(severity=0.6),
            RandAugment(magnitude=magnitude),
            Geometric(rotation=0.3, zoom=0.3, translation=0.3),
        )


def test_paths_that_do_the_same_have_one_name_once_every_operation_carries_its_strength() -> None:
    written = [
        parse_path("augmix+flip@high").at("medium"),
        parse_path("augmix@medium+flip").at("high"),
        parse_path("augmix@0.3+flip@high").at("low"),
    ]
    assert {path.name for path in written} == {"augmix@medium+flip@high"}
    assert len({path.operations() for path in written}) == 1
    assert parse_path("none").at("low") == parse_path("none").at("high")


def test_a_policy_of_several_paths_is_refused_where_one_is_needed() -> None:
    with pytest.raises(InputError, match=r"'none\|flip' has 2 paths"):
        parse_path("none|flip")


@pytest.mark.slow
def test_medium_has_the_published_defaults_of_keras_cv() -> None:
    keras_cv_layers = pytest.importorskip("keras_cv").layers
    [rand_augment] = parse_path("randaugment").operations("medium")
    reference = keras_cv_layers.RandAugment(value_range=(0, 255))
    assert isinstance(rand_augment, RandAugment)
    assert rand_augment.magnitude == reference.magnitude
    assert rand_augment.magnitude_stddev == reference.magnitude_stddev
    assert rand_augment.count == reference.augmentations_per_image
    assert rand_augment.rate == reference.rate
    [aug_mix] = parse_path("augmix").operations("medium")
    reference = keras_cv_layers.AugMix(value_range=(0, 255))
    assert isinstance(aug_mix, AugMix)
    assert aug_mix.severity == reference.severity
    assert [aug_mix.chains, 1, aug_mix.depth] == [reference.num_chains, *reference.chain_depth]
    assert aug_mix.alpha == reference.alpha
    assert SETTINGS["cutmix"]["medium"] == CutMix(alpha=keras_cv_layers.CutMix().alpha)
    assert SETTINGS["mixup"]["medium"] == MixUp(alpha=keras_cv_layers.MixUp().alpha)


@pytest.mark.parametrize("name", [n for n in KNOWN_OPERATIONS if n != "none"])
def test_every_strength_differs_from_the_others(name: str) -> None:
    path = parse_path(name)
    assert len({path.operations(strength) for strength in STRENGTHS}) == 3


def test_only_cutmix_and_mixup_mix_images() -> None:
    mixing = {name for name in KNOWN_OPERATIONS if parse_path(name).mixes_images}
    assert mixing == {"cutmix", "mixup"}
    assert parse_path("flip+cutmix").mixes_images


def test_none_is_the_identity() -> None:
    assert parse_path("none").is_identity
    assert parse_path("none").operations("high") == ()


@pytest.mark.parametrize("name", ["", "augmux", "augmix+", "+flip", "augmix randaugment"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown augmentation policy.*augmix"):
        parse_policy(name)


@pytest.mark.parametrize("name", ["none", "flip", "flip@high"])
def test_an_unknown_strength_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="unknown strength 'extreme'; known: high, low, medium"):
        parse_path(name).operations("extreme")


@pytest.mark.parametrize("name", ["cutmix", "augmix+mixup@0.3", "flip+cutmix"])
def test_a_shift_that_mixes_labels_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(InputError, match="mixes two images and with them their labels"):
        load_shift(name)


def test_a_shift_has_one_path() -> None:
    assert load_shift("augmix@high+flip").name == "augmix@high+flip"
    with pytest.raises(InputError, match="has 2 paths"):
        load_shift("none|augmix")


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_stains.py").write_text(
        "from spaces.operations import AugMix, MixUp\n"
        "GENTLE = AugMix(severity=0.05)\n"
        "BLEND = MixUp(alpha=0.3)\n"
        "NUMBER = 3\n"
        "def darker(image, strength, generator):\n"
        "    return image // 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("own_stains", None)
    return "own_stains"


def test_own_code_is_reached_by_loading_alone(own_module: str) -> None:
    name = f"flip+{own_module}:darker"
    with pytest.raises(InputError, match="was not loaded; name it in the sweep file"):
        parse_policy(name)
    [path] = load_policy(name).paths
    [_, step] = path.operations("high")
    assert isinstance(step, OwnFunction)
    assert step.strength == "high"
    darker = step.function(np.full((2, 2, 3), 9, np.uint8), "high", np.random.default_rng(0))
    assert darker.max() == 4
    assert parse_path(name).own_digest
    assert not parse_path("flip").own_digest


def test_an_own_function_carries_a_strength_as_known_operations_do(own_module: str) -> None:
    [path] = load_policy(f"{own_module}:darker@high").paths
    [step] = path.operations("low")
    assert isinstance(step, OwnFunction)
    assert step.strength == "high"


def test_an_own_operation_stands_at_every_strength(own_module: str) -> None:
    name = f"{own_module}:GENTLE"
    [path] = load_policy(name).paths
    assert all(path.operations(s) == (AugMix(severity=0.05),) for s in STRENGTHS)
    assert {path.at(strength).name for strength in STRENGTHS} == {name}
    with pytest.raises(InputError, match="settings of its own; leave '@high' out"):
        load_policy(f"{name}@high")


def test_an_own_operation_that_was_edited_has_another_digest(
    own_module: str, tmp_path: Path
) -> None:
    name = f"{own_module}:GENTLE"
    [before] = load_policy(name).paths
    digest = before.own_digest
    source = tmp_path / "own_stains.py"
    source.write_text(source.read_text().replace("0.05", "0.0625"))
    sys.modules.pop(own_module)
    [after] = load_policy(name).paths
    assert after.own_digest != digest


def test_an_own_operation_that_mixes_is_no_shift(own_module: str) -> None:
    with pytest.raises(InputError, match="own_stains:BLEND mixes two images"):
        load_shift(f"{own_module}:BLEND")


@pytest.mark.parametrize(
    ("attribute", "message"),
    [("NUMBER", "is a int; it must be a function"), ("missing", "no attribute 'missing'")],
)
def test_own_code_of_the_wrong_kind_is_refused(
    own_module: str, attribute: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        load_policy(f"{own_module}:{attribute}")


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="'no_such_lab' could not be imported"):
        load_policy("no_such_lab:policy")
