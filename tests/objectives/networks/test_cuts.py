"""The cut below a fine-tuned part: everything passes through it, and it is the last such place."""

from typing import Any

import keras
import numpy as np
import pytest

from objectives.networks.backbones import build_backbone
from objectives.networks.cuts import find_cut
from objectives.networks.extractors import FeatureExtractor
from objectives.networks.frozen_part import frozen_part
from objectives.networks.network import build_network, freeze_below
from spaces.params import FeaturesName, TrialParams

PX = 32


def _images(n_images: int) -> np.ndarray:
    shape = (n_images, PX, PX, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.mark.slow
@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("features", ["last", "deep"])
@pytest.mark.parametrize("backbone", ["mobilenet_v2_0.35", "mobilenet_0.25"])
def test_both_sides_of_the_cut_together_are_the_network(
    backbone: str, features: FeaturesName, fraction: float
) -> None:
    params = TrialParams(backbone=backbone, weights="none", features=features, dense_units=8)
    network = build_network(params, image_px=PX, n_classes=3, seed=0)
    freeze_below(network.backbone, fraction)
    cut = find_cut(network.backbone)
    assert cut is not None
    below = frozen_part(network.backbone, features, cut)
    above = network.above(cut).model
    assert not below.trainable_variables
    trained = {id(variable) for variable in network.model.trainable_variables}
    assert {id(variable) for variable in above.trainable_variables} == trained
    wanted = np.asarray(network.model(_images(5)))
    np.testing.assert_allclose(np.asarray(above(below(_images(5)))), wanted, rtol=1e-4, atol=1e-5)


def test_a_cut_never_lies_inside_a_residual_block() -> None:
    # Named by hand from Keras' MobileNetV2: block 14 and 11 end in an addition.
    backbone = build_backbone("mobilenet_v2_0.35", "none", 96)
    ends = {}
    for fraction in (0.1, 0.3):
        freeze_below(backbone, fraction)
        ends[fraction] = backbone.operations[find_cut(backbone) or 0].name
    assert ends == {0.1: "block_14_add", 0.3: "block_11_add"}


@pytest.mark.slow
def test_nothing_is_cut_where_everything_trains_or_only_scaling_is_frozen() -> None:
    for name in ("mobilenet_v2_0.35", "efficientnet_b0", "small_cnn"):
        backbone = build_backbone(name, "none", PX)
        freeze_below(backbone, 1.0)
        assert find_cut(backbone) is None


def test_a_map_that_is_much_larger_than_its_image_is_not_worth_storing() -> None:
    inputs = keras.Input((8, 8, 3))
    wide = keras.layers.Conv2D(200, 1)(inputs)
    narrow = keras.layers.Conv2D(4, 3, strides=2)(wide)
    model = keras.Model(inputs, keras.layers.Conv2D(4, 1)(narrow))
    model.trainable = False
    model.layers[2].trainable = True
    assert find_cut(model) is None
    model.layers[2].trainable, model.layers[3].trainable = False, True
    assert find_cut(model) == 2


def test_a_network_that_calls_a_layer_twice_is_not_cut() -> None:
    inputs = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same")
    last = keras.layers.Conv2D(4, 1)
    model = keras.Model(inputs, last(shared(shared(inputs))))
    shared.trainable = False
    assert find_cut(model) is None


def subclassed(image_px: int) -> keras.Model:
    def call(self: Any, pixels: Any) -> Any:
        return self.convolution(pixels)

    model = type("Subclassed", (keras.Model,), {"call": call})()
    model.convolution = keras.layers.Conv2D(4, 3)
    model.build((None, image_px, image_px, 3))
    return model


def sequential(image_px: int) -> keras.Model:
    return keras.Sequential([keras.Input((image_px, image_px, 3)), keras.layers.Conv2D(4, 3)])


@pytest.mark.parametrize("name", ["subclassed", "sequential"])
def test_a_backbone_that_is_no_graph_gives_features_and_is_not_cut(name: str) -> None:
    reference = f"tests.objectives.networks.test_cuts:{name}"
    images = _images(3).astype(np.uint8)
    assert FeatureExtractor(reference, "imagenet", PX, features="deep").extract(images).shape == (
        3,
        4,
    )
    params = TrialParams(backbone=reference, weights="imagenet", finetune_fraction=0.5)
    network = build_network(params, image_px=PX, n_classes=3, seed=0)
    assert find_cut(network.backbone) is None
    assert network.model(_images(3)).shape == (3, 3)
