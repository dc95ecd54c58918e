"""The loop that both stages share: train an epoch, score, report, stop folds that are done."""

from collections.abc import Sequence
from typing import Protocol

from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Reporter, Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.early_stopping import Patience


class FoldTrainer(Protocol):
    """Trains some folds of a trial, whatever it shares between them."""

    def advance(self, epoch: int, folds: Sequence[int]) -> dict[int, FoldOutcome]:
        """Train the folds for one epoch and predict their validation rows."""
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
    """Train all folds of a trial through one stage, each until it stops improving.

    Args:
        stage: Name of the stage.
        trainer: What trains.
        history: Receives every epoch.
        reporter: Hears the score of each fold after each epoch; a stopped fold carries its best.
        n_epochs: The most epochs.
        patience_epochs: Epochs without a better score after which a fold stops.

    Returns:
        False if the reporter ended the trial.

    Raises:
        TrialError: If a loss is not a number.
    """
    folds = {j: Patience(patience_epochs) for j in range(len(history.fold_rows))}
    for epoch in range(n_epochs):
        active = [j for j, patience in folds.items() if not patience.exhausted]
        if not active:
            break
        record = history.add(stage, epoch, trainer.advance(epoch, active))
        for fold, outcome in record.outcomes.items():
            what = f"the loss of fold {fold} in epoch {epoch + 1} of {stage}"
            refuse_divergence(outcome.loss, what)
        for j in active:
            if folds[j].improves(record.scores[j]):
                trainer.remember(j)
        carried = {j: record.scores.get(j, patience.best) for j, patience in folds.items()}
        if not reporter.report(stage, epoch, carried):
            return False
    return True
