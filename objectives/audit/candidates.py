"""Which pairs of pictures could be copies: both perceptual hashes are close.

Distances are counted for whole blocks of rows in numpy, 100,000 pictures in 20 to 40 s, instead of
through an index that would miss pairs at the edge. On blood cells at 96 px, of copies at JPEG
quality 60 shifted by a pixel along both axes over 98% are this close to their original, and so is
one in ten thousand pairs of different cells.
"""

import numpy as np
import numpy.typing as npt

from objectives.audit.looks import HashArray
from objectives.records import RowArray

LARGEST_DISTANCE = 14
"""Bits of 64 by which each of the two hashes may differ."""
NEAREST = 20
"""Candidates that a row keeps: enough to chain large clusters, and a bound where all look alike."""

_BLOCK_ROWS = 256
_Bits = npt.NDArray[np.uint8]


def find_candidates(phashes: HashArray, dhashes: HashArray) -> RowArray:
    """Pair up positions whose hashes are close, the closest pairs first.

    Args:
        phashes: Hash by the lowest frequencies, shape ``(n,)``.
        dhashes: Hash by the signs of horizontal differences, shape ``(n,)``.

    Returns:
        Pairs of positions, the smaller first, shape ``(pairs, 2)``.
    """
    pairs = [np.empty((0, 2), np.int64)]
    distances = [np.empty(0, np.int64)]
    for start in range(0, len(phashes), _BLOCK_ROWS):
        block_pairs, block_distances = _of_block(phashes, dhashes, start)
        pairs.append(block_pairs)
        distances.append(block_distances)
    order = np.argsort(np.concatenate(distances), kind="stable")
    return np.concatenate(pairs)[order]


def _of_block(phashes: HashArray, dhashes: HashArray, start: int) -> tuple[RowArray, RowArray]:
    block = slice(start, start + _BLOCK_ROWS)
    close = np.bitwise_count(phashes[block, None] ^ phashes[None, start:]) <= LARGEST_DISTANCE
    left, right = np.nonzero(close)
    later = left < right
    left, right = left[later] + start, right[later] + start
    by_difference = np.bitwise_count(dhashes[left] ^ dhashes[right])
    near = by_difference <= LARGEST_DISTANCE
    left, right, by_difference = left[near], right[near], by_difference[near]
    distances = np.bitwise_count(phashes[left] ^ phashes[right]).astype(np.int64) + by_difference
    return _nearest(np.stack([left, right], axis=1), distances)


def _nearest(pairs: RowArray, distances: RowArray) -> tuple[RowArray, RowArray]:
    order = np.lexsort((distances, pairs[:, 0]))
    pairs, distances = pairs[order], distances[order]
    _, first, counts = np.unique(pairs[:, 0], return_index=True, return_counts=True)
    rank = np.arange(len(pairs)) - np.repeat(first, counts)
    return pairs[rank < NEAREST], distances[rank < NEAREST]
