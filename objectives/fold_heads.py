"""The heads of a trial as a file: fine-tuning goes on from them, maybe days later."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

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
    """Read what :func:`write_heads` wrote; None if the folder does not have it."""
    if not (folder / NAME).is_file():
        return None
    heads: Heads = {}
    with np.load(folder / NAME, allow_pickle=False) as stored:
        for name in sorted(stored.files, key=lambda name: [int(n) for n in name.split("/")]):
            heads.setdefault(int(name.partition("/")[0]), []).append(stored[name])
    return heads
