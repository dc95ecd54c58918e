"""The trials that may be promoted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from objectives.records import Stage
from search.storage.records import Slot
from search.trial_detail import TrialDetail
from search.trial_phases import leaders, trials_of
from spaces.errors import InputError
from spaces.params import TrialParams


@dataclass(frozen=True)
class Candidate:
    """What a refit needs to know of a finished trial: of the phase that its score comes from."""

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
    finished = leaders(trials_of(slots))
    if not finished:
        raise InputError(
            f"no trial of {sweep} is finished, so there is none to promote; run 'foldsweep launch' "
            "first."
        )
    return [_candidate(each.shown) for each in finished]


def find_candidate(slots: Sequence[Slot], sweep: str, trial: int) -> Candidate:
    """Take the trial of a number.

    Raises:
        InputError: If there is no such trial, or it was not trained to its end.
    """
    finished = {candidate.trial: candidate for candidate in finished_candidates(slots, sweep)}
    if trial not in finished:
        states = {each.head.trial: f"is {each.head.state}" for each in trials_of(slots)}
        numbers = ", ".join(map(str, sorted(finished)))
        raise InputError(
            f"trial {trial} of {sweep} {states.get(trial, 'does not exist')}; finished are: "
            f"{numbers}."
        )
    return finished[trial]


def _candidate(slot: Slot) -> Candidate:
    params = TrialParams.of_trial(slot.params or {})
    return Candidate(slot, params, TrialDetail.of(slot).epochs)
