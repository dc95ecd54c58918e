"""The head stage: the backbone frozen, all folds' heads trained at once over stored features."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.checkpoints import Arrays, Part, State
from objectives.evaluation.history import FoldOutcome
from objectives.records import FloatArray
from objectives.training.batches import shared_batches, trained_by_fold
from objectives.training.fused_heads import Steps, train_heads
from objectives.training.head_stack import HeadForm, HeadStack, new_heads, predict_heads
from objectives.training.hyper import hyper_tensors
from objectives.training.standardising import standardise_by_fold
from spaces.params import TrialParams

HEADS = "heads"
MOST_BYTES = 1 << 26
"""Of features that are copied at a time."""
FeaturesOfEpoch = Callable[[int], tuple[Any, Any]]


@dataclass(frozen=True)
class FoldPlan:
    """Which rows each fold trains and validates on, and how its classes weigh.

    ``fold_of`` has shape ``(rows,)``, -1 for a row that trains with every fold (a refit has one
    fold and leaves nothing out); ``class_weights`` and ``alpha`` have shape ``(k, classes)``.
    """

    fold_of: np.ndarray
    n_folds: int
    class_weights: FloatArray
    alpha: FloatArray

    def rows_of(self, fold: int) -> np.ndarray:
        """Positions of the rows that a fold validates on."""
        return np.flatnonzero(self.fold_of == fold)

    def batches(self, batch_size: int, seed: int) -> np.ndarray:
        """Order the rows of an epoch; see :func:`objectives.training.batches.shared_batches`."""
        return shared_batches(self.fold_of, batch_size=batch_size, n_folds=self.n_folds, seed=seed)


@dataclass(frozen=True)
class _Trained:
    """The heads after some epochs, and what they found in the last of these."""

    stack: HeadStack
    n_epochs: int
    outcomes: Mapping[int, FoldOutcome]


@dataclass
class HeadTrainer:
    """Trains the heads of all folds; see :mod:`objectives.training.fused_heads`.

    Features are read some steps at a time, so that memory grows neither with rows nor width.
    """

    params: TrialParams
    plan: FoldPlan
    features_of_epoch: FeaturesOfEpoch
    clean: Any
    shifted: Any
    """Features of the clean and the shifted validation view, ``(rows, width)``; shifted may be
    None."""
    n_epochs: int
    """The stage's length: the horizon of the schedule."""
    seed: int

    def __post_init__(self) -> None:
        """Standardise the features and draw the first weights."""
        self._form = HeadForm.of(self.params)
        stack = new_heads(
            self.params,
            self._standards() if self._form.standardised else (),
            n_folds=self.plan.n_folds,
            n_features=int(self.clean.shape[1]),
            n_classes=self.plan.class_weights.shape[1],
            seed=self.seed,
            dtype=tf.float32,
        )
        self._trained = _Trained(stack, 0, {})
        self._hyper = hyper_tensors(
            self.params,
            learning_rate=self.params.learning_rate,
            horizon=len(self._batches(0)) * self.n_epochs,
            dtype=tf.float32,
        )
        self._class_terms = (tf.constant(self.plan.class_weights), tf.constant(self.plan.alpha))
        self._best: dict[int, list[np.ndarray]] = {}

    def _standards(self) -> tuple[FloatArray, FloatArray]:
        first, _ = self.features_of_epoch(0)
        views = (self.clean, first)
        return standardise_by_fold(views, self.plan.fold_of, n_folds=self.plan.n_folds)

    def _batches(self, epoch: int) -> np.ndarray:
        return self.plan.batches(self.params.batch_size, hash_seed(self.seed, epoch))

    def advance(self, epoch: int) -> dict[int, FoldOutcome]:
        """Train the heads for one epoch on its view, and predict each fold's validation rows.

        Heads that are past it, because they were interrupted right then, say what they found.
        """
        if self._trained.n_epochs == epoch:
            self._trained = self._advanced(epoch)
        return dict(self._trained.outcomes)

    def _advanced(self, epoch: int) -> _Trained:
        stack, losses = train_heads(
            self._form,
            self._trained.stack,
            self._steps_of(epoch),
            self._class_terms,
            self._hyper,
            seed=hash_seed(self.seed, epoch),
        )
        clean, shifted = self._predict(stack)
        outcomes = {
            j: FoldOutcome(float(loss), clean[j], None if shifted is None else shifted[j])
            for j, loss in enumerate(losses)
        }
        return _Trained(stack, epoch + 1, outcomes)

    def _steps_of(self, epoch: int) -> Iterator[Steps]:
        features, labels = self.features_of_epoch(epoch)
        batches = self._batches(epoch)
        places, counts = trained_by_fold(batches, self.plan.fold_of, n_folds=self.plan.n_folds)
        n_batch = batches.shape[1]
        n_steps = max(1, MOST_BYTES // (n_batch * features.shape[1] * features.dtype.itemsize))
        for first in range(0, len(batches), n_steps):
            part = slice(first, first + n_steps)
            rows = np.maximum(batches[part], 0)
            yield Steps(
                first,
                features[rows.ravel()].reshape(*rows.shape, -1),
                labels[rows],
                places[part],
                counts[part],
            )

    def _predict(self, stack: HeadStack) -> tuple[list[FloatArray], list[FloatArray] | None]:
        """Let every head predict its own fold, clean and shifted."""
        rows_of = [self.plan.rows_of(j) for j in range(self.plan.n_folds)]
        views = [view for view in (self.clean, self.shifted) if view is not None]
        if any(map(len, rows_of)):
            found = predict_heads(stack, [self._blocks(view, rows_of) for view in views])
        else:
            n_classes = self.plan.class_weights.shape[1]
            found = [np.zeros((len(rows_of), 0, n_classes), np.float32)] * len(views)
        clean, *shifted = [
            [fold[: len(rows)] for fold, rows in zip(probabilities, rows_of, strict=True)]
            for probabilities in found
        ]
        return clean, shifted[0] if shifted else None

    def _blocks(self, view: Any, rows_of: Sequence[np.ndarray]) -> Iterator[Any]:
        """Read each fold's own rows, some at a time; a short fold's are filled up with others."""
        most = max(map(len, rows_of))
        table = np.stack([np.resize(rows, most) for rows in rows_of])
        n_bytes = len(rows_of) * view.shape[1] * view.dtype.itemsize
        n_rows = max(1, MOST_BYTES // n_bytes)
        for start in range(0, most, n_rows):
            part = table[:, start : start + n_rows]
            yield view[part.ravel()].reshape(*part.shape, -1)

    def remember(self, fold: int) -> None:
        """Keep the present weights of a fold's head as its best."""
        self._best[fold] = self._trained.stack.weights_of(fold)

    def best_heads(self) -> dict[int, list[np.ndarray]]:
        """Give the best weights of each fold's head; see :meth:`HeadStack.weights_of`."""
        return dict(self._best)

    def state(self) -> State:
        """Give the heads, their optimizers' memory and each fold's best: all change at once."""
        trained, best = self._trained, self.best_heads()

        def read() -> Arrays:
            arrays = {**trained.stack.arrays(), "n_epochs": np.array(trained.n_epochs)}
            for fold, outcome in trained.outcomes.items():
                arrays |= outcome.arrays(f"outcomes/{fold}/")
            for fold, weights in best.items():
                arrays |= {f"best/{fold}/{place}": array for place, array in enumerate(weights)}
            return arrays

        return {HEADS: Part(trained.n_epochs, read)}

    def restore(self, parts: Mapping[str, Arrays]) -> None:
        """Go on from what :meth:`state` gave."""
        arrays = parts[HEADS]
        folds, n_epochs = range(self.plan.n_folds), int(arrays["n_epochs"])
        found = {j: FoldOutcome.of_arrays(arrays, f"outcomes/{j}/") for j in folds if n_epochs}
        self._trained = _Trained(self._trained.stack.of_arrays(arrays), n_epochs, found)
        n_places = len(self._trained.stack.weights_of(0))
        self._best = {
            j: [arrays[f"best/{j}/{place}"] for place in range(n_places)]
            for j in folds
            if f"best/{j}/0" in arrays
        }


def hash_seed(seed: int, *parts: int) -> int:
    """Derive a seed for a part of the work: independent draws from one seed."""
    return int(np.random.SeedSequence([abs(seed), *parts]).generate_state(1)[0])
