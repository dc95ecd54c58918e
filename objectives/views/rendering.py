"""Makes any part of a view, alone and in any order, from the memory-mapped base images."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from objectives.augmentation import Augmenter
from objectives.augmentation.draws import draw_partners, generator
from objectives.records import FloatArray, ImageArray, LabelledImages, RowArray
from objectives.views.keys import ViewKey
from spaces.operations import Operation


@dataclass(frozen=True)
class BaseImages:
    """The rows that views are made of: images as resized, labels one-hot, a pool for each."""

    data: LabelledImages
    rows: RowArray
    pools: RowArray
    n_classes: int

    def read(self, positions: RowArray) -> tuple[ImageArray, FloatArray]:
        """Copy images and labels at some positions among ``rows`` out of the memory map."""
        images = np.asarray(self.data.images[self.rows[positions]])
        return images, self.read_labels(positions)

    def read_labels(self, positions: RowArray) -> FloatArray:
        """Give the labels at some positions, one-hot."""
        labels = np.zeros((len(positions), self.n_classes), np.float32)
        labels[np.arange(len(positions)), self.data.labels[self.rows[positions]]] = 1.0
        return labels


@dataclass(frozen=True)
class ViewRenderer:
    """One view under its key."""

    key: ViewKey
    base: BaseImages
    operations: tuple[Operation, ...]
    augmenter: Augmenter

    def shard(self, number: int) -> tuple[ImageArray, FloatArray]:
        """Make the images and labels of one shard of ``key.shard_rows`` rows."""
        start = number * self.key.shard_rows
        stop = min(start + self.key.shard_rows, len(self.base.rows))
        return self._render(np.arange(start, stop), self.operations, str(number))

    @cached_property
    def _partners(self) -> dict[int, RowArray]:
        """Partners over the whole view, by mixing operation: one shard may be all of one class."""
        mixing = [place for place, step in enumerate(self.operations) if step.mixes_images]
        return {
            place: draw_partners(self.base.pools, generator(self.key.draw_seed("partners", place)))
            for place in mixing
        }

    def _render(
        self, positions: RowArray, operations: Sequence[Operation], path: str
    ) -> tuple[ImageArray, FloatArray]:
        """Make some rows; ``path`` keeps their draws apart from all others of the view."""
        if not operations:
            return self.base.read(positions)
        seed = self.key.draw_seed("shard", path)
        last = max((p for p, step in enumerate(operations) if step.mixes_images), default=None)
        if last is None:
            images, labels = self.base.read(positions)
            pools = self.base.pools[positions]
            return self.augmenter.augment(images, labels, operations, pools=pools, seed=seed)
        partners = self._partners[last][positions]
        own = self._render(positions, operations[:last], f"{path}/own")
        other = self._render(partners, operations[:last], f"{path}/other")
        # Each row and its partner are a pool of two; a row without one is left alone in its pool.
        couples = np.arange(len(positions))
        alone = np.where(partners == positions, len(positions), 0)
        mixed_images, mixed_labels = self.augmenter.augment(
            np.concatenate([own[0], other[0]]),
            np.concatenate([own[1], other[1]]),
            [operations[last]],
            pools=np.concatenate([couples, couples + alone]),
            seed=seed,
        )
        mixed = mixed_images[: len(positions)], mixed_labels[: len(positions)]
        if last + 1 == len(operations):
            return mixed
        return self.augmenter.augment(
            *mixed,
            operations[last + 1 :],
            pools=self.base.pools[positions],
            seed=self.key.draw_seed("after", path),
        )
