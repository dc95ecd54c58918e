"""Which trials are worth fine-tuning: the best share of those seen after the first stage."""

import math
from collections.abc import Sequence


def enters_rung(score: float, others: Sequence[float], *, top: float) -> bool:
    """Say whether a score is in the top share of all scores seen so far, itself included.

    Of n scores, ``max(1, ceil(top * n))`` are in the top; equal scores share the better rank. So
    the first trial always enters, and with ``top = 0.25`` the second to fourth only as the best so
    far: like the asynchronous halving of Li et al. 2020, arXiv:1810.05934, nobody waits.

    Args:
        score: Higher is better.
        others: Scores of the other trials at this stage.
        top: Share that enters, above 0 to 1.
    """
    rank = 1 + sum(other > score for other in others)
    # 0.1 * 30 is 3.0000000000000004: a share that is meant to be whole stays whole.
    return rank <= max(1, math.ceil(top * (len(others) + 1) - 1e-9))
