"""Counter-based randomness: what is drawn depends on a key alone, never on what was drawn before.

Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3" (Philox).
"""

import numpy as np

from objectives.records import RowArray


def generator(seed: int, *stream: int) -> np.random.Generator:
    """Open the random stream of a seed and up to two counters, such as operation and row.

    Args:
        seed: At least 0 and below 2**64.
        stream: Up to two numbers at least 0 and below 2**32.
    """
    second = 0
    for number in stream:
        second = (second << 32) | number
    key = np.array([seed, second], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key))


def draw_partners(pools: RowArray, draws: np.random.Generator) -> RowArray:
    """Give each picture another one of its own pool, every one being the partner of one.

    A pool is put into a random order and each picture takes the next, so none meets itself
    (keras-cv's shuffle lets one in a pool do so on average).

    Args:
        pools: The pool of each picture, shape ``(n,)``.
        draws: One stream is drawn from for each pool, in ascending order of the pools.

    Returns:
        The partner's position, shape ``(n,)``; a picture alone in its pool is its own.
    """
    partners = np.arange(len(pools), dtype=np.int64)
    for pool in np.unique(pools):
        order = draws.permutation(np.flatnonzero(pools == pool))
        partners[order] = np.roll(order, 1)
    return partners
