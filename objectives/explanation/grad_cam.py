"""Where a head looked: Grad-CAM on the last map of its frozen backbone.

The head reads the map averaged, so its gradient with respect to the map is the same at all places,
and follows from the head's weights alone; the backbone runs once, forwards.

Source: Selvaraju et al. 2017, arXiv:1610.02391, eq. 1 and 2.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from objectives.networks.extractors import frozen_backbone
from objectives.networks.taps import find_taps, joined, pooled
from objectives.records import FloatArray, ImageArray, LabelArray
from objectives.training.standardising import MOST_DEVIATIONS
from spaces.params import TrialParams


def last_maps(params: TrialParams, images: ImageArray) -> tuple[FloatArray, FloatArray] | None:
    """Run images through a frozen backbone.

    Args:
        params: Whose backbone.
        images: Shape ``(n, px, px, 3)``.

    Returns:
        The last map, ``(n, height, width, channels)``, and the features that a head reads,
        ``(n, numbers)``, whose last ones are the map's averages; None if the backbone ends in
        vectors, which have no places.
    """
    backbone = frozen_backbone(params.backbone, params.weights, images.shape[1])
    taps = find_taps(backbone, params.features)
    if len(taps[-1].tensor.shape) != 4:
        return None
    network = keras.Model(backbone.input, [taps[-1].tensor, joined(pooled(taps))])
    maps, features = network(tf.cast(images, tf.float32), training=False)
    return np.asarray(maps, np.float32), np.asarray(features, np.float32)


def head_gradients(
    head: Sequence[np.ndarray], features: FloatArray, classes: LabelArray, *, is_standardised: bool
) -> FloatArray:
    """Differentiate the score of a class, before softmax, with respect to the features.

    Args:
        head: Weights of one fold's head; see :mod:`objectives.fold_heads`.
        features: Shape ``(n, width)``.
        classes: Of which class the score is, one each row.
        is_standardised: Whether the head's first two arrays are a scale and an offset.

    Returns:
        Shape ``(n, width)``.
    """
    layers, hidden = list(head), features
    slopes = np.ones_like(features)
    if is_standardised:
        scale, offset = layers.pop(0), layers.pop(0)
        hidden = features * scale + offset
        # Beyond the cut nothing that a feature does is heard.
        slopes = np.where(np.abs(hidden) < MOST_DEVIATIONS, scale, np.float32(0.0))
        hidden = hidden.clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    back = layers[-2][:, classes].T
    if len(layers) == 4:
        back = (back * (hidden @ layers[0] + layers[1] > 0)) @ layers[0].T
    return np.asarray(back * slopes, np.float32)


def grad_cam(maps: FloatArray, gradients: FloatArray) -> FloatArray:
    """Say how much each place of a map speaks for a class.

    Args:
        maps: Shape ``(n, height, width, channels)``.
        gradients: Of the class's score with respect to the map's averages, ``(n, channels)``.

    Returns:
        Shape ``(n, height, width)``, 0 to 1, the highest place of each image at 1; all 0 where no
        place speaks for it.
    """
    found = np.maximum(np.einsum("nhwc,nc->nhw", maps, gradients), 0.0)
    highest = found.max(axis=(1, 2), keepdims=True)
    return np.asarray(found / np.where(highest > 0, highest, 1.0), np.float32)
