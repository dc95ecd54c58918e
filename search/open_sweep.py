"""A sweep that exists, and all that its workers and its promotion need."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from mlruns_config.dataset import DatasetInfo
from mlruns_config.description.origin import Origin
from mlruns_config.settings import TrackingSettings
from objectives.records import Phase, Reporter, TrialContext, TrialHead
from search.checkpoints.blobs import Blobs
from search.preparation import Prepared
from search.settings import RuntimeSettings
from search.storage.checkpoints import StoredCheckpoints
from search.storage.records import Slot, SweepRow
from search.storage.slots import Slots
from search.storage.storage import Storage
from search.storage.workers import Workers
from search.sweep_file.sweep_file import SweepFile
from search.trial_detail import TrialDetail
from search.trial_phases import trials_of
from spaces.space import Space, Value

if TYPE_CHECKING:
    from search.study.reporter import RaceRules
    from search.study.study import SweepStudy


@dataclass(frozen=True)
class OpenSweep:
    """Made by :func:`search.creation.create_or_resume` or :func:`search.joining.join`."""

    file: SweepFile
    settings: RuntimeSettings
    tracking: TrackingSettings
    storage: Storage
    row: SweepRow
    space: Space
    prepared: Prepared

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

    def race_rules(self) -> "RaceRules":
        """Say how trials are compared epoch by epoch."""
        from search.study.reporter import RaceRules
        from search.study.samplers import first_scratch_look

        return RaceRules(
            self.file.validation.folds,
            self.file.train.head_epochs,
            self.file.train.finetune_epochs,
            first_scratch_look(self.file.search, epochs=self._first_stage_epochs),
        )

    def enqueue(self, points: list[dict[str, Value]]) -> None:
        """Put points before what the sampler draws; one that was tried is not tried again."""
        if points:
            study = self.study()
            for point in points:
                study.enqueue(point)

    def context(self, folder: Path, reporter: Reporter) -> TrialContext:
        """Give a refit what it may use.

        Args:
            folder: Where its files go.
            reporter: Hears how it goes.
        """
        return TrialContext(
            data=self.prepared.data,
            splits=self.prepared.splits,
            validation=self.file.validation,
            train=self.file.train,
            seed=self.file.search.seed,
            home=self.settings.home,
            checkpoint_folder=folder,
            reporter=reporter,
            max_store_bytes=self.settings.store_bytes,
            keep_views=self._views_are_reread(),
        )

    def trial_context(self, slot: Slot, reporter: Reporter) -> TrialContext:
        """Give an objective what it may use in one phase of a trial.

        Args:
            slot: The phase's.
            reporter: Hears how it goes.
        """
        from search.checkpoints.keeper import TrialCheckpoints

        settings = self.settings
        context = replace(
            self.context(self.trial_folder(slot), reporter),
            checkpoints=TrialCheckpoints(
                self.checkpoints, slot, self.blobs, every_s=settings.checkpoint_s
            ),
        )
        if slot.phase == "head":
            return context
        found = self.slots.one(slot.number)
        scores = TrialDetail.of(found).fold_scores
        head = TrialHead(found.score or 0.0, scores, self.trial_folder(found))
        return replace(context, phase=slot.phase, head=head, incumbent=self._incumbent())

    def dataset(self) -> DatasetInfo:
        """Describe the rows that the sweep trains on."""
        data = self.prepared.data
        return DatasetInfo(
            name=PurePosixPath(str(self.file.data.path)).stem,
            fingerprint=data.fingerprint,
            source=str(self.file.data.path),
            rows=len(self.prepared.splits.rows),
            classes=data.class_names,
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
            class_names=self.prepared.data.class_names,
        )

    def trial_folder(self, slot: Slot) -> Path:
        """Give the folder of a trial's files on this machine, those of one phase."""
        suffix = "" if slot.phase == "head" else f"-{slot.phase}"
        return self.folder / "trials" / f"{slot.trial}{suffix}"

    @property
    def _first_stage_epochs(self) -> int:
        train = self.file.train
        return train.head_epochs or train.finetune_epochs

    def _incumbent(self) -> Path | None:
        """Give the files of the best fine-tuned trial so far, whom a trial races against."""
        if self.file.search.pruner == "none":
            return None
        tuned = [t.finetuning for t in trials_of(self.slots.all()) if t.finetuning is not None]
        done = [slot for slot in tuned if slot.state == "done" and slot.score is not None]
        best = max(done, key=lambda slot: slot.score or 0.0, default=None)
        folder = None if best is None else self.trial_folder(best)
        return folder if folder is not None and folder.is_dir() else None

    def _views_are_reread(self) -> bool:
        backbones = (d.choices for d in self.space.dimensions if d.name == "backbone")
        return sum(map(len, backbones)) > 1 or self.file.train.finetune_epochs > 0
