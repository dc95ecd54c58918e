"""Which rows are copies of each other, exact ones and near ones."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import DisjointSet
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from objectives.audit.candidates import find_candidates
from objectives.audit.comparing import are_alike, at_working_size, is_copy
from objectives.audit.looks import Looks
from objectives.data import ImageSource
from objectives.records import ImageArray, RowArray

_CACHED_PICTURES = 512


def find_exact_copies(looks: Looks, rows: RowArray) -> RowArray:
    """Pair each row with the first of the given rows that has the same pixels, maybe itself.

    Args:
        looks: What is kept of all pictures.
        rows: The rows to consider, ascending.

    Returns:
        Pairs (first, row), shape ``(len(rows), 2)``.
    """
    hashes = np.array([looks.content_hashes[row] for row in rows.tolist()], dtype=str)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    return np.stack([rows[first[inverse]], rows], axis=1)


def find_near_copies(source: ImageSource, looks: Looks, rows: RowArray) -> RowArray:
    """Find pairs of rows that are copies but for compression, size and a small shift.

    Pairs that others connect already are not looked at, so not all pairs of a cluster are returned.

    Args:
        source: Where to read the pictures of promising pairs again.
        looks: What is kept of all pictures.
        rows: The rows to consider, no two with the same content.

    Returns:
        Pairs, shape ``(pairs, 2)``.
    """

    @lru_cache(maxsize=_CACHED_PICTURES)
    def picture(row: int) -> ImageArray:
        return at_working_size(source.read(row))

    candidates = rows[find_candidates(looks.phashes[rows], looks.dhashes[rows])]
    candidates = candidates[are_alike(looks.thumbnails, candidates)]
    connected = DisjointSet(np.unique(candidates).tolist())
    found = []
    for first, second in candidates.tolist():
        if connected.connected(first, second):
            continue
        if is_copy(picture(first), picture(second)):
            connected.merge(first, second)
            found.append((first, second))
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def number_components(n_rows: int, pairs: Iterable[RowArray]) -> RowArray:
    """Give rows that pairs connect, directly or through others, the same number.

    Args:
        n_rows: Rows are numbered from 0.
        pairs: Arrays of pairs, each of shape ``(pairs, 2)``.

    Returns:
        A number from 0 for each row, shape ``(n_rows,)``.
    """
    ends = np.concatenate([np.empty((0, 2), np.int64), *pairs])
    ones = np.ones(len(ends), dtype=np.int8)
    graph = coo_array((ones, (ends[:, 0], ends[:, 1])), shape=(n_rows, n_rows))
    _, numbers = connected_components(graph, directed=False)
    return np.asarray(numbers, dtype=np.int64)


def pairs_of_groups(groups: RowArray) -> RowArray:
    """Pair each row with the first of its group; shape ``(rows, 2)``."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    rows: npt.NDArray[np.int64] = np.arange(len(groups), dtype=np.int64)
    return np.stack([first[inverse].astype(np.int64), rows], axis=1)
