"""What a registry serves: one plain Keras model, of one trained network or of several."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras

from objectives.ensembles.calibration import SMALLEST_SHARE
from objectives.ensembles.combining import TIE_SHARE, Combination
from objectives.ensembles.symmetries import TURNS, Symmetry, Turn
from objectives.networks.frozen_part import frozen_part
from objectives.networks.network import Network


@dataclass(frozen=True)
class TrainedNetwork:
    """A trained network in the two parts that are served."""

    trunk: keras.Model
    """From float pixels ``(batch, px, px, 3)`` of 0 to 255 to what the head reads."""
    head: keras.Model
    """To logits."""
    trunk_key: Hashable = None
    """Equal where the trunks are of one frozen backbone, so that one forward pass serves all of
    them; None for one that is like no other."""

    @classmethod
    def of(cls, network: Network, trunk_key: Hashable = None) -> "TrainedNetwork":
        """Take a trial's network apart; it shares its layers with the whole."""
        trunk = frozen_part(network.backbone, network.features, None)
        return cls(trunk, network.head, trunk_key)

    @property
    def width(self) -> int:
        """How many numbers of an image the head reads."""
        return int(self.head.input_shape[-1])


@dataclass(frozen=True)
class ServedMember:
    """A network as a part of what is served."""

    network: TrainedNetwork
    weight: float = 1.0
    """The weights of all members sum to 1."""
    temperature: float = 1.0
    symmetry: Symmetry = "none"
    """What it averages over."""

    def alone(self) -> "ServedMember":
        """Give it as it would be served by itself, one look at an image."""
        return replace(self, weight=1.0, symmetry="none")

    def untempered(self) -> "ServedMember":
        """Give it as it was trained."""
        return replace(self, temperature=1.0)


def servable_model(
    members: Sequence[ServedMember],
    image_px: int,
    *,
    combination: Combination = "average",
    temperature: float = 1.0,
) -> keras.Model:
    """Put trained networks together, with the resize of the data loader before them.

    Args:
        members: One or more.
        image_px: The size that they were trained at.
        combination: How several become one answer.
        temperature: Of what they say together.

    Returns:
        A plain Keras model from uint8 images ``(batch, height, width, 3)`` of any size to softmax
        probabilities ``(batch, classes)``.
    """
    images = keras.Input((None, None, 3), dtype="uint8", name="images")
    pixels = _as_loaded(images, image_px)
    passes = _Passes(pixels, [member.network for member in members])
    logits = [
        _tempered(_asked(member.network.head, f"head_{place}", passes.read_by(member)), member)
        for place, member in enumerate(members)
    ]
    together = logits[0]
    if len(members) > 1:
        together = _combined(logits, [member.weight for member in members], combination)
    answer = keras.layers.Softmax(dtype="float32", name="probabilities")(together / temperature)
    return keras.Model(images, answer, name="classifier")


def _as_loaded(images: Any, image_px: int) -> Any:
    pixels = keras.ops.cast(images, "float32")
    resized = keras.layers.Resizing(
        image_px, image_px, interpolation="bilinear", antialias=True, dtype="float32"
    )(pixels)
    # The loader keeps whole grey levels.
    return keras.ops.clip(keras.ops.round(resized), 0.0, 255.0)


class _Passes:
    """The forward passes of one model, each frozen backbone and symmetry once."""

    def __init__(self, pixels: Any, networks: Sequence[TrainedNetwork]) -> None:
        self._pixels = pixels
        self._shown: dict[Symmetry, Any] = {"none": pixels}
        self._features: dict[tuple[Hashable, Symmetry], Any] = {}
        self._trunks: dict[Hashable, keras.Model] = {}
        for network in sorted(networks, key=lambda network: network.width):
            self._trunks[_key(network)] = network.trunk

    def read_by(self, member: ServedMember) -> Any:
        """Give what a member's head reads, ``(turns * batch, width)``, turn after turn."""
        key = _key(member.network), member.symmetry
        if key not in self._features:
            name = f"trunk_{len(self._features)}"
            self._features[key] = _asked(self._trunks[key[0]], name, self._images(member.symmetry))
        features, width = self._features[key], member.network.width
        # The average of the last map stands at the end of all that is read of a backbone.
        return features if features.shape[-1] == width else features[:, -width:]

    def _images(self, symmetry: Symmetry) -> Any:
        if symmetry not in self._shown:
            turned = [_turned(self._pixels, turn) for turn in TURNS[symmetry]]
            self._shown[symmetry] = keras.ops.concatenate(turned, axis=0)
        return self._shown[symmetry]


def _key(network: TrainedNetwork) -> Hashable:
    return network.trunk_key or id(network.trunk)


def _asked(model: keras.Model, name: str, inputs: Any) -> Any:
    """Ask the same model, under a name that no other part of what is served has.

    Never as in training, however the whole is called: Keras' Resizing takes every call for one of
    training that does not say otherwise, and passes that on to what comes after it.
    """
    return keras.Model(model.input, model.output, name=name)(inputs, training=False)


def _turned(pixels: Any, turn: Turn) -> Any:
    shown = keras.ops.transpose(pixels, (0, 2, 1, 3)) if turn.transpose else pixels
    shown = keras.ops.flip(shown, axis=1) if turn.vertical else shown
    return keras.ops.flip(shown, axis=2) if turn.horizontal else shown


def _tempered(logits: Any, member: ServedMember) -> Any:
    """Average over the turns, and divide by the member's temperature."""
    n_turns = len(TURNS[member.symmetry])
    if n_turns > 1:
        by_turn = keras.ops.reshape(_softmax(logits), (n_turns, -1, logits.shape[-1]))
        logits = _log(keras.ops.mean(by_turn, axis=0))
    return logits / member.temperature


def _combined(logits: Sequence[Any], weights: Sequence[float], combination: Combination) -> Any:
    """Give logits of the average or of the shares of votes, as ``combining.combine`` does."""
    heard = [_softmax(member) for member in logits]
    if combination == "majority":
        heard = [_vote(probabilities) for probabilities in heard]
    return _log(sum(weight * voice for weight, voice in zip(weights, heard, strict=True)))


def _vote(probabilities: Any) -> Any:
    # The same as argmax, which Keras makes of an operation that TensorFlow Lite does not have.
    likeliest = keras.ops.top_k(probabilities, 1)[1][..., 0]
    vote = keras.ops.one_hot(likeliest, probabilities.shape[-1])
    return (vote + TIE_SHARE * probabilities) / (1 + TIE_SHARE)


def _softmax(logits: Any) -> Any:
    return keras.ops.softmax(logits, axis=-1)


def _log(probabilities: Any) -> Any:
    return keras.ops.log(keras.ops.maximum(probabilities, SMALLEST_SHARE))
