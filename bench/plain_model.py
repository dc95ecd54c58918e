"""A trial's model in plain Keras: network, optimizer, loss and class weights."""

from typing import Any

import keras
import numpy as np

from objectives.networks.network import freeze_below
from objectives.networks.taps import pool
from objectives.records import LabelArray
from spaces.params import TrialParams


def build_classifier(params: TrialParams, features: Any, inputs: Any, n_classes: int) -> Any:
    """Put a trial's head on pooled features: dense layer, dropout, softmax."""
    x = features
    if params.dense_units:
        x = keras.layers.Dense(params.dense_units, activation="relu")(x)
    x = keras.layers.Dropout(params.dropout)(x)
    return keras.Model(inputs, keras.layers.Dense(n_classes, activation="softmax")(x))


def build_model(params: TrialParams, backbone: Any, n_classes: int, *, unfrozen: float) -> Any:
    """Put a head on a backbone of which the top share ``unfrozen`` of the layers trains."""
    inputs = keras.Input(backbone.input_shape[1:])
    model = build_classifier(params, pool(backbone(inputs)), inputs, n_classes)
    if unfrozen:
        freeze_below(backbone, unfrozen)
    else:
        backbone.trainable = False
    return model


def make_optimizer(params: TrialParams, *, peak: float, horizon: int) -> Any:
    """Make Keras' optimizer with a trial's numbers.

    Args:
        params: The trial's.
        peak: The highest learning rate.
        horizon: Steps of the whole training.
    """
    rate: Any = peak
    if params.schedule == "cosine":
        warmup = round(params.warmup_fraction * horizon)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else peak,
            horizon - warmup,
            warmup_target=peak if warmup else None,
            warmup_steps=warmup,
        )
    clip = params.clip_norm or None
    if params.optimizer == "sgd":
        return keras.optimizers.SGD(
            rate, momentum=params.momentum, nesterov=params.nesterov, global_clipnorm=clip
        )
    kind = keras.optimizers.AdamW if params.optimizer == "adamw" else keras.optimizers.Lion
    return kind(rate, weight_decay=params.weight_decay, global_clipnorm=clip)


def make_loss(params: TrialParams, labels: LabelArray, n_classes: int) -> Any:
    """Make Keras' loss; ``labels`` are those trained on, which balance the focal loss."""
    if params.loss == "cross_entropy":
        return keras.losses.CategoricalCrossentropy(label_smoothing=params.label_smoothing)
    balanced = params.focal_alpha == "balanced"
    alpha = list(_balanced(labels, n_classes)) if balanced else 1.0
    return keras.losses.CategoricalFocalCrossentropy(
        alpha=alpha, gamma=params.focal_gamma, label_smoothing=params.label_smoothing
    )


def class_weight(
    params: TrialParams, labels: LabelArray, n_classes: int
) -> dict[int, float] | None:
    """Give ``fit`` its class weights, if the trial has any."""
    if params.class_weights == "none":
        return None
    return dict(enumerate(_balanced(labels, n_classes)))


def _balanced(labels: LabelArray, n_classes: int) -> list[float]:
    counts = np.bincount(labels, minlength=n_classes)
    return [float(len(labels) / (n_classes * count)) if count else 0.0 for count in counts]
