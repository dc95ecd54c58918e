"""The numbers of a trial as tensors, so that other numbers need no new graph."""

from typing import Any

import tensorflow as tf

from objectives.training.losses import loss_gamma
from spaces.params import TrialParams

_FROM_PARAMS = {
    "warmup_fraction",
    "weight_decay",
    "momentum",
    "nesterov",
    "clip_norm",
    "label_smoothing",
    "dropout",
}
HYPER_NAMES = sorted({*_FROM_PARAMS, "learning_rate", "horizon", "cosine", "focal_gamma"})


def hyper_tensors(
    params: TrialParams, *, learning_rate: float, horizon: float, dtype: Any
) -> dict[str, Any]:
    """Put what a training step reads of a trial's parameters into scalar tensors.

    Args:
        params: The trial's.
        learning_rate: The stage's peak rate.
        horizon: Steps of the whole stage.
        dtype: Of the tensors.

    Returns:
        One scalar for each of ``HYPER_NAMES``; switches are 0 or 1.
    """
    numbers = {
        **params.model_dump(include=_FROM_PARAMS),
        "learning_rate": learning_rate,
        "horizon": horizon,
        "cosine": params.schedule == "cosine",
        "focal_gamma": loss_gamma(params),
    }
    return {name: tf.constant(float(numbers[name]), dtype=dtype) for name in HYPER_NAMES}
