from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from mlruns_config.registry.keras_file import file_digest, load_keras_file
from objectives.ensembles.combining import Combination
from objectives.ensembles.mixture import Mixture
from objectives.ensembles.symmetries import TURNS, Symmetry, turned
from objectives.networks.network import build_network
from objectives.networks.serving import ServedMember, TrainedNetwork, servable_model
from objectives.networks.taps import pool
from spaces.params import FeaturesName, TrialParams
from tests.objectives.ensembles.made_tables import softmax
from tests.objectives.tiny_backbone import tiny_backbone

PX, N_CLASSES = 16, 3
IMAGES = np.random.default_rng(0).integers(0, 256, (6, PX, PX, 3), dtype=np.uint8)


def _trunk() -> keras.Model:
    backbone = tiny_backbone(PX)
    return keras.Model(backbone.input, pool(backbone.output))


def _network(seed: int, *, key: str | None = "tiny") -> TrainedNetwork:
    trunk = _trunk()
    features = keras.Input(trunk.output_shape[1:])
    initializer = keras.initializers.RandomNormal(stddev=3.0, seed=seed)
    logits = keras.layers.Dense(N_CLASSES, kernel_initializer=initializer)(features)
    return TrainedNetwork(trunk, keras.Model(features, logits), key)


def _logits(network: TrainedNetwork, images: np.ndarray) -> np.ndarray:
    return np.asarray(network.head(network.trunk(images.astype(np.float32))))


def _probabilities(network: TrainedNetwork, symmetry: Symmetry = "none") -> np.ndarray:
    """What a member says of the images, averaged over turns made by numpy."""
    shown = [softmax(_logits(network, turned(IMAGES, turn))) for turn in TURNS[symmetry]]
    return np.asarray(np.mean(shown, axis=0))


def test_a_single_network_answers_with_the_softmax_of_its_logits() -> None:
    network = _network(0)
    model = servable_model([ServedMember(network)], PX)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), softmax(_logits(network, IMAGES)), atol=1e-6
    )


def test_a_model_that_is_merely_called_answers_as_it_predicts() -> None:
    """Keras' resize takes a bare call for one of training, and batch statistics would be used."""
    model = servable_model([ServedMember(_network(0))], PX)
    expected = model.predict(IMAGES, verbose=0)
    for answer in (model(IMAGES), tf.function(model)(tf.constant(IMAGES))):
        np.testing.assert_allclose(answer, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("combination", "symmetry"),
    [("average", "none"), ("average", "square"), ("majority", "mirror")],
)
def test_members_answer_as_they_were_chosen_by(
    combination: Combination, symmetry: Symmetry
) -> None:
    """The mixture that is served is the mixture that was scored out of fold."""
    networks = [_network(seed) for seed in range(3)]
    mixture = Mixture({0: 2, 1: 1, 2: 2}, {0: 0.5, 1: 2.0, 2: 1.3}, combination, 0.7)
    members = [
        ServedMember(network, mixture.weights[place], mixture.temperatures[place], symmetry)
        for place, network in enumerate(networks)
    ]
    model = servable_model(members, PX, combination=combination, temperature=0.7)
    expected = mixture.answer([_probabilities(network, symmetry) for network in networks])
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), expected, atol=1e-5)


def test_a_member_that_was_not_turned_is_asked_once_beside_others_that_are() -> None:
    still, other = _network(0, key=None), _network(1)
    members = [ServedMember(still, 0.5), ServedMember(other, 0.5, symmetry="flips")]
    expected = (_probabilities(still) + _probabilities(other, "flips")) / 2
    answer = servable_model(members, PX).predict(IMAGES, verbose=0)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_a_model_over_the_square_answers_alike_however_an_image_is_turned() -> None:
    model = servable_model([ServedMember(_network(0), symmetry="square")], PX)
    answers = [model.predict(turned(IMAGES, t).copy(), verbose=0) for t in TURNS["square"]]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer, answers[0], atol=1e-5)


@pytest.mark.parametrize(("key", "n_passes"), [("tiny", 1), (None, 3)])
def test_members_on_one_frozen_trunk_share_its_forward_pass(key: str | None, n_passes: int) -> None:
    members = [ServedMember(_network(seed, key=key), 1 / 3) for seed in range(3)]
    model = servable_model(members, PX)
    assert _n_convolutions(model) == 2 * n_passes


def _trial_network(features: FeaturesName, units: int) -> TrainedNetwork:
    """A network on one backbone that reads its last map, or all of it."""
    params = TrialParams(
        backbone="tests.objectives.tiny_backbone:tiny_backbone",
        weights="imagenet",
        features=features,
        dense_units=units,
    )
    network = build_network(params, image_px=PX, n_classes=N_CLASSES, seed=units)
    return TrainedNetwork.of(network, "tiny")


@pytest.mark.slow
def test_heads_on_the_last_map_share_the_pass_of_those_that_read_the_whole_backbone() -> None:
    networks = [_trial_network("last", 0), _trial_network("deep", 4)]
    assert networks[0].width < networks[1].width
    alone = [servable_model([ServedMember(n)], PX).predict(IMAGES, verbose=0) for n in networks]
    model = servable_model([ServedMember(network, 0.5) for network in networks], PX)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), (alone[0] + alone[1]) / 2, atol=1e-5
    )
    assert _n_convolutions(model) == 2


def _n_convolutions(model: keras.Model) -> int:
    signature = tf.TensorSpec((None, PX, PX, 3), tf.uint8)
    graph = tf.function(model).get_concrete_function(signature).graph
    return sum(operation.type == "Conv2D" for operation in graph.get_operations())


@pytest.mark.slow
def test_a_saved_ensemble_is_plain_keras_and_takes_images_of_any_size(tmp_path: Path) -> None:
    members = [
        ServedMember(_trial_network("last", 0), 0.4, 2.0, "square"),
        ServedMember(_trial_network("deep", 4), 0.4, 1.0, "square"),
        ServedMember(_network(1, key=None), 0.2),
    ]
    model = servable_model(members, PX, combination="majority", temperature=1.5)
    path = tmp_path / "model.keras"
    model.save(path)
    loaded = load_keras_file(path, file_digest(path), "the ensemble")
    larger = np.random.default_rng(1).integers(0, 256, (5, 37, 21, 3), dtype=np.uint8)
    for images in (IMAGES, larger):
        answer = loaded.predict(images, verbose=0)
        np.testing.assert_allclose(answer, model.predict(images, verbose=0), atol=1e-6)
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)
