"""Fine-tuning as a race: one fold to the end of the stage, one more, then all others.

A trial that has no chance against the incumbent is given up between these steps. There is no
patience: every fold runs to the same horizon, and the epoch is chosen once all of them have run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from objectives.evaluation.epoch_predictions import EpochPredictions
from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Reporter, RowArray, Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.race import Pairing, leaves_a_chance, race_steps

STAGE: Stage = "finetune"


class StepwiseTrainer(Protocol):
    """Trains some folds of a trial on their own."""

    def advance(self, epoch: int, folds: Sequence[int]) -> dict[int, FoldOutcome]:
        """Train folds for their next epoch and predict their validation rows."""
        ...


@dataclass(frozen=True)
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

    def run(self, trainer: StepwiseTrainer, reporter: Reporter, *, n_epochs: int) -> bool:
        """Train the folds step by step, as long as the trial has a chance.

        Args:
            trainer: What trains.
            reporter: Hears the scores of a step's folds after each epoch, and in the last step
                those of all folds.
            n_epochs: At least 1; every fold trains for all of them.

        Returns:
            False if the trial was given up, by the race or by the reporter: the history then has
            the epochs that all folds ran, if there are any.

        Raises:
            TrialError: If a loss is not a number.
        """
        n_folds = len(self.history.fold_rows)
        losses = np.full((n_epochs, n_folds), np.nan)
        for folds in race_steps(n_folds):
            if folds.start and not self._has_a_chance(folds.start):
                return False
            for epoch in range(n_epochs):
                self._advance(trainer, epoch, folds, losses[epoch])
                if not reporter.report(STAGE, epoch, self._scores(epoch, folds, losses[epoch])):
                    return False
        return True

    def _advance(
        self, trainer: StepwiseTrainer, epoch: int, folds: range, losses: np.ndarray
    ) -> None:
        for fold, outcome in trainer.advance(epoch, folds).items():
            what = f"the loss of fold {fold} in epoch {epoch + 1} of {STAGE}"
            refuse_divergence(outcome.loss, what)
            losses[fold] = outcome.loss
            self.predictions.put(epoch, self.history.fold_rows[fold], outcome)

    def _scores(self, epoch: int, folds: range, losses: np.ndarray) -> Mapping[int, float]:
        """Score the folds of a step; once all have run an epoch, it is one of the history."""
        all_folds = self.history.fold_rows
        is_last = folds.stop == len(all_folds)
        outcomes = {
            j: self.predictions.outcome(epoch, all_folds[j], float(losses[j]))
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
