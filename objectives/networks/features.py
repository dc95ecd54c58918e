"""Features of a view: made once, read by every fold, head and trial."""

import math
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt
import psutil

from objectives.networks.extractors import Extractor, FeatureArray, as_float16
from objectives.networks.own_backbones import open_embeddings
from objectives.records import FloatArray, ImageArray, RowArray
from objectives.store.array_store import Arrays, ArrayStore, ArrayWriter, StoreFull
from objectives.views.keys import ViewKey
from objectives.views.views import SharingCounts, Views
from spaces.errors import InputError
from spaces.policy_text import IDENTITY

MEMORY_SHARE = 0.25
"""Of the free memory, for features that the disk has no room for."""


class StreamedFeatures:
    """Features without room anywhere: computed from the view's images whenever they are read."""

    dtype = np.dtype(np.float16)

    def __init__(self, images: ImageArray, extractor: Extractor) -> None:
        self._images = images
        self._extractor = extractor
        self.shape = (len(images), extractor.width)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, positions: Any) -> FeatureArray:
        """Give the features at a slice, or at an array of positions."""
        return self._extractor.extract(self._images[positions])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Compute all of them: for small data only."""
        return np.array(self[:], dtype=dtype)


class FeatureSource(Protocol):
    """Where a trial's features come from."""

    def get(
        self, view: ViewKey, *, keep_view: bool, held: dict[ViewKey, Arrays] | None = None
    ) -> tuple[FeatureArray, FloatArray]:
        """Give features and labels of a view, as :meth:`FeatureStore.get` does."""
        ...


class Embeddings:
    """Vectors of the images as they are, which were made elsewhere."""

    def __init__(self, name: str, rows: RowArray, views: Views) -> None:
        """Read those of a sweep's rows.

        Args:
            name: As :func:`objectives.networks.own_backbones.open_embeddings` takes it.
            rows: Row numbers in the data.
            views: Of these rows.
        """
        self._vectors = as_float16(open_embeddings(name)[rows])
        self._views = views

    def get(
        self, view: ViewKey, *, keep_view: bool, held: dict[ViewKey, Arrays] | None = None
    ) -> tuple[FeatureArray, FloatArray]:
        """Give the vectors of all rows, ``(rows, width)``, and their labels, ``(rows, classes)``.

        Args:
            view: Of the images as they are.
            keep_view: Without meaning here: no view is made.
            held: The same: nothing is opened.

        Raises:
            InputError: If the view is of augmented images.
        """
        del keep_view, held
        if view.policy != IDENTITY:
            raise InputError(f"embeddings know the images as they are, not under {view.policy}.")
        return self._vectors, self._views.stored(view).labels


class FeatureStore:
    """Features by view, on disk, made by one process and read by all."""

    def __init__(
        self, store: ArrayStore, views: Views, extractor: Extractor, counts: SharingCounts
    ) -> None:
        self._store = store
        self._views = views
        self._extractor = extractor
        self._counts = counts

    def get(
        self, view: ViewKey, *, keep_view: bool, held: dict[ViewKey, Arrays] | None = None
    ) -> tuple[FeatureArray, FloatArray]:
        """Give the features of a view, ``(rows, width)``, and its labels, ``(rows, classes)``.

        Args:
            view: The view.
            keep_view: Whether to keep the augmented images as well, because another backbone or
                the fine-tuning will read them.
            held: Takes what the store has opened: it is never evicted while it is open. What finds
                no room in the store is not put there, so that it does not stay in memory.

        Returns:
            Read-only arrays. If the disk is full, they are held in memory and made again next
            time; if the memory is too small as well, they are computed whenever they are read.
        """
        key = {**view.as_dict(), **self._extractor.key}
        stored = self._store.peek(key)
        if stored is not None:
            self._counts.features_reused += 1
            return _opened(view, stored, held)
        if keep_view:
            self._views.stored(view)
        try:
            made = self._store.get(key, lambda writer: self._produce(view, writer))
        except StoreFull:
            self._counts.features_streamed += 1
            return self._unstored(view)
        self._counts.features_made += 1
        return _opened(view, made, held)

    @property
    def _shape(self) -> tuple[int, ...]:
        return (self._views.n_rows, self._extractor.width)

    def _produce(self, view: ViewKey, writer: ArrayWriter) -> None:
        features = writer.create("features", self._shape, np.float16)
        labels = writer.create("labels", (len(features), self._views.n_classes), np.float32)
        what = f"features of {self._extractor.key['backbone']}: {view.label}"
        with self._counts.note_making(what):
            self._fill(view, features, labels)

    def _unstored(self, view: ViewKey) -> tuple[FeatureArray, FloatArray]:
        n_bytes = math.prod(self._shape) * np.dtype(np.float16).itemsize
        if n_bytes > psutil.virtual_memory().available * MEMORY_SHARE:
            whole = self._views.stored(view)
            return cast(FeatureArray, StreamedFeatures(whole.images, self._extractor)), whole.labels
        features = np.empty(self._shape, np.float16)
        labels = np.empty((len(features), self._views.n_classes), np.float32)
        self._fill(view, features, labels)
        return features, labels

    def _fill(self, view: ViewKey, features: Any, labels: Any) -> None:
        for shard in self._views.shards(view):
            stop = shard.start + len(shard.images)
            features[shard.start : stop] = self._extractor.extract(shard.images)
            labels[shard.start : stop] = shard.labels


def _opened(
    view: ViewKey, arrays: Arrays, held: dict[ViewKey, Arrays] | None
) -> tuple[FeatureArray, FloatArray]:
    if held is not None:
        held[view] = arrays
    return arrays["features"], arrays["labels"]
