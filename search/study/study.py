"""The Optuna studies of a sweep: the one file that knows how Optuna keeps its trials.

A trial outlives the worker that began it: its number stands in a slot of the storage, and whoever
holds the slot goes on with it. Heads and fine-tuning have a study each, so that like is compared
with like.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import optuna
from optuna.pruners import NopPruner
from optuna.storages import BaseStorage
from optuna.trial import Trial, TrialState, create_trial

from objectives.records import Phase
from search.storage.records import Slot, SlotLostError
from search.storage.slots import Slots
from search.storage.storage import Storage
from search.study.samplers import make_pruner
from search.sweep_file.sections import SearchSettings
from spaces.space import Dimension, Value

PHASES: tuple[Phase, ...] = ("head", "finetune")
SLOT_ATTRIBUTE = "foldsweep:slot"
_ENQUEUED_ATTRIBUTE = "fixed_params"
_OPTUNA_STATES = {
    "done": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}

_STATES = {
    **{state: name for name, state in _OPTUNA_STATES.items()},
    TrialState.RUNNING: "running",
    TrialState.WAITING: "waiting",
}


@dataclass(frozen=True)
class StudyTrial:
    """One trial as the study has it."""

    number: int
    state: str
    """As of a slot; ``waiting`` is a point that was enqueued."""
    score: float | None
    slot: int | None
    """The number of the slot that it was made for; None for one that was enqueued."""


class SweepStudy:
    """The study of one phase, bound to the slots of its sweep: they say who may run which trial.

    Fine-tuning is not pruned: its epochs are no measure of those of other heads.

    Args:
        storage: The database; the study is created if it is not there.
        name: The sweep's.
        search: Which pruner.
        slots: The sweep's.
        epochs: The most epochs of a trial's first stage.
        phase: Whose study.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        search: SearchSettings,
        slots: Slots,
        *,
        epochs: int,
        phase: Phase = "head",
    ) -> None:
        # A line a trial on standard error would tear the progress display apart.
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._retrying = storage.retrying
        self._storage = storage.optuna
        self._slots = slots
        self._phase = phase
        study_name = name_of_study(name, phase)
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=study_name,
            direction="maximize",
            load_if_exists=True,
            pruner=make_pruner(search, epochs=epochs) if phase == "head" else NopPruner(),
        )
        self._study_id = self._storage.get_study_id_from_name(study_name)

    @property
    def optuna_study(self) -> optuna.Study:
        """The study itself."""
        return self._study

    def begin(self, slot: Slot, sampler: optuna.samplers.BaseSampler) -> Trial:
        """Give the trial of a slot: the one that it has, an enqueued one, or a new one.

        The number is written into the slot before the trial runs, and a new trial carries its
        slot, so that a crash at any moment leaves no trial that nobody goes on with.

        Args:
            slot: As it was claimed.
            sampler: Draws what is still to be drawn.

        Returns:
            A running trial.

        Raises:
            SlotLostError: If another worker has taken the slot over.
        """
        self._study.sampler = sampler
        return self._retrying(lambda: self._found(slot) or self._adopt(slot) or self._new(slot))

    def tell(self, slot: Slot) -> None:
        """Let Optuna know how the trial of a finished slot ended; again is harmless."""
        if slot.study_trial is not None:
            state = _OPTUNA_STATES[slot.state]
            value = slot.score if slot.state == "done" else None
            tell = partial(self._study.tell, slot.study_trial, value, state, skip_if_finished=True)
            try:
                tell()
            except ValueError:
                # One that still waits cannot be told. It is seldom, and asking first takes long.
                self._set_running(self._trial_id(slot.study_trial))
                tell()
        self._slots.mark_told(slot)

    def trials(self) -> list["StudyTrial"]:
        """Read every trial, whether a slot has it or not."""
        return [
            StudyTrial(
                trial.number,
                _STATES[trial.state],
                trial.value if trial.state == TrialState.COMPLETE else None,
                trial.user_attrs.get(SLOT_ATTRIBUTE),
            )
            for trial in self._study.get_trials(deepcopy=False)
        ]

    def give_up(self, number: int) -> None:
        """Let Optuna know that nobody goes on with a trial; again is harmless."""
        self._study.tell(number, state=TrialState.FAIL, skip_if_finished=True)

    def enqueue(self, point: Mapping[str, Any]) -> None:
        """Put a point, or a part of one, before all that the sampler would draw.

        Args:
            point: Values by label. One that waits or was tried already is not tried again.
        """
        self._retrying(lambda: self._study.enqueue_trial(dict(point), skip_if_exists=True))

    def given(self, slot: Slot) -> Mapping[str, Value]:
        """Give what was enqueued of a slot's trial, by label, whether it was asked for or not."""
        if slot.study_trial is None:
            return {}
        return _given(self._storage, self._trial_id(slot.study_trial))

    def _found(self, slot: Slot) -> Trial | None:
        if slot.study_trial is None:
            return None
        trial_id = self._trial_id(slot.study_trial)
        self._set_running(trial_id)
        # Optuna's cache knows only trials that it has read: without this, a parameter of a trial
        # that another process made cannot be set.
        self._study.get_trials(deepcopy=False)
        return Trial(self._study, trial_id)

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _adopt(self, slot: Slot) -> Trial | None:
        """Take the trial that was made for this slot and lost, or an enqueued one."""
        states = (TrialState.WAITING, TrialState.RUNNING)
        found = self._study.get_trials(deepcopy=False, states=states)
        made_for_it = [t for t in found if t.user_attrs.get(SLOT_ATTRIBUTE) == slot.number]
        waiting = [t for t in found if t.state == TrialState.WAITING]
        for trial in (*made_for_it, *waiting):
            if self._slots.assign_trial(slot, trial.number):
                self._set_running(trial._trial_id)
                return Trial(self._study, trial._trial_id)
        return None

    def _new(self, slot: Slot) -> Trial:
        carrying = create_trial(state=TrialState.RUNNING, user_attrs={SLOT_ATTRIBUTE: slot.number})
        trial_id = self._storage.create_new_trial(self._study_id, template_trial=carrying)
        trial = Trial(self._study, trial_id)
        try:
            self._slots.assign_trial(slot, trial.number)
        except SlotLostError:
            self._study.tell(trial.number, state=TrialState.FAIL)
            raise
        return trial

    def _set_running(self, trial_id: int) -> None:
        if self._storage.get_trial(trial_id).state == TrialState.WAITING:
            self._storage.set_trial_state_values(trial_id, state=TrialState.RUNNING)


def name_of_study(sweep: str, phase: Phase) -> str:
    """Name the study of a phase; no sweep has a name with a slash."""
    return sweep if phase == "head" else f"{sweep}/{phase}"


def study_exists(storage: Storage, sweep: str, phase: Phase) -> bool:
    """Say whether a study is there, without making it."""
    try:
        storage.optuna.get_study_id_from_name(name_of_study(sweep, phase))
    except KeyError:
        return False
    return True


def delete_studies(storage: Storage, sweep: str) -> None:
    """Delete the studies of all phases of a sweep, those that are there."""
    for phase in PHASES:
        try:
            study_id = storage.optuna.get_study_id_from_name(name_of_study(sweep, phase))
            storage.optuna.delete_study(study_id)
        except KeyError:
            continue  # Perhaps it was deleted, and the database could not say so.


def enqueued_labels(trial: Trial) -> set[str]:
    """Name the parameters of a trial that were given, not drawn."""
    # As they were when the trial was read, which is after it was enqueued.
    return set(trial._fixed_params)


def _given(storage: BaseStorage, trial_id: int) -> Mapping[str, Value]:
    values: Mapping[str, Value] = storage.get_trial_system_attrs(trial_id).get(
        _ENQUEUED_ATTRIBUTE, {}
    )
    return values


def suggest(trial: Trial, dimension: Dimension) -> Value:
    """Draw one dimension of a space."""
    if dimension.kind == "choice":
        chosen = trial.suggest_categorical(dimension.label, dimension.choices)
        return cast("Value", chosen)
    if dimension.kind == "int":
        first, last = int(dimension.low), int(dimension.high)
        return trial.suggest_int(dimension.label, first, last, log=dimension.log)
    low, high = dimension.low, dimension.high
    return trial.suggest_float(dimension.label, low, high, log=dimension.log)
