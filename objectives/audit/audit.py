"""The audit, from a source to a report."""

import numpy as np

from objectives.audit.clusters import (
    find_exact_copies,
    find_near_copies,
    number_components,
    pairs_of_groups,
)
from objectives.audit.looks import look_at_all
from objectives.audit.report import AuditReport
from objectives.audit.verdicts import (
    find_odd_sizes,
    judge_cluster,
    judge_pictures,
    list_clusters,
)
from objectives.data import ImageSource


def audit(source: ImageSource) -> AuditReport:
    """Find what should not be trained on, from the images and labels alone.

    Args:
        source: The data set; every picture is read once, and those of likely copies again.

    Returns:
        The rows to exclude with reasons, and the groups that must stay together.

    Raises:
        InputError: If the source's numbers are no pictures.
        UnavailableError: If the disk has no room to unpack the source.
    """
    looks = look_at_all(source)
    reasons = judge_pictures(looks)
    pictures = np.array([row for row in range(len(source)) if row not in reasons], dtype=np.int64)
    exact = find_exact_copies(looks, pictures)
    near = find_near_copies(source, looks, np.unique(exact[:, 0]))
    clusters = list_clusters(source, looks, number_components(len(source), (exact, near)))
    for cluster in clusters:
        reasons |= judge_cluster(cluster, looks.content_hashes)
    named = source.groups
    given = [] if named is None else [pairs_of_groups(named)]
    exclude = sorted(reasons)
    odd_sizes = find_odd_sizes(looks)
    return AuditReport(
        images=len(source),
        exclude=exclude,
        reasons={row: reasons[row] for row in exclude},
        warnings={row: text for row, text in odd_sizes.items() if row not in reasons},
        groups=number_components(len(source), (exact, near, *given)),
        clusters=clusters,
        class_counts=_count_classes(source, exclude),
    )


def _count_classes(source: ImageSource, exclude: list[int]) -> dict[str, tuple[int, int]]:
    n_classes = len(source.class_names)
    before = np.bincount(source.labels, minlength=n_classes).tolist()
    gone = np.bincount(source.labels[exclude], minlength=n_classes).tolist()
    return {
        name: (total, total - lost)
        for name, total, lost in zip(source.class_names, before, gone, strict=True)
    }
