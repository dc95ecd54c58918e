"""What a trial reports, on its way to Optuna, MLflow and the ledger."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from optuna.trial import Trial

from mlruns_config.description.trial_metrics import epoch_metrics
from objectives.records import Stage
from search.ledger.slots import Slot, SlotBook
from spaces.errors import TrialError

PROGRESS_EVERY_S = 1.0


class MetricSink(Protocol):
    """Where numbers of a run go: the RunSpool of mlruns_config."""

    def metrics(self, values: Mapping[str, float], *, step: int = 0) -> None:
        """Take numbers of one step."""
        ...


@dataclass(frozen=True)
class RaceRules:
    """What of a sweep file decides whether a trial goes on."""

    n_folds: int
    head_epochs: int
    finetune_top: float


class TrialReporter:
    """The :class:`objectives.records.Reporter` of one trial.

    The study sees the mean over the folds, at the step ``epoch`` in the first stage and
    ``head_epochs + epoch`` in fine-tuning. A fold that has stopped carries its best score. Folds
    that a stage runs one after another are not compared with trials that run them together: then
    nothing is reported to the study, and nothing pruned.

    Args:
        trial: Optuna's.
        slot: The trial's.
        slots: The sweep's.
        rules: The sweep's.
        run: Where metrics go.
        on_progress: Hears what the trial is doing, at most once a second.
    """

    def __init__(
        self,
        trial: Trial,
        slot: Slot,
        slots: SlotBook,
        rules: RaceRules,
        run: MetricSink,
        on_progress: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._trial = trial
        self._slot = slot
        self._slots = slots
        self._rules = rules
        self._run = run
        self._on_progress = on_progress
        self._stage: Stage | None = None
        self._together = True
        self._best: dict[int, float] = {}
        self._last_progress_s = -math.inf
        self.pruned = False

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Pass on the score of each fold after an epoch; False ends the trial.

        Raises:
            TrialError: If a score is not a number.
            SlotLostError: If another worker has taken the trial over.
        """
        self._refuse_nan(stage, epoch, values)
        if stage != self._stage:
            self._stage, self._best = stage, {}
            self._together = len(values) == self._rules.n_folds
        mean = self._mean(values)
        step = epoch + (self._rules.head_epochs if stage == "finetune" else 0)
        self._log(stage, step, values, mean)
        self._tell_progress(stage, epoch, mean)
        if not self._together:
            return True
        self._trial.report(mean, step)
        self.pruned = self._trial.should_prune()
        return not self.pruned

    def enters_finetuning(self, head_score: float) -> bool:
        """Say whether the trial is in the top share of all that got this far.

        Raises:
            SlotLostError: If another worker has taken the trial over.
        """
        if math.isnan(head_score):
            raise TrialError("the score after the first stage is not a number")
        return self._slots.enter_finetuning(
            self._slot, float(head_score), top=self._rules.finetune_top
        )

    def _refuse_nan(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> None:
        bad = [fold for fold, value in values.items() if math.isnan(value)]
        if bad:
            raise TrialError(
                f"the score of fold {bad[0]} is not a number in epoch {epoch} of {stage}: the loss "
                "has diverged; a lower learning rate or clip_norm helps"
            )

    def _mean(self, values: Mapping[int, float]) -> float:
        shown = {**self._best, **values}
        for fold, value in values.items():
            self._best[fold] = max(value, self._best.get(fold, -math.inf))
        return math.fsum(shown.values()) / len(shown)

    def _log(self, stage: Stage, step: int, values: Mapping[int, float], mean: float) -> None:
        numbers = epoch_metrics(stage, values, mean if self._together else None)
        self._run.metrics(numbers, step=step)

    def _tell_progress(self, stage: Stage, epoch: int, mean: float) -> None:
        if time.monotonic() - self._last_progress_s < PROGRESS_EVERY_S:
            return
        self._last_progress_s = time.monotonic()
        self._slots.check_held(self._slot)
        folds = {str(fold): round(best, 4) for fold, best in sorted(self._best.items())}
        doing = {"trial": self._trial.number, "stage": stage, "epoch": epoch}
        self._on_progress({**doing, "folds": folds, "score": round(mean, 4)})
