"""A sweep that storage, study, MLflow and home know of, made without running any trial."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config.client import connect, ensure_experiment
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import TrackingSettings
from mlruns_config.sweep_runs import FoundRun, open_sweep_runs
from objectives.records import Splits
from objectives.splits import hash_folds, splits_to_bytes
from search.home import claim_home
from search.settings import RuntimeSettings
from search.storage.records import Budget, Slot
from search.storage.storage import open_storage
from search.stored_sweep import StoredSweep
from search.study.samplers import make_sampler
from search.sweep_file.sweep_file import check_sweep
from search.workers.run_record import RunRecord, note_run_of

WORKER = "here-1-abcdef"


class KnownSweep:
    """A sweep whose trials are brought forward step by step, as a worker does it.

    Args:
        name: The sweep's.
        trials: Its budget.
    """

    def __init__(self, name: str = "tiny", *, trials: int = 3) -> None:
        self.settings = RuntimeSettings.from_environment()
        claim_home(self.settings.home)
        content: dict[str, Any] = {
            "sweep": name,
            "data": {"path": "/data/images.npz", "image_px": 16},
            "validation": {"folds": 2, "shift": "none", "score": "clean"},
            "train": {"head_epochs": 2, "finetune_epochs": 1},
            "space": {"base": "small", "backbone": "small_cnn"},
            "budget": {"trials": trials},
        }
        storage = open_storage(self.settings.storage_url)
        rows = np.arange(6)
        fold_hash = hash_folds(rows, rows % 2, rows[:0], rows)
        splits = Splits(rows, rows % 2, rows[:0], rows, fold_hash)
        row = storage.sweeps.create(
            name,
            check_sweep(content).as_written(),
            fingerprint="f" * 64,
            fold_hash=fold_hash,
            splits=splits_to_bytes(splits),
            versions={"keras": "3"},
            budget=Budget(trials),
        )
        self.stored = StoredSweep.of(storage, row, self.settings)
        ensure_experiment(self.stored.tracking, name, {})
        self.stored.folder.mkdir(parents=True, exist_ok=True)

    def claim(self, worker: str = WORKER) -> Slot:
        """Claim a head, and draw it; its worker has ended."""
        stored = self.stored
        if worker not in {row.id for row in stored.workers.all()}:
            stored.workers.join(worker, "cpu", 0.0)
            stored.workers.leave(worker)
        slot = stored.slots.claim(worker)
        assert slot is not None
        study = stored.study()
        trial = study.begin(slot, make_sampler(stored.file.search, slot.number))
        trial.suggest_float("dropout", 0.0, 0.5)
        stored.slots.note_params(slot, {"backbone": "small_cnn", **trial.params})
        return self.slot(slot.number)

    def outbox(self, tracking: TrackingSettings | None = None, *, worker: str = WORKER) -> Outbox:
        """Open a spool as a worker does."""
        folder = self.stored.folder / "outbox" / WORKER
        return Outbox(tracking or self.stored.tracking, folder, on_run=note_run_of(self.stored))

    def begin(self, worker: str = WORKER) -> Slot:
        """Bring a head to its last epoch, in the storage, MLflow and the study."""
        slot = self.claim(worker)
        outbox = self.outbox()
        record = RunRecord.open(self.stored, outbox, slot)
        record.begin(worker, "cpu")
        self.record(slot)
        record.log_epochs()
        assert outbox.close(60)
        return self.slot(slot.number)

    def run(self, *, score: float = 0.5, logged: bool = True) -> Slot:
        """Bring a head from its claim to its end, in the storage, MLflow and the study.

        Args:
            score: What it finds.
            logged: Whether MLflow gets its epochs.
        """
        slot = self.claim()
        outbox = self.outbox()
        record = RunRecord.open(self.stored, outbox, slot)
        record.begin(WORKER, "cpu")
        self.record(slot)
        if logged:
            record.log_epochs()
        ended = self.finish(slot, score)
        record.end(ended, self.stored.trial_folder(slot))
        assert outbox.close(60)
        self.stored.study().tell(ended)
        return self.slot(slot.number)

    def record(self, slot: Slot, epochs: int = 2) -> None:
        """Record epochs in the storage alone."""
        for epoch in range(epochs):
            scores = {0: 0.25, 1: 0.75}
            self.stored.slots.record_epoch(slot, "head", epoch, step=epoch, scores=scores, mean=0.5)

    def finish(self, slot: Slot, score: float = 0.5) -> Slot:
        """End a head in the storage alone."""
        detail = {"fold_scores": [0.25, 0.75], "epochs": {"head": 2}}
        return self.stored.slots.finish(slot, "done", score=score, clean=score, detail=detail)

    def slot(self, number: int) -> Slot:
        """Read a head."""
        return self.stored.slots.one(number)

    def runs(self) -> Sequence[FoundRun]:
        """Ask MLflow which runs the sweep has."""
        row = self.stored.row
        with open_sweep_runs(self.stored.tracking, row.name, row.id) as runs:
            return runs.all()

    def client(self) -> Any:
        """Give MLflow's client."""
        return connect(self.stored.tracking)

    def file(self, *parts: str, n_bytes: int = 100) -> Path:
        """Write a file into the home."""
        path = self.settings.home.joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * n_bytes)
        return path
