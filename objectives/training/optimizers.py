"""AdamW, SGD and Lion as pure steps, for one network or a stack of heads with a fold axis.

Keras' optimizers clip, schedule and decay all variables of a model together; a stack of k heads
needs each fold on its own: its own gradient norm, its own rate and step count, and no movement at
all in a step that held no image for it. The steps equal Keras' (tests compare them).

A *stacked* variable has the folds as its first axis and is given rates and counts of shape
``(folds,)``; a plain variable is given scalars. Both run through the same lines.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from spaces.params import OptimizerName

SLOTS_PER_VARIABLE = {"adamw": 2, "sgd": 1, "lion": 1}
EPSILON = 1e-7
ADAM_BETAS = (0.9, 0.999)
LION_BETAS = (0.9, 0.99)


def zero_slots(kind: OptimizerName, values: Sequence[Any]) -> list[Any]:
    """Start the optimizer's memory: so many zero tensors for each variable, in order."""
    return [tf.zeros_like(value) for value in values for _ in range(SLOTS_PER_VARIABLE[kind])]


def clip_by_fold_norm(gradients: Sequence[Any], clip_norm: Any, *, stacked: bool) -> list[Any]:
    """Scale each fold's gradients so that their global norm is at most ``clip_norm``.

    Args:
        gradients: One tensor per variable.
        clip_norm: The largest norm; 0 does not clip.
        stacked: Whether the first axis counts folds, each with a norm of its own.

    Returns:
        The gradients, scaled.
    """

    def clipped() -> list[Any]:
        squares = [
            tf.reduce_sum(tf.square(g), axis=list(range(int(stacked), g.shape.rank)))
            for g in gradients
        ]
        norm = tf.sqrt(tf.add_n(squares))
        scale = tf.where(norm > clip_norm, clip_norm / norm, tf.ones_like(norm))
        return [g * _spread(scale, g) for g in gradients]

    kept: list[Any] = tf.cond(clip_norm > 0, clipped, lambda: list(gradients))
    return kept


def optimizer_step(
    kind: OptimizerName,
    values: Sequence[Any],
    gradients: Sequence[Any],
    slots: Sequence[Any],
    *,
    rates: Any,
    counts: Any,
    hyper: dict[str, Any],
) -> tuple[list[Any], list[Any]]:
    """Take one step.

    Args:
        kind: ``adamw``, ``sgd`` or ``lion``.
        values: The variables' values.
        gradients: One tensor per value, clipped.
        slots: The optimizer's memory, from :func:`zero_slots` or the step before.
        rates: The learning rate, scalar or ``(folds,)``.
        counts: Steps taken before this one, floating point, scalar or ``(folds,)``.
        hyper: ``weight_decay`` (AdamW, Lion; decoupled, of every variable), ``momentum`` and
            ``nesterov`` (SGD; 1 looks ahead, 0 does not).

    Returns:
        New values and new slots.

    Source: Loshchilov & Hutter 2019, arXiv:1711.05101 (AdamW); Sutskever et al. 2013 (Nesterov);
    Chen et al. 2023, arXiv:2302.06675 (Lion).
    """
    width = SLOTS_PER_VARIABLE[kind]
    new_values: list[Any] = []
    new_slots: list[Any] = []
    for index, (value, gradient) in enumerate(zip(values, gradients, strict=True)):
        memory = slots[index * width : (index + 1) * width]
        rate = _spread(rates, value)
        if kind == "adamw":
            moved, kept = _adamw(value, gradient, memory, rate, _spread(counts, value), hyper)
        elif kind == "lion":
            moved, kept = _lion(value, gradient, memory, rate, hyper)
        else:
            moved, kept = _sgd(value, gradient, memory, rate, hyper)
        new_values.append(moved)
        new_slots.extend(kept)
    return new_values, new_slots


def keep_where(active: Any, new: Sequence[Any], old: Sequence[Any]) -> list[Any]:
    """Take the new tensor of each fold that is active, the old one of the others."""
    return [tf.where(_spread(active, n), n, o) for n, o in zip(new, old, strict=True)]


def _spread(per_fold: Any, like: Any) -> Any:
    """Add axes to a ``(folds,)`` tensor until it broadcasts with a stacked variable."""
    rank = per_fold.shape.rank
    if rank == 0:
        return per_fold
    return tf.reshape(per_fold, tf.concat([tf.shape(per_fold), [1] * (like.shape.rank - 1)], 0))


def _adamw(
    value: Any, gradient: Any, memory: Sequence[Any], rate: Any, count: Any, hyper: dict[str, Any]
) -> tuple[Any, list[Any]]:
    beta_1, beta_2 = ADAM_BETAS
    mean = beta_1 * memory[0] + (1.0 - beta_1) * gradient
    square = beta_2 * memory[1] + (1.0 - beta_2) * tf.square(gradient)
    step = count + 1.0
    one = tf.ones_like(step)
    scale = rate * tf.sqrt(1.0 - tf.pow(beta_2 * one, step)) / (1.0 - tf.pow(beta_1 * one, step))
    decayed = value * (1.0 - rate * hyper["weight_decay"])
    return decayed - scale * mean / (tf.sqrt(square) + EPSILON), [mean, square]


def _lion(
    value: Any, gradient: Any, memory: Sequence[Any], rate: Any, hyper: dict[str, Any]
) -> tuple[Any, list[Any]]:
    beta_1, beta_2 = LION_BETAS
    direction = tf.sign(beta_1 * memory[0] + (1.0 - beta_1) * gradient)
    decayed = value * (1.0 - rate * hyper["weight_decay"])
    return decayed - rate * direction, [beta_2 * memory[0] + (1.0 - beta_2) * gradient]


def _sgd(
    value: Any, gradient: Any, memory: Sequence[Any], rate: Any, hyper: dict[str, Any]
) -> tuple[Any, list[Any]]:
    velocity = hyper["momentum"] * memory[0] - rate * gradient
    ahead = hyper["momentum"] * velocity - rate * gradient
    move = tf.where(hyper["nesterov"] > 0, ahead, velocity)
    return value + move, [velocity]
