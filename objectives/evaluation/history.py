"""Every epoch's out-of-fold predictions and scores, and the epoch at which each fold is scored.

Fold j is scored at the epoch that the other folds choose: the epoch at which early stopping would
have been luckiest for fold j is not used for fold j. That takes the optimism of stopping out of
the score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from objectives.evaluation.metrics import score_predictions
from objectives.records import FloatArray, LabelArray, Stage
from objectives.settings import ValidationSettings


@dataclass(frozen=True)
class FoldOutcome:
    """What one fold gave after one epoch: its training loss and its validation predictions."""

    loss: float
    clean: FloatArray
    shifted: FloatArray | None


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of all folds that still trained."""

    stage: Stage
    epoch: int
    outcomes: Mapping[int, FoldOutcome]
    clean: Mapping[int, float]
    shifted: Mapping[int, float]
    scores: Mapping[int, float]


@dataclass
class History:
    """The curves of a trial. ``fold_rows[j]`` are the positions of fold j in the sweep's rows."""

    labels: LabelArray
    fold_rows: tuple[np.ndarray, ...]
    validation: ValidationSettings
    epochs: list[EpochRecord] = field(default_factory=list)

    def add(self, stage: Stage, epoch: int, outcomes: Mapping[int, FoldOutcome]) -> EpochRecord:
        """Score the folds' predictions after an epoch and keep them."""
        clean = {j: self._score(j, outcome.clean) for j, outcome in outcomes.items()}
        shifted = {
            j: self._score(j, outcome.shifted)
            for j, outcome in outcomes.items()
            if outcome.shifted is not None
        }
        scores = {j: self._selected(clean[j], shifted.get(j)) for j in outcomes}
        record = EpochRecord(stage, epoch, outcomes, clean, shifted, scores)
        self.epochs.append(record)
        return record

    def _score(self, fold: int, probabilities: FloatArray) -> float:
        labels = self.labels[self.fold_rows[fold]]
        return score_predictions(self.validation.metric, labels, probabilities)

    def _selected(self, clean: float, shifted: float | None) -> float:
        if shifted is None or self.validation.score == "clean":
            return clean
        return shifted if self.validation.score == "shifted" else (clean + shifted) / 2

    def carried(self) -> np.ndarray:
        """Give the score curves, shape ``(epochs, k)``; a stopped fold carries its best."""
        curves = np.full((len(self.epochs), len(self.fold_rows)), np.nan)
        best: dict[tuple[str, int], float] = {}
        for step, record in enumerate(self.epochs):
            for fold in range(len(self.fold_rows)):
                key = (record.stage, fold)
                if fold in record.scores:
                    curves[step, fold] = record.scores[fold]
                    best[key] = max(best.get(key, -np.inf), record.scores[fold])
                else:
                    curves[step, fold] = best[key]
        return curves

    def chosen_steps(self) -> list[int]:
        """Give each fold's step: the first best one of the mean over the other folds."""
        curves = self.carried()
        totals = curves.sum(axis=1, keepdims=True)
        return [int(np.argmax(totals[:, 0] - curves[:, j])) for j in range(curves.shape[1])]

    def outcome_at(self, fold: int, step: int) -> tuple[EpochRecord, FoldOutcome]:
        """Find what a fold predicted at a step, or at its last one before it stopped."""
        while fold not in self.epochs[step].outcomes:
            step -= 1
        return self.epochs[step], self.epochs[step].outcomes[fold]

    def refit_epochs(self) -> dict[Stage, int]:
        """Give the epochs per stage that all folds together choose: how long a refit trains."""
        means = self.carried().mean(axis=1)
        best = self.epochs[int(np.argmax(means))]
        chosen: dict[Stage, int] = {best.stage: best.epoch + 1}
        if best.stage == "finetune":
            head = [step for step, e in enumerate(self.epochs) if e.stage == "head"]
            if head:
                chosen["head"] = self.epochs[max(head, key=lambda step: means[step])].epoch + 1
        return chosen

    def out_of_fold(self, n_classes: int) -> tuple[FloatArray, FloatArray | None]:
        """Assemble the out-of-fold predictions, clean and shifted, at each fold's chosen step."""
        clean = np.zeros((len(self.labels), n_classes), dtype=np.float32)
        shifted = np.zeros_like(clean)
        has_shift = False
        for fold, step in enumerate(self.chosen_steps()):
            _, outcome = self.outcome_at(fold, step)
            clean[self.fold_rows[fold]] = outcome.clean
            if outcome.shifted is not None:
                shifted[self.fold_rows[fold]] = outcome.shifted
                has_shift = True
        return clean, (shifted if has_shift else None)

    def fold_scores(self) -> tuple[float, ...]:
        """Give each fold's score at the step that the other folds choose."""
        steps = self.chosen_steps()
        return tuple(self.outcome_at(j, step)[0].scores[j] for j, step in enumerate(steps))

    def curves(self) -> dict[str, Any]:
        """Give the curves as plain lists, nan where a fold had stopped."""
        n_folds = len(self.fold_rows)

        def table(rows: list[Mapping[int, float]]) -> list[list[float]]:
            return [[row.get(j, float("nan")) for j in range(n_folds)] for row in rows]

        losses = [{j: o.loss for j, o in e.outcomes.items()} for e in self.epochs]
        return {
            "stage": [e.stage for e in self.epochs],
            "epoch": [e.epoch for e in self.epochs],
            "score": table([e.scores for e in self.epochs]),
            "clean": table([e.clean for e in self.epochs]),
            "shifted": table([e.shifted for e in self.epochs]),
            "loss": table([dict(row) for row in losses]),
            "chosen": self.chosen_steps(),
        }
