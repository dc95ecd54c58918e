"""Views: passes of a policy over the rows of a sweep, made once and shared by all who read them."""

import hashlib
import logging
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np
import psutil

from objectives.augmentation import Augmenter
from objectives.records import FloatArray, ImageArray, LabelledImages, RowArray
from objectives.sharing import SharingCounts
from objectives.store.array_store import ArrayStore, ArrayWriter, StoreFull
from objectives.views.keys import Purpose, ViewKey
from objectives.views.rendering import BaseImages, ViewRenderer
from objectives.views.rows import BaseRows, StreamedRows
from spaces.machine import usable_cores
from spaces.policies import parse_path
from spaces.policy_text import IDENTITY

__all__ = ["Purpose", "Shard", "SharingCounts", "View", "ViewKey", "Views"]

SHARD_ROWS = 256
_SHARDS_AHEAD = 2
_MOST_THREADS = 16
_MEMORY_SHARE_OF_UNSTORED = 0.25

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Shard:
    """Consecutive rows of a view, from row ``start`` on."""

    start: int
    images: ImageArray
    labels: FloatArray


@dataclass(frozen=True)
class View:
    """A whole view, row by row as the sweep's rows.

    ``images`` is indexed like an array ``(rows, px, px, 3)`` by a slice or an array of positions;
    an array in memory it is not: it is memory-mapped, or, for base images and for views that found
    no room in the store, an object that reads or makes what is asked for. ``labels`` has shape
    ``(rows, classes)``: one-hot, soft where images were mixed.
    """

    images: ImageArray
    labels: FloatArray


class Views:
    """All views of some rows of a data set. Its bytes depend on no thread, process or order."""

    def __init__(
        self,
        data: LabelledImages,
        rows: RowArray,
        pools: RowArray,
        *,
        n_classes: int,
        seed: int,
        augmenter: Augmenter,
        store: ArrayStore,
        counts: SharingCounts | None = None,
        threads: int | None = None,
        shard_rows: int = SHARD_ROWS,
    ) -> None:
        """Describe the views; nothing is read or made yet.

        Args:
            data: The data set, usually memory-mapped.
            rows: Its row numbers that make up a view.
            pools: For each of ``rows`` the pool, here its fold, that a partner comes from.
            n_classes: Width of the labels.
            seed: Of the sweep: at least 0. Another seed gives other draws.
            augmenter: Does the operations.
            store: Keeps whole views.
            counts: Where made, reused and streamed views are counted.
            threads: How many work at once; by default one per core that this process may use.
            shard_rows: Rows that are made at a time; other numbers give other draws.
        """
        self.n_rows, self.n_classes = len(rows), n_classes
        self.counts = counts or SharingCounts()
        self._base = BaseImages(data, rows, pools, n_classes)
        self._seed = seed
        self._augmenter = augmenter
        self._store = store
        self._threads = threads or min(usable_cores(), _MOST_THREADS)
        self._shard_rows = shard_rows
        self._rows_hash, self._pools_hash = _hash(rows), _hash(pools)

    def key(self, policy: str, strength: str, index: int, purpose: Purpose) -> ViewKey:
        """Name a view.

        Args:
            policy: One path of a policy, as in ``spaces.policy_text``.
            strength: ``low``, ``medium`` or ``high``, of the operations that carry none.
            index: Which draw, from 0 on; training reads view e in epoch e.
            purpose: Views of different purposes share no draw.

        Raises:
            InputError: If policy or strength is unknown, or the policy has several paths.
        """
        path = parse_path(policy).at(strength)
        drawn = not path.is_identity
        own_code = f"+{path.own_digest}" if path.own_digest else ""
        return ViewKey(
            data=self._base.data.fingerprint,
            rows=self._rows_hash,
            policy=path.name,
            seed=self._seed if drawn else 0,
            index=index if drawn else 0,
            image_px=int(self._base.data.images.shape[1]),
            purpose=purpose if drawn else "",
            folds=self._pools_hash if path.mixes_images else "",
            augmenter=self._augmenter.name if drawn else "",
            augmenter_version=f"{self._augmenter.version}{own_code}" if drawn else "",
            shard_rows=self._shard_rows if drawn else 0,
        )

    def shards(self, key: ViewKey) -> Iterator[Shard]:
        """Give the view in order, a shard at a time, making some ahead of the reader.

        Reads it from the store if it is there; otherwise makes it in passing and keeps nothing.
        """
        if key.policy == IDENTITY:
            return self._base_shards()
        arrays = self._store.peek(key.as_dict())
        if arrays is None:
            self.counts.views_streamed += 1
            return self._made_shards(key)
        self.counts.views_reused += 1
        return _sliced(arrays["images"], arrays["labels"], self._shard_rows)

    def stored(self, key: ViewKey) -> View:
        """Give the whole view, made and stored by the first process that asks for it.

        If the store has no room, the view is held in memory as far as a quarter of the free memory
        goes, and the rest of it is made again whenever it is read.
        """
        if key.policy == IDENTITY:
            labels = self._base.read_labels(np.arange(self.n_rows))
            return View(cast(ImageArray, BaseRows(self._base)), labels)
        made: list[ViewKey] = []

        def produce(writer: ArrayWriter) -> None:
            images = writer.create("images", self._shape, np.uint8)
            labels = writer.create("labels", (self.n_rows, self.n_classes), np.float32)
            with self.counts.note_making(key.label):
                for shard in self._made_shards(key):
                    rows = slice(shard.start, shard.start + len(shard.images))
                    images[rows], labels[rows] = shard.images, shard.labels
            made.append(key)

        try:
            arrays = self._store.get(key.as_dict(), produce)
        except StoreFull as error:
            logger.warning(
                "no room to keep view %d of %s: it is made on the fly (%s)",
                key.index,
                key.policy,
                error,
            )
            self.counts.views_streamed += 1
            return self._unstored(key)
        self.counts.views_made += len(made)
        self.counts.views_reused += 1 - len(made)
        return View(arrays["images"], arrays["labels"])

    def kept(self, key: ViewKey) -> ImageArray | None:
        """Give the images of a view as far as that costs nothing: None if they would be made."""
        if key.policy == IDENTITY:
            return cast(ImageArray, BaseRows(self._base))
        arrays = self._store.peek(key.as_dict())
        return None if arrays is None else arrays["images"]

    def first_images(self, key: ViewKey, count: int) -> ImageArray:
        """Give the first images of a view, making no more of it than needed."""
        if key.policy == IDENTITY:
            return BaseRows(self._base)[:count]
        renderer = self._renderer(key)
        needed = range(-(-min(count, self.n_rows) // self._shard_rows))
        return np.concatenate([renderer.shard(number)[0] for number in needed])[:count]

    @property
    def _shape(self) -> tuple[int, ...]:
        return (self.n_rows, *self._base.data.images.shape[1:])

    def _renderer(self, key: ViewKey) -> ViewRenderer:
        operations = parse_path(key.policy).operations()
        return ViewRenderer(key, self._base, operations, self._augmenter)

    def _base_shards(self) -> Iterator[Shard]:
        for start in range(0, self.n_rows, self._shard_rows):
            stop = min(start + self._shard_rows, self.n_rows)
            yield Shard(start, *self._base.read(np.arange(start, stop)))

    def _made_shards(self, key: ViewKey) -> Iterator[Shard]:
        renderer = self._renderer(key)
        starts = range(0, self.n_rows, self._shard_rows)
        executor = ThreadPoolExecutor(self._threads, thread_name_prefix="view")
        ahead: deque[Future[tuple[ImageArray, FloatArray]]] = deque()
        submitted = iter(range(len(starts)))
        waits = True
        try:
            for start in starts:
                while len(ahead) < self._threads + _SHARDS_AHEAD:
                    number = next(submitted, None)
                    if number is None:
                        break
                    ahead.append(executor.submit(renderer.shard, number))
                yield Shard(start, *ahead.popleft().result())
        except KeyboardInterrupt:
            # Whoever was interrupted in here has seconds, and a shard may take longer.
            waits = False
            raise
        finally:
            executor.shutdown(wait=waits, cancel_futures=True)

    def _unstored(self, key: ViewKey) -> View:
        spare_bytes = psutil.virtual_memory().available * _MEMORY_SHARE_OF_UNSTORED
        kept: dict[int, ImageArray] = {}
        labels = np.empty((self.n_rows, self.n_classes), np.float32)
        for shard in self._made_shards(key):
            labels[shard.start : shard.start + len(shard.labels)] = shard.labels
            spare_bytes -= shard.images.nbytes
            if spare_bytes > 0:
                kept[shard.start // self._shard_rows] = shard.images
        renderer = self._renderer(key)
        rows = StreamedRows(self._shape, self._shard_rows, kept, lambda n: renderer.shard(n)[0])
        return View(cast(ImageArray, rows), labels)


def _sliced(images: ImageArray, labels: FloatArray, shard_rows: int) -> Iterator[Shard]:
    for start in range(0, len(images), shard_rows):
        stop = start + shard_rows
        yield Shard(start, images[start:stop], labels[start:stop])


def _hash(numbers: RowArray) -> str:
    return hashlib.sha256(np.ascontiguousarray(numbers, np.int64).tobytes()).hexdigest()
