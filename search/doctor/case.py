"""A sweep under examination."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mlruns_config.outbox.outbox import Outbox
from mlruns_config.outbox.waiting import waiting_spools
from search.doctor.finding import Mending
from search.pids import machine_id
from search.storage.records import FINISHED, Slot
from search.storage.workers import new_worker_id
from search.stored_sweep import StoredSweep
from search.trial_phases import TrialPhases, trials_of
from search.workers.run_record import note_run_of

FLUSH_S = 60.0


@dataclass
class Case:
    """What the checks of one sweep share: who lives, which trials rest, where to write.

    What a living worker works on, or has ended and not said everywhere, is left alone.
    """

    stored: StoredSweep
    mending: Mending
    gone: set[str] = field(default_factory=set)
    """Workers that are entered as live and are not."""

    @property
    def name(self) -> str:
        """The sweep's."""
        return self.stored.row.name

    def where(self, slot: Slot) -> str:
        """Name a phase for people."""
        trial = f"slot {slot.number}" if slot.trial is None else f"trial {slot.trial}"
        return f"{self.name}, {trial}" + (", fine-tuning" if slot.phase == "finetune" else "")

    def living(self) -> set[str]:
        """Read whose work is to be left alone."""
        rows = self.stored.workers.all()
        return {row.id for row in rows if row.state == "live" and row.id not in self.gone}

    def unsaid(self) -> list[Slot]:
        """Read the phases whose ending nobody is about to say to Optuna or MLflow."""
        found = self.stored.slots.unsaid()
        living = self.living()
        return [slot for slot in found if slot.worker_id not in living]

    def resting(self) -> list[TrialPhases]:
        """Read the trials that nobody works on, and of which all has been said and sent.

        Read it before MLflow is asked: what is spooled by now and waits nowhere has been sent.
        """
        trials = trials_of(self.stored.slots.all())
        rows = {row.id: row for row in self.stored.workers.all()}
        living = self.living()
        spools = waiting_spools(self.stored.folder / "outbox")
        waiting = {key for spool in spools for key in spool.keys}
        seen = {spool.folder.name for spool in spools}

        def is_under_way(slot: Slot) -> bool:
            if slot.state == "running":
                return True
            if slot.state in FINISHED and slot.spooled != slot.state:
                return True
            if slot.state == "free" and slot.spooled not in (None, "free"):
                return True
            if slot.worker_id not in living:
                return False
            # It may still have to send it, from a home that is not this one.
            return slot.worker_id not in seen or rows[slot.worker_id].machine != machine_id()

        return [
            trial
            for trial in trials
            if f"{self.stored.row.id}/{trial.head.trial}" not in waiting
            and not any(is_under_way(slot) for slot in _phases(trial))
        ]

    @cached_property
    def outbox(self) -> Outbox:
        """The spool of this process; made when there is something to say."""
        folder = self.stored.folder / "outbox" / new_worker_id()
        return Outbox(self.stored.tracking, folder, on_run=note_run_of(self.stored))

    def close(self) -> bool:
        """Send what was spooled; False if it waits."""
        return "outbox" not in vars(self) or self.outbox.close(FLUSH_S)


def _phases(trial: TrialPhases) -> Sequence[Slot]:
    return [slot for slot in (trial.head, trial.finetuning) if slot is not None]


def numbers_of(trials: Sequence[TrialPhases]) -> Collection[int]:
    """Give the numbers of trials, as people see them."""
    return {trial.head.trial for trial in trials if trial.head.trial is not None}
