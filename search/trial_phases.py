"""The phases of a trial as the one thing that people see."""

from collections.abc import Sequence
from dataclasses import dataclass

from objectives.records import Stage
from search.storage.records import Slot


@dataclass(frozen=True)
class TrialPhases:
    """A trial that was begun."""

    head: Slot
    finetuning: Slot | None
    """None as long as it was not begun."""

    @property
    def device_s(self) -> float:
        """Sum the seconds on devices, all attempts at both phases together."""
        return self.head.device_s + (self.finetuning.device_s if self.finetuning else 0.0)

    @property
    def shown(self) -> Slot:
        """Give the phase whose score is the trial's: fine-tuning where it came to a better one."""
        tuned, head_score = self.finetuning, self.head.score
        if tuned is None or tuned.state != "done" or tuned.score is None:
            return self.head
        return tuned if head_score is None or tuned.score > head_score else self.head


def trials_of(slots: Sequence[Slot]) -> list[TrialPhases]:
    """Put the phases of each trial together, in the order of the trials' numbers.

    Args:
        slots: All of a sweep.
    """
    tuned = {slot.number: slot for slot in slots if slot.phase == "finetune"}
    heads = [slot for slot in slots if slot.phase == "head" and slot.trial is not None]
    ordered = sorted(heads, key=lambda slot: slot.trial or 0)
    return [TrialPhases(head, tuned.get(head.number)) for head in ordered]


def leaders(trials: Sequence[TrialPhases]) -> list[TrialPhases]:
    """Give the finished trials, the best first."""
    finished = [t for t in trials if t.head.state == "done" and t.shown.score is not None]
    return sorted(finished, key=lambda trial: (-(trial.shown.score or 0.0), trial.head.trial or 0))


def best_finetuning(slots: Sequence[Slot]) -> Slot | None:
    """Give the best fine-tuning that is done, whom others race against; None without one."""
    done = [s for s in slots if s.phase == "finetune" and s.state == "done" and s.score is not None]
    return max(done, key=lambda slot: slot.score or 0.0, default=None)


def stage_of(slot: Slot) -> Stage:
    """Name the stage in which a phase ends."""
    epochs = (slot.detail or {}).get("epochs") or {}
    if slot.phase == "finetune" or epochs.keys() == {"finetune"}:
        return "finetune"
    return "scratch" if "scratch" in epochs else "head"
