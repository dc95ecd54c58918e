"""A sweep that exists, as the storage alone knows it: no data are read, nothing is imported."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlruns_config.dataset import DatasetInfo
from mlruns_config.description.origin import Origin
from mlruns_config.settings import TrackingSettings
from objectives.records import Phase
from search.checkpoints.blobs import Blobs
from search.settings import RuntimeSettings
from search.storage.checkpoints import StoredCheckpoints
from search.storage.records import Slot, SweepRow
from search.storage.slots import Slots
from search.storage.storage import Storage
from search.storage.workers import Workers
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import SweepFile

if TYPE_CHECKING:
    from search.study.study import SweepStudy


@dataclass(frozen=True)
class StoredSweep:
    """What workers, commands and repairs share; :class:`search.open_sweep.OpenSweep` adds data."""

    file: SweepFile
    settings: RuntimeSettings
    tracking: TrackingSettings
    storage: Storage
    row: SweepRow

    @classmethod
    def of(cls, storage: Storage, row: SweepRow, settings: RuntimeSettings) -> "StoredSweep":
        """Take a sweep from the storage alone, with the file that is stored there."""
        tracking = TrackingSettings.from_environment(settings.home)
        return StoredSweep(stored_file(row), settings, tracking, storage, row)

    @property
    def folder(self) -> Path:
        """The sweep's folder on this machine."""
        return self.settings.sweep_folder(self.row.name)

    @property
    def slots(self) -> Slots:
        """The sweep's slots."""
        return self.storage.slots(self.row.id)

    @property
    def checkpoints(self) -> StoredCheckpoints:
        """The sweep's checkpoints."""
        return self.storage.checkpoints(self.row.id)

    @cached_property
    def blobs(self) -> Blobs:
        """Where this machine finds and leaves the large parts of checkpoints."""
        return Blobs(self.settings.checkpoints)

    @property
    def workers(self) -> Workers:
        """The sweep's workers."""
        return self.storage.workers(self.row.id)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, as the file or a trial names them; empty where neither does."""
        named = self.file.data.class_names
        if named:
            return tuple(named)
        for slot in self.slots.all():
            for summary in ((slot.detail or {}).get("summaries") or {}).values():
                return tuple(summary["classes"])
        return ()

    @property
    def n_rows(self) -> int:
        """How many images train and validate."""
        from objectives.splits import splits_from_bytes

        return len(splits_from_bytes(self.row.splits).rows)

    def study(self, phase: Phase = "head") -> "SweepStudy":
        """Open the sweep's Optuna study of a phase."""
        from search.study.study import SweepStudy

        return SweepStudy(
            self.storage,
            self.row.name,
            self.file.search,
            self.slots,
            epochs=self._first_stage_epochs,
            phase=phase,
        )

    def dataset(self) -> DatasetInfo:
        """Describe the rows that the sweep trains on."""
        return DatasetInfo(
            name=PurePosixPath(str(self.file.data.path)).stem,
            fingerprint=self.row.fingerprint,
            source=str(self.file.data.path),
            rows=self.n_rows,
            classes=self.class_names,
            image_px=self.file.data.image_px,
        )

    def origin(self, trial: int) -> Origin:
        """Say where a run or a model of a trial comes from."""
        return Origin(
            sweep=self.row.name,
            sweep_id=self.row.id,
            trial=trial,
            fingerprint=self.row.fingerprint,
            fold_hash=self.row.fold_hash,
            seed=self.file.search.seed,
            image_px=self.file.data.image_px,
            class_names=self.class_names,
        )

    def trial_folder(self, slot: Slot) -> Path:
        """Give the folder of a trial's files on this machine, those of one phase."""
        suffix = "" if slot.phase == "head" else f"-{slot.phase}"
        return self.folder / "trials" / f"{slot.trial}{suffix}"

    @property
    def _first_stage_epochs(self) -> int:
        train = self.file.train
        return train.head_epochs or train.finetune_epochs
