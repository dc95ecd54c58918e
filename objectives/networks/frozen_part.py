"""A network in two parts: what is frozen, from pixels to one vector, and what trains above it.

The vector is the feature map at the cut, flattened, and after it the averages of the taps below
the cut; without a cut it is the averages of all taps.
"""

import math
from typing import Any

import keras

from objectives.networks.taps import find_taps, joined, pool, pooled
from spaces.params import FeaturesName


def frozen_part(backbone: keras.Model, features: FeaturesName, cut: int | None) -> keras.Model:
    """Build what is computed once for all folds: pixels ``(batch, px, px, 3)`` to vectors.

    Args:
        backbone: From pixels to a feature map.
        features: What the head reads of it.
        cut: Position in ``backbone.operations``; see :func:`objectives.networks.cuts.find_cut`.
            None takes the whole backbone.
    """
    taps = find_taps(backbone, features)
    if cut is None:
        return keras.Model(backbone.input, joined(pooled(taps)))
    feature_map = backbone.operations[cut].output
    flat = keras.layers.Flatten(dtype="float32")(feature_map)
    below = pooled([tap for tap in taps if tap.place <= cut])
    return keras.Model(backbone.input, joined([flat, *below]))


def trained_part(backbone: keras.Model, features: FeaturesName, cut: int) -> keras.Model:
    """Build what is above a cut: vectors of :func:`frozen_part` to the averages of all taps.

    It shares its layers with the backbone.
    """
    taps = find_taps(backbone, features)
    feature_map = backbone.operations[cut].output
    above = [tap for tap in taps if tap.place > cut]
    top = keras.Model(feature_map, [tap.tensor for tap in above])
    n_map = math.prod(feature_map.shape[1:])
    n_below = sum(tap.width for tap in taps if tap.place <= cut)
    inputs = keras.Input((n_map + n_below,))
    at_cut = keras.layers.Reshape(feature_map.shape[1:])(inputs[:, :n_map])
    below = [inputs[:, n_map:]] if n_below else []
    tops: list[Any] = keras.tree.flatten(top(at_cut))
    return keras.Model(inputs, joined([*below, *map(pool, tops)]))
