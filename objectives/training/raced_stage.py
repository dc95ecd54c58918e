"""Fine-tuning as a race: one fold to the end of the stage, one more, then all others.

A trial that has no chance against the incumbent is given up between these steps. There is no
patience: every fold runs to the same horizon, and the epoch is chosen once all of them have run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

import numpy as np

from objectives.checkpoints import Arrays, Checkpoints, Part, State, kept_when_interrupted
from objectives.evaluation.epoch_predictions import EpochPredictions
from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Reporter, RowArray, Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.race import Pairing, leaves_a_chance, race_steps

STAGE: Stage = "finetune"


class StepwiseTrainer(Protocol):
    """Trains some folds of a trial on their own."""

    def advance(self, epoch: int, folds: Sequence[int]) -> dict[int, FoldOutcome]:
        """Train folds for their next epoch and predict their validation rows.

        Of what it was interrupted in, nothing is trained twice.
        """
        ...

    def state(self) -> State:
        """Give all that training goes on from."""
        ...

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from the arrays of what :meth:`state` gave."""
        ...


RACE = "race"


@dataclass
class Race:
    """A trial on its way through fine-tuning, and whom it runs against."""

    history: History
    """Receives every epoch once all folds have run."""
    groups: RowArray
    """Of the sweep's rows."""
    predictions: EpochPredictions
    """Filled as the folds run."""
    incumbent: EpochPredictions | None
    """Of the best fine-tuned trial; without one every trial has a chance."""

    _losses: np.ndarray = field(init=False, repr=False)
    """By epoch and fold; nan where the fold has not run."""
    _n_begun: int = field(init=False, default=0)
    """Steps that were begun: what was decided before them stays."""

    def __post_init__(self) -> None:
        """No fold has run yet."""
        shape = (self.predictions.n_epochs, len(self.history.fold_rows))
        self._losses = np.full(shape, np.nan)

    def run(self, trainer: StepwiseTrainer, reporter: Reporter, checkpoints: Checkpoints) -> bool:
        """Train the folds step by step, as long as the trial has a chance.

        Every fold trains for all epochs. What an earlier attempt has kept is reported, not trained.

        Args:
            trainer: What trains.
            reporter: Hears the scores of a step's folds after each epoch, and in the last step
                those of all folds.
            checkpoints: Where the state is kept.

        Returns:
            False if the trial was given up, by the race or by the reporter: the history then has
            the epochs that all folds ran, if there are any.

        Raises:
            TrialError: If a loss is not a number.
        """
        kept = checkpoints.load(STAGE)
        if kept is not None:
            trainer.restore(kept)
            self._restore(kept)

        def state() -> State:
            return {**trainer.state(), **self._state()}

        for number, folds in enumerate(race_steps(self._losses.shape[1])):
            if number == self._n_begun:
                if folds.start and not self._has_a_chance(folds.start):
                    return False
                self._n_begun += 1
            for epoch in range(self.predictions.n_epochs):
                is_new = bool(np.isnan(self._losses[epoch, folds.start : folds.stop]).any())
                if is_new:
                    with kept_when_interrupted(checkpoints, STAGE, epoch - 1, state):
                        outcomes = trainer.advance(epoch, folds)
                    self._take(epoch, outcomes)
                scores = self._scores(epoch, folds)
                with kept_when_interrupted(checkpoints, STAGE, epoch, state):
                    if not reporter.report(STAGE, epoch, scores):
                        return False
                    if is_new:
                        checkpoints.save(STAGE, epoch, state())
        return True

    def _take(self, epoch: int, outcomes: Mapping[int, FoldOutcome]) -> None:
        for fold, outcome in outcomes.items():
            what = f"the loss of fold {fold} in epoch {epoch + 1} of {STAGE}"
            refuse_divergence(outcome.loss, what)
            self.predictions.put(epoch, self.history.fold_rows[fold], outcome)
        for fold, outcome in outcomes.items():
            self._losses[epoch, fold] = outcome.loss

    def _state(self) -> State:
        n_run = np.isfinite(self._losses).sum(axis=1)
        arrays = {"losses": self._losses, "n_begun": np.array(self._n_begun)}
        return {
            RACE: Part(int(n_run.sum()) + self._n_begun, lambda: arrays),
            **{
                _epoch_part(epoch): Part(int(n_folds), partial(self.predictions.arrays, epoch))
                for epoch, n_folds in enumerate(n_run)
                if n_folds
            },
        }

    def _restore(self, parts: Mapping[str, Arrays]) -> None:
        self._losses = np.array(parts[RACE]["losses"])
        self._n_begun = int(parts[RACE]["n_begun"])
        for epoch in range(self.predictions.n_epochs):
            if _epoch_part(epoch) in parts:
                self.predictions.restore(epoch, parts[_epoch_part(epoch)])

    def _scores(self, epoch: int, folds: range) -> Mapping[int, float]:
        """Score the folds of a step; once all have run an epoch, it is one of the history."""
        all_folds = self.history.fold_rows
        is_last = folds.stop == len(all_folds)
        outcomes = {
            j: self.predictions.outcome(epoch, all_folds[j], float(self._losses[epoch, j]))
            for j in (range(folds.stop) if is_last else folds)
        }
        if is_last:
            return self.history.add(STAGE, epoch, outcomes).scores
        return {j: self.history.score(j, outcome) for j, outcome in outcomes.items()}

    def _has_a_chance(self, n_folds_run: int) -> bool:
        incumbent, settings = self.incumbent, self.history.validation
        if incumbent is None or not incumbent.is_of_same_shape(self.predictions):
            return True
        rows = np.concatenate(self.history.fold_rows[:n_folds_run])
        pairing = Pairing(
            self.history.labels[rows],
            self.groups[rows],
            self.predictions.selected(-1, rows, settings.score),
            incumbent.selected(-1, rows, settings.score),
        )
        return leaves_a_chance(pairing, settings.metric)


def _epoch_part(epoch: int) -> str:
    return f"epoch-{epoch}"
