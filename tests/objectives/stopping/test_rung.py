"""Which share of the scores goes on, worked out by hand."""

import pytest

from objectives.stopping.rung import enters_rung


@pytest.mark.parametrize(
    ("score", "others", "top", "expected"),
    [
        (0.1, [], 0.01, True),
        (0.5, [0.9], 0.5, False),
        (0.5, [0.9, 0.4], 0.5, True),
        (0.5, [0.5, 0.5, 0.5], 0.25, True),
        (0.5, [0.9] * 2 + [0.1] * 7, 0.3, True),
        (0.5, [0.9] * 3 + [0.1] * 26, 0.1, False),
        (0.5, [0.9] * 2 + [0.1] * 27, 0.1, True),
        (0.1, [0.9] * 5, 1.0, True),
    ],
)
def test_the_top_share_counts_the_score_itself_and_rounds_up(
    score: float, others: list[float], top: float, expected: bool
) -> None:
    assert enters_rung(score, others, top=top) is expected
