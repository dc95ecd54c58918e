"""Batch normalisation of networks from scratch follows within the steps that a trial has."""

from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.networks.backbones import build_backbone
from objectives.networks.network import build_network
from objectives.networks.serving import ServedMember, TrainedNetwork, servable_model
from spaces.params import TrialParams

PIXELS = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3)).astype("float32")


def _norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]


@pytest.mark.parametrize("name", ["small_cnn", "mobilenet_0.25"])
def test_sixty_steps_are_enough_for_the_statistics_of_what_is_seen(name: str) -> None:
    model = build_backbone(name, "none", 32)
    first = _norms(model)[0]
    entering = np.asarray(keras.Model(model.input, first.input)(PIXELS))
    beginning = keras.Model(model.input, first.output)
    for _ in range(60):
        beginning(PIXELS, training=True)
    mean, variance = entering.mean(axis=(0, 1, 2)), entering.var(axis=(0, 1, 2))
    np.testing.assert_allclose(first.moving_mean, mean, rtol=0.01, atol=0.01 * np.abs(mean).max())
    np.testing.assert_allclose(first.moving_variance, variance, rtol=0.01, atol=0.01)


@pytest.mark.slow
def test_weights_from_a_file_keep_the_momentum_that_they_were_trained_with(tmp_path: Path) -> None:
    published = keras.applications.MobileNet(
        alpha=0.25, include_top=False, weights=None, input_shape=(32, 32, 3)
    )
    path = tmp_path / "published.weights.h5"
    published.save_weights(path)
    own = {norm.momentum for norm in _norms(published)}
    assert own == {0.99}
    assert {n.momentum for n in _norms(build_backbone("mobilenet_0.25", str(path), 32))} == own
    assert {n.momentum for n in _norms(build_backbone("mobilenet_0.25", "none", 32))} == {0.9}


@pytest.mark.slow
def test_the_exported_model_has_the_momentum_that_was_trained_with(tmp_path: Path) -> None:
    params = TrialParams(backbone="mobilenet_0.25", weights="none")
    path = tmp_path / "model.keras"
    network = build_network(params, image_px=32, n_classes=3, seed=0)
    servable_model([ServedMember(TrainedNetwork.of(network))], 32).save(path)
    loaded = keras.models.load_model(path)
    norms = [norm for norm in loaded._flatten_layers() if "BatchNorm" in type(norm).__name__]
    assert len(norms) > 20
    assert {norm.momentum for norm in norms} == {0.9}
