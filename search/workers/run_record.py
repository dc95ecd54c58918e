"""What MLflow is told about a trial: what the storage has of it, and its files."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlruns_config.description.trial import sweep_params
from mlruns_config.description.trial_metrics import trial_metrics
from mlruns_config.description.trial_tags import begun_tags, ended_tags
from mlruns_config.outbox.outbox import Outbox, RunSpool
from search.open_sweep import OpenSweep
from search.storage.records import Slot
from search.study.reporter import log_epoch
from search.trial_detail import TrialFindings
from search.workers.provenance import git_commit, score_versions
from spaces.params import TrialParams
from spaces.policy_text import takes_strength


@dataclass(frozen=True)
class RunRecord:
    """Writes the run of one trial, in the order in which things become known."""

    opened: OpenSweep
    run: RunSpool
    slot: Slot
    """As it was claimed."""

    @classmethod
    def open(cls, opened: OpenSweep, outbox: Outbox, slot: Slot) -> "RunRecord":
        """Begin the run of a trial, or go on with it.

        Args:
            opened: The sweep.
            outbox: Of this process.
            slot: Its trial has a number.
        """
        run = outbox.open_run(
            opened.file.sweep,
            f"{opened.row.id}/{slot.trial}",
            run_name(slot),
            attempt=slot.attempt,
            began_ms=None if slot.began_at is None else int(1000 * slot.began_at),
            run_id=slot.run_id,
        )
        return cls(opened, run, slot)

    def begin(self, worker_id: str, device: str) -> None:
        """Log what is known before training, and the epochs that earlier attempts recorded."""
        params = TrialParams.model_validate(self.slot.params)
        self.run.params(params.model_dump())
        self.run.params(sweep_params(self.opened.file.model_dump(mode="json")))
        self.run.tags(
            begun_tags(
                self.opened.origin(int(self.slot.trial or 0)),
                versions=score_versions(),
                device=device,
                worker=worker_id,
                pair=params.pair,
                commit=git_commit(Path.cwd()),
            )
        )
        self.run.dataset(self.opened.dataset())
        self._note("running")
        # With their own times: what MLflow has already, it drops.
        for row in self.opened.slots.epochs(self.slot.number):
            log_epoch(self.run, row, n_folds=self.opened.prepared.splits.n_folds)

    def end(self, ended: Slot, folder: Path) -> None:
        """Log how the trial ended, what it found, and its files.

        Args:
            ended: The slot as the storage has it now.
            folder: Where the trial's files lie, if they lie on this machine.
        """
        end_ms = int(1000 * (ended.ended_at or time.time()))
        if ended.score is not None:
            seconds = (ended.ended_at or 0.0) - (ended.claimed_at or 0.0)
            numbers = trial_metrics(TrialFindings.of(ended), seconds=seconds)
            self.run.metrics(numbers, time_ms=end_ms)
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                inside = path.parent.relative_to(folder)
                self.run.artifact(path, "" if inside == Path() else inside.as_posix())
        self.run.tags(
            ended_tags("complete" if ended.state == "done" else ended.state, ended.reason)
        )
        self.run.finish("FAILED" if ended.state == "failed" else "FINISHED", time_ms=end_ms)
        self._note(ended.state)

    def wait(self) -> None:
        """Log that the trial was given back, and waits for a worker."""
        self.run.finish("SCHEDULED")
        self._note("free")

    def _note(self, state: str) -> None:
        self.opened.slots.note_spooled(self.slot, state)


def run_name(slot: Slot) -> str:
    """Name a run so that a person can read the list."""
    params: Mapping[str, Any] = slot.params or {}
    policy, strength = str(params.get("policy", "none")), params.get("strength", "medium")
    shown = f"{policy} {strength}" if takes_strength(policy) else policy
    parts = [params.get("backbone"), shown, params.get("optimizer", "adamw")]
    return f"{slot.trial:03d} " + (", ".join(map(str, parts)) if params else "not begun")
