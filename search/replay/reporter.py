"""Hears a replay, and ends it where the trial was ended."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from objectives.records import Stage
from search.replay.comparison import EpochComparison
from search.storage.records import EpochRow

_Key = tuple[str, int, str]


class RecordedReporter:
    """The :class:`objectives.records.Reporter` of a replay: it writes nothing.

    A trial that was ended by others' scores or by the time is ended after its last recorded epoch;
    one that goes further than was recorded is ended too.

    Args:
        rows: The epochs that were recorded of the phase.
        was_ended: Whether the trial was ended by what it had reported.
        on_epoch: Hears each epoch.
    """

    def __init__(
        self,
        rows: Sequence[EpochRow],
        *,
        was_ended: bool,
        on_epoch: Callable[[EpochComparison], None],
    ) -> None:
        self._rows = {_key(row.stage, row.epoch, map(int, row.scores)): row for row in rows}
        self._left = list(self._rows)
        self._was_ended = was_ended
        self._on_epoch = on_epoch
        self._heard: list[EpochComparison] = []

    @property
    def epochs(self) -> Sequence[EpochComparison]:
        """All epochs: those that were heard, then those that were recorded and did not come."""
        missing = [
            EpochComparison(row.stage, row.epoch, {}, row.scores)
            for row in (self._rows[key] for key in self._left)
        ]
        return [*self._heard, *missing]

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Compare an epoch with the recorded one; False ends the trial."""
        key = _key(stage, epoch, values)
        row = self._rows.get(key)
        scores = {str(fold): float(value) for fold, value in values.items()}
        self._heard.append(EpochComparison(stage, epoch, scores, row.scores if row else {}))
        self._on_epoch(self._heard[-1])
        if row is None:
            return False
        if key in self._left:
            self._left.remove(key)
        return not (self._was_ended and not self._left)


def _key(stage: str, epoch: int, folds: Iterable[int]) -> _Key:
    return stage, epoch, ",".join(str(fold) for fold in sorted(folds))
