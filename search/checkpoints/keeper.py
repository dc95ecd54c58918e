"""Keeps the state of one phase of a trial: blobs first, then rows, in one fenced transaction."""

import io
import logging
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path

from objectives.checkpoints import Arrays, State
from search.checkpoints.arrays_file import read_arrays, write_arrays
from search.checkpoints.blobs import Blobs
from search.storage.checkpoints import StoredCheckpoints
from search.storage.records import CheckpointRow, Slot
from spaces.errors import DiskFullError, FoldsweepError, InputError

MOST_SHARE = 0.05
"""Of a phase's time that writing may take."""
LARGEST_IN_DATABASE_BYTES = 4_000_000
MOST_LAST_S = 5.0
"""Within a worker's time to end, see :mod:`search.workers.interruption`."""
_ASSUMED_BYTES_PER_S = 100e6

_logger = logging.getLogger(__name__)


class TrialCheckpoints:
    """The :class:`objectives.checkpoints.Checkpoints` of one phase of a trial.

    A state is kept at the end of an epoch when ``every_s`` have gone by since the last, and so long
    that writing takes at most 5 % of the time; and when a signal ends the process. What a storage
    that was away made it wait is no cost of writing: after an outage states matter most.

    Args:
        stored: The sweep's.
        slot: The phase's, as it was claimed.
        blobs: Where large parts lie.
        every_s: Seconds between two states.
        clock: Seconds that go by.
    """

    def __init__(
        self,
        stored: StoredCheckpoints,
        slot: Slot,
        blobs: Blobs,
        *,
        every_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stored = stored
        self._slot = slot
        self._blobs = blobs
        self.every_s = every_s
        self._clock = clock
        self._kept: dict[str, CheckpointRow] = {}
        self._began_s = self._saved_s = clock()
        self._cost_s = 0.0
        self._bytes_per_s = _ASSUMED_BYTES_PER_S
        self.seconds = 0.0
        """How long earlier attempts took to come to the state that was loaded."""

    def load(self, stage: str) -> Mapping[str, Arrays] | None:
        """Give the parts of the last state; None, and a warning, if they are out of reach."""
        rows = [row for row in self._stored.of(self._slot) if row.stage == stage]
        if not rows:
            return None
        try:
            parts = {row.part: self._read(row) for row in rows}
        except (OSError, FoldsweepError) as error:
            _logger.warning(
                "what was kept of trial %s, stage %s, is out of reach, so the stage is trained "
                "again from its beginning: %s",
                self._slot.trial,
                stage,
                error,
            )
            return None
        self._kept = {row.part: row for row in rows}
        self.seconds = max(row.seconds for row in rows)
        epoch = max(row.epoch for row in rows)
        _logger.info("trial %s goes on after epoch %d of %s", self._slot.trial, epoch + 1, stage)
        return parts

    def save(self, stage: str, epoch: int, state: State, *, is_last: bool = False) -> None:
        """Keep a state if it is due; see :class:`objectives.checkpoints.Checkpoints`.

        Raises:
            SlotLostError: If another worker has taken the trial over.
            UnavailableError: If the storage stays away for minutes.
        """
        if not is_last and self._clock() < self.due_s:
            return
        try:
            with self._stored.impatient() if is_last else nullcontext():
                self._save(stage, epoch, state, is_last=is_last)
        except (OSError, DiskFullError) as error:
            _logger.warning("the state of trial %s was not kept: %s", self._slot.trial, error)
        except Exception as error:
            if not is_last:
                raise
            _logger.warning("the last state of trial %s was not kept: %s", self._slot.trial, error)

    @property
    def due_s(self) -> float:
        """When a state is kept again, on the clock."""
        return self._saved_s + max(self.every_s, self._cost_s * (1 / MOST_SHARE - 1))

    def _save(self, stage: str, epoch: int, state: State, *, is_last: bool) -> None:
        started_s, failures = self._clock(), self._stored.failures
        kept = {name: row for name, row in self._kept.items() if row.stage == stage}
        changed = {
            name: part
            for name, part in state.items()
            if name not in kept or kept[name].version != part.version
        }
        if not changed:
            return
        arrays = {name: part.read() for name, part in changed.items()}
        n_bytes = sum(array.nbytes for part in arrays.values() for array in part.values())
        if is_last and n_bytes / self._bytes_per_s > MOST_LAST_S:
            _logger.warning(
                "the last state of trial %s is too large (%.1f GB) to be kept in time",
                self._slot.trial,
                n_bytes / 1e9,
            )
            return
        seconds = self.seconds + started_s - self._began_s
        try:
            rows = [
                self._written(name, part, stage, epoch, changed[name].version, seconds)
                for name, part in arrays.items()
            ]
            self._stored.save(self._slot, rows)
        finally:
            self._saved_s = self._clock()
            if self._stored.failures == failures:
                self._cost_s = self._saved_s - started_s
                self._bytes_per_s = max(n_bytes / max(self._cost_s, 1e-3), 1.0)
        replaced = [self._kept[row.part] for row in rows if row.part in self._kept]
        self._kept = {**kept, **{row.part: row for row in rows}}
        for row in replaced:
            self._remove(row)

    def _written(
        self, name: str, arrays: Arrays, stage: str, epoch: int, version: int, seconds: float
    ) -> CheckpointRow:
        n_bytes = sum(array.nbytes for array in arrays.values())
        if n_bytes < LARGEST_IN_DATABASE_BYTES:
            file = io.BytesIO()
            sha256, n_bytes = write_arrays(arrays, file)
            uri, content = None, file.getvalue()
        else:
            blob = f"{folder_of(self._slot)}/{uuid.uuid4().hex}.npz"
            with self._blobs.writing(blob) as opened:
                sha256, n_bytes = write_arrays(arrays, opened)
            uri, content = self._blobs.uri(blob), None
        return CheckpointRow(name, stage, epoch, version, seconds, sha256, n_bytes, uri, content)

    def _read(self, row: CheckpointRow) -> Arrays:
        if row.content is None:
            with self._blobs.reading(self._blob(row)) as path:
                return read_arrays(path, row.sha256)
        with tempfile.NamedTemporaryFile() as file:
            file.write(row.content)
            file.flush()
            return read_arrays(Path(file.name), row.sha256)

    def _blob(self, row: CheckpointRow) -> str:
        # Where files lie is said by this machine's settings; the row tells one file from another.
        return f"{folder_of(self._slot)}/{(row.uri or '').rpartition('/')[2]}"

    def _remove(self, row: CheckpointRow) -> None:
        if row.uri is None:
            return
        try:
            self._blobs.remove(self._blob(row))
        except (OSError, InputError) as error:
            _logger.warning("an old checkpoint stays at %s: %s", row.uri, error)


def drop_blobs(blobs: Blobs, slot: Slot) -> None:
    """Remove the files of a phase that has ended."""
    try:
        blobs.remove(folder_of(slot))
    except OSError as error:
        _logger.warning("checkpoints stay at %s: %s", blobs.uri(folder_of(slot)), error)


def folder_of(slot: Slot) -> str:
    """Name the folder of a phase's blobs."""
    return f"{slot.sweep_id}/{slot.number}-{slot.phase}"
