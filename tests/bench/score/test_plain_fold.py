"""The plain loop's folds, on images that are small enough to train on for real."""

import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from bench.cells import generate_cells
from bench.score.data import ScoreData
from bench.score.plain_fold import Lengths, PlainFolds, PlainPoint, TimeIsUpError
from bench.score.sizes import SMALL
from spaces.params import TrialParams

SIZE = replace(SMALL, image_px=16, plain_head_epochs=3, plain_finetune_epochs=2)
POINT = PlainPoint(
    TrialParams(backbone="small_cnn", policy="flip", dense_units=8, batch_size=16),
    unfrozen=1.0,
    finetune_learning_rate=1e-3,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> ScoreData:
    folder = tmp_path_factory.mktemp("plain")
    path = generate_cells(96, SIZE.image_px).save(folder / "train.npz")
    return ScoreData.load(path, SIZE, 0, folder)


@pytest.mark.slow
def test_the_model_of_a_fold_has_the_weights_that_its_score_was_measured_with(
    data: ScoreData,
) -> None:
    folds = PlainFolds(data, SIZE, ends_at_s=time.time() + 600)
    fitted = folds.fit(POINT, 1)
    rows = np.flatnonzero(data.splits.fold_of == 1)
    shifted = folds.shifted[rows]
    both = np.concatenate([data.images[rows], shifted]).astype(np.float32)
    predicted = fitted.model.predict(both, verbose=0).argmax(axis=1)
    labels = np.concatenate([data.labels[rows]] * 2)
    assert fitted.score == pytest.approx(accuracy_score(labels, predicted), abs=1e-6)
    assert 1 <= fitted.best.head <= 3
    assert 0 <= fitted.best.finetune <= 2


@pytest.mark.slow
def test_time_that_is_up_ends_a_fold_but_no_refit(data: ScoreData) -> None:
    folds = PlainFolds(data, SIZE, ends_at_s=time.time() - 1)
    with pytest.raises(TimeIsUpError):
        folds.fit(POINT, 0)
    model = folds.refit(POINT, Lengths(1, 1))
    answers = model.predict(data.images.astype(np.float32), verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
