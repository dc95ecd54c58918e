"""What a trial reports: to the storage first, then to MLflow and Optuna, which say nothing else."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from optuna.trial import Trial

from mlruns_config.description.trial_metrics import epoch_metrics
from objectives.records import Stage
from objectives.stopping.divergence import refuse_divergence
from objectives.stopping.pruning import PercentileRule
from search.storage.records import EpochRow, Slot
from search.storage.slots import Slots

PROGRESS_EVERY_S = 1.0
Ending = Literal["pruned", "time"]


class MetricSink(Protocol):
    """Where numbers of a run go: the RunSpool of mlruns_config."""

    def metrics(
        self, values: Mapping[str, float], step: int = 0, *, time_ms: int | None = None
    ) -> None:
        """Take numbers of one step."""
        ...


@dataclass(frozen=True)
class RaceRules:
    """What of a sweep file decides where an epoch stands, and with which others it is compared."""

    n_folds: int
    head_epochs: int
    finetune_epochs: int
    first_scratch_look: int | None
    """Epochs after which networks from scratch are compared with each other; None for never."""
    looks: PercentileRule | None = None
    """At which steps the pruner looks; None if only the pruner knows."""

    def chart_step(self, stage: Stage, epoch: int) -> int:
        """Give the place of an epoch on the charts: fine-tuning goes on behind the heads."""
        return epoch + (self.head_epochs if stage == "finetune" else 0)

    def study_step(self, stage: Stage, epoch: int) -> int:
        """Give its place in the study, behind all heads for a network from scratch.

        In its first epochs that is worse than any head.
        """
        behind = self.head_epochs + self.finetune_epochs
        return epoch + (behind if stage == "scratch" else 0)

    def judges(self, stage: Stage, epoch: int) -> bool:
        """Say whether the pruner is asked after an epoch."""
        if stage != "scratch":
            return True
        return self.first_scratch_look is not None and epoch >= self.first_scratch_look

    def may_be_looked_at(self, step: int, before: int | None) -> bool:
        """Say whether the pruner may look at a step of the study, as PercentilePruner decides it.

        Args:
            step: That was just reported.
            before: The one reported before it; None if that is not known.
        """
        if self.looks is None or before is None or step != before + 1:
            return True
        since = step - self.looks.first_step
        return since >= 0 and since % self.looks.interval_steps == 0


class TrialReporter:
    """The :class:`objectives.records.Reporter` of one trial.

    An epoch is a row in the storage before anybody else hears of it; one that an earlier attempt
    has recorded stays as it was, and where that went on, so does this one. The study sees the mean
    over the folds. A fold that has stopped carries its best score. Folds that a stage runs one
    after another are not compared with trials that run them together: then nothing is reported to
    the study, and nothing pruned.

    Args:
        trial: Optuna's; None in fine-tuning, which no study compares epoch by epoch.
        slot: The trial's.
        slots: The sweep's.
        rules: The sweep's.
        run: Where metrics go.
        time_is_up: Says whether the sweep's time has been used.
        on_progress: Hears what the trial is doing, at most once a second.
    """

    def __init__(
        self,
        trial: Trial | None,
        slot: Slot,
        slots: Slots,
        rules: RaceRules,
        run: MetricSink,
        *,
        time_is_up: Callable[[], bool],
        on_progress: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._trial = trial
        self._slot = slot
        self._slots = slots
        self._rules = rules
        self._log = EpochLog(run, rules.n_folds)
        self._time_is_up = time_is_up
        self._on_progress = on_progress
        self._stage: Stage | None = None
        self._together = True
        self._best: dict[int, float] = {}
        self._last_progress_s = -math.inf
        self._last_step: int | None = None
        self._decided = self._went_on_before() if slot.attempt > 1 else set()
        self.ending: Ending | None = None
        """Why the trial was stopped; None if it was not."""

    def _went_on_before(self) -> set[tuple[str, int, str]]:
        """Name the epochs after which an earlier attempt went on: all but its last."""
        slot = self._slot
        rows = [row for row in self._slots.epochs(slot.number) if row.phase == slot.phase]
        return {(row.stage, row.epoch, row.folds) for row in rows[:-1]}

    @property
    def stage(self) -> Stage | None:
        """The stage that was last heard of."""
        return self._stage

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Pass on the score of each fold after an epoch; False ends the trial.

        Raises:
            TrialError: If a score is not a number.
            SlotLostError: If another worker has taken the trial over.
        """
        for fold, value in values.items():
            refuse_divergence(value, f"the score of fold {fold} in epoch {epoch + 1} of {stage}")
        if stage != self._stage:
            self._stage, self._best = stage, {}
            self._together = len(values) == self._rules.n_folds
        mean = self._mean(values)
        step = self._rules.chart_step(stage, epoch)
        row, is_new = self._slots.record_epoch(
            self._slot, stage, epoch, step=step, scores=values, mean=mean
        )
        self._log.note(row, is_new=is_new)
        self._tell_progress(stage, epoch, mean)
        self.ending = self.ending or self._judge(row)
        return self.ending is None

    def _judge(self, row: EpochRow) -> Ending | None:
        if (row.stage, row.epoch, row.folds) in self._decided:
            return None
        if self._trial is not None and self._together:
            stage = cast("Stage", row.stage)
            step = self._rules.study_step(stage, row.epoch)
            self._trial.report(row.mean, step)
            # To ask is to read all trials: at most steps the answer is known.
            asked = self._rules.may_be_looked_at(step, self._last_step)
            self._last_step = step
            if asked and self._rules.judges(stage, row.epoch) and self._trial.should_prune():
                return "pruned"
        return "time" if self._time_is_up() else None

    def _mean(self, values: Mapping[int, float]) -> float:
        shown = {**self._best, **values}
        for fold, value in values.items():
            self._best[fold] = max(value, self._best.get(fold, -math.inf))
        return math.fsum(shown.values()) / len(shown)

    def _tell_progress(self, stage: Stage, epoch: int, mean: float) -> None:
        if time.monotonic() - self._last_progress_s < PROGRESS_EVERY_S:
            return
        self._last_progress_s = time.monotonic()
        folds = {str(fold): round(best, 4) for fold, best in sorted(self._best.items())}
        doing = {"trial": self._slot.trial, "stage": stage, "epoch": epoch}
        self._on_progress({**doing, "folds": folds, "score": round(mean, 4)})


class EpochLog:
    """Spools epochs as they are stored, with their time: sent again, they add nothing to MLflow.

    Folds that run one after another are reported by themselves, and once more when all have run;
    of each fold an epoch is one step.

    Args:
        run: The trial's.
        n_folds: Of the sweep: the mean of an epoch in which all ran is one of the trial.
    """

    def __init__(self, run: MetricSink, n_folds: int) -> None:
        self._run = run
        self._n_folds = n_folds
        self._known: set[tuple[str, int, str]] = set()

    def note(self, row: EpochRow, *, is_new: bool = True) -> None:
        """Spool an epoch, if it is new."""
        fresh = {
            int(fold): score
            for fold, score in row.scores.items()
            if (row.stage, row.epoch, fold) not in self._known
        }
        self._known |= {(row.stage, row.epoch, fold) for fold in row.scores}
        if is_new:
            mean = row.mean if len(row.scores) == self._n_folds else None
            numbers = epoch_metrics(cast("Stage", row.stage), fresh, mean)
            self._run.metrics(numbers, step=row.step, time_ms=row.recorded_ms)
