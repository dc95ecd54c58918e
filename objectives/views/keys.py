"""What a view is a pure function of."""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Literal

Purpose = Literal["train", "validate", "holdout"]


@dataclass(frozen=True)
class ViewKey:
    """Everything that decides a view's bytes; equal keys, equal views, whoever makes them.

    ``policy`` is one path in which every operation carries its strength, such as
    ``augmix@medium+flip@high``: trials that come to the same operations in any way share it.
    ``folds`` is a hash of the pools that partners come from, and empty where the policy mixes no
    images: such a view serves any folds. The identity ``none`` has one key whatever strength,
    seed, index and purpose were asked for, so that its features are shared too.
    """

    data: str
    rows: str
    policy: str
    seed: int
    index: int
    image_px: int
    purpose: str
    folds: str
    augmenter: str
    augmenter_version: str
    shard_rows: int

    def as_dict(self) -> dict[str, str | int]:
        """Give the key as a store takes it: flat, with plain values."""
        return asdict(self)

    @property
    def label(self) -> str:
        """What a person calls the view: ``randaugment@medium, view 3``."""
        return f"{self.policy}, view {self.index + 1}" if self.purpose else "images as they are"

    @property
    def digest(self) -> str:
        """SHA-256 of the key."""
        return _digest(self.as_dict())

    def draw_seed(self, *place: int | str) -> int:
        """Derive the seed of one place in the view, below 2**64.

        Neither the data, nor rows or folds, enter it: what an image draws does not change with the
        content of other images, and sweeps on changed data keep their draws.
        """
        drawn = (self.policy, self.seed, self.index, self.purpose, *place)
        return int(_digest(drawn)[:16], 16)


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
