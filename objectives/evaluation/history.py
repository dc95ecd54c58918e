"""The scores of every epoch, and the out-of-fold predictions at the epoch that each fold is scored.

Fold j is scored at the epoch that the other folds choose: the epoch at which early stopping would
have been luckiest for fold j is not used for fold j. That takes the optimism of stopping out of
the score. Predictions are kept of the epochs that are chosen so far and of no other, so memory
grows with one table of them a view, not with epochs.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from objectives.checkpoints import Arrays, Part
from objectives.evaluation.metrics import score_predictions
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray, LabelArray, Stage
from objectives.settings import ValidationSettings


@dataclass(frozen=True)
class FoldOutcome:
    """What one fold gave after one epoch: its training loss and its validation predictions."""

    loss: float
    clean: FloatArray
    shifted: FloatArray | None

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """Give it as arrays, for a checkpoint."""
        arrays = {f"{prefix}loss": np.array(self.loss), f"{prefix}clean": self.clean}
        return arrays if self.shifted is None else {**arrays, f"{prefix}shifted": self.shifted}

    @classmethod
    def of_arrays(cls, arrays: Arrays, prefix: str) -> "FoldOutcome":
        """Read what :meth:`arrays` gave."""
        loss, clean = arrays[f"{prefix}loss"], arrays[f"{prefix}clean"]
        return cls(float(loss), clean, arrays.get(f"{prefix}shifted"))


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of all folds: training losses and scores by fold."""

    stage: Stage
    epoch: int
    losses: Mapping[int, float]
    clean: Mapping[int, float]
    shifted: Mapping[int, float]
    scores: Mapping[int, float]

    @property
    def mean(self) -> float:
        """The mean score of the folds."""
        return math.fsum(self.scores.values()) / len(self.scores)

    def mean_of_others(self, fold: int) -> float:
        """The mean score of all folds but one: what chooses the epoch of that one."""
        return math.fsum(s for j, s in self.scores.items() if j != fold) / (len(self.scores) - 1)


@dataclass(frozen=True)
class _Chosen:
    """The step at which a fold is scored so far, and what it predicted there."""

    step: int
    by_others: float
    outcome: FoldOutcome


@dataclass
class History:
    """The curves of one phase of a trial.

    ``fold_rows[j]`` are the positions of fold j in the sweep's rows.
    """

    labels: LabelArray
    fold_rows: tuple[np.ndarray, ...]
    validation: ValidationSettings
    epochs: list[EpochRecord] = field(default_factory=list)
    _chosen: dict[int, _Chosen] = field(default_factory=dict)

    def add(self, stage: Stage, epoch: int, outcomes: Mapping[int, FoldOutcome]) -> EpochRecord:
        """Score the predictions of all folds after an epoch; keep those that may be chosen."""
        clean = {j: self._score(j, outcome.clean) for j, outcome in outcomes.items()}
        shifted = {
            j: self._score(j, outcome.shifted)
            for j, outcome in outcomes.items()
            if outcome.shifted is not None
        }
        scores = {j: self._selected(clean[j], shifted.get(j)) for j in outcomes}
        losses = {j: outcome.loss for j, outcome in outcomes.items()}
        record = EpochRecord(stage, epoch, losses, clean, shifted, scores)
        self.epochs.append(record)
        for fold, outcome in outcomes.items():
            by_others = record.mean_of_others(fold)
            if fold not in self._chosen or by_others > self._chosen[fold].by_others:
                self._chosen[fold] = _Chosen(len(self.epochs) - 1, by_others, outcome)
        return record

    def score(self, fold: int, outcome: FoldOutcome) -> float:
        """Give the sweep's score of what a fold predicted; nothing is kept."""
        shifted = outcome.shifted
        return self._selected(
            self._score(fold, outcome.clean),
            None if shifted is None else self._score(fold, shifted),
        )

    def chosen_at_last(self) -> list[int]:
        """Name the folds for which the last epoch is the best so far."""
        last = len(self.epochs) - 1
        return [fold for fold, chosen in self._chosen.items() if chosen.step == last]

    def _score(self, fold: int, probabilities: FloatArray) -> float:
        labels = self.labels[self.fold_rows[fold]]
        return score_predictions(self.validation.metric, labels, probabilities)

    def _selected(self, clean: float, shifted: float | None) -> float:
        scored = scored_views(self.validation.score, clean, shifted)
        return sum(scored) / len(scored)

    def chosen_steps(self) -> list[int]:
        """Give each fold's step: the first best one of the mean over the other folds."""
        return [self._chosen[fold].step for fold in range(len(self.fold_rows))]

    def refit_epochs(self) -> dict[Stage, int]:
        """Give the stage and the epochs that all folds together choose: how long a refit trains."""
        best = max(self.epochs, key=lambda record: record.mean)
        return {best.stage: best.epoch + 1}

    def out_of_fold(self, n_classes: int) -> tuple[FloatArray, FloatArray | None]:
        """Assemble the out-of-fold predictions, clean and shifted, at each fold's chosen step."""
        clean = np.zeros((len(self.labels), n_classes), dtype=np.float32)
        shifted = np.zeros_like(clean)
        has_shift = False
        for fold, chosen in self._chosen.items():
            clean[self.fold_rows[fold]] = chosen.outcome.clean
            if chosen.outcome.shifted is not None:
                shifted[self.fold_rows[fold]] = chosen.outcome.shifted
                has_shift = True
        return clean, (shifted if has_shift else None)

    def fold_scores(self) -> tuple[float, ...]:
        """Give each fold's score at the step that the other folds choose."""
        return tuple(self.epochs[step].scores[j] for j, step in enumerate(self.chosen_steps()))

    def curves(self) -> dict[str, Any]:
        """Give the curves as plain lists."""
        return {
            "stage": [e.stage for e in self.epochs],
            "epoch": [e.epoch for e in self.epochs],
            **self._tables(),
            "chosen": self.chosen_steps(),
        }

    def _tables(self) -> dict[str, list[list[float]]]:
        """Give the numbers of each epoch, ``(epochs, k)``; nan where there is none."""
        n_folds = len(self.fold_rows)

        def table(rows: list[Mapping[int, float]]) -> list[list[float]]:
            return [[row.get(j, float("nan")) for j in range(n_folds)] for row in rows]

        return {
            "score": table([e.scores for e in self.epochs]),
            "clean": table([e.clean for e in self.epochs]),
            "shifted": table([e.shifted for e in self.epochs]),
            "loss": table([e.losses for e in self.epochs]),
        }

    def part(self) -> Part:
        """Give all epochs, and the predictions that are chosen so far, as part of a state."""
        return Part(len(self.epochs), self._arrays)

    def _arrays(self) -> Arrays:
        folds = range(len(self.fold_rows))
        chosen = [self._chosen[j] for j in folds] if self._chosen else []
        arrays = {f"epochs/{name}": np.array(table) for name, table in self._tables().items()}
        arrays["chosen/step"] = np.array([one.step for one in chosen], np.int64)
        arrays["chosen/by_others"] = np.array([one.by_others for one in chosen])
        for fold, one in enumerate(chosen):
            arrays |= one.outcome.arrays(f"chosen/{fold}/")
        return arrays

    def restore(self, stage: Stage, arrays: Arrays) -> None:
        """Go on from what :meth:`part` gave, of a phase that has one stage."""
        self.epochs = [
            EpochRecord(
                stage,
                epoch,
                *(
                    _without_nan(arrays[f"epochs/{name}"][epoch])
                    for name in ("loss", "clean", "shifted", "score")
                ),
            )
            for epoch in range(len(arrays["epochs/score"]))
        ]
        self._chosen = {
            fold: _Chosen(
                int(step),
                float(arrays["chosen/by_others"][fold]),
                FoldOutcome.of_arrays(arrays, f"chosen/{fold}/"),
            )
            for fold, step in enumerate(arrays["chosen/step"])
        }


def _without_nan(values: Sequence[float]) -> dict[int, float]:
    return {j: float(value) for j, value in enumerate(values) if not math.isnan(value)}
