"""The images and folds on which all three train: those of a sweep on the same file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.goes_on import GoesOn
from bench.score.sizes import ScoreSize
from objectives.audit import audit
from objectives.data import load_source, prepare
from objectives.records import ImageArray, LabelArray, LabelledImages, Splits, TrialContext
from objectives.settings import TrainSettings, ValidationSettings
from objectives.splits import draw_splits
from objectives.store.array_store import ArrayStore

STORE_BYTES = 50 * 10**9


@dataclass(frozen=True)
class ScoreData:
    """Images and folds, and the folder in which views and features of them are kept."""

    data: LabelledImages
    splits: Splits
    folder: Path

    @classmethod
    def load(cls, path: Path, size: ScoreSize, seed: int, folder: Path) -> "ScoreData":
        """Read the images, and hold out and deal as a sweep does.

        Args:
            path: The images that are not set aside.
            size: Folds, and the share that promotion keeps.
            seed: Of the folds.
            folder: For stores.
        """
        source = load_source(path)
        store = ArrayStore(folder / "store", max_bytes=STORE_BYTES)
        data = prepare(source, size.image_px, store)
        splits = draw_splits(
            data,
            included=np.arange(len(data.labels)),
            groups=audit(source).groups,
            holdout=size.gate_holdout,
            n_folds=size.folds,
            seed=seed,
        )
        return cls(data, splits, folder)

    @property
    def images(self) -> ImageArray:
        """Those that are trained on."""
        return self.data.images[self.splits.rows]

    @property
    def labels(self) -> LabelArray:
        """Of the same."""
        return self.data.labels[self.splits.rows]

    def context(self, size: ScoreSize, seed: int) -> TrialContext:
        """Give a refit what it needs."""
        return TrialContext(
            data=self.data,
            splits=self.splits,
            validation=ValidationSettings(folds=size.folds),
            train=TrainSettings(head_epochs=size.fixed_head_epochs, views=size.fixed_views),
            seed=seed,
            home=self.folder,
            checkpoint_folder=self.folder / "refit",
            reporter=GoesOn(),
            max_store_bytes=STORE_BYTES,
            keep_views=True,
        )
