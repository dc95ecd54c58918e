"""The k heads of a trial as one stack of tensors: their weights, and what they predict."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.checkpoints import Arrays
from objectives.records import FloatArray
from objectives.training.optimizers import zero_slots
from objectives.training.standardising import MOST_DEVIATIONS
from spaces.params import OptimizerName, TrialParams


@dataclass(frozen=True)
class HeadForm:
    """What of a head decides the graph: heads of one form share a compiled epoch."""

    dense: bool
    optimizer: OptimizerName
    standardised: bool

    @classmethod
    def of(cls, params: TrialParams) -> "HeadForm":
        """Take the form from a trial's parameters."""
        return cls(params.dense_units > 0, params.optimizer, params.features == "deep")


@dataclass(frozen=True)
class HeadStack:
    """The state of the heads: tensors whose first axis counts folds.

    ``standards`` are scale and offset of deep features, which are never trained, and nothing of
    others; ``weights`` are ``[kernel, bias]`` of the dense layer, if there is one, then of the
    classifier; ``counts`` are the steps that each fold has taken.
    """

    standards: Sequence[Any]
    weights: Sequence[Any]
    slots: Sequence[Any]
    counts: Any

    def weights_of(self, fold: int) -> list[np.ndarray]:
        """Copy the weights of one head: its standards, then kernels and biases."""
        return [tensor[fold].numpy() for tensor in (*self.standards, *self.weights)]

    def arrays(self) -> Arrays:
        """Copy all tensors."""
        return {name: tensor.numpy() for name, tensor in self._named()}

    def of_arrays(self, arrays: Arrays) -> "HeadStack":
        """Give heads of the same form with the tensors that :meth:`arrays` copied."""
        moved = {name: tf.constant(arrays[name], tensor.dtype) for name, tensor in self._named()}
        n_standards, n_weights = len(self.standards), len(self.weights)
        values = list(moved.values())
        return HeadStack(
            values[:n_standards],
            values[n_standards : n_standards + n_weights],
            values[n_standards + n_weights : -1],
            values[-1],
        )

    def _named(self) -> list[tuple[str, Any]]:
        groups = {"standards": self.standards, "weights": self.weights, "slots": self.slots}
        named = [
            (f"{group}/{place}", tensor)
            for group, tensors in groups.items()
            for place, tensor in enumerate(tensors)
        ]
        return [*named, ("counts", self.counts)]


def new_heads(
    params: TrialParams,
    standards: Sequence[FloatArray],
    *,
    n_folds: int,
    n_features: int,
    n_classes: int,
    seed: int,
    dtype: Any,
) -> HeadStack:
    """Draw the first weights: Glorot uniform kernels, zero biases, each fold its own draw.

    Args:
        params: The trial's.
        standards: Scale and offset of deep features for each fold, ``(k, width)`` each; else none.
        n_folds: Number of folds, k.
        n_features: Their width.
        n_classes: Number of classes.
        seed: Of the draws.
        dtype: Of all tensors.
    """
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
    fixed = [tf.constant(array, dtype) for array in standards]
    return HeadStack(fixed, weights, slots, tf.zeros(n_folds, dtype=dtype))


def head_logits(
    standards: Sequence[Any], weights: Sequence[Any], features: Any, keep: Any = None
) -> Any:
    """Run the stack: features ``(k, rows, width)`` to logits ``(k, rows, classes)``.

    ``keep`` multiplies what enters the classifier: the dropout mask, already scaled.
    """
    hidden = features
    if standards:
        # Each fold's own standardised copy of the rows costs less than a wide kernel scaled anew
        # in each step and led back through in its gradient.
        hidden = _standardised(standards, features)
    if len(weights) == 4:
        hidden = tf.nn.relu(_stacked_matmul(hidden, weights[0]) + weights[1][:, None, :])
    if keep is not None:
        hidden = hidden * keep
    return _stacked_matmul(hidden, weights[-2]) + weights[-1][:, None, :]


def _standardised(standards: Sequence[Any], features: Any) -> Any:
    scale, offset = standards
    moved = features * scale[:, None, :] + offset[:, None, :]
    return tf.clip_by_value(moved, -MOST_DEVIATIONS, MOST_DEVIATIONS)


def _matmul_and_gradient(rows: Any, kernels: Any) -> Any:
    """Multiply ``(k, rows, d)`` by ``(k, d, width)``.

    Sizes are open in the graph, so TensorFlow's own gradient would also sum over axes that turn
    out not to be broadcast: a third of a step's time here.
    """

    def gradient(upstream: Any) -> Any:
        of_rows = tf.matmul(upstream, kernels, transpose_b=True)
        return of_rows, tf.matmul(rows, upstream, transpose_a=True)

    return tf.matmul(rows, kernels), gradient


_stacked_matmul = tf.custom_gradient(_matmul_and_gradient)


def predict_heads(stack: HeadStack, views: Sequence[Iterator[Any]]) -> list[np.ndarray]:
    """Predict with every head of the stack, each on rows of its own.

    Args:
        stack: The heads' state.
        views: The features of each view, block by block, each ``(k, some rows, width)``: a head
            reads its own.

    Returns:
        Probabilities of each view's rows, shape ``(k, rows, classes)``.
    """
    standards, weights = list(stack.standards), list(stack.weights)
    return [
        np.concatenate(
            [_compiled_prediction(standards, weights, block).numpy() for block in blocks], axis=1
        )
        for blocks in views
    ]


def _probabilities(standards: Sequence[Any], weights: Sequence[Any], features: Any) -> Any:
    hidden = tf.cast(features, weights[0].dtype)
    if standards:
        hidden = _standardised(standards, hidden)
    if len(weights) == 4:
        hidden = tf.nn.relu(tf.matmul(hidden, weights[0]) + weights[1][:, None, :])
    return tf.nn.softmax(tf.matmul(hidden, weights[-2]) + weights[-1][:, None, :])


_compiled_prediction = tf.function(_probabilities, reduce_retracing=True, autograph=False)


def dropout_mask(rate: Any, shape: Any, *, seed: Any, step: Any, dtype: Any) -> Any:
    """Draw a step's dropout mask ``(k, rows, width)``, scaled to keep the mean; no state."""
    draw = tf.random.stateless_uniform(shape, seed=tf.stack([seed, step]), dtype=dtype)
    return tf.where(draw >= rate, 1.0 / (1.0 - rate), tf.zeros((), dtype))
