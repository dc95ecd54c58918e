import math
from dataclasses import replace

import pytest

from search.replay.comparison import EpochComparison, Replay

SAME = Replay(
    "cells", 3, "head", 0.75, 0.75, (0.5, 1.0), (0.5, 1.0), [], differences=(), tolerance=0.0
)


def test_the_last_bit_counts_on_a_cpu() -> None:
    assert SAME.is_equal
    other = replace(SAME, score=math.nextafter(0.75, 1))
    assert not other.is_equal
    assert replace(other, tolerance=0.01).is_equal


@pytest.mark.parametrize(
    ("changed", "difference"),
    [
        (replace(SAME, fold_scores=(0.5, 0.75)), 0.25),
        (replace(SAME, fold_scores=(0.5,)), math.inf),
        (replace(SAME, score=None), math.inf),
        (replace(SAME, score=None, stored_score=None), 0.0),
        (replace(SAME, epochs=[EpochComparison("head", 0, {"0": 0.5}, {"0": 0.0})]), 0.5),
        (replace(SAME, epochs=[EpochComparison("head", 0, {"0": 0.5}, {"1": 0.5})]), math.inf),
    ],
)
def test_the_largest_difference_is_that_of_any_score(changed: Replay, difference: float) -> None:
    assert changed.largest_difference == difference
    assert changed.to_json()["largest_difference"] == difference
