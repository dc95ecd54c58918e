"""What a picture and a data set are, by content alone."""

import hashlib
from collections.abc import Sequence

import numpy as np

from objectives.records import ImageArray, LabelArray

UNREADABLE = ""
"""Stands where the content hash of a picture that cannot be decoded would be."""


def hash_content(image: ImageArray) -> str:
    """Return the SHA-256 of a picture's size and 8-bit RGB pixels, as hexadecimal text."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def fingerprint(
    content_hashes: Sequence[str], labels: LabelArray, class_names: Sequence[str]
) -> str:
    """Return the SHA-256 of contents, labels and class names in the order of the rows.

    The order counts because folds and exclusion lists name rows by number.
    """
    digest = hashlib.sha256(repr(tuple(class_names)).encode())
    for content, label in zip(content_hashes, labels.tolist(), strict=True):
        digest.update(f"\n{content} {label}".encode())
    return digest.hexdigest()
