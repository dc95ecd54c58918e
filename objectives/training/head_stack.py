"""The k heads of a trial as one stack of tensors: their weights, and what they predict."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.training.optimizers import zero_slots
from spaces.params import OptimizerName, TrialParams


@dataclass(frozen=True)
class HeadForm:
    """What of a head decides the graph: heads of one form share a compiled epoch."""

    dense: bool
    optimizer: OptimizerName

    @classmethod
    def of(cls, params: TrialParams) -> "HeadForm":
        """Take the form from a trial's parameters."""
        return cls(params.dense_units > 0, params.optimizer)


@dataclass(frozen=True)
class HeadStack:
    """The state of the heads that still train: tensors whose first axis counts folds.

    ``weights`` are ``[kernel, bias]`` of the dense layer, if there is one, then of the classifier;
    ``counts`` are the steps that each fold has taken; ``folds`` which folds these are.
    """

    folds: tuple[int, ...]
    weights: Sequence[Any]
    slots: Sequence[Any]
    counts: Any

    def only(self, folds: Sequence[int]) -> "HeadStack":
        """Keep some of the folds."""
        if tuple(folds) == self.folds:
            return self
        places = [self.folds.index(fold) for fold in folds]

        def pick(tensor: Any) -> Any:
            return tf.gather(tensor, places)

        return HeadStack(
            tuple(folds),
            [pick(w) for w in self.weights],
            [pick(s) for s in self.slots],
            pick(self.counts),
        )

    def weights_of(self, fold: int) -> list[np.ndarray]:
        """Copy the weights of one head."""
        place = self.folds.index(fold)
        return [w[place].numpy() for w in self.weights]


def new_heads(
    params: TrialParams, *, n_folds: int, n_features: int, n_classes: int, seed: int, dtype: Any
) -> HeadStack:
    """Draw the first weights: Glorot uniform kernels, zero biases, each fold its own draw."""
    widths = [n_features, *([params.dense_units] if params.dense_units else []), n_classes]
    weights: list[Any] = []
    for layer, (n_in, n_out) in enumerate(pairwise(widths)):
        limit = float(np.sqrt(6.0 / (n_in + n_out)))
        draws = [
            tf.random.stateless_uniform(
                (n_in, n_out),
                seed=tf.constant([seed, 2 * fold + layer], tf.int64),
                minval=-limit,
                maxval=limit,
                dtype=dtype,
            )
            for fold in range(n_folds)
        ]
        weights.append(tf.stack(draws))
        weights.append(tf.zeros((n_folds, n_out), dtype=dtype))
    slots = zero_slots(params.optimizer, weights)
    return HeadStack(tuple(range(n_folds)), weights, slots, tf.zeros(n_folds, dtype=dtype))


def head_logits(weights: Sequence[Any], features: Any, keep: Any = None) -> Any:
    """Run the stack: ``(rows, d)`` or ``(k, rows, d)`` to ``(k, rows, classes)``.

    ``keep`` multiplies what enters the classifier: the dropout mask, already scaled.
    """
    hidden = features
    if len(weights) == 4:
        hidden = tf.nn.relu(_stacked_matmul(hidden, weights[0]) + weights[1][:, None, :])
    if keep is not None:
        hidden = hidden * keep
    return _stacked_matmul(hidden, weights[-2]) + weights[-1][:, None, :]


def _matmul_and_gradient(rows: Any, kernels: Any) -> Any:
    """Multiply ``(rows, d)`` or ``(k, rows, d)`` by ``(k, d, width)``.

    Sizes are open in the graph, so TensorFlow's own gradient would also sum over axes that turn
    out not to be broadcast: a third of a step's time here.
    """

    def gradient(upstream: Any) -> Any:
        of_rows = tf.matmul(upstream, kernels, transpose_b=True)
        if rows.shape.rank == 2:
            of_rows = tf.reduce_sum(of_rows, axis=0)
        return of_rows, tf.matmul(rows, upstream, transpose_a=True)

    return tf.matmul(rows, kernels), gradient


_stacked_matmul = tf.custom_gradient(_matmul_and_gradient)


def predict_heads(stack: HeadStack, features: Any) -> np.ndarray:
    """Predict with every head of the stack, each on rows of its own.

    Args:
        stack: The heads' state.
        features: Shape ``(folds, rows, d)``.

    Returns:
        Probabilities, shape ``(folds, rows, classes)``.
    """
    probabilities: np.ndarray = _compiled_prediction(list(stack.weights), features).numpy()
    return probabilities


def _probabilities(weights: Sequence[Any], features: Any) -> Any:
    return tf.nn.softmax(head_logits(weights, tf.cast(features, weights[0].dtype)))


_compiled_prediction = tf.function(_probabilities, reduce_retracing=True, autograph=False)


def dropout_mask(rate: Any, shape: Any, *, seed: Any, step: Any, dtype: Any) -> Any:
    """Draw a step's dropout mask ``(k_all, rows, width)``, scaled to keep the mean; no state."""
    draw = tf.random.stateless_uniform(shape, seed=tf.stack([seed, step]), dtype=dtype)
    return tf.where(draw >= rate, 1.0 / (1.0 - rate), tf.zeros((), dtype))
