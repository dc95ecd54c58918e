"""What a head reads of a backbone: the last feature map alone, or all inner activations as well.

The averages of inner layers come from the same forward pass as the last map's, and a head on all of
them comes near fine-tuning (Evci et al. 2022, Head2Toe, arXiv:2201.03529). Where a backbone is
tapped follows from its graph alone, so that every family and a user's own backbone has taps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras

from objectives.networks.cuts import narrow_places
from objectives.settings import MOST_FEATURES
from spaces.params import FeaturesName

TAPS_VERSION = 1
"""Of the rules by which taps are chosen."""


@dataclass(frozen=True)
class Tap:
    """A tensor of a backbone whose average over places is read."""

    place: int
    """Of the operation that makes it, in ``backbone.operations``."""
    tensor: Any

    @property
    def width(self) -> int:
        """Numbers of one image."""
        return int(self.tensor.shape[-1])


def find_taps(backbone: keras.Model, features: FeaturesName) -> tuple[Tap, ...]:
    """Choose what is read of a backbone, in the order of its operations, the last map last.

    ``last`` is its output alone. ``deep`` are, besides, the maps that its layers with kernels read
    (what is before a convolution is activated, normalised or added up), but for those that come
    from a depthwise convolution, whose input has the same channels and is read already. A map with
    fewer places than the last one, as inside of a squeeze-and-excitation block, is none of them.

    Above ``MOST_FEATURES`` numbers taps are left out: the output stays, then come the last map of
    each resolution, then those through which everything passes (the ends of blocks), then the
    others. Of the first kind that does not fit as a whole every second is taken, or every third
    and so on, counted from the top, and of the kinds after it none.

    Args:
        backbone: From pixels ``(batch, px, px, 3)`` to a feature map, or to vectors.
        features: ``last`` or ``deep``.
    """
    operations = backbone.operations
    places = {id(t): p for p, op in enumerate(operations) for t in _outputs(op)}
    last = Tap(places.get(id(backbone.output), len(operations) - 1), backbone.output)
    if features == "last" or len(backbone.output.shape) != 4:
        return (last,)
    inner = [Tap(places[key], t) for key, t in _read_by_kernels(backbone, places).items()]
    inner = [tap for tap in inner if tap.place < last.place]
    return (*_capped(inner, narrow_places(backbone), MOST_FEATURES - last.width), last)


def pooled(taps: Sequence[Tap]) -> list[Any]:
    """Average each tap over its places, float32, shape ``(batch, width)``."""
    return [pool(tap.tensor) for tap in taps]


def pool(feature_map: Any) -> Any:
    """Average a feature map ``(batch, h, w, channels)`` over its places; vectors stay vectors."""
    if len(feature_map.shape) == 2:
        return keras.layers.Activation("linear", dtype="float32")(feature_map)
    return keras.layers.GlobalAveragePooling2D(dtype="float32")(feature_map)


def joined(parts: Sequence[Any]) -> Any:
    """Put vectors ``(batch, width)`` beside each other."""
    return parts[0] if len(parts) == 1 else keras.layers.Concatenate(dtype="float32")(parts)


def _outputs(operation: keras.Operation) -> list[Any]:
    outputs: list[Any] = keras.tree.flatten(operation.output)
    return outputs


def _read_by_kernels(backbone: keras.Model, places: dict[int, int]) -> dict[int, Any]:
    """Find the maps that layers with kernels read, in the order in which they are made."""
    origins = _depthwise_origins(backbone)
    fewest = _n_places(backbone.output)
    found = {
        id(tensor): tensor
        for operation in backbone.operations
        if _has_kernel(operation)
        for tensor in keras.tree.flatten(operation.input)
        if _is_map(tensor) and _n_places(tensor) >= fewest
        if id(tensor) in origins and not origins[id(tensor)]
    }
    return dict(sorted(found.items(), key=lambda item: places[item[0]]))


def _depthwise_origins(backbone: keras.Model) -> dict[int, bool]:
    """Say of each tensor that comes from a layer with a kernel whether one of these is depthwise.

    Tensors that come from none, such as scaled pixels, are left out.
    """
    origins: dict[int, bool] = {}
    for operation in backbone.operations:
        if _has_kernel(operation):
            depthwise = isinstance(operation, keras.layers.DepthwiseConv2D)
            origins.update({id(tensor): depthwise for tensor in _outputs(operation)})
            continue
        known = [origins[id(t)] for t in keras.tree.flatten(operation.input) if id(t) in origins]
        if known:
            origins.update({id(tensor): any(known) for tensor in _outputs(operation)})
    return origins


def _has_kernel(operation: keras.Operation) -> bool:
    """Say whether a layer mixes what it reads: normalisation and scaling have no kernel."""
    variables = getattr(operation, "variables", ())
    return any(len(variable.shape) >= 2 for variable in variables)


def _is_map(tensor: Any) -> bool:
    return len(tensor.shape) == 4 and None not in tensor.shape[1:]


def _n_places(tensor: Any) -> int:
    return math.prod(tensor.shape[1:3])


def _capped(inner: Sequence[Tap], narrow: Sequence[int], room: int) -> list[Tap]:
    ends = {_n_places(tap.tensor): tap for tap in inner}.values()
    passed = [tap for tap in inner if tap.place in set(narrow)]
    chosen: dict[int, Tap] = {}
    for kind in (ends, passed, inner):
        new = [tap for tap in kind if tap.place not in chosen]
        taken = _as_many_as_fit(new, room)
        chosen.update({tap.place: tap for tap in taken})
        room -= sum(tap.width for tap in taken)
        if len(taken) < len(new):
            break
    return [chosen[place] for place in sorted(chosen)]


def _as_many_as_fit(taps: Sequence[Tap], room: int) -> list[Tap]:
    for stride in range(1, len(taps) + 1):
        taken = list(taps[::-1][::stride])
        if sum(tap.width for tap in taken) <= room:
            return taken
    return []
