"""The trial that is to be promoted."""

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

    trial: int
    params: TrialParams
    epochs: Mapping[Stage, int]
    score: float
    run_id: str | None


def choose_candidate(slots: Sequence[Slot], sweep: str, trial: int | None) -> Candidate:
    """Take the trial with the best score, or the one of a number.

    Args:
        slots: The sweep's.
        sweep: Its name, for the errors.
        trial: The number, or None for the best.

    Raises:
        InputError: If there is no such trial, or it was not trained to its end.
    """
    trials = trials_of(slots)
    finished = leaders(trials)
    if not finished:
        raise InputError(
            f"no trial of {sweep} is finished, so there is none to promote; run 'foldsweep launch' "
            "first."
        )
    if trial is None:
        return _candidate(finished[0].shown)
    found = next((each for each in finished if each.head.trial == trial), None)
    if found is None:
        numbers = ", ".join(str(n) for n in sorted(each.head.trial or 0 for each in finished))
        states = {each.head.trial: f"is {each.head.state}" for each in trials}
        state = states.get(trial, "does not exist")
        raise InputError(f"trial {trial} of {sweep} {state}; finished are: {numbers}.")
    return _candidate(found.shown)


def _candidate(slot: Slot) -> Candidate:
    trial = cast(int, slot.trial)
    return Candidate(
        trial=trial,
        params=TrialParams.of_trial(slot.params or {}),
        epochs=TrialDetail.of(slot).epochs,
        score=cast(float, slot.score),
        run_id=slot.run_id,
    )
