"""Heads of a real trial, asked about images that OpenCV has turned."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import keras
import numpy as np
import pytest

from objectives.fold_heads import read_heads
from objectives.networks.network import build_network
from objectives.records import LabelledImages, Splits, Stage, TrialContext, TrialResult
from objectives.settings import TrainSettings, ValidationSettings
from objectives.trial import train_trial
from objectives.turned_predictions import FoldHeads, predict_turned
from spaces.params import FeaturesName, TrialParams

pytestmark = pytest.mark.slow

N_ROWS, PX, N_FOLDS, N_CLASSES = 60, 32, 3, 3


class GoesOn:
    """A reporter that never ends a trial."""

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        return True


def _context(home: Path) -> TrialContext:
    """Images that look different however they are turned."""
    labels = np.arange(N_ROWS) % N_CLASSES
    images = np.random.default_rng(0).integers(0, 256, (N_ROWS, PX, PX, 3), dtype=np.uint8)
    images[np.arange(N_ROWS), :8, :, labels] = 255
    data = LabelledImages(images, labels, ("a", "b", "c"), tuple(map(str, range(N_ROWS))), "x")
    fold_of = np.arange(N_ROWS) // N_CLASSES % N_FOLDS
    splits = Splits(np.arange(N_ROWS), fold_of, np.array([], int), np.arange(N_ROWS), "f")
    return TrialContext(
        data,
        splits,
        ValidationSettings(folds=N_FOLDS, shift="randaugment"),
        TrainSettings(head_epochs=2, finetune_epochs=0, patience=0),
        seed=3,
        home=home,
        checkpoint_folder=home / "trial",
        reporter=GoesOn(),
        max_store_bytes=10**9,
        keep_views=True,
    )


def _trial(context: TrialContext, features: FeaturesName) -> tuple[FoldHeads, TrialResult]:
    params = TrialParams(
        backbone="tests.objectives.tiny_backbone:tiny_backbone",
        weights="imagenet",
        features=features,
        dense_units=4,
        batch_size=16,
        learning_rate=0.01,
    )
    result = train_trial(params, context)
    heads = read_heads(context.checkpoint_folder)
    assert heads is not None
    return FoldHeads(params, heads), result


def _by_keras(trial: FoldHeads, images: np.ndarray, fold_of: np.ndarray) -> np.ndarray:
    """Answer about each row by Keras' own network with the head of the row's fold."""
    network = build_network(trial.params, image_px=PX, n_classes=N_CLASSES, seed=0)
    answers = np.empty((len(images), N_CLASSES), np.float32)
    for fold, head in trial.heads.items():
        network.set_head(list(head))
        mine = fold_of == fold
        logits = network.model(images[mine].astype(np.float32))
        answers[mine] = keras.ops.softmax(logits)
    return answers


@pytest.mark.parametrize("features", ["last", "deep"])
def test_turned_images_are_answered_as_keras_answers_what_opencv_turned(
    features: FeaturesName, tmp_path: Path
) -> None:
    context = _context(tmp_path)
    trial, result = _trial(context, features)
    clean_only = replace(context, validation=ValidationSettings(folds=N_FOLDS, score="clean"))
    (found,) = predict_turned([trial], clean_only)
    images, fold_of = context.data.images, context.splits.fold_of
    mirrored = np.stack([cv2.flip(image, 1) for image in images])
    upside_down = np.stack([cv2.flip(image, 0) for image in images])
    around = np.stack([cv2.rotate(image, cv2.ROTATE_180) for image in images])
    asked = [_by_keras(trial, shown, fold_of) for shown in (images, mirrored)]
    # Features are kept as float16.
    np.testing.assert_allclose(asked[0], result.oof_clean, atol=5e-3)
    np.testing.assert_allclose(found["mirror"][0], np.mean(asked, axis=0), atol=5e-3)
    asked += [_by_keras(trial, shown, fold_of) for shown in (upside_down, around)]
    np.testing.assert_allclose(found["flips"][0], np.mean(asked, axis=0), atol=5e-3)
    asked += [
        _by_keras(trial, np.stack([cv2.transpose(image) for image in shown]), fold_of)
        for shown in (images, mirrored, upside_down, around)
    ]
    np.testing.assert_allclose(found["square"][0], np.mean(asked, axis=0), atol=5e-3)
    assert np.abs(found["mirror"][0] - result.oof_clean).max() > 0.02


def test_trials_on_one_backbone_are_asked_together_about_both_views(tmp_path: Path) -> None:
    context = _context(tmp_path)
    first, _ = _trial(context, "last")
    second, _ = _trial(replace(context, seed=4), "last")
    together = predict_turned([first, second], context)
    for trial, found in zip((first, second), together, strict=True):
        assert found["square"].shape == (2, N_ROWS, N_CLASSES)
        (alone,) = predict_turned([trial], context)
        for name, probabilities in alone.items():
            np.testing.assert_allclose(found[name], probabilities, atol=1e-6)
            np.testing.assert_allclose(probabilities.sum(axis=-1), 1, atol=1e-5)
