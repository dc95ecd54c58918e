"""What a trial shares with others, counted while it runs."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from objectives.records import Sharing, UseCounts


@dataclass
class SharingCounts:
    """How much of a trial's work was made, found made, or made in passing and not kept."""

    views_made: int = 0
    views_reused: int = 0
    views_streamed: int = 0
    features_made: int = 0
    features_reused: int = 0
    features_streamed: int = 0
    _under_way: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def making(self) -> str | None:
        """What is being made now; of several things the one that was begun last."""
        return next(iter(self._under_way[-1:]), None)

    @contextmanager
    def note_making(self, what: str) -> Iterator[None]:
        """Say what is being made while a block runs; threads may do so at the same time.

        Args:
            what: For people.
        """
        self._under_way.append(what)
        try:
            yield
        finally:
            self._under_way.remove(what)

    def so_far(self) -> Sharing:
        """Give the counts of this moment."""
        return Sharing(
            views=UseCounts(self.views_made, self.views_reused, self.views_streamed),
            features=UseCounts(self.features_made, self.features_reused, self.features_streamed),
        )


def sum_of_uses(parts: Iterable[Mapping[str, Mapping[str, int]]]) -> dict[str, dict[str, int]]:
    """Sum what several trials shared.

    Args:
        parts: Each as plain data of a :class:`~objectives.records.Sharing`.
    """
    total: dict[str, dict[str, int]] = {}
    for part in parts:
        for kind, counts in part.items():
            ways = total.setdefault(kind, {})
            for how, count in counts.items():
                ways[how] = ways.get(how, 0) + count
    return total
