"""Grad-CAM from a head's weights, held against TensorFlow's gradient of the whole way."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from objectives.explanation.grad_cam import grad_cam, head_gradients, last_maps
from objectives.fold_heads import predict_with_head, read_heads
from objectives.records import FloatArray
from objectives.trial import train_trial
from objectives.trial_inputs import TrialInputs
from spaces.params import FeaturesName
from tests.objectives.small_trials import small_context, small_params

N_IMAGES = 6


def expected_cam(
    head: Sequence[np.ndarray],
    maps: FloatArray,
    features: FloatArray,
    classes: np.ndarray,
    *,
    is_standardised: bool,
) -> FloatArray:
    """Differentiate the class's score by the map itself, as the paper has it."""
    layers = [tf.constant(weights) for weights in head]
    last = tf.Variable(maps)
    with tf.GradientTape() as tape:
        averages = tf.reduce_mean(last, axis=(1, 2))
        hidden = tf.concat([features[:, : -maps.shape[-1]], averages], axis=1)
        if is_standardised:
            hidden = tf.clip_by_value(hidden * layers[0] + layers[1], -1.0, 1.0)
            layers = layers[2:]
        if len(layers) == 4:
            hidden = tf.nn.relu(hidden @ layers[0] + layers[1])
        scores = hidden @ layers[-2] + layers[-1]
        score = tf.reduce_sum(tf.gather(scores, classes, axis=1, batch_dims=1))
    gradient = tape.gradient(score, last).numpy()
    weights = gradient.mean(axis=(1, 2), keepdims=True)
    found = np.maximum((weights * maps).sum(axis=-1), 0.0)
    highest = found.max(axis=(1, 2), keepdims=True)
    return np.asarray(found / np.where(highest > 0, highest, 1.0), np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("features", ["last", "deep"])
@pytest.mark.parametrize("dense_units", [0, 8])
def test_the_map_is_that_of_the_gradient_through_all_layers(
    features: FeaturesName, dense_units: int, tmp_path: Path
) -> None:
    context = small_context(tmp_path)
    params = small_params(features=features, dense_units=dense_units)
    train_trial(params, context)
    heads = read_heads(context.checkpoint_folder)
    assert heads is not None
    images = context.data.images[:N_IMAGES]
    found = last_maps(params, images)
    assert found is not None
    maps, read = found
    # What is explained is what the heads were trained on, but for its rounding.
    stored = TrialInputs.of_folds(params, context).extractor().extract(images)
    np.testing.assert_allclose(read, stored, rtol=2e-3, atol=2e-3)
    is_standardised = features == "deep"
    probabilities = predict_with_head(heads[0], read, is_standardised=is_standardised)
    classes = probabilities.argmax(axis=1)
    slopes = head_gradients(heads[0], read, classes, is_standardised=is_standardised)
    cam = grad_cam(maps, slopes[:, -maps.shape[-1] :])
    expected = expected_cam(heads[0], maps, read, classes, is_standardised=is_standardised)
    assert cam.shape == maps.shape[:3]
    assert cam.max() == 1.0
    np.testing.assert_allclose(cam, expected, atol=1e-4)


def test_where_nothing_speaks_for_the_class_nothing_is_shown() -> None:
    maps = np.ones((1, 2, 2, 3), np.float32)
    assert grad_cam(maps, -np.ones((1, 3), np.float32)).max() == 0.0


def test_the_highest_place_is_one_and_the_others_are_in_proportion() -> None:
    maps = np.zeros((1, 1, 3, 2), np.float32)
    maps[0, 0] = [[1, 5], [4, 0], [2, 9]]
    cam = grad_cam(maps, np.array([[2.0, 0.0]], np.float32))
    np.testing.assert_allclose(cam[0, 0], [0.25, 1.0, 0.5])
