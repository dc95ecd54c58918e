"""Which heads are fine-tuned, worked out by hand."""

import pytest

from objectives.stopping.rung import next_of_top


def picked(scores: list[float], *, top: float) -> list[int]:
    """Pick until the share is used up."""
    begun: list[int] = []
    while (number := next_of_top(dict(enumerate(scores)), begun, top=top)) is not None:
        begun.append(number)
    return begun


@pytest.mark.parametrize(
    ("scores", "top", "expected"),
    [
        ([], 0.5, []),
        ([0.1], 0.01, [0]),
        ([0.5, 0.9, 0.7], 0.5, [1, 2]),
        ([0.5, 0.9, 0.7], 1.0, [1, 2, 0]),
        ([0.5, 0.5, 0.5, 0.5], 0.25, [0]),
        ([0.3] * 29 + [0.9], 0.1, [29, 0, 1]),
        ([0.3] * 30 + [0.9], 0.1, [30, 0, 1, 2]),
    ],
)
def test_the_best_come_first_until_the_share_rounded_up_is_used(
    scores: list[float], top: float, expected: list[int]
) -> None:
    assert picked(scores, top=top) == expected


def test_one_that_was_begun_counts_although_better_heads_have_finished_since() -> None:
    scores = {0: 0.5, 1: 0.6, 2: 0.7, 3: 0.8}
    assert next_of_top(scores, [0], top=0.25) is None
    assert next_of_top(scores | {4: 0.4}, [0], top=0.25) == 3
