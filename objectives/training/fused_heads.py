"""One pass over the features trains the heads of all folds.

Sample i updates head j only if i is not in fold j. Each fold has its own optimizer memory, step
count, learning rate and gradient norm, and no layer couples a batch, so that the heads equal those
of k separate runs on the same batches (a test holds it). A fold that has stopped leaves the stack
and costs nothing.
"""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from objectives.training.head_stack import HeadForm, HeadStack, dropout_mask, head_logits
from objectives.training.hyper import HYPER_NAMES
from objectives.training.losses import image_losses
from objectives.training.optimizers import (
    SLOTS_PER_VARIABLE,
    clip_by_fold_norm,
    keep_where,
    optimizer_step,
)
from objectives.training.schedules import learning_rates


@dataclass(frozen=True)
class EpochData:
    """What an epoch reads.

    Features ``(rows, d)``, soft labels ``(rows, classes)``, the fold of each row, the batches of
    :func:`objectives.training.batches.shared_batches`, and the class weights and focal alphas of
    all k folds, ``(k, classes)``.
    """

    features: Any
    labels: Any
    fold_of: Any
    batches: Any
    class_weights: Any
    alpha: Any


def train_heads(
    form: HeadForm, stack: HeadStack, data: EpochData, hyper: dict[str, Any], *, seed: int
) -> tuple[HeadStack, np.ndarray]:
    """Train every head of the stack for one epoch.

    Args:
        form: The heads' form.
        stack: Their state.
        data: What the epoch reads; class weights and alphas of all k folds.
        hyper: From :func:`objectives.training.hyper.hyper_tensors`.
        seed: Of this epoch's dropout.

    Returns:
        The new state, and the mean training loss of each head of the stack.
    """
    folds = tf.constant(stack.folds, dtype=tf.int64)
    state, losses = _compiled_epoch(form, stack.counts.dtype, data.features.dtype)(
        (list(stack.weights), list(stack.slots), stack.counts),
        folds,
        tf.shape(data.class_weights)[0],
        data.features,
        data.labels,
        data.fold_of,
        data.batches,
        tf.gather(data.class_weights, folds),
        tf.gather(data.alpha, folds),
        hyper,
        tf.constant(seed, dtype=tf.int64),
    )
    weights, slots, counts = state
    return replace(stack, weights=weights, slots=slots, counts=counts), losses.numpy()


@lru_cache(maxsize=64)
def _compiled_epoch(form: HeadForm, dtype: Any, features_dtype: Any) -> Any:
    def epoch(
        state: Any,
        folds: Any,
        n_folds: Any,
        features: Any,
        labels: Any,
        fold_of: Any,
        batches: Any,
        class_weights: Any,
        alpha: Any,
        hyper: dict[str, Any],
        seed: Any,
    ) -> Any:
        def step(number: Any, state: Any, total: Any, seen: Any) -> Any:
            rows = batches[number]
            real = rows >= 0
            rows = tf.maximum(rows, 0)
            mine = (tf.gather(fold_of, rows)[None, :] != folds[:, None]) & real[None, :]
            state, losses, counts = _step(
                form,
                state,
                tf.cast(tf.gather(features, rows), dtype),
                tf.gather(labels, rows),
                tf.cast(mine, dtype),
                (class_weights, alpha),
                hyper,
                (seed, number, folds, n_folds),
            )
            return number + 1, state, total + losses * counts, seen + counts

        nothing = tf.zeros_like(state[2])
        n_steps = tf.shape(batches, out_type=tf.int64)[0]
        first = (tf.zeros((), tf.int64), state, nothing, nothing)
        _, state, total, seen = tf.while_loop(lambda number, *_: number < n_steps, step, first)
        return state, total / tf.maximum(seen, 1.0)

    # Without autograph, whose reading of the code takes as long as some epochs.
    return tf.function(
        epoch, input_signature=_signature(form, dtype, features_dtype), autograph=False
    )


def _signature(form: HeadForm, dtype: Any, features_dtype: Any) -> list[Any]:
    """Leave all sizes open, so that a stack that shrinks or another width need no new graph."""

    def spec(rank: int, kind: Any = dtype) -> Any:
        return tf.TensorSpec([None] * rank, kind)

    ranks = [3, 2] * (2 if form.dense else 1)
    slots = [spec(rank) for rank in ranks for _ in range(SLOTS_PER_VARIABLE[form.optimizer])]
    return [
        ([spec(rank) for rank in ranks], slots, spec(1)),
        spec(1, tf.int64),
        spec(0, tf.int32),
        spec(2, features_dtype),
        spec(2),
        spec(1, tf.int64),
        spec(2, tf.int64),
        spec(2),
        spec(2),
        {name: spec(0) for name in HYPER_NAMES},
        spec(0, tf.int64),
    ]


def _step(
    form: HeadForm,
    state: Any,
    features: Any,
    labels: Any,
    mine: Any,
    class_terms: Any,
    hyper: dict[str, Any],
    draw: Any,
) -> Any:
    weights, slots, counts = state
    class_weights, alpha = class_terms
    # A soft label weighs the sum over classes of w_c y_c; a head's loss divides by its own count.
    image_weights = mine * tf.linalg.matmul(class_weights, labels, transpose_b=True)
    n_images = tf.reduce_sum(mine, axis=1)
    keep = _fold_dropout(weights, features, hyper, draw)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        logits = head_logits(weights, features, keep)
        losses = image_losses(labels[None], logits, hyper, alpha[:, None, :])
        per_fold = tf.reduce_sum(image_weights * losses, axis=1) / tf.maximum(n_images, 1.0)
        loss = tf.reduce_sum(per_fold)
    gradients = clip_by_fold_norm(tape.gradient(loss, weights), hyper["clip_norm"], stacked=True)
    rates = learning_rates(
        counts,
        peak=hyper["learning_rate"],
        horizon=hyper["horizon"],
        warmup_fraction=hyper["warmup_fraction"],
        falls=hyper["cosine"],
    )
    new_weights, new_slots = optimizer_step(
        form.optimizer,
        weights,
        gradients,
        slots,
        rates=rates,
        counts=counts,
        hyper=hyper,
    )
    active = n_images > 0
    new_weights, new_slots = tf.cond(
        tf.reduce_all(active),
        lambda: (new_weights, new_slots),
        lambda: (keep_where(active, new_weights, weights), keep_where(active, new_slots, slots)),
    )
    moved = (new_weights, new_slots, counts + tf.cast(active, counts.dtype))
    return moved, per_fold, n_images


def _fold_dropout(weights: Any, features: Any, hyper: dict[str, Any], draw: Any) -> Any:
    """Draw the masks of all k folds, stopped or not, so that no other fold changes a fold's."""
    seed, step, folds, n_folds = draw
    shape = (n_folds, tf.shape(features)[0], tf.shape(weights[-2])[1])
    return tf.cond(
        hyper["dropout"] > 0,
        lambda: tf.gather(
            dropout_mask(hyper["dropout"], shape, seed=seed, step=step, dtype=features.dtype),
            folds,
        ),
        lambda: tf.ones((1, 1, 1), features.dtype),
    )
