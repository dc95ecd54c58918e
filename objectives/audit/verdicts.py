"""What follows from what was found: the reason for each row that goes."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from objectives.audit.looks import Looks
from objectives.audit.report import Cluster
from objectives.data import ImageSource
from objectives.records import RowArray

LOWEST_CONTRAST = 1.0
"""Standard deviation, in grey levels, up to which a picture counts as one colour."""

_TINY_SHARE = 1 / 8
_SMALL_SHARE = 1 / 4
_USUAL_SHARE = 0.9


def judge_pictures(looks: Looks) -> dict[int, str]:
    """Return the rows that are no use whatever the others are, and why.

    Tiny is what has a shorter side under an eighth of the median, so a data set of small pictures
    stays.
    """
    shorter = looks.sizes_px.min(axis=1)
    readable = np.array([row not in looks.unreadable for row in range(len(shorter))])
    reasons = {row: f"unreadable: {message}" for row, message in looks.unreadable.items()}
    if not readable.any():
        return reasons
    usual_px = float(np.median(shorter[readable]))
    for row in np.flatnonzero(readable & (shorter < usual_px * _TINY_SHARE)).tolist():
        reasons[row] = f"tiny: {_size(looks, row)}, where {usual_px:g} pixels are usual"
    for row in np.flatnonzero(readable & (looks.contrasts <= LOWEST_CONTRAST)).tolist():
        reasons.setdefault(row, "one colour: nothing to see in it")
    return reasons


def judge_cluster(cluster: Cluster, content_hashes: Sequence[str]) -> dict[int, str]:
    """Return the rows of a cluster that go, and why.

    Args:
        cluster: Two rows or more.
        content_hashes: One for each row of the data set.
    """
    if cluster.conflicting:
        names = sorted(set(cluster.labels))
        shown = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
        text = (
            f"label conflict: {len(cluster.rows)} copies of a picture have {len(names)} "
            f"labels ({shown})"
        )
        return dict.fromkeys(cluster.rows, text)
    first_row: dict[str, int] = {}
    reasons = {}
    for row in cluster.rows:
        first = first_row.setdefault(content_hashes[row], row)
        if first != row:
            reasons[row] = f"duplicate: the same pixels as row {first}"
    return reasons


def find_odd_sizes(looks: Looks) -> dict[int, str]:
    """Return readable rows whose size stands out, with a sentence about each.

    That is any other size where nine in ten pictures share one, and else a shorter side under a
    quarter of the median.
    """
    readable = np.array([row not in looks.unreadable for row in range(len(looks.sizes_px))])
    if not readable.any():
        return {}
    sizes, counts = np.unique(looks.sizes_px[readable], axis=0, return_counts=True)
    if counts.max() >= _USUAL_SHARE * counts.sum():
        usual = sizes[counts.argmax()]
        odd = (looks.sizes_px != usual).any(axis=1)
        usual_text = f"{usual[1]} x {usual[0]} pixels"
    else:
        shorter = looks.sizes_px.min(axis=1)
        median_px = float(np.median(shorter[readable]))
        odd = shorter < median_px * _SMALL_SHARE
        usual_text = f"a shorter side of {median_px:g} pixels"
    rows = np.flatnonzero(odd & readable).tolist()
    return {row: f"odd size: {_size(looks, row)}, where {usual_text} is usual" for row in rows}


def list_clusters(source: ImageSource, looks: Looks, numbers: RowArray) -> tuple[Cluster, ...]:
    """Describe the clusters of two rows or more, conflicts first, then the largest.

    Args:
        source: Whose labels the rows have.
        looks: What is kept of all pictures.
        numbers: The cluster of each row, shape ``(rows,)``.
    """
    clusters = [
        Cluster(
            rows=tuple(rows.tolist()),
            labels=tuple(source.class_names[label] for label in source.labels[rows].tolist()),
            exact=len({looks.content_hashes[row] for row in rows.tolist()}) == 1,
        )
        for rows in _several(numbers)
    ]
    return tuple(
        sorted(clusters, key=lambda cluster: (not cluster.conflicting, -len(cluster.rows)))
    )


def _several(numbers: RowArray) -> Iterator[RowArray]:
    order = np.argsort(numbers, kind="stable")
    starts: npt.NDArray[np.intp] = np.flatnonzero(np.diff(numbers[order])) + 1
    for rows in np.split(order, starts):
        if len(rows) > 1:
            yield rows.astype(np.int64)


def _size(looks: Looks, row: int) -> str:
    height, width = looks.sizes_px[row].tolist()
    return f"{width} x {height} pixels"
