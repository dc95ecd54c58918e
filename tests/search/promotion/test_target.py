"""Which alias a version gets, by the gate's answer and what was asked for."""

from typing import Any

import pytest

from search.promotion.tools import Target
from spaces.errors import InputError


def _target(**options: Any) -> Target:
    given: dict[str, Any] = {"alias": "champion", "force": False, **options}
    return Target("cells", **given)


@pytest.mark.parametrize(
    ("options", "if_passed", "if_refused"),
    [
        ({}, ("champion", "promotion"), (None, "challenger")),
        ({"force": True}, ("champion", "promotion"), ("champion", "forced promotion")),
        ({"keep_refused": True}, ("champion", "promotion"), ("challenger", "challenger")),
        ({"role": "challenger"}, ("challenger", "challenger"), ("challenger", "challenger")),
        ({"alias": "staging"}, ("staging", "promotion"), (None, "challenger")),
        ({"alias": "challenger"}, ("challenger", "promotion"), (None, "challenger")),
    ],
)
def test_an_alias_and_the_name_of_its_move_follow_from_the_gate(
    options: dict[str, Any], if_passed: tuple[str, str], if_refused: tuple[str | None, str]
) -> None:
    target = _target(**options)
    found = [
        (target.alias_for(passed=passed), target.move_kind(passed=passed))
        for passed in (True, False)
    ]
    assert found == [if_passed, if_refused]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"role": "challenger", "force": True}, "--force"),
        ({"role": "challenger", "keep_refused": True}, "--keep-refused"),
        ({"force": True, "keep_refused": True}, "leave one of them out"),
        ({"role": "challenger", "alias": "challenger"}, "--alias"),
        ({"keep_refused": True, "alias": "challenger"}, "--alias"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_input(
    options: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        _target(**options)
