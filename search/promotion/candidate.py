"""The trial that is to be promoted."""

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
    finished = [slot for slot in slots if slot.state == "done" and slot.score is not None]
    if not finished:
        raise InputError(
            f"no trial of {sweep} is finished, so there is none to promote; run 'foldsweep launch' "
            "first."
        )
    if trial is None:
        return _candidate(max(finished, key=lambda slot: cast(float, slot.score)))
    found = next((slot for slot in slots if slot.trial == trial), None)
    if found is None or found not in finished:
        numbers = ", ".join(str(n) for n in sorted(slot.trial or 0 for slot in finished))
        state = "does not exist" if found is None else f"is {found.state}"
        raise InputError(f"trial {trial} of {sweep} {state}; finished are: {numbers}.")
    return _candidate(found)


def _candidate(slot: Slot) -> Candidate:
    trial = cast(int, slot.trial)
    return Candidate(
        trial=trial,
        params=TrialParams.of_trial(slot.params or {}),
        epochs=TrialDetail.of(slot).epochs,
        score=cast(float, slot.score),
        run_id=slot.run_id,
    )
