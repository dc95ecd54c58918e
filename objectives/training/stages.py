"""The loop that all stages share: train an epoch, score, report, stop."""

from typing import Protocol

from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Reporter, Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.early_stopping import Patience


class FoldTrainer(Protocol):
    """Trains the folds of a trial, whatever it shares between them."""

    def advance(self, epoch: int) -> dict[int, FoldOutcome]:
        """Train all folds for one epoch and predict their validation rows."""
        ...

    def remember(self, fold: int) -> None:
        """Keep a fold's present weights as its best."""
        ...


def run_stage(
    stage: Stage,
    trainer: FoldTrainer,
    history: History,
    reporter: Reporter,
    *,
    n_epochs: int,
    patience_epochs: int,
) -> bool:
    """Train all folds of a trial through one stage, until their mean stops improving.

    The folds stop together: one that stopped by itself would do so in a dip of its own noise, and
    be scored at an epoch that the others do not choose.

    Args:
        stage: Name of the stage.
        trainer: What trains.
        history: Receives every epoch.
        reporter: Hears the score of each fold after each epoch.
        n_epochs: The most epochs.
        patience_epochs: Epochs without a better mean after which the stage ends; 0 never does.

    Returns:
        False if the reporter ended the trial.

    Raises:
        TrialError: If a loss is not a number.
    """
    patience = Patience(patience_epochs)
    for epoch in range(n_epochs):
        outcomes = trainer.advance(epoch)
        for fold, outcome in outcomes.items():
            what = f"the loss of fold {fold} in epoch {epoch + 1} of {stage}"
            refuse_divergence(outcome.loss, what)
        record = history.add(stage, epoch, outcomes)
        for fold in history.chosen_at_last():
            trainer.remember(fold)
        patience.note(record.mean)
        if not reporter.report(stage, epoch, record.scores):
            return False
        if patience.exhausted:
            break
    return True
