"""The head stage: the backbone frozen, all folds' heads trained at once over stored features."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.evaluation.history import FoldOutcome
from objectives.records import FloatArray
from objectives.training.batches import shared_batches
from objectives.training.fused_heads import EpochData, train_heads
from objectives.training.head_stack import HeadForm, HeadStack, new_heads, predict_heads
from objectives.training.hyper import hyper_tensors
from spaces.params import TrialParams

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
    """Trains the heads of all folds; see :mod:`objectives.training.fused_heads`."""

    params: TrialParams
    plan: FoldPlan
    features_of_epoch: FeaturesOfEpoch
    clean: Any
    shifted: Any
    """Features of the clean and the shifted validation view, ``(rows, d)``; shifted may be None."""
    n_epochs: int
    """The stage's length: the horizon of the schedule."""
    seed: int
    _best: dict[int, HeadStack] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Draw the first weights and lay out the validation rows."""
        n_classes = self.plan.class_weights.shape[1]
        self._form = HeadForm.of(self.params)
        self._stack = new_heads(
            self.params,
            n_folds=self.plan.n_folds,
            n_features=int(self.clean.shape[1]),
            n_classes=n_classes,
            seed=self.seed,
            dtype=tf.float32,
        )
        steps = len(self._batches(0))
        self._hyper = hyper_tensors(
            self.params,
            learning_rate=self.params.learning_rate,
            horizon=steps * self.n_epochs,
            dtype=tf.float32,
        )
        views = [view for view in (self.clean, self.shifted) if view is not None]
        self._validation = tf.constant(_rows_by_fold(self.plan, views))

    def _batches(self, epoch: int) -> np.ndarray:
        return self.plan.batches(self.params.batch_size, hash_seed(self.seed, epoch))

    def advance(self, epoch: int, folds: Sequence[int]) -> dict[int, FoldOutcome]:
        """Train the folds' heads for one epoch on view ``epoch`` and predict."""
        features, labels = self.features_of_epoch(epoch)
        self._stack = self._stack.only(folds)
        data = EpochData(
            tf.constant(features),
            tf.constant(labels),
            tf.constant(self.plan.fold_of, tf.int64),
            tf.constant(self._batches(epoch), tf.int64),
            tf.constant(self.plan.class_weights),
            tf.constant(self.plan.alpha),
        )
        seed = hash_seed(self.seed, epoch)
        self._stack, losses = train_heads(self._form, self._stack, data, self._hyper, seed=seed)
        clean, shifted = self._predict()
        return {
            j: FoldOutcome(float(losses[place]), clean[place], shifted[place])
            for place, j in enumerate(folds)
        }

    def _predict(self) -> tuple[list[FloatArray], Sequence[FloatArray | None]]:
        """Let every head predict its own fold in one pass, both views together."""
        mine = tf.gather(self._validation, self._stack.folds)
        probabilities = predict_heads(self._stack, mine)
        n_rows = [len(self.plan.rows_of(j)) for j in self._stack.folds]
        views = np.split(probabilities, 1 if self.shifted is None else 2, axis=1)
        cut = [[fold[:n] for fold, n in zip(view, n_rows, strict=True)] for view in views]
        return cut[0], cut[1] if len(cut) > 1 else [None] * len(n_rows)

    def remember(self, fold: int) -> None:
        """Keep a head's present weights as its best."""
        self._best[fold] = replace(self._stack, slots=())

    def best_heads(self) -> dict[int, list[np.ndarray]]:
        """Copy the best weights of each fold's head."""
        return {fold: stack.weights_of(fold) for fold, stack in self._best.items()}


def _rows_by_fold(plan: FoldPlan, views: Sequence[Any]) -> np.ndarray:
    """Lay the validation rows of the folds out as ``(k, views * most, d)``; short folds get 0."""
    most = max(len(plan.rows_of(j)) for j in range(plan.n_folds))
    width = views[0].shape[1]
    laid_out = np.zeros((plan.n_folds, len(views), most, width), views[0].dtype)
    for fold in range(plan.n_folds):
        rows = plan.rows_of(fold)
        for place, view in enumerate(views):
            laid_out[fold, place, : len(rows)] = view[rows]
    return laid_out.reshape(plan.n_folds, len(views) * most, width)


def hash_seed(seed: int, *parts: int) -> int:
    """Derive a seed for a part of the work: independent draws from one seed."""
    return int(np.random.SeedSequence([abs(seed), *parts]).generate_state(1)[0])
