"""The head stage: the backbone frozen, all folds' heads trained at once over stored features."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.evaluation.history import FoldOutcome
from objectives.records import FloatArray
from objectives.training.batches import shared_batches, trained_by_fold
from objectives.training.fused_heads import Steps, train_heads
from objectives.training.head_stack import HeadForm, new_heads, predict_heads
from objectives.training.hyper import hyper_tensors
from objectives.training.standardising import standardise_by_fold
from spaces.params import TrialParams

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


class Ahead:
    """Makes the view of the next epoch while the present one trains: at most one ahead."""

    def __init__(self, make: Callable[[int], Any], n_epochs: int) -> None:
        self._make = make
        self._n_epochs = n_epochs
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="view-ahead")
        self._next: tuple[int, Future[Any]] | None = None

    def get(self, epoch: int) -> Any:
        """Give what ``make(epoch)`` makes, and begin with the epoch after it."""
        if self._next is not None and self._next[0] == epoch:
            made = self._next[1].result()
        else:
            made = self._make(epoch)
        self._next = None
        if epoch + 1 < self._n_epochs:
            self._next = (epoch + 1, self._pool.submit(self._make, epoch + 1))
        return made

    def close(self) -> None:
        """Stop after what is being made."""
        self._pool.shutdown(wait=True, cancel_futures=True)


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
        self._stack = new_heads(
            self.params,
            self._standards() if self._form.standardised else (),
            n_folds=self.plan.n_folds,
            n_features=int(self.clean.shape[1]),
            n_classes=self.plan.class_weights.shape[1],
            seed=self.seed,
            dtype=tf.float32,
        )
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
        """Train the heads for one epoch on its view, and predict each fold's validation rows."""
        self._stack, losses = train_heads(
            self._form,
            self._stack,
            self._steps_of(epoch),
            self._class_terms,
            self._hyper,
            seed=hash_seed(self.seed, epoch),
        )
        clean, shifted = self._predict()
        return {
            j: FoldOutcome(float(loss), clean[j], None if shifted is None else shifted[j])
            for j, loss in enumerate(losses)
        }

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

    def _predict(self) -> tuple[list[FloatArray], list[FloatArray] | None]:
        """Let every head predict its own fold, clean and shifted."""
        rows_of = [self.plan.rows_of(j) for j in range(self.plan.n_folds)]
        views = [view for view in (self.clean, self.shifted) if view is not None]
        if any(map(len, rows_of)):
            found = predict_heads(self._stack, [self._blocks(view, rows_of) for view in views])
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
        self._best[fold] = self._stack.weights_of(fold)

    def best_heads(self) -> dict[int, list[np.ndarray]]:
        """Give the best weights of each fold's head; see :meth:`HeadStack.weights_of`."""
        return dict(self._best)


def hash_seed(seed: int, *parts: int) -> int:
    """Derive a seed for a part of the work: independent draws from one seed."""
    return int(np.random.SeedSequence([abs(seed), *parts]).generate_state(1)[0])
