"""Which finished heads are fine-tuned: the best share of them, the best first."""

import math
from collections.abc import Collection, Mapping


def next_of_top(scores: Mapping[int, float], begun: Collection[int], *, top: float) -> int | None:
    """Pick the head that is fine-tuned next.

    Those that were begun count, however they ended and whatever finished since; so nobody has to
    wait for heads that still run, and more heads later are more to fine-tune.

    Args:
        scores: Of all finished heads, by any numbers; higher is better.
        begun: Those whose fine-tuning was begun.
        top: Share that is fine-tuned, above 0 to 1.

    Returns:
        The best that was not begun, of equal ones the one with the lowest number; None if the
        share is used up, or none is left.
    """
    left = [number for number in scores if number not in begun]
    if not left or len(begun) >= size_of_top(len(scores), top=top):
        return None
    return min(left, key=lambda number: (-scores[number], number))


def size_of_top(n_heads: float, *, top: float) -> int:
    """Say how many of some finished heads are fine-tuned: ``max(1, ceil(top * n_heads))``.

    Args:
        n_heads: Above 0; a number that is expected need not be whole.
        top: Share that is fine-tuned, above 0 to 1.
    """
    # 0.1 * 30 is 3.0000000000000004: a share that is meant to be whole stays whole.
    return max(1, math.ceil(top * n_heads - 1e-9))
