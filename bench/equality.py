"""Whether sharing changes scores: the same trials by the plain loop and by ours.

The plain loop here is ``fit`` for every fold of every trial on the frozen backbone's features of
images that keras-cv's own layers have augmented anew for every epoch. Making the features of an
epoch before the fit rather than inside of it changes its speed and nothing else. What it does not
share with ours: augmenter, draws, order and make-up of batches, initial weights, dropout, losses,
optimizers, precision of features. What both share: images, folds, hyperparameters, and the rule
that the last epoch counts.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from bench.augmentation_layers import OneHot, augment_once
from bench.fixed_list import SHIFT
from bench.goes_on import GoesOn
from bench.plain_model import build_classifier, class_weight, make_loss, make_optimizer
from bench.sizes import Size
from objectives.data import load_source, prepare
from objectives.networks.backbones import build_backbone
from objectives.networks.taps import pool
from objectives.records import LabelledImages, Splits, TrialContext
from objectives.settings import TrainSettings, ValidationSettings
from objectives.splits import draw_splits
from objectives.store.array_store import ArrayStore
from objectives.trial import train_trial
from spaces.params import TrialParams

Features = npt.NDArray[np.float32]
FORWARD_BATCH = 64
LOWEST_ACCURACY, HIGHEST_ACCURACY = 0.5, 0.95


@dataclass(frozen=True)
class Accuracies:
    """Out-of-fold accuracy after the last epoch, clean and under the shift."""

    clean: float
    shifted: float


@dataclass(frozen=True)
class Problem:
    """Images, folds and length of training that both loops get."""

    data: LabelledImages
    splits: Splits
    size: Size
    folder: Path

    def context(
        self,
        train: TrainSettings,
        place: Path,
        *,
        validation: ValidationSettings | None = None,
        seed: int = 0,
    ) -> TrialContext:
        """Give what a trial may use.

        Args:
            train: How long it trains.
            place: For its files.
            validation: By default the folds of these, and the shift that all loops are scored on.
            seed: Of its draws.
        """
        scored = validation or ValidationSettings(folds=self.splits.n_folds, shift=SHIFT)
        return TrialContext(
            data=self.data,
            splits=self.splits,
            validation=scored,
            train=train,
            seed=seed,
            home=self.folder / "home",
            checkpoint_folder=place,
            reporter=GoesOn(),
            max_store_bytes=50 * 10**9,
            keep_views=True,
        )


def compare_accuracies(
    data: Path, points: Sequence[TrialParams], size: Size, folder: Path
) -> dict[str, Any]:
    """Train every trial by both loops and compare.

    Args:
        data: The images.
        points: The trials, pair by pair.
        size: Folds and epochs.
        folder: For prepared images and stores.

    Returns:
        ``mean_abs_delta`` and ``mean_delta`` (ours less plain) of the clean out-of-fold accuracy,
        the same under the shift, and every trial.
    """
    problem = lay_out(data, size, folder)
    trials = []
    for pair in dict.fromkeys(point.pair for point in points):
        mine = [point for point in points if point.pair == pair]
        plain = PlainPair(problem, mine[0])
        trials += [
            _compared(plain.train(point), train_ours(problem, point), point) for point in mine
        ]
    return summarise_trials(trials)


def summarise_trials(trials: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Average the differences over the trials."""
    clean = np.array([trial["ours"]["clean"] - trial["plain"]["clean"] for trial in trials])
    shifted = np.array([trial["ours"]["shifted"] - trial["plain"]["shifted"] for trial in trials])
    between = [
        LOWEST_ACCURACY <= trial[loop]["clean"] <= HIGHEST_ACCURACY
        for trial in trials
        for loop in ("plain", "ours")
    ]
    return {
        "mean_abs_delta": float(np.abs(clean).mean()),
        "mean_delta": float(clean.mean()),
        "mean_abs_delta_shifted": float(np.abs(shifted).mean()),
        "mean_delta_shifted": float(shifted.mean()),
        "trials": len(trials),
        "all_between_0.5_and_0.95": all(between),
        "compared": list(trials),
        "how": "out-of-fold accuracy after the last epoch; plain: Keras fit for each fold on "
        "features of images that keras-cv augmented anew for each epoch",
    }


def train_ours(problem: Problem, params: TrialParams) -> Accuracies:
    """Train a trial as a sweep does."""
    train = TrainSettings(head_epochs=problem.size.equality_epochs, finetune_epochs=0, patience=0)
    context = problem.context(train, problem.folder / "trial")
    curves = train_trial(params, context).curves
    share = np.bincount(problem.splits.fold_of) / len(problem.splits.rows)
    return Accuracies(
        float(np.dot(share, curves["clean"][-1])), float(np.dot(share, curves["shifted"][-1]))
    )


class PlainPair:
    """A pair's features for the plain loop: each epoch's, and the validation images'."""

    def __init__(self, problem: Problem, params: TrialParams) -> None:
        self._problem = problem
        rows = problem.splits.rows
        images, self._labels = problem.data.images[rows], problem.data.labels[rows]
        forward = _forward(params, images.shape[1])
        policy, strength = params.policy, params.strength
        self._epochs: list[Features] = [
            forward(augment_once(images, policy=policy, strength=strength))
            for _ in range(problem.size.equality_epochs)
        ]
        self._clean: Features = forward(images)
        self._shifted: Features = forward(augment_once(images, policy=SHIFT, strength="medium"))

    def train(self, params: TrialParams) -> Accuracies:
        """Fit a model for each fold and score its validation images after the last epoch."""
        hits = np.zeros((2, len(self._labels)), dtype=bool)
        fold_of = self._problem.splits.fold_of
        for fold in range(self._problem.size.folds):
            model = self._fit(params, np.flatnonzero(fold_of != fold), seed=1000 + fold)
            rows = np.flatnonzero(fold_of == fold)
            for row, features in enumerate((self._clean, self._shifted)):
                predicted = model.predict(features[rows], verbose=0).argmax(axis=1)
                hits[row, rows] = predicted == self._labels[rows]
        clean, shifted = hits.mean(axis=1)
        return Accuracies(float(clean), float(shifted))

    def _fit(self, params: TrialParams, rows: npt.NDArray[np.int64], seed: int) -> Any:
        keras.utils.set_random_seed(seed)
        n_classes = len(self._problem.data.class_names)
        inputs = keras.Input(self._clean.shape[1:])
        model = build_classifier(params, inputs, inputs, n_classes)
        labels = self._labels[rows]
        horizon = -(-len(rows) // params.batch_size) * len(self._epochs)
        model.compile(
            make_optimizer(params, peak=params.learning_rate, horizon=horizon),
            make_loss(params, labels, n_classes),
            jit_compile=False,
        )
        one_hot: OneHot = np.eye(n_classes, dtype=np.float32)[labels]
        for epoch, features in enumerate(self._epochs):
            model.fit(
                features[rows],
                one_hot,
                batch_size=params.batch_size,
                initial_epoch=epoch,
                epochs=epoch + 1,
                class_weight=class_weight(params, labels, n_classes),
                verbose=0,
            )
        return model


def lay_out(data: Path, size: Size, folder: Path) -> Problem:
    """Prepare the images and deal them into folds; nothing is held out."""
    store = ArrayStore(folder / "images", max_bytes=2**62)
    images = prepare(load_source(data), size.image_px, store)
    rows = np.arange(len(images.labels))
    splits = draw_splits(
        images, included=rows, groups=rows, holdout=0.0, n_folds=size.folds, seed=0
    )
    return Problem(images, splits, size, folder)


def _forward(params: TrialParams, image_px: int) -> Any:
    network = build_backbone(params.backbone, params.weights, image_px)
    inputs = keras.Input((image_px, image_px, 3))
    model = keras.Model(inputs, pool(network(inputs)))
    return lambda images: model.predict(images, batch_size=FORWARD_BATCH, verbose=0)


def _compared(plain: Accuracies, ours: Accuracies, params: TrialParams) -> dict[str, Any]:
    text = f"{params.backbone}, {params.policy}, {params.optimizer}, {params.loss}"
    print(f"{text}: plain {plain.clean:.4f}, ours {ours.clean:.4f}", file=sys.stderr, flush=True)
    return {"trial": text, "plain": vars(plain), "ours": vars(ours)}
