"""Where the frozen part of a backbone ends: all that lies before is computed once for all folds."""

import math

import keras

LARGEST_MAP_RATIO = 4
"""Bytes of a stored map per byte of its image; above it, reading costs more than it saves."""
BYTES_PER_NUMBER = 2


def find_cut(backbone: keras.Model) -> int | None:
    """Find the last place before the trained layers through which everything passes.

    Args:
        backbone: Its trained layers trainable, the others not; from pixels
            ``(batch, px, px, 3)`` to a feature map.

    Returns:
        The operation after which to cut, as its position in ``backbone.operations``; None if
        there is no such place, if nothing but scaling lies before it, or if its map is too large
        to be worth storing.
    """
    operations = backbone.operations
    trained = next((p for p, op in enumerate(operations) if _is_trained(op)), 0)
    narrow = [place for place in narrow_places(backbone) if place < trained]
    if not narrow or not any(_computes(op) for op in operations[: narrow[-1] + 1]):
        return None
    map_bytes = BYTES_PER_NUMBER * math.prod(operations[narrow[-1]].output.shape[1:])
    image_bytes = math.prod(backbone.input_shape[1:])
    return narrow[-1] if map_bytes <= LARGEST_MAP_RATIO * image_bytes else None


def _is_trained(operation: keras.Operation) -> bool:
    return bool(getattr(operation, "trainable_variables", ()))


def _computes(operation: keras.Operation) -> bool:
    scales = isinstance(operation, keras.layers.Normalization)
    return bool(getattr(operation, "variables", ())) and not scales


def narrow_places(backbone: keras.Model) -> list[int]:
    """List the operations after which nothing but their own output is still to be read."""
    operations = backbone.operations
    if _calls_a_layer_twice(backbone):
        return []
    last_read = {id(backbone.output): len(operations)}
    for place, operation in enumerate(operations):
        for tensor in keras.tree.flatten(operation.input):
            last_read[id(tensor)] = max(place, last_read.get(id(tensor), 0))
    waiting: set[int] = set()
    narrow = []
    for place, operation in enumerate(operations):
        outputs = [id(tensor) for tensor in keras.tree.flatten(operation.output)]
        waiting = {tensor for tensor in waiting | set(outputs) if last_read.get(tensor, 0) > place}
        if waiting == set(outputs):
            narrow.append(place)
    return narrow


def _calls_a_layer_twice(backbone: keras.Model) -> bool:
    """Say whether anything is read that no operation's own output is: that of a second call."""
    operations = backbone.operations
    made = {id(t) for op in operations for t in keras.tree.flatten(op.output)}
    read = {id(t) for op in operations for t in keras.tree.flatten(op.input)}
    return not read | {id(backbone.output)} <= made
