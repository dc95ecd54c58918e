"""One pass over the features trains the heads of all folds.

Sample i updates head j only if i is not in fold j. Each fold has its own optimizer memory, step
count, learning rate and gradient norm, and no layer couples a batch, so that the heads equal those
of k separate runs on the same batches (a test holds it).
"""

from collections.abc import Iterable
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
class Steps:
    """The rows of some consecutive steps of an epoch.

    Features ``(steps, batch, width)``, soft labels ``(steps, batch, classes)``, and for each fold
    the places in the batch that it trains on, ``(steps, k, most)``, and which of these count; see
    :func:`objectives.training.batches.trained_by_fold`.
    """

    first: int
    """The number of the first of them in the epoch."""
    features: Any
    labels: Any
    places: Any
    counts: Any


def train_heads(
    form: HeadForm,
    stack: HeadStack,
    epoch: Iterable[Steps],
    class_terms: tuple[Any, Any],
    hyper: dict[str, Any],
    *,
    seed: int,
) -> tuple[HeadStack, np.ndarray]:
    """Train every head of the stack for one epoch.

    Args:
        form: The heads' form.
        stack: Their state.
        epoch: All steps of the epoch, some at a time.
        class_terms: Class weights and focal alphas, ``(k, classes)`` each.
        hyper: From :func:`objectives.training.hyper.hyper_tensors`.
        seed: Of this epoch's dropout.

    Returns:
        The new state, and the mean training loss of each head of the stack.
    """
    dtype = stack.counts.dtype
    state = (list(stack.weights), list(stack.slots), stack.counts)
    totals = (tf.zeros_like(stack.counts), tf.zeros_like(stack.counts))
    for steps in epoch:
        run = _compiled_steps(form, dtype, tf.as_dtype(steps.features.dtype))
        state, totals = run(
            state,
            totals,
            list(stack.standards),
            tf.constant(steps.first, tf.int64),
            steps.features,
            steps.labels,
            steps.places,
            steps.counts,
            list(class_terms),
            hyper,
            tf.constant(seed, tf.int64),
        )
    weights, slots, counts = state
    losses = totals[0] / tf.maximum(totals[1], 1.0)
    return replace(stack, weights=weights, slots=slots, counts=counts), losses.numpy()


@lru_cache(maxsize=64)
def _compiled_steps(form: HeadForm, dtype: Any, features_dtype: Any) -> Any:
    def run(
        state: Any,
        totals: Any,
        standards: Any,
        first: Any,
        features: Any,
        labels: Any,
        places: Any,
        counting: Any,
        class_terms: Any,
        hyper: dict[str, Any],
        seed: Any,
    ) -> Any:
        def step(number: Any, state: Any, total: Any, seen: Any) -> Any:
            mine = places[number]
            state, losses, counts = _step(
                form,
                state,
                standards,
                tf.cast(tf.gather(features[number], mine), dtype),
                tf.gather(labels[number], mine),
                tf.cast(counting[number], dtype),
                class_terms,
                hyper,
                (seed, first + number),
            )
            return number + 1, state, total + losses * counts, seen + counts

        n_steps = tf.shape(features, out_type=tf.int64)[0]
        start = (tf.zeros((), tf.int64), state, *totals)
        _, state, total, seen = tf.while_loop(lambda number, *_: number < n_steps, step, start)
        return state, (total, seen)

    # Without autograph, whose reading of the code takes as long as some epochs.
    return tf.function(
        run, input_signature=_signature(form, dtype, features_dtype), autograph=False
    )


def _signature(form: HeadForm, dtype: Any, features_dtype: Any) -> list[Any]:
    """Leave all sizes open, so that other widths and numbers of rows need no new graph."""

    def spec(rank: int, kind: Any = dtype) -> Any:
        return tf.TensorSpec([None] * rank, kind)

    ranks = [3, 2] * (2 if form.dense else 1)
    slots = [spec(rank) for rank in ranks for _ in range(SLOTS_PER_VARIABLE[form.optimizer])]
    return [
        ([spec(rank) for rank in ranks], slots, spec(1)),
        (spec(1), spec(1)),
        [spec(2), spec(2)] if form.standardised else [],
        spec(0, tf.int64),
        spec(3, features_dtype),
        spec(3),
        spec(3, tf.int64),
        spec(3, tf.bool),
        [spec(2), spec(2)],
        {name: spec(0) for name in HYPER_NAMES},
        spec(0, tf.int64),
    ]


def _step(
    form: HeadForm,
    state: Any,
    standards: Any,
    features: Any,
    labels: Any,
    counting: Any,
    class_terms: Any,
    hyper: dict[str, Any],
    draw: Any,
) -> Any:
    weights, slots, counts = state
    class_weights, alpha = class_terms
    # A soft label weighs the sum over classes of w_c y_c; a head's loss divides by its own count.
    image_weights = counting * tf.reduce_sum(class_weights[:, None, :] * labels, axis=-1)
    n_images = tf.reduce_sum(counting, axis=1)
    keep = _fold_dropout(weights, features, hyper, draw)
    with tf.GradientTape() as tape:
        tape.watch(weights)
        logits = head_logits(standards, weights, features, keep)
        losses = image_losses(labels, logits, hyper, alpha[:, None, :])
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
    """Draw a mask for each fold of its own."""
    seed, step = draw
    n_folds, width = tf.shape(weights[-2])[0], tf.shape(weights[-2])[1]
    shape = (n_folds, tf.shape(features)[1], width)
    return tf.cond(
        hyper["dropout"] > 0,
        lambda: dropout_mask(hyper["dropout"], shape, seed=seed, step=step, dtype=features.dtype),
        lambda: tf.ones((1, 1, 1), features.dtype),
    )
