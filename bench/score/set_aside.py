"""The fifth of the images that nothing sees until the end, and the list of all who opened it.

A group of copies is set aside by its content: if the salted SHA-256 of its smallest content hash is
below the share. So every run sets the same images aside, whatever its seed, and however often they
were looked at, on whichever day, can be counted.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.cells import Cells
from objectives.audit import audit
from objectives.data import load_source
from objectives.data.content import fingerprint, hash_content
from objectives.records import ImageArray, LabelArray, LabelledImages, RowArray

_SALT = b"foldsweep time to score 1\n"
LOOKS = Path(__file__).with_name("looks.jsonl")
"""One line for each time that real images set aside were opened; under version control."""


@dataclass(frozen=True)
class Divided:
    """Two data sets without a group in common."""

    train: Path
    aside: Path


@dataclass(frozen=True)
class SetAside:
    """The images that decide, opened."""

    images: ImageArray
    labels: LabelArray
    groups: RowArray
    n_classes: int

    @classmethod
    def open(cls, path: Path) -> "SetAside":
        """Read them."""
        with np.load(path) as arrays:
            n_classes = int(arrays["n_classes"])
            return cls(arrays["images"], arrays["labels"], arrays["groups"], n_classes)

    def as_data(self) -> LabelledImages:
        """Give them as the views take them."""
        names = tuple(map(str, range(self.n_classes)))
        hashes = tuple(map(hash_content, self.images))
        return LabelledImages(
            self.images, self.labels, names, hashes, fingerprint(hashes, self.labels, names)
        )


def divide(cells: Cells, share: float, folder: Path) -> Divided:
    """Write the images in two parts.

    Args:
        cells: All images, their junk left out.
        share: Of the groups of copies to set aside.
        folder: Where both files go.
    """
    groups = audit(load_source(cells.save(folder / "all.npz"))).groups
    aside = choose_aside([hash_content(image) for image in cells.images], groups, share)
    rest = Cells(cells.images[~aside], cells.labels[~aside], cells.origin)
    path = folder / "aside.npz"
    np.savez(
        path,
        images=cells.images[aside],
        labels=cells.labels[aside],
        groups=groups[aside],
        n_classes=cells.labels.max() + 1,
    )
    return Divided(rest.save(folder / "train.npz"), path)


def choose_aside(
    content_hashes: Sequence[str], groups: RowArray, share: float
) -> npt.NDArray[np.bool_]:
    """Say which rows are set aside, shape ``(rows,)``, from contents and groups alone."""
    smallest: dict[int, str] = {}
    for group, content in zip(groups.tolist(), content_hashes, strict=True):
        smallest[group] = min(content, smallest.get(group, content))
    return np.array([_draw_number(smallest[group]) < share for group in groups.tolist()])


def note_look(path: Path, aside: SetAside, look: Mapping[str, Any]) -> int:
    """Write down that the images were opened.

    Args:
        path: The list.
        aside: What was opened.
        look: Who looked, when, and at how many models.

    Returns:
        How often these images have been opened, this time included.
    """
    content = aside.as_data().fingerprint
    with path.open("a") as file:
        file.write(json.dumps({"content": content, **look}) + "\n")
    return count_looks(path, aside)


def count_looks(path: Path, aside: SetAside) -> int:
    """Count how often these images have been opened, by the list of :func:`note_look`."""
    content = aside.as_data().fingerprint
    lines = map(json.loads, path.read_text().splitlines())
    return sum(line["content"] == content for line in lines)


def _draw_number(content_hash: str) -> float:
    digest = hashlib.sha256(_SALT + content_hash.encode()).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
