"""A fold as a good user trains it today: a frozen head, then the network, each stopped early.

The augmentation runs inside of ``fit``, by keras-cv's layers in ``tf.data``; validation images are
the fold's own, clean and under the shift, so ``val_accuracy`` is the mean of both.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import keras
import numpy as np

from bench.augmentation_layers import OneHot, augment_once, augmented_batches, plain_batches
from bench.fixed_list import SHIFT, STRENGTH
from bench.plain_model import build_model, class_weight, make_loss, make_optimizer
from bench.score.data import ScoreData
from bench.score.sizes import ScoreSize
from objectives.networks.backbones import build_backbone
from objectives.networks.network import freeze_below
from objectives.records import ImageArray, RowArray
from spaces.params import TrialParams

PATIENCE_EPOCHS = 3
WATCHED = "val_accuracy"


class TimeIsUpError(Exception):
    """The search has no time left: what is under way is dropped."""


@dataclass(frozen=True)
class PlainPoint:
    """What a trial of the plain loop tries."""

    params: TrialParams
    """Backbone, augmentation, head and optimizer."""
    unfrozen: float
    """Share of the backbone's layers that the second stage trains; 0 leaves it out."""
    finetune_learning_rate: float


@dataclass(frozen=True)
class Lengths:
    """Epochs of the two stages."""

    head: int
    finetune: int


@dataclass(frozen=True)
class FittedFold:
    """A fold's model with its best weights."""

    model: Any
    score: float
    """Mean of clean and shifted accuracy on the fold's own images."""
    best: Lengths
    """Epochs after which it was best; 0 of fine-tuning where that gained nothing."""


@dataclass(frozen=True)
class _Best:
    score: float
    epochs: int


@dataclass(frozen=True)
class _Stage:
    peak: float
    n_epochs: int
    horizon_epochs: int
    """Of the rate's schedule: that of the folds, also for a refit that ends before."""


class PlainFolds:
    """The images and folds of all trials.

    Args:
        data: Images and folds.
        size: The most epochs of each stage.
        ends_at_s: When ``time.time()`` says so, fits of folds end with their epoch.
    """

    def __init__(self, data: ScoreData, size: ScoreSize, *, ends_at_s: float) -> None:
        self._images, self._labels = data.images, data.labels
        self._fold_of = data.splits.fold_of
        self._n_classes = len(data.data.class_names)
        self._one_hot: OneHot = np.eye(self._n_classes, dtype=np.float32)[data.labels]
        self._most = Lengths(size.plain_head_epochs, size.plain_finetune_epochs)
        self._ends_at_s = ends_at_s

    @cached_property
    def shifted(self) -> ImageArray:
        """All images under the shift, augmented once for all folds and trials."""
        return augment_once(self._images, policy=SHIFT, strength=STRENGTH)

    def fit(self, point: PlainPoint, fold: int) -> FittedFold:
        """Train the model of one fold in both stages, and keep its best weights.

        Raises:
            TimeIsUpError: If the search ends before the fold does.
        """
        rows = np.flatnonzero(self._fold_of != fold)
        watching = self._watching(np.flatnonzero(self._fold_of == fold), point.params.batch_size)
        head_stage, network_stage = self._stages(point, self._most)
        model = self._head_model(point.params)
        head = _best(self._train(model, point.params, rows, head_stage, watching))
        found = FittedFold(model, head.score, Lengths(head.epochs, 0))
        if not point.unfrozen:
            return found
        frozen = model.get_weights()
        _unfreeze(model, point.unfrozen)
        network = _best(self._train(model, point.params, rows, network_stage, watching))
        if network.score > head.score:
            return FittedFold(model, network.score, Lengths(head.epochs, network.epochs))
        model.set_weights(frozen)
        return found

    def refit(self, point: PlainPoint, lengths: Lengths) -> Any:
        """Train one model on all rows, for so many epochs of each stage."""
        rows = np.arange(len(self._labels))
        head_stage, network_stage = self._stages(point, lengths)
        model = self._head_model(point.params)
        self._train(model, point.params, rows, head_stage, {})
        if lengths.finetune:
            _unfreeze(model, point.unfrozen)
            self._train(model, point.params, rows, network_stage, {})
        return model

    def _head_model(self, params: TrialParams) -> Any:
        backbone = build_backbone(params.backbone, params.weights, self._images.shape[1])
        return build_model(params, backbone, self._n_classes, unfrozen=0.0)

    def _stages(self, point: PlainPoint, lengths: Lengths) -> tuple[_Stage, _Stage]:
        return (
            _Stage(point.params.learning_rate, lengths.head, self._most.head),
            _Stage(point.finetune_learning_rate, lengths.finetune, self._most.finetune),
        )

    def _train(
        self,
        model: Any,
        params: TrialParams,
        rows: RowArray,
        stage: _Stage,
        watching: Mapping[str, Any],
    ) -> Any:
        n_steps = -(-len(rows) // params.batch_size)
        model.compile(
            make_optimizer(params, peak=stage.peak, horizon=n_steps * stage.horizon_epochs),
            make_loss(params, self._labels[rows], self._n_classes),
            metrics=["accuracy"],
            # On a CPU, XLA takes longer to compile a fold than it saves.
            jit_compile=False,
        )
        training = augmented_batches(
            self._images[rows],
            self._one_hot[rows],
            policy=params.policy,
            strength=params.strength,
            batch_size=params.batch_size,
            passes=stage.n_epochs,
        )
        return model.fit(
            training,
            epochs=stage.n_epochs,
            steps_per_epoch=n_steps,
            class_weight=class_weight(params, self._labels[rows], self._n_classes),
            shuffle=False,  # The batches are.
            verbose=0,
            **watching,
        )

    def _watching(self, rows: RowArray, batch_size: int) -> Mapping[str, Any]:
        """Give ``fit`` what stops it: the fold's images in both views, and the clock."""
        both: ImageArray = np.concatenate([self._images[rows], self.shifted[rows]])
        answers = np.concatenate([self._one_hot[rows]] * 2)
        return {
            "validation_data": plain_batches(both, answers, batch_size),
            "callbacks": [
                keras.callbacks.EarlyStopping(
                    WATCHED, mode="max", patience=PATIENCE_EPOCHS, restore_best_weights=True
                ),
                keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: self._check_time()),
            ],
        }

    def _check_time(self) -> None:
        if time.time() > self._ends_at_s:
            raise TimeIsUpError


def _best(fitted: Any) -> _Best:
    scores = fitted.history[WATCHED]
    return _Best(float(max(scores)), int(np.argmax(scores)) + 1)


def _unfreeze(model: Any, share: float) -> None:
    backbone = next(layer for layer in model.layers if isinstance(layer, keras.Model))
    backbone.trainable = True
    freeze_below(backbone, share)
