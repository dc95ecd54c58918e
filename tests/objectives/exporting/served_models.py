"""Models as a registry serves them, of untrained networks with strong opinions."""

from pathlib import Path

import keras
import numpy as np

from bench.cells import CELLS
from bench.weights import choose_weights
from objectives.ensembles.combining import Combination
from objectives.networks.network import build_network
from objectives.networks.serving import ServedMember, TrainedNetwork, servable_model
from objectives.networks.taps import pool
from objectives.records import ImageArray
from spaces.params import TrialParams
from tests.objectives.augmentation.real_pictures import crops
from tests.objectives.tiny_backbone import tiny_backbone

PX = 24
CLASSES = ("null", "eins", "zwei")
N_IMAGES = 200
MOBILENET = "mobilenet_0.5"


def tiny_ensemble(combination: Combination = "average") -> keras.Model:
    """Three members on two trunks, over all flips and turns: every operation that is served."""
    members = [
        ServedMember(_tiny_network(0, "shared"), 0.5, 1.3, "square"),
        ServedMember(_tiny_network(1, "shared"), 0.3, 0.8, "square"),
        ServedMember(_tiny_network(2, "own"), 0.2),
    ]
    return servable_model(members, PX, combination=combination, temperature=0.9)


def tiny_single() -> keras.Model:
    return servable_model([ServedMember(_tiny_network(0, "shared"))], PX)


def _tiny_network(seed: int, key: str) -> TrainedNetwork:
    backbone = tiny_backbone(PX)
    features = keras.Input((backbone.output_shape[-1],))
    kernel = keras.initializers.RandomNormal(stddev=3.0, seed=seed)
    logits = keras.layers.Dense(len(CLASSES), kernel_initializer=kernel)(features)
    trunk = keras.Model(backbone.input, pool(backbone.output))
    return TrainedNetwork(trunk, keras.Model(features, logits), key)


def mobilenet_ensemble(image_px: int, n_classes: int, folder: Path) -> keras.Model:
    """Two heads on a MobileNet, one of them on its inner layers too, over flips."""
    weights = choose_weights([MOBILENET], image_px, folder)[MOBILENET]
    networks = []
    for seed, features in enumerate(("last", "deep")):
        params = TrialParams(backbone=MOBILENET, weights=weights, features=features)
        network = build_network(params, image_px=image_px, n_classes=n_classes, seed=seed)
        for variable in network.head.trainable_variables:
            variable.assign(10 * variable)
        networks.append(TrainedNetwork.of(network, MOBILENET))
    members = [ServedMember(network, 0.5, 1.0, "flips") for network in networks]
    return servable_model(members, image_px)


def real_images(image_px: int) -> ImageArray:
    """200 blood cells where they are, otherwise as many pieces of photographs."""
    if not CELLS.is_file():
        return crops(N_IMAGES, image_px)
    with np.load(CELLS) as arrays:
        images = arrays["images"]
    rows = np.linspace(0, len(images) - 1, N_IMAGES).astype(int)
    return np.ascontiguousarray(images[rows])
