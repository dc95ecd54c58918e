"""Fine-tuning and training from scratch: networks, fold by fold, over shared views.

What a network reads are images, or the features at a cut below which it is frozen.

One network and one compiled step serve all folds: a fold's variables are put into the network for
its share of the epoch and taken out again, so that the folds go forward in lockstep, the reporter
sees their mean after every epoch, and the memory is that of a single fold.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.evaluation.history import FoldOutcome
from objectives.networks.network import Network
from objectives.records import FloatArray
from objectives.training.head_stage import FoldPlan, hash_seed
from objectives.training.hyper import hyper_tensors
from objectives.training.losses import image_losses
from objectives.training.optimizers import clip_by_fold_norm, optimizer_step, zero_slots
from objectives.training.schedules import learning_rates
from spaces.params import TrialParams

ArraysOfEpoch = Callable[[int], tuple[np.ndarray, FloatArray]]
State = list[np.ndarray]
PREDICT_BATCH = 128


@dataclass
class NetworkTrainer:
    """Trains the network of every fold in turn."""

    params: TrialParams
    network: Network
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
        """Compile the step and give every fold its own state."""
        model = self.network.model
        self._values = list(model.trainable_variables)
        zeros = zero_slots(self.params.optimizer, [v.value for v in self._values])
        self._slots = [tf.Variable(zero) for zero in zeros]
        self._count = tf.Variable(0.0)
        self._hyper = hyper_tensors(
            self.params,
            learning_rate=self.learning_rate,
            horizon=len(self._batches(0)) * self.n_epochs,
            dtype=tf.float32,
        )
        arrays = tf.TensorSpec((None, *self.clean.shape[1:]), self.clean.dtype)
        n_classes = self.plan.class_weights.shape[1]
        self._step = tf.function(
            self._train_step,
            input_signature=[
                arrays,
                tf.TensorSpec([None, n_classes]),
                tf.TensorSpec([n_classes]),
                tf.TensorSpec([n_classes]),
            ],
            autograph=False,
        )
        self._probabilities = tf.function(
            lambda batch: tf.nn.softmax(model(tf.cast(batch, tf.float32), training=False)),
            input_signature=[arrays],
            autograph=False,
        )
        fresh = self._take()
        self._states = {j: self._first_state(j, fresh) for j in range(self.plan.n_folds)}

    def _batches(self, epoch: int) -> np.ndarray:
        return self.plan.batches(self.params.batch_size, hash_seed(self.seed, epoch))

    def _first_state(self, fold: int, fresh: State) -> State:
        self._put(fresh)
        if fold in self.heads:
            self.network.set_head(self.heads[fold])
        return self._take()

    def _variables(self) -> list[Any]:
        return [*(v.value for v in self.network.model.variables), *self._slots, self._count]

    def _take(self) -> State:
        return [variable.numpy() for variable in self._variables()]

    def _put(self, state: State) -> None:
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def advance(self, epoch: int) -> dict[int, FoldOutcome]:
        """Train the folds' networks for one epoch on its view, one after the other."""
        arrays, labels = self.arrays_of_epoch(epoch)
        outcomes: dict[int, FoldOutcome] = {}
        for fold in range(self.plan.n_folds):
            self._put(self._states[fold])
            loss = self._train_fold(epoch, fold, arrays, labels)
            outcomes[fold] = self._outcome(fold, loss)
            self._states[fold] = self._take()
        return outcomes

    def _train_fold(self, epoch: int, fold: int, arrays: np.ndarray, labels: FloatArray) -> float:
        total, seen = 0.0, 0
        for rows in self._rows_of_steps(epoch, fold):
            loss = self._step(
                arrays[rows],
                labels[rows],
                self.plan.class_weights[fold],
                self.plan.alpha[fold],
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
            self._probabilities(arrays[rows[start : start + PREDICT_BATCH]]).numpy()
            for start in range(0, len(rows), PREDICT_BATCH)
        ]
        return np.concatenate(parts)

    def remember(self, fold: int) -> None:
        """Keep nothing: a fold's best predictions are in the history, and no stage follows."""

    def load(self, fold: int) -> None:
        """Put a fold's present state into the network: what a refit ends with."""
        self._put(self._states[fold])

    def _train_step(self, batch: Any, labels: Any, class_weights: Any, alpha: Any) -> Any:
        image_weights = tf.linalg.matvec(labels, class_weights)
        with tf.GradientTape() as tape:
            logits = self.network.model(tf.cast(batch, tf.float32), training=True)
            losses = image_losses(labels, logits, self._hyper, alpha)
            loss = tf.reduce_mean(image_weights * losses)
        values = [v.value for v in self._values]
        gradients = clip_by_fold_norm(
            tape.gradient(loss, values), self._hyper["clip_norm"], stacked=False
        )
        rate = learning_rates(
            self._count.read_value(),
            peak=self._hyper["learning_rate"],
            horizon=self._hyper["horizon"],
            warmup_fraction=self._hyper["warmup_fraction"],
            falls=self._hyper["cosine"],
        )
        new_values, new_slots = optimizer_step(
            self.params.optimizer,
            [v.read_value() for v in values],
            gradients,
            [slot.read_value() for slot in self._slots],
            rates=rate,
            counts=self._count.read_value(),
            hyper=self._hyper,
        )
        for variable, value in zip([*values, *self._slots], [*new_values, *new_slots], strict=True):
            variable.assign(value)
        self._count.assign_add(1.0)
        return loss
