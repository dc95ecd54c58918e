"""Which views a sweep's score looks at: the one place that knows."""

from typing import TypeVar

from objectives.settings import ScoreKind

Seen = TypeVar("Seen")


def scored_views(kind: ScoreKind, clean: Seen, shifted: Seen | None) -> list[Seen]:
    """Pick what the score is the mean over: images, predictions or scores of each view.

    Args:
        kind: The sweep's.
        clean: Of the clean view.
        shifted: Of the shifted view; None where there is none, and the clean one alone counts.
    """
    if shifted is None or kind == "clean":
        return [clean]
    return [shifted] if kind == "shifted" else [clean, shifted]
