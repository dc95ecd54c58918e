"""What MLflow is told about a trial: what the storage has of it, and its files."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mlruns_config.description.trial import FINETUNE_ARTIFACT, picture_name, sweep_params
from mlruns_config.description.trial_metrics import phase_metrics, trial_metrics
from mlruns_config.description.trial_tags import (
    begun_tags,
    ended_tags,
    finetuning_begun_tags,
    finetuning_ended_tags,
    note_tags,
)
from mlruns_config.outbox.outbox import Outbox, RunSpool
from mlruns_config.settings import tracking_user
from search.pages.trial_note import trial_note
from search.status import trial_record
from search.storage.records import Slot
from search.stored_sweep import StoredSweep
from search.study.reporter import EpochLog
from search.trial_detail import TrialFindings
from search.trial_phases import TrialPhases, stage_of
from search.workers.provenance import git_commit, score_versions
from spaces.params import FINETUNE_NAMES, TrialParams
from spaces.policy_text import takes_strength


@dataclass(frozen=True)
class RunRecord:
    """Writes one phase of a trial into its run, in the order in which things become known."""

    opened: StoredSweep
    run: RunSpool
    slot: Slot
    """As it was claimed."""

    @classmethod
    def open(cls, opened: StoredSweep, outbox: Outbox, slot: Slot) -> "RunRecord":
        """Begin the run of a trial, or go on with it.

        Args:
            opened: The sweep.
            outbox: Of this process.
            slot: The phase's; its trial has a number.
        """
        run = outbox.open_run(
            opened.file.sweep,
            f"{opened.row.id}/{slot.trial}",
            run_name(slot),
            attempt=slot.attempt,
            phase=slot.phase,
            began_ms=None if slot.began_at is None else int(1000 * slot.began_at),
            run_id=slot.run_id,
        )
        return cls(opened, run, slot)

    def begin(self, worker_id: str, device: str) -> None:
        """Log what is known before training, and the epochs that earlier attempts recorded."""
        self._begin(worker_id, device, score_versions(), git_commit(Path.cwd()))
        self._note("running")
        # The first attempt at a trial is the only one that has none.
        if self.slot.phase != "head" or self.slot.attempt > 1:
            self.log_epochs()

    def restore(self, worker_id: str, device: str) -> None:
        """Log again what was known before training, by what the storage has kept of it.

        Args:
            worker_id: Who ran the phase last.
            device: What that computed on.
        """
        self._begin(worker_id, device, self.opened.row.versions, None)
        self.log_epochs()

    def _begin(
        self, worker_id: str, device: str, versions: Mapping[str, str], commit: str | None
    ) -> None:
        if self.slot.phase == "head":
            self._begin_trial(worker_id, device, versions, commit)
        else:
            self.run.params(self._params().model_dump(include=set(FINETUNE_NAMES)))
            self.run.tags(finetuning_begun_tags(device=device, worker=worker_id))

    def log_epochs(self) -> None:
        """Log the epochs that were recorded; with their own times, so MLflow drops what it has."""
        log = EpochLog(self.run, self.opened.file.validation.folds)
        for row in self.opened.slots.epochs(self.slot.number):
            log.note(row)

    def _begin_trial(
        self, worker_id: str, device: str, versions: Mapping[str, str], commit: str | None
    ) -> None:
        params = self._params()
        # MLflow lets no parameter change: what is drawn later is logged later.
        self.run.params(params.decided_values())
        self.run.params(sweep_params(self.opened.file.model_dump(mode="json")))
        self.run.tags(
            begun_tags(
                self.opened.origin(int(self.slot.trial or 0)),
                versions=versions,
                device=device,
                worker=worker_id,
                pair=params.pair,
                commit=commit,
                user=tracking_user(),
            )
        )
        self._describe(TrialPhases(self.slot, None))
        self.run.dataset(self.opened.dataset())

    def _params(self) -> TrialParams:
        return TrialParams.of_trial(self.slot.params or {})

    def end(self, ended: Slot, folder: Path) -> None:
        """Log how the phase ended, what it found, and its files.

        Args:
            ended: The slot as the storage has it now.
            folder: Where the phase's files lie, if they lie on this machine.
        """
        end_ms = int(1000 * (ended.ended_at or time.time()))
        is_head = ended.phase == "head"
        head = ended if is_head else self.opened.slots.one(ended.number)
        is_better = not is_head and TrialPhases(head, ended).shown is ended
        if ended.score is not None and (is_head or ended.state == "done"):
            self._log_found(ended, end_ms, is_shown=is_head or is_better)
            self._log_files(folder, "" if is_head else FINETUNE_ARTIFACT.folder, end_ms)
        state = "complete" if ended.state == "done" else ended.state
        stage = None if ended.score is None else stage_of(ended)
        self.run.tags(
            ended_tags(state, ended.reason, stage=stage)
            if is_head
            else finetuning_ended_tags(state, ended.reason, is_better=is_better)
        )
        self._describe(TrialPhases(head, None if is_head else ended))
        # A trial whose fine-tuning failed has the score of its heads.
        self.run.finish("FAILED" if head.state == "failed" else "FINISHED", time_ms=end_ms)
        self._note(ended.state)

    def _log_found(self, ended: Slot, end_ms: int, *, is_shown: bool) -> None:
        found = TrialFindings.of(ended)
        seconds = (ended.ended_at or 0.0) - (ended.claimed_at or 0.0)
        shown = trial_metrics(found, seconds=seconds) if is_shown else {}
        self.run.metrics(shown | phase_metrics(found, stage_of(ended)), time_ms=end_ms)

    def _describe(self, trial: TrialPhases) -> None:
        """Write what people read first; a trial that is done has a place among the others."""
        record = trial_record(trial)
        is_placed = record.state == "done" and record.score is not None
        place = self.opened.slots.place_of(record.score or 0.0) if is_placed else None
        self.run.tags(note_tags(trial_note(self.opened.row.name, record, place)))

    def _log_files(self, folder: Path, place: str, end_ms: int) -> None:
        step = 0 if self.slot.phase == "head" else 1
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            inside = PurePosixPath(place, path.parent.relative_to(folder).as_posix())
            self.run.artifact(path, "" if inside == PurePosixPath() else str(inside))
            name = picture_name(path.name) if path.parent == folder else None
            if name is not None:
                self.run.picture(path, name, step=step, time_ms=end_ms)

    def wait(self) -> None:
        """Log that the trial was given back, and waits for a worker."""
        self.run.finish("SCHEDULED")
        self._note("free")

    def _note(self, state: str) -> None:
        self.opened.slots.note_spooled(self.slot, state)


def note_run_of(opened: StoredSweep) -> Callable[[str, str], None]:
    """Give what writes the MLflow run of a trial into the storage, when its outbox knows it."""

    def note(key: str, run_id: str) -> None:
        trial = key.rpartition("/")[2]
        # The page of the sweep is a run too, and no trial.
        if trial.isdecimal():
            opened.slots.note_run(int(trial), run_id)

    return note


def run_name(slot: Slot) -> str:
    """Name a run so that a person can read the list."""
    params: Mapping[str, Any] = slot.params or {}
    policy, strength = str(params.get("policy", "none")), params.get("strength", "medium")
    shown = f"{policy} {strength}" if takes_strength(policy) else policy
    parts = [params.get("backbone"), shown, params.get("optimizer", "adamw")]
    return f"{slot.trial:03d} " + (", ".join(map(str, parts)) if params else "not begun")
