"""The loop that a good user writes today, timed: Keras ``fit`` for every fold of every trial."""

import time
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from sklearn.model_selection import StratifiedKFold

from bench.augmentation_layers import OneHot, augment_once, augmented_batches, plain_batches
from bench.cells import Cells
from bench.fixed_list import SHIFT, STRENGTH
from bench.plain_model import build_model, class_weight, make_loss, make_optimizer
from objectives.networks.backbones import build_backbone
from objectives.records import ImageArray, RowArray
from spaces.params import TrialParams


@dataclass(frozen=True)
class FoldTiming:
    """Seconds of one fold of one trial."""

    total_s: float
    """From building the model to the end of its last epoch."""
    epochs_s: tuple[float, ...]
    """Each epoch with its validation; the first traces the graphs."""
    validations_s: tuple[float, ...]
    """The validation pass of each epoch."""
    trained_images: int
    """Images a training epoch reads."""
    validated_images: int

    @property
    def later_epoch_s(self) -> float:
        """Seconds of an epoch after the first, with its validation."""
        return float(np.mean(self.epochs_s[1:] or self.epochs_s))

    @property
    def validation_s(self) -> float:
        """Seconds of all validation passes together."""
        return sum(self.validations_s)

    @property
    def training_rate(self) -> float:
        """Images/s at which an epoch after the first trains, its validation left out."""
        later_s = np.subtract(self.epochs_s, self.validations_s)[1:]
        return float(self.trained_images / later_s.mean()) if len(later_s) else float("nan")

    @property
    def setup_s(self) -> float:
        """What a fold costs besides its epochs: build, compile, trace."""
        return max(0.0, self.total_s - len(self.epochs_s) * self.later_epoch_s)


class _Clock:
    """Notes when epochs end and how long validation takes."""

    def __init__(self) -> None:
        self.epoch_ends_s: list[float] = []
        self.validations_s: list[float] = []

    def callback(self) -> keras.callbacks.Callback:
        """Make what ``fit`` calls."""
        return keras.callbacks.LambdaCallback(
            on_test_begin=lambda *_: self.validations_s.append(-time.perf_counter()),
            on_test_end=lambda *_: self._end_validation(),
            # Validation is over by then.
            on_epoch_end=lambda *_: self.epoch_ends_s.append(time.perf_counter()),
        )

    def _end_validation(self) -> None:
        self.validations_s[-1] += time.perf_counter()


class PlainLoop:
    """The data, folds and shifted validation images that all trials of one process share.

    Args:
        cells: The data.
        n_folds: Folds.
    """

    def __init__(self, cells: Cells, n_folds: int) -> None:
        self._images, self._labels = cells.images, cells.labels
        self._n_classes = int(cells.labels.max()) + 1
        self._one_hot: OneHot = np.eye(self._n_classes, dtype=np.float32)[cells.labels]
        splitter = StratifiedKFold(n_folds, shuffle=True, random_state=0)
        self._folds = list(splitter.split(cells.images, cells.labels))
        began_s = time.perf_counter()
        self._shifted = augment_once(cells.images, policy=SHIFT, strength=STRENGTH)
        self.shifted_set_s = time.perf_counter() - began_s
        """What augmenting the validation images costs: once, for all trials."""

    def fit_fold(
        self, params: TrialParams, fold: int, n_epochs: int, *, unfrozen: float = 0.0
    ) -> FoldTiming:
        """Build, compile and fit the model of one fold, and time it.

        Args:
            params: The trial's parameters.
            fold: Which fold validates.
            n_epochs: Epochs.
            unfrozen: Share of the backbone's layers that train; 0 trains the head alone.
        """
        train, validation = self._folds[fold]
        clock = _Clock()
        began_s = time.perf_counter()
        model = self._compiled(params, train, n_epochs, unfrozen)
        model.fit(
            self._training(params, train, n_epochs),
            validation_data=self._validation(validation, params.batch_size),
            epochs=n_epochs,
            steps_per_epoch=_steps(train, params),
            class_weight=class_weight(params, self._labels[train], self._n_classes),
            callbacks=[clock.callback()],
            verbose=0,
        )
        ended_s = time.perf_counter()
        marks_s = [began_s, *clock.epoch_ends_s]
        epochs_s = tuple(float(end - begin) for begin, end in pairwise(marks_s))
        return FoldTiming(
            ended_s - began_s,
            epochs_s,
            tuple(clock.validations_s),
            len(train),
            2 * len(validation),
        )

    def _compiled(
        self, params: TrialParams, train: RowArray, n_epochs: int, unfrozen: float
    ) -> Any:
        image_px = self._images.shape[1]
        # A frozen backbone serves all folds and trials; one that trains is built for each.
        backbone = (
            build_backbone(params.backbone, params.weights, image_px)
            if unfrozen
            else _frozen_backbone(params.backbone, params.weights, image_px)
        )
        model = build_model(params, backbone, self._n_classes, unfrozen=unfrozen)
        peak = params.finetune_learning_rate if unfrozen else params.learning_rate
        model.compile(
            make_optimizer(params, peak=peak, horizon=_steps(train, params) * n_epochs),
            make_loss(params, self._labels[train], self._n_classes),
            metrics=["accuracy"],
            # On a CPU, XLA takes longer to compile a fold than it saves.
            jit_compile=False,
        )
        return model

    def _training(self, params: TrialParams, rows: RowArray, n_epochs: int) -> Any:
        return augmented_batches(
            self._images[rows],
            self._one_hot[rows],
            policy=params.policy,
            strength=params.strength,
            batch_size=params.batch_size,
            passes=n_epochs,
        )

    def _validation(self, rows: RowArray, batch_size: int) -> Any:
        both: ImageArray = np.concatenate([self._images[rows], self._shifted[rows]])
        return plain_batches(both, np.concatenate([self._one_hot[rows]] * 2), batch_size)


def _steps(rows: RowArray, params: TrialParams) -> int:
    return -(-len(rows) // params.batch_size)


@lru_cache(maxsize=4)
def _frozen_backbone(name: str, weights: str, image_px: int) -> Any:
    backbone = build_backbone(name, weights, image_px)
    backbone.trainable = False
    return backbone
