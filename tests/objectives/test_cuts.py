"""The cut below a fine-tuned part: everything passes through it, and it is the last such place."""

import keras
import numpy as np
import pytest

from objectives.networks.backbones import build_backbone
from objectives.networks.cuts import find_cut
from objectives.networks.network import build_network, freeze_below
from spaces.params import TrialParams

PX = 32


def _images(n_images: int) -> np.ndarray:
    shape = (n_images, PX, PX, 3)
    return np.random.default_rng(0).integers(0, 256, shape).astype("float32")


@pytest.mark.parametrize("fraction", [0.1, 0.3, 0.6])
@pytest.mark.parametrize("backbone", ["mobilenet_v2_0.35", "mobilenet_0.25"])
def test_both_sides_of_the_cut_together_are_the_network(backbone: str, fraction: float) -> None:
    params = TrialParams(backbone=backbone, weights="none", dense_units=8, dropout=0.0)
    network = build_network(params, image_px=PX, n_classes=3, seed=0)
    freeze_below(network.backbone, fraction)
    cut = find_cut(network.backbone)
    assert cut is not None
    below = keras.Model(network.backbone.input, network.backbone.operations[cut].output)
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
