"""What an audit found, as a record and as JSON."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

from objectives.records import RowArray

Finding = Literal["unreadable", "tiny", "one colour", "label conflict", "duplicate"]
"""Why a row is excluded; each reason begins with one of these."""


@dataclass(frozen=True)
class Cluster:
    """Rows that are copies of each other, exact or near, ascending."""

    rows: tuple[int, ...]
    labels: tuple[str, ...]
    """The class name of each row."""
    exact: bool
    """Whether all have the same pixels."""

    @property
    def conflicting(self) -> bool:
        """Whether the copies have more than one label."""
        return len(set(self.labels)) > 1


@dataclass(frozen=True)
class AuditReport:
    """What an audit found."""

    images: int
    """Rows of the data set."""
    exclude: list[int]
    """Rows to leave out, ascending."""
    reasons: dict[int, str]
    """Row to reason, for each excluded row: a ``Finding``, a colon, and the particulars."""
    warnings: dict[int, str]
    """Row to what is odd about it, for rows that stay."""
    groups: RowArray
    """For each row, the number of the group that must not straddle folds, shape ``(rows,)``."""
    clusters: tuple[Cluster, ...]
    """Clusters of two rows or more, those with conflicting labels first, then the largest."""
    class_counts: dict[str, tuple[int, int]]
    """Class name to its number of images before and after exclusion."""

    @property
    def counts(self) -> dict[str, int]:
        """Excluded rows by finding, the most frequent first."""
        findings = Counter(reason.split(":")[0] for reason in self.reasons.values())
        return dict(findings.most_common())

    def to_json(self) -> dict[str, Any]:
        """Return a document of plain lists, texts and numbers; rows that are keys become text."""
        return {
            "images": self.images,
            "exclude": self.exclude,
            "reasons": {str(row): reason for row, reason in self.reasons.items()},
            "counts": self.counts,
            "warnings": {str(row): warning for row, warning in self.warnings.items()},
            "classes": {
                name: {"images": before, "kept": after}
                for name, (before, after) in self.class_counts.items()
            },
            "clusters": [
                {
                    "rows": list(cluster.rows),
                    "labels": sorted(set(cluster.labels)),
                    "exact": cluster.exact,
                    "conflicting": cluster.conflicting,
                }
                for cluster in self.clusters
            ],
        }
