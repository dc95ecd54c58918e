"""What an image is known by from one sweep to the next: 64 bits of its content."""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from objectives.data.content import UNREADABLE
from objectives.records import LabelledImages, RowArray, Splits
from search.storage.promotions import ContentIds


def content_ids(content_hashes: Sequence[str]) -> ContentIds:
    """Shorten content hashes to 64 bits each."""
    digests = [sha256(content.encode()).digest()[:8] for content in content_hashes]
    return np.frombuffer(b"".join(digests), dtype=">u8").astype(np.uint64)


def kin_ids(data: LabelledImages, splits: Splits, rows: RowArray) -> ContentIds:
    """Give the ids, ascending, of some images and of all that are of one group with them.

    Those that cannot be decoded have no content, so they are left out.
    """
    hashes = [data.content_hashes[row] for row in splits.kin(rows).tolist()]
    return np.unique(content_ids([content for content in hashes if content != UNREADABLE]))
