"""Names of augmentation policies, known and own."""

import sys
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import InputError
from spaces.operations import SETTINGS, STRENGTHS, AugMix, OwnFunction, RandAugment
from spaces.policies import KNOWN_OPERATIONS, load_policy, parse_policy


def test_a_joined_name_gives_its_operations_in_order() -> None:
    policy = parse_policy("augmix+randaugment")
    assert [type(step) for step in policy.operations("low")] == [AugMix, RandAugment]
    assert policy.name == "augmix+randaugment"


@pytest.mark.slow
def test_medium_has_the_published_defaults_of_keras_cv() -> None:
    keras_cv_layers = pytest.importorskip("keras_cv").layers
    [rand_augment] = parse_policy("randaugment").operations("medium")
    reference = keras_cv_layers.RandAugment(value_range=(0, 255))
    assert isinstance(rand_augment, RandAugment)
    assert rand_augment.magnitude == reference.magnitude
    assert rand_augment.magnitude_stddev == reference.magnitude_stddev
    assert rand_augment.count == reference.augmentations_per_image
    assert rand_augment.rate == reference.rate
    [aug_mix] = parse_policy("augmix").operations("medium")
    reference = keras_cv_layers.AugMix(value_range=(0, 255))
    assert isinstance(aug_mix, AugMix)
    assert aug_mix.severity == reference.severity
    assert [aug_mix.chains, 1, aug_mix.depth] == [reference.num_chains, *reference.chain_depth]
    assert aug_mix.alpha == reference.alpha
    assert SETTINGS["cutmix"]["medium"].alpha == keras_cv_layers.CutMix().alpha
    assert SETTINGS["mixup"]["medium"].alpha == keras_cv_layers.MixUp().alpha


@pytest.mark.parametrize("name", [n for n in KNOWN_OPERATIONS if n != "none"])
def test_every_strength_differs_from_the_others(name: str) -> None:
    policy = parse_policy(name)
    assert len({policy.operations(strength) for strength in STRENGTHS}) == 3


def test_only_cutmix_and_mixup_mix_images() -> None:
    mixing = {name for name in KNOWN_OPERATIONS if parse_policy(name).mixes_images}
    assert mixing == {"cutmix", "mixup"}
    assert parse_policy("flip+cutmix").mixes_images


def test_none_is_the_identity_and_stands_alone() -> None:
    assert parse_policy("none").is_identity
    assert parse_policy("none").operations("high") == ()
    with pytest.raises(InputError, match="'none' stands alone"):
        parse_policy("none+flip")


@pytest.mark.parametrize("name", ["", "augmux", "augmix+", "+flip", "augmix randaugment"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=r"unknown augmentation policy.*augmix"):
        parse_policy(name)


def test_an_unknown_strength_is_refused() -> None:
    with pytest.raises(InputError, match="unknown strength 'extreme'; known: high, low, medium"):
        parse_policy("flip").operations("extreme")


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "own_stains.py").write_text(
        "from spaces.operations import AugMix\n"
        "GENTLE = AugMix(severity=0.05)\n"
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
    [_, step] = load_policy(name).operations("high")
    assert isinstance(step, OwnFunction)
    assert step.strength == "high"
    darker = step.function(np.full((2, 2, 3), 9, np.uint8), "high", np.random.default_rng(0))
    assert darker.max() == 4
    assert parse_policy(name).own_digest
    assert not parse_policy("flip").own_digest


def test_an_own_operation_stands_at_every_strength(own_module: str) -> None:
    policy = load_policy(f"{own_module}:GENTLE")
    assert all(policy.operations(s) == (AugMix(severity=0.05),) for s in STRENGTHS)


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
