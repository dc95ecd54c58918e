"""One backbone of each family is built; preprocessing and file names are Keras' own."""

from pathlib import Path

import keras
import numpy as np
import pytest

from objectives.networks.backbone_checks import check_backbones
from objectives.networks.backbones import build_backbone
from objectives.networks.network import build_network, freeze_below
from objectives.networks.serving import ServedMember, TrainedNetwork, servable_model
from objectives.networks.weights_files import keras_models_folder
from objectives.settings import TrainSettings, ValidationSettings
from spaces.backbones import BACKBONES
from spaces.default_space import SPACES
from spaces.errors import InputError
from spaces.narrowing import resolve_space
from spaces.params import TrialParams
from spaces.space import Space

SMALLEST_OF_FAMILY = {
    "small_cnn": "small_cnn",
    "mobilenet": "mobilenet_0.25",
    "mobilenet_v2": "mobilenet_v2_0.35",
    "mobilenet_v3": "mobilenet_v3_small",
    "efficientnet": "efficientnet_b0",
    "efficientnet_v2": "efficientnet_v2_b0",
    "convnext": "convnext_tiny",
    "resnet": "resnet50",
    "resnet_v2": "resnet50_v2",
    "densenet": "densenet121",
    "vgg": "vgg16",
    "inception": "inception_v3",
    "xception": "xception",
    "nasnet": "nasnet_mobile",
}
IN_A_SPACE = {
    BACKBONES[str(choice)].family
    for space in SPACES.values()
    for dimension in space.dimensions
    if dimension.name == "backbone"
    for choice in dimension.choices
}
FAMILIES = [
    # Those that no space has by itself take as long again.
    pytest.param(family, marks=() if family in IN_A_SPACE else pytest.mark.acceptance)
    for family in SMALLEST_OF_FAMILY
]
WITH_WEIGHTS = [family for family in FAMILIES if family.values != ("small_cnn",)]
KERAS_MODULE_OF_FAMILY = {"vgg": "vgg16", "inception": "inception_v3"}


def test_the_table_has_every_network_of_keras_applications() -> None:
    functions = {
        name
        for name in dir(keras.applications)
        if name[0].isupper() and callable(getattr(keras.applications, name))
    }
    assert {backbone.function for backbone in BACKBONES.values()} - {""} == functions


def test_every_family_is_tested() -> None:
    assert SMALLEST_OF_FAMILY.keys() == {backbone.family for backbone in BACKBONES.values()}


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_backbone_of_each_family_builds_at_its_smallest_size(family: str) -> None:
    name = SMALLEST_OF_FAMILY[family]
    min_px = BACKBONES[name].min_px
    model = build_backbone(name, "none", min_px)
    pixels = np.random.default_rng(0).integers(0, 256, (1, min_px, min_px, 3)).astype("float32")
    feature_map = np.asarray(model(pixels))
    assert feature_map.ndim == 4
    assert np.isfinite(feature_map).all()
    keras.backend.clear_session()


@pytest.mark.parametrize(
    "family", sorted(SMALLEST_OF_FAMILY.keys() - {"small_cnn", "convnext", "efficientnet"})
)
def test_pixels_are_scaled_as_keras_preprocesses_them(family: str) -> None:
    backbone = BACKBONES[SMALLEST_OF_FAMILY[family]]
    px = backbone.min_px
    pixels = np.random.default_rng(0).integers(0, 256, (1, px, px, 3)).astype("float32")
    module = getattr(keras.applications, KERAS_MODULE_OF_FAMILY.get(family, family))
    wanted = module.preprocess_input(pixels.copy())
    inputs = keras.Input((px, px, 3))
    from objectives.networks.backbones import _scale

    scaled = np.asarray(keras.Model(inputs, _scale(inputs * 1.0, backbone.scaling))(pixels))
    np.testing.assert_allclose(scaled, wanted, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("family", WITH_WEIGHTS)
def test_the_table_names_the_files_that_keras_looks_for(
    family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    class AskedForError(Exception):
        pass

    def get_file(fname: str, *_: object, **__: object) -> str:
        asked.append(fname)
        raise AskedForError(fname)

    from keras.src.utils import file_utils

    monkeypatch.setattr(file_utils, "get_file", get_file)
    backbone = BACKBONES[SMALLEST_OF_FAMILY[family]]
    px = max(96, backbone.min_px)
    with pytest.raises(AskedForError):
        getattr(keras.applications, backbone.function)(
            include_top=False, weights="imagenet", input_shape=(px, px, 3), **backbone.options
        )
    assert asked == [backbone.weights_file_for(px)]
    keras.backend.clear_session()


def _check(space: Space, image_px: int) -> None:
    check_backbones(space, image_px, train=TrainSettings(), validation=ValidationSettings())


def test_too_small_images_are_refused_at_launch() -> None:
    space = resolve_space({"base": "small", "backbone": "xception", "weights": "none"})
    with pytest.raises(InputError, match=r"at least 71 px, got data\.image_px = 32"):
        _check(space, 32)


def test_missing_weights_name_the_file_and_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    space = resolve_space({"base": "small", "backbone": "mobilenet_v2_0.35"})

    def no_network(*_: object, **__: object) -> None:
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "MobileNetV2", no_network)
    with pytest.raises(InputError) as caught:
        _check(space, 96)
    message = str(caught.value)
    assert "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5" in message
    assert str(keras_models_folder()) in message
    assert "leave this backbone out of the space" in message


def test_an_unknown_backbone_is_refused_with_the_nearest_one() -> None:
    space = resolve_space({"base": "small", "backbone": "resnet5"})
    with pytest.raises(InputError, match="Did you mean 'resnet50'"):
        _check(space, 96)


def test_half_a_backbone_is_frozen_and_batch_norm_stays_in_inference() -> None:
    params = TrialParams(backbone="mobilenet_0.25", weights="none")
    network = build_network(params, image_px=32, n_classes=3, seed=0)
    whole = len(network.model.trainable_variables)
    freeze_below(network.backbone, 0.5)
    half = len(network.model.trainable_variables)
    freeze_below(network.backbone, 0.0)
    nothing = len(network.model.trainable_variables)
    assert nothing == 2 < half < whole
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    freeze_below(network.backbone, 1.0)
    np.testing.assert_array_equal(
        network.backbone(pixels, training=True), network.backbone(pixels, training=False)
    )


def test_the_served_model_takes_raw_images_of_any_size() -> None:
    params = TrialParams(backbone="small_cnn", dense_units=4)
    network = build_network(params, image_px=32, n_classes=3, seed=0)
    model = servable_model([ServedMember(TrainedNetwork.of(network))], 32)
    for shape in ((2, 32, 32, 3), (1, 100, 60, 3)):
        images = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
        probabilities = np.asarray(model(images))
        assert probabilities.shape == (shape[0], 3)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-5)
