"""The heads of a trial as a file: fine-tuning goes on from them, maybe days later.

They are those behind its out-of-fold predictions: each fold's at the epoch that the others chose.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from objectives.data.archive import opened_archive
from objectives.records import FloatArray
from objectives.training.standardising import MOST_DEVIATIONS
from spaces.files import replacing

NAME = "fold_heads.npz"
Heads = dict[int, list[np.ndarray]]


def write_heads(heads: Mapping[int, Sequence[np.ndarray]], folder: Path) -> Path:
    """Write the weights of each fold's head, as ``FOLD/PLACE``; gives the file.

    Raises:
        DiskFullError: If the disk is full.
    """
    arrays = {
        f"{fold}/{place}": np.asarray(weights, np.float32)
        for fold, head in heads.items()
        for place, weights in enumerate(head)
    }
    with replacing(folder / NAME) as file:
        np.savez(file, allow_pickle=False, **arrays)
    return folder / NAME


def read_heads(folder: Path) -> Heads | None:
    """Read what :func:`write_heads` wrote; None if the folder does not have it.

    Raises:
        InputError: If the file is damaged.
    """
    if not (folder / NAME).is_file():
        return None
    heads: Heads = {}
    with opened_archive(folder / NAME) as stored:
        for name in sorted(stored.names, key=lambda name: [int(n) for n in name.split("/")]):
            heads.setdefault(int(name.partition("/")[0]), []).append(stored.read(name))
    return heads


def predict_with_head(
    head: Sequence[np.ndarray], features: FloatArray, *, is_standardised: bool
) -> FloatArray:
    """Give the probabilities of features ``(rows, width)``.

    Args:
        head: Of one fold.
        features: As the frozen backbone gives them.
        is_standardised: Whether the head's first two arrays are a scale and an offset.
    """
    hidden, layers = features, list(head)
    if is_standardised:
        moved = hidden * layers.pop(0) + layers.pop(0)
        hidden = moved.clip(-MOST_DEVIATIONS, MOST_DEVIATIONS)
    if len(layers) == 4:
        hidden = np.maximum(hidden @ layers.pop(0) + layers.pop(0), 0.0)
    logits = hidden @ layers[0] + layers[1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)
