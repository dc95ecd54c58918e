"""Fine-tuning and training from scratch: networks, fold by fold, over shared views.

What a network reads are images, or the features at a cut below which it is frozen.

One network and one compiled step serve all folds: a fold's variables are put into the network for
its share of the epoch and taken out again. So the folds go forward in lockstep or in any other
order, and the memory on the device is that of a single fold.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import tensorflow as tf

from objectives.evaluation.history import FoldOutcome
from objectives.records import FloatArray
from objectives.training.compiled_network import CompiledNetwork
from objectives.training.head_stage import FoldPlan, hash_seed
from objectives.training.hyper import hyper_tensors
from spaces.params import TrialParams

ArraysOfEpoch = Callable[[int], tuple[np.ndarray, FloatArray]]
DROPOUT = 1
"""Tells the seeds of dropout from those of other draws of a fold."""
PREDICT_BATCH = 128


@dataclass
class NetworkTrainer:
    """Trains the network of every fold in turn."""

    params: TrialParams
    compiled: CompiledNetwork
    plan: FoldPlan
    arrays_of_epoch: ArraysOfEpoch
    """What the network reads in an epoch, ``(rows, ...)``, and labels, ``(rows, classes)``."""
    clean: np.ndarray
    shifted: np.ndarray | None
    """The clean and the shifted validation view, ``(rows, ...)``; shifted may be None."""
    n_epochs: int
    seed: int
    learning_rate: float
    heads: dict[int, list[np.ndarray]] = field(default_factory=dict)
    """Weights of each fold's head to begin with; empty begins at random."""

    def __post_init__(self) -> None:
        """Give every fold its own state."""
        self._hyper = hyper_tensors(
            self.params,
            learning_rate=self.learning_rate,
            horizon=len(self._batches(0)) * self.n_epochs,
            dtype=tf.float32,
        )
        self._states = {j: self.compiled.fresh(self.heads.get(j)) for j in range(self.plan.n_folds)}

    def _batches(self, epoch: int) -> np.ndarray:
        return self.plan.batches(self.params.batch_size, hash_seed(self.seed, epoch))

    def advance(self, epoch: int, folds: Sequence[int] | None = None) -> dict[int, FoldOutcome]:
        """Train folds for one epoch on its view, one after the other.

        Args:
            epoch: The next one of each of them.
            folds: Which; None trains all. No fold knows of the others, so it ends where it ends
                whichever train with it.
        """
        arrays, labels = self.arrays_of_epoch(epoch)
        outcomes: dict[int, FoldOutcome] = {}
        for fold in range(self.plan.n_folds) if folds is None else folds:
            self.compiled.put(self._states[fold])
            loss = self._train_fold(epoch, fold, arrays, labels)
            outcomes[fold] = self._outcome(fold, loss)
            self._states[fold] = self.compiled.take()
        return outcomes

    def _train_fold(self, epoch: int, fold: int, arrays: np.ndarray, labels: FloatArray) -> float:
        total, seen = 0.0, 0
        dropout_seed = tf.constant(hash_seed(self.seed, fold, DROPOUT), tf.int64)
        for rows in self._rows_of_steps(epoch, fold):
            loss = self.compiled.step(
                arrays[rows],
                labels[rows],
                self.plan.class_weights[fold],
                self.plan.alpha[fold],
                self._hyper,
                dropout_seed,
            )
            total += float(loss) * len(rows)
            seen += len(rows)
        return total / max(seen, 1)

    def _rows_of_steps(self, epoch: int, fold: int) -> Iterator[np.ndarray]:
        for batch in self._batches(epoch):
            rows = batch[batch >= 0]
            rows = rows[self.plan.fold_of[rows] != fold]
            if len(rows):
                yield np.sort(rows)

    def _outcome(self, fold: int, loss: float) -> FoldOutcome:
        rows = self.plan.rows_of(fold)
        if not len(rows):
            nothing = np.zeros((0, self.plan.class_weights.shape[1]), np.float32)
            return FoldOutcome(loss, nothing, None)
        shifted = None if self.shifted is None else self._predict(self.shifted, rows)
        return FoldOutcome(loss, self._predict(self.clean, rows), shifted)

    def _predict(self, arrays: np.ndarray, rows: np.ndarray) -> FloatArray:
        parts = [
            self.compiled.probabilities(arrays[rows[start : start + PREDICT_BATCH]]).numpy()
            for start in range(0, len(rows), PREDICT_BATCH)
        ]
        return np.concatenate(parts)

    def remember(self, fold: int) -> None:
        """Keep nothing: a fold's best predictions are in the history, and no stage follows."""

    def load(self, fold: int) -> None:
        """Put a fold's present state into the network: what a refit ends with."""
        self.compiled.put(self._states[fold])
