"""Build any backbone of the table, or the user's own, with its preprocessing inside."""

from pathlib import Path

import keras

from objectives.networks.batch_norm import follow_quickly
from objectives.networks.own_backbones import load_own
from objectives.networks.small_cnn import small_cnn
from objectives.networks.weights_files import find_weights
from spaces.backbones import Backbone, Scaling, find_backbone, is_own
from spaces.errors import InputError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
BGR_MEAN = (103.939, 116.779, 123.68)


def build_backbone(name: str, weights: str, image_px: int) -> keras.Model:
    """Build a network without its classifier.

    Args:
        name: A backbone of the table, or ``module:attribute``: a function that takes the image
            size in pixels and returns a Keras model with its own preprocessing.
        weights: ``imagenet``, ``none`` (random), ``own`` (as the user's own model comes) or the
            path of a weights file.
        image_px: Edge of the square input in pixels.

    Returns:
        A model from float pixels of 0 to 255, ``(batch, image_px, image_px, 3)``, to the last
        feature map.

    Raises:
        InputError: If the name is unknown, the image too small or the weights do not fit.
    """
    if is_own(name):
        return _own_backbone(name, weights, image_px)
    backbone = find_backbone(name)
    inputs = keras.Input((image_px, image_px, 3))
    network = _network(backbone, weights, _scale(inputs, backbone.scaling))
    if weights == "none":
        follow_quickly(network)
    return keras.Model(inputs, network.output, name=name)


def _own_backbone(name: str, weights: str, image_px: int) -> keras.Model:
    model = load_own(name, image_px)
    if not isinstance(model, keras.Model):
        raise InputError(
            f"backbone {name!r} is a function: its heads can be searched, but it can be neither "
            "fine-tuned nor exported, as it is no keras.Model."
        )
    if weights not in ("none", "imagenet", "own"):
        model.load_weights(weights)
    if hasattr(model, "operations"):
        return model
    # A Sequential or a subclass: as a graph of one operation it can be pooled, but not cut.
    inputs = keras.Input((image_px, image_px, 3))
    return keras.Model(inputs, model(inputs))


def _network(backbone: Backbone, weights: str, scaled: keras.KerasTensor) -> keras.Model:
    """Build on top of the scaled pixels, so that all layers lie in one model, none in another."""
    image_px = scaled.shape[1]
    if image_px < backbone.min_px:
        raise InputError(
            f"backbone {backbone.name!r} takes images of at least {backbone.min_px} px, "
            f"got data.image_px = {image_px}"
        )
    if backbone.name == "small_cnn":
        return _load(small_cnn(scaled), weights)
    function = getattr(keras.applications, backbone.function)
    path = find_weights(backbone, weights, image_px)
    try:
        return function(
            include_top=False,
            weights=None if path is None else str(path),
            input_tensor=scaled,
            input_shape=(image_px, image_px, 3),
            **backbone.options,
        )
    except (ValueError, OSError) as error:
        raise InputError(
            f"weights {weights!r} do not fit backbone {backbone.name!r}: {error}"
        ) from error


def _load(model: keras.Model, weights: str) -> keras.Model:
    if weights not in ("none", "imagenet"):
        if not Path(weights).is_file():
            raise InputError(f"weights: there is no file {weights!r}")
        model.load_weights(weights)
    return model


def _scale(pixels: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """Scale pixels as the network's authors did; plain Keras layers, so that any Keras loads it."""
    if scaling == "minus_one_to_one":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    if scaling == "bgr_mean":
        flipped = keras.ops.flip(pixels, axis=-1)
        return keras.layers.Rescaling(1.0, offset=[-mean for mean in BGR_MEAN])(flipped)
    if scaling == "imagenet_mean_std":
        return keras.layers.Rescaling(
            scale=[1 / (255 * std) for std in IMAGENET_STD],
            offset=[-mean / std for mean, std in zip(IMAGENET_MEAN, IMAGENET_STD, strict=True)],
        )(pixels)
    return pixels
