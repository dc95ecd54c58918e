"""A trial's network in Keras: scaling, backbone, pooling, head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import keras
import numpy as np

from objectives.networks.backbones import build_backbone
from objectives.networks.frozen_part import frozen_part, trained_part
from objectives.training.standardising import MOST_DEVIATIONS
from spaces.params import FeaturesName, TrialParams


@dataclass(frozen=True)
class Network:
    """``model`` maps float pixels of 0 to 255 to logits; the other parts are parts of it."""

    model: keras.Model
    body: keras.Model
    """From what ``model`` reads to what its classifier reads: in between, training drops out."""
    backbone: keras.Model
    """From pixels to the last feature map; its layers are those of ``model``."""
    features: FeaturesName
    hidden: keras.Model
    """From features, ``(batch, width)``, to what the classifier reads."""
    head: keras.Model
    """From features to logits."""
    head_layers: tuple[keras.layers.Layer, ...]
    """What standardises deep features, the dense layer, if there is one, then the classifier: as in
    a head's weights, two arrays each."""

    @property
    def classifier(self) -> keras.layers.Layer:
        """The last layer."""
        return self.head_layers[-1]

    def set_head(self, weights: Sequence[np.ndarray]) -> None:
        """Put the weights of one fused head into the network."""
        for layer, start in zip(self.head_layers, range(0, len(weights), 2), strict=True):
            layer.set_weights(list(weights[start : start + 2]))

    def above(self, cut: int) -> "Network":
        """Give the part after an operation of the backbone; it shares its layers with the whole.

        Args:
            cut: Position in ``backbone.operations``; see :func:`objectives.networks.cuts.find_cut`.
        """
        top = trained_part(self.backbone, self.features, cut)
        inputs = keras.Input(top.input_shape[1:])
        features = top(inputs)
        return replace(
            self,
            model=keras.Model(inputs, self.head(features)),
            body=keras.Model(inputs, self.hidden(features)),
        )


def build_network(params: TrialParams, *, image_px: int, n_classes: int, seed: int) -> Network:
    """Build the network of a trial; the same seed gives the same first weights.

    Args:
        params: The trial's parameters.
        image_px: Edge of the square input in pixels.
        n_classes: Number of classes.
        seed: Of the random weights.

    Returns:
        The network, every layer of its backbone trainable.
    """
    keras.utils.set_random_seed(seed % 2**32)
    backbone = build_backbone(params.backbone, params.weights, image_px)
    whole = frozen_part(backbone, params.features, None)
    hidden, head, layers = _head(params, whole.output_shape[1], n_classes)
    inputs = keras.Input((image_px, image_px, 3))
    features = whole(inputs)
    model = keras.Model(inputs, head(features), name=f"{backbone.name}_classifier")
    body = keras.Model(inputs, hidden(features))
    return Network(model, body, backbone, params.features, hidden, head, layers)


def _head(
    params: TrialParams, width: int, n_classes: int
) -> tuple[keras.Model, keras.Model, tuple[keras.layers.Layer, ...]]:
    """Build the head, to what the classifier reads and whole; dropout is the training step's."""
    inputs = keras.Input((width,), dtype="float32")
    layers: list[keras.layers.Layer] = []
    x = inputs
    if params.features == "deep":
        layers.append(_standardise(width))
        x = keras.ops.clip(layers[-1](x), -MOST_DEVIATIONS, MOST_DEVIATIONS)
    if params.dense_units:
        layers.append(keras.layers.Dense(params.dense_units, activation="relu"))
        x = layers[-1](x)
    # Logits in float32 also where the backbone computes in float16.
    layers.append(keras.layers.Dense(n_classes, dtype="float32", name="classifier"))
    logits = layers[-1](x)
    return keras.Model(inputs, x), keras.Model(inputs, logits, name="head"), tuple(layers)


def _standardise(width: int) -> keras.layers.Layer:
    """Scale and move each number; set, never trained: see ``objectives.training.standardising``."""
    return keras.layers.EinsumDense(
        "bd,d->bd",
        output_shape=width,
        bias_axes="d",
        kernel_initializer="ones",
        trainable=False,
        dtype="float32",
        name="standardise",
    )


def freeze_below(backbone: keras.Model, fraction: float) -> None:
    """Leave the top ``fraction`` of the backbone's layers trainable, and batch norm in inference.

    Args:
        backbone: Of the network to fine-tune.
        fraction: 0 to 1, of the layers that have weights, batch normalisation not counted.
    """
    weighted = [
        layer
        for layer in _leaf_layers(backbone)
        if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)
    ]
    n_trained = round(fraction * len(weighted))
    trained = {id(layer) for layer in weighted[len(weighted) - n_trained :]}
    for layer in _leaf_layers(backbone):
        # A Keras layer that is not trainable runs its batch normalisation in inference mode.
        layer.trainable = id(layer) in trained


def _leaf_layers(model: keras.Model) -> list[keras.layers.Layer]:
    leaves: list[keras.layers.Layer] = []
    for layer in model.layers:
        leaves.extend(_leaf_layers(layer) if hasattr(layer, "layers") else [layer])
    return leaves
