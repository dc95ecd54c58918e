"""The trials that may be promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from objectives.records import Stage
from search.storage.records import Slot
from search.trial_detail import TrialDetail
from spaces.errors import InputError
from spaces.params import TrialParams


@dataclass(frozen=True)
class Candidate:
    """What a refit needs to know of a finished trial."""

    slot: Slot
    params: TrialParams
    epochs: Mapping[Stage, int]

    @property
    def trial(self) -> int:
        """Its number on the leaderboard."""
        return cast(int, self.slot.trial)


def finished_candidates(slots: Sequence[Slot], sweep: str) -> list[Candidate]:
    """Give the trials that were trained to their end, the best first.

    Args:
        slots: The sweep's.
        sweep: Its name, for the error.

    Raises:
        InputError: If there is none.
    """
    finished = [slot for slot in slots if slot.state == "done" and slot.score is not None]
    if not finished:
        raise InputError(
            f"no trial of {sweep} is finished, so there is none to promote; run 'foldsweep launch' "
            "first."
        )
    ranked = sorted(finished, key=lambda slot: -cast(float, slot.score))
    return [_candidate(slot) for slot in ranked]


def find_candidate(slots: Sequence[Slot], sweep: str, trial: int) -> Candidate:
    """Take the trial of a number.

    Raises:
        InputError: If there is no such trial, or it was not trained to its end.
    """
    finished = {candidate.trial: candidate for candidate in finished_candidates(slots, sweep)}
    if trial not in finished:
        state = next(
            (f"is {slot.state}" for slot in slots if slot.trial == trial), "does not exist"
        )
        numbers = ", ".join(map(str, sorted(finished)))
        raise InputError(f"trial {trial} of {sweep} {state}; finished are: {numbers}.")
    return finished[trial]


def _candidate(slot: Slot) -> Candidate:
    params = TrialParams.of_trial(slot.params or {})
    return Candidate(slot, params, TrialDetail.of(slot).epochs)
