"""How policies are written: one short text, whatever form they were given in."""

from typing import Any

import pytest

from spaces.errors import InputError
from spaces.narrowing import resolve_space
from spaces.params import TrialParams
from spaces.policy_text import Step, policy_text, split_policy, takes_strength
from spaces.recipes import resolve_recipe


def test_paths_operations_and_strengths_are_taken_apart() -> None:
    assert split_policy("none|randaugment@low+cutmix|my_lab.stains:darker@high") == (
        (),
        (Step("randaugment", "low"), Step("cutmix")),
        (Step("my_lab.stains:darker", "high"),),
    )


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (" none | augmix + randaugment ", "none|augmix+randaugment"),
        ([{"augmix": "high"}, {"randaugment": 0.9}], "augmix@high+randaugment@0.9"),
        ({"augmix": "high"}, "augmix@high"),
        ({"paths": ["none", [{"augmix": "high"}, "flip"]]}, "none|augmix@high+flip"),
        ({"paths": [{"cutmix": 1}, "augmix+flip"]}, "cutmix@medium|augmix+flip"),
        ([{"my_lab:darker": "low"}, "my_lab:GENTLE"], "my_lab:darker@low+my_lab:GENTLE"),
        ("none|augmix|augmix", "none|augmix|augmix"),
        # One strength, one text: the number of a level is the level.
        ("augmix@0.30", "augmix@medium"),
        ("geometric@2e-1|mixup@0.4", "geometric@high|mixup@high"),
        ("cutmix@3|randaugment@1.0", "cutmix@3|randaugment@1"),
    ],
)
def test_every_form_comes_to_one_short_text(spec: Any, text: str) -> None:
    assert policy_text(spec) == text
    assert policy_text(text) == text


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("augmux", "unknown augmentation policy 'augmux'; known: augmix"),
        ("augmix|", "unknown augmentation policy ''"),
        ("none+flip", "'none' stands alone"),
        ("none@high", "'none' stands alone"),
        ("augmix@", "the strength '' of augmix is unknown; known: low, medium, high, or the sev"),
        ("augmix@hihg", "the strength 'hihg' of augmix"),
        ("flip@0.5", "the strength '0.5' of flip is unknown; known: low, medium, high."),
        ("my_lab:darker@0.5", "the strength '0.5' of my_lab:darker"),
        ("randaugment@1.5", "magnitude of randaugment must be above 0 and at most 1, got 1.5"),
        ("augmix@0", "severity of augmix must be above 0"),
        ("cutmix@nan", "alpha of cutmix must be above 0"),
        ([], r"policy \[\] cannot be read"),
        ({"paths": []}, "cannot be read"),
        ({"paths": ["none"], "weights": [1]}, "cannot be read"),
        ([{"augmix": "high", "flip": "low"}], "is no operation"),
        ([{"augmix": None}], "is no operation"),
        (["none|flip", "augmix"], "'none|flip' is no operation"),
        ([{"augmix": "high|none"}], "is no operation"),
        (0.5, "0.5 is no operation. Write a text as 'none|augmix@high"),
    ],
)
def test_what_is_no_policy_is_refused_with_the_choices(spec: Any, message: str) -> None:
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        policy_text(spec)


@pytest.mark.parametrize(
    ("text", "takes"),
    [
        ("none", False),
        ("none|none", False),
        ("augmix@high|none|randaugment@0.9+flip@low", False),
        ("none|augmix", True),
        ("augmix@high+randaugment", True),
    ],
)
def test_a_policy_takes_a_strength_if_any_operation_carries_none(text: str, takes: bool) -> None:
    assert takes_strength(text) == takes


def test_the_strength_is_no_part_of_what_a_policy_with_strengths_shares() -> None:
    carrying = {
        TrialParams(backbone="b", policy="flip@low", strength=s).pair for s in ("low", "high")
    }
    assert len(carrying) == 1
    taking = {TrialParams(backbone="b", policy="flip", strength=s).pair for s in ("low", "high")}
    assert len(taking) == 2


def test_a_space_and_a_recipe_take_a_policy_in_any_form() -> None:
    space = resolve_space(
        {
            "base": "small",
            "policy": ["none", [{"augmix": "high"}, "flip"], {"paths": ["none", {"flip": "low"}]}],
        }
    )
    [policies] = [d.choices for d in space.dimensions if d.name == "policy"]
    assert policies == ("none", "augmix@high+flip", "none|flip@low")
    point = resolve_recipe({"policy": {"paths": ["none", [{"flip": "low"}]]}}, space)
    assert point == {"policy": "none|flip@low"}
    [one] = [
        d.choices
        for d in resolve_space({"base": "small", "policy": {"paths": ["none", "flip"]}}).dimensions
        if d.name == "policy"
    ]
    assert one == ("none|flip",)
