"""The heads behind a trial's out-of-fold predictions, as they are kept among its files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from objectives.data.archive import opened_archive
from objectives.records import FloatArray
from spaces.errors import InputError
from spaces.files import replacing

FILE_NAME = "fold_heads.npz"
Head = Sequence[FloatArray]
"""Scale and offset of deep features, if it reads these; then kernel and bias of each layer."""


def save_fold_heads(heads: Mapping[int, Head], folder: Path) -> Path:
    """Write the heads of all folds, each at the epoch that the other folds chose.

    Args:
        heads: By fold.
        folder: Among the trial's files.
    """
    arrays = {
        f"fold_{fold}_{place}": array.astype(np.float32)
        for fold, head in heads.items()
        for place, array in enumerate(head)
    }
    path = folder / FILE_NAME
    with replacing(path) as file:
        np.savez(file, allow_pickle=False, **arrays)
    return path


def read_fold_heads(path: Path, n_folds: int) -> tuple[Head, ...]:
    """Read the head of each fold.

    Raises:
        InputError: If the file is damaged, or not of so many folds.
    """
    with opened_archive(path) as archive:
        heads: list[list[FloatArray]] = [[] for _ in range(n_folds)]
        for fold, head in enumerate(heads):
            while (name := f"fold_{fold}_{len(head)}") in archive.names:
                head.append(archive.read(name).astype(np.float32))
    if not all(len(head) == len(heads[0]) >= 2 for head in heads):
        raise InputError(f"{path} does not hold the heads of {n_folds} folds")
    return tuple(tuple(head) for head in heads)


def predict_with_head(head: Head, features: FloatArray, *, is_standardised: bool) -> FloatArray:
    """Give the probabilities of features ``(rows, width)``.

    Args:
        head: Of one fold.
        features: As the frozen backbone gives them.
        is_standardised: Whether the head's first two arrays are a scale and an offset.
    """
    hidden, layers = features, list(head)
    if is_standardised:
        hidden = hidden * layers.pop(0) + layers.pop(0)
    if len(layers) == 4:
        hidden = np.maximum(hidden @ layers.pop(0) + layers.pop(0), 0.0)
    logits = hidden @ layers[0] + layers[1]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)
