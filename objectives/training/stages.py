"""The loop that all stages share: train an epoch, score, report, stop."""

from collections.abc import Mapping
from typing import Protocol

from objectives.checkpoints import Arrays, Checkpoints, State, kept_when_interrupted
from objectives.evaluation.history import FoldOutcome, History
from objectives.records import Reporter, Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.early_stopping import Patience

HISTORY = "history"


class FoldTrainer(Protocol):
    """Trains the folds of a trial, whatever it shares between them."""

    def advance(self, epoch: int) -> dict[int, FoldOutcome]:
        """Train all folds for one epoch and predict their validation rows.

        Of what it was interrupted in, nothing is trained twice.
        """
        ...

    def remember(self, fold: int) -> None:
        """Keep a fold's present weights as its best."""
        ...

    def state(self) -> State:
        """Give all that training goes on from, whether between epochs or in the middle of one."""
        ...

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from the arrays of what :meth:`state` gave, in a new trainer of the same trial."""
        ...


def run_stage(
    stage: Stage,
    trainer: FoldTrainer,
    history: History,
    reporter: Reporter,
    checkpoints: Checkpoints,
    *,
    n_epochs: int,
    patience_epochs: int,
) -> bool:
    """Train all folds of a trial through one stage, until their mean stops improving.

    The folds stop together: one that stopped by itself would do so in a dip of its own noise, and
    be scored at an epoch that the others do not choose. What an earlier attempt has kept is not
    trained again: its epochs are reported once more, so that whoever hears them knows all.

    Args:
        stage: Name of the stage, the only one of its phase.
        trainer: What trains.
        history: Receives every epoch.
        reporter: Hears the score of each fold after each epoch.
        checkpoints: Where the state is kept.
        n_epochs: The most epochs.
        patience_epochs: Epochs without a better mean after which the stage ends; 0 never does.

    Returns:
        False if the reporter ended the trial.

    Raises:
        TrialError: If a loss is not a number.
    """
    patience = Patience(patience_epochs)

    def state() -> State:
        return {**trainer.state(), HISTORY: history.part()}

    kept = checkpoints.load(stage)
    if kept is not None:
        trainer.restore(kept)
        history.restore(stage, kept[HISTORY])
    for record in history.epochs:
        patience.note(record.mean)
        if not reporter.report(stage, record.epoch, record.scores):
            return False
    for epoch in range(len(history.epochs), n_epochs):
        if patience.exhausted:
            break
        with kept_when_interrupted(checkpoints, stage, epoch - 1, state):
            outcomes = trainer.advance(epoch)
        for fold, outcome in outcomes.items():
            what = f"the loss of fold {fold} in epoch {epoch + 1} of {stage}"
            refuse_divergence(outcome.loss, what)
        record = history.add(stage, epoch, outcomes)
        for fold in history.chosen_at_last():
            trainer.remember(fold)
        patience.note(record.mean)
        with kept_when_interrupted(checkpoints, stage, epoch, state):
            if not reporter.report(stage, epoch, record.scores):
                return False
            checkpoints.save(stage, epoch, state())
    return True
