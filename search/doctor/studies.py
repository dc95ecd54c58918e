"""What the studies of Optuna say otherwise than the storage."""

from collections.abc import Iterator, Mapping, Sequence

from objectives.records import Phase
from search.doctor.case import Case
from search.doctor.finding import Finding
from search.storage.records import FINISHED, Slot
from search.study.study import PHASES, StudyTrial, SweepStudy, study_exists

_RUNNING = ("running", "waiting")
_IS_LEFT = "Optuna lets no trial that has ended change; the storage's is what counts"


def check_studies(case: Case) -> Iterator[Finding]:
    """Find trials whose ending a study does not know, or knows otherwise, and those of nobody."""
    for phase in PHASES:
        yield from _check_study(case, phase)


def _check_study(case: Case, phase: Phase) -> Iterator[Finding]:
    if not study_exists(case.stored.storage, case.name, phase):
        slots = [slot for slot in case.stored.slots.all() if slot.phase == phase]
        if any(slot.study_trial is not None for slot in slots):
            yield case.mending.found(
                "missing study",
                f"the storage has trials of phase {phase}, and Optuna has no study of them",
                case.name,
                remedy="restore the database, or search on under another name",
            )
        return
    study = case.stored.study(phase)
    # The study first: a trial that is made meanwhile is then in a slot, or not among these.
    trials = {trial.number: trial for trial in study.trials()}
    slots = [slot for slot in case.stored.slots.all() if slot.phase == phase]
    living = case.living()
    for slot in slots:
        if slot.study_trial is not None:
            yield from _check_slot(case, study, slot, trials.get(slot.study_trial), living)
    for number in _unused(slots, trials, is_worked_on=bool(living)):
        yield case.mending.found(
            "unused trial number",
            f"no trial of the storage is Optuna's {number} in the study of phase {phase}",
            case.name,
            mend=lambda number=number: study.give_up(number),  # type: ignore[misc]
        )


def _check_slot(
    case: Case, study: SweepStudy, slot: Slot, trial: StudyTrial | None, living: set[str]
) -> Iterator[Finding]:
    if trial is None:
        yield case.mending.found(
            "missing trial in the study",
            f"Optuna has no trial {slot.study_trial} in the study of phase {slot.phase}",
            case.where(slot),
            remedy="restore the database, or search on under another name",
        )
    elif slot.state not in FINISHED:
        if trial.state not in _RUNNING and slot.worker_id not in living:
            yield case.mending.found(
                "ended in the study alone",
                f"the storage has it as {slot.state}, Optuna as {trial.state}",
                case.where(slot),
                remedy="no worker can go on with it; launched, it fails after three attempts",
            )
    elif trial.state in _RUNNING or not slot.told:
        if slot.told or slot.worker_id not in living:
            yield case.mending.found(
                "ending that the study does not know",
                f"the storage has it as {slot.state}, Optuna as {trial.state}",
                case.where(slot),
                mend=lambda: study.tell(slot),
            )
    elif trial.state != slot.state or trial.score != (slot.score if _scores(slot) else None):
        yield case.mending.found(
            "other outcome in the study",
            f"the storage has it as {_outcome(slot.state, slot.score)}, Optuna as "
            f"{_outcome(trial.state, trial.score)}",
            case.where(slot),
            remedy=_IS_LEFT,
        )


def _scores(slot: Slot) -> bool:
    return slot.state == "done"


def _outcome(state: str, score: float | None) -> str:
    return state if score is None else f"{state} with {score:g}"


def _unused(
    slots: Sequence[Slot], trials: Mapping[int, StudyTrial], *, is_worked_on: bool
) -> Iterator[int]:
    """Name trials that no slot has: a worker died between making one and noting its number."""
    used = {slot.study_trial for slot in slots}
    by_number = {slot.number: slot for slot in slots}
    for trial in trials.values():
        if trial.state != "running" or trial.number in used:
            continue
        made_for = None if trial.slot is None else by_number.get(trial.slot)
        # Of a slot that has no trial yet, the worker that takes it goes on with this one.
        if not (is_worked_on and made_for is not None and made_for.study_trial is None):
            yield trial.number
