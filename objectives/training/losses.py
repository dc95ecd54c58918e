"""Losses per image, from logits, for one head or a stack of heads at once."""

from typing import Any

import tensorflow as tf

from spaces.params import TrialParams


def smooth_labels(labels: Any, *, label_smoothing: Any) -> Any:
    """Move ``label_smoothing`` of each label's mass evenly to all classes.

    Args:
        labels: One-hot or soft, shape ``(..., classes)``.
        label_smoothing: 0 to 1.

    Returns:
        The same shape.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7.
    """
    classes = tf.cast(tf.shape(labels)[-1], labels.dtype)
    return labels * (1.0 - label_smoothing) + label_smoothing / classes


def focal_loss(labels: Any, logits: Any, *, gamma: Any, alpha: Any) -> Any:
    """Down-weight the images that are already classified well.

    Args:
        labels: One-hot or soft, shape ``(..., classes)``.
        logits: Before softmax, the same shape or one that broadcasts with it.
        gamma: At least 0; 0 gives cross-entropy.
        alpha: Weight per class, broadcast over the last axis.

    Returns:
        One loss per image in nats, shape ``(...)``.

    Source: Lin et al. 2017, arXiv:1708.02002, eq. 5, summed over classes for soft labels.
    """
    log_probs = tf.nn.log_softmax(logits)
    # The gradient of (1 - p) ** gamma is infinite at p = 1 for gamma below 1.
    miss = tf.maximum(1.0 - tf.exp(log_probs), tf.constant(1e-7, log_probs.dtype))
    return -tf.reduce_sum(alpha * labels * tf.pow(miss, gamma) * log_probs, axis=-1)


def image_losses(labels: Any, logits: Any, hyper: dict[str, Any], alpha: Any) -> Any:
    """Give the loss of each image under the loss that a trial's parameters name.

    Args:
        labels: One-hot or soft, shape ``(..., classes)``.
        logits: Before softmax, the same shape or one that broadcasts with it.
        hyper: ``label_smoothing`` and ``focal_gamma``, which is 0 for cross-entropy: so that one
            compiled graph serves both losses.
        alpha: Weight per class of the focal loss, broadcast over the last axis; ones for
            cross-entropy.

    Returns:
        One loss per image in nats, shape ``(...)``.
    """
    smoothed = smooth_labels(labels, label_smoothing=hyper["label_smoothing"])
    return focal_loss(smoothed, logits, gamma=hyper["focal_gamma"], alpha=alpha)


def loss_gamma(params: TrialParams) -> float:
    """Give the exponent of a trial's loss: cross-entropy is the focal loss at 0."""
    return params.focal_gamma if params.loss == "focal" else 0.0
