from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from objectives.evaluation.bootstrap import Estimate
from objectives.evaluation.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from objectives.evaluation.holdout import (
    HoldoutPredictions,
    HoldoutScores,
    HoldoutViews,
    check_classes,
    predict_holdout,
    score_holdout,
)
from objectives.evaluation.holdout_pictures import draw_holdout_scores
from objectives.evaluation.holdout_views import make_holdout_views
from objectives.evaluation.metrics import score_predictions
from objectives.records import LabelledImages
from objectives.settings import Metric, ValidationSettings
from objectives.store.array_store import ArrayStore
from spaces.errors import InputError


def _brightness(images: np.ndarray) -> np.ndarray:
    """A stand-in for a model: two classes, dark and bright."""
    bright = images.reshape(len(images), -1).mean(axis=1) / 255
    return np.stack([1 - bright, bright], axis=1)


def _data(n_rows: int = 40) -> LabelledImages:
    rng = np.random.default_rng(0)
    labels = np.arange(n_rows) % 2
    levels = np.where(labels, 170, 80)[:, None, None, None]
    noise = rng.integers(-70, 70, (n_rows, 24, 24, 3))
    images = np.clip(levels + noise, 0, 255).astype(np.uint8)
    return LabelledImages(images, labels, ("dark", "bright"), tuple(map(str, range(n_rows))), "f")


def _store(folder: Path) -> ArrayStore:
    return ArrayStore(folder / "store", max_bytes=10**9)


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"])
def test_each_score_is_the_mean_over_views_of_the_metric_that_trials_are_scored_by(
    metric: Metric,
) -> None:
    data = _data()
    darker = data.images // 3
    views = HoldoutViews(255 - data.images, (("darker", lambda i: i // 3), ("same", lambda i: i)))
    found = predict_holdout(_brightness, data.images, views, n_classes=2)
    scores = score_holdout(
        data.labels,
        found,
        validation=ValidationSettings(metric=metric),
        groups=np.arange(len(data.labels)),
        seed=0,
    )

    def expected(images: np.ndarray) -> float:
        return score_predictions(metric, data.labels, _brightness(images).astype(np.float32))

    assert scores.clean.score == pytest.approx(expected(data.images), abs=1e-6)
    assert scores.shifted is not None
    assert scores.shifted.score == pytest.approx(expected(255 - data.images), abs=1e-6)
    mean = (expected(darker) + expected(data.images)) / 2
    assert scores.corrupted.score == pytest.approx(mean, abs=1e-6)
    assert scores.corrupted.low <= scores.corrupted.score <= scores.corrupted.high


def test_the_gate_is_given_the_views_of_the_sweeps_score() -> None:
    clean, shifted = np.zeros((1, 3, 2), np.float32), np.ones((1, 3, 2), np.float32)
    found = HoldoutPredictions(clean, shifted, clean, ())
    assert found.selected("robust").tolist() == [clean[0].tolist(), shifted[0].tolist()]
    assert found.selected("clean").tolist() == clean.tolist()
    assert found.selected("shifted").tolist() == shifted.tolist()
    without = HoldoutPredictions(clean, None, clean, ())
    assert without.selected("robust").tolist() == clean.tolist()


def test_a_sweep_without_shift_has_no_shifted_score(tmp_path: Path) -> None:
    data, rows = _data(), np.arange(10)
    validation = ValidationSettings(shift="none")
    views = make_holdout_views(data, rows, validation, seed=0, store=_store(tmp_path))
    found = predict_holdout(_brightness, data.images[rows], views, n_classes=2)
    scores = score_holdout(data.labels[rows], found, validation=validation, groups=rows, seed=0)
    assert scores.shifted is None
    assert scores.by_view()["shifted"] is None


def test_the_views_are_a_draw_of_their_own_and_the_whole_suite_of_corruptions(
    tmp_path: Path,
) -> None:
    data, rows = _data(), np.arange(1, 40, 2)
    validation = ValidationSettings()
    views = make_holdout_views(data, rows, validation, seed=3, store=_store(tmp_path))
    again = make_holdout_views(data, rows, validation, seed=3, store=_store(tmp_path))
    other = make_holdout_views(data, rows, validation, seed=4, store=_store(tmp_path))
    assert views.shifted is not None
    assert again.shifted is not None
    assert other.shifted is not None
    assert views.shifted.shape == (20, 24, 24, 3)
    assert np.array_equal(views.shifted, again.shifted)
    assert not np.array_equal(views.shifted, other.shifted)
    assert not np.array_equal(views.shifted, data.images[rows])


def test_every_corruption_is_shown_at_all_severities_and_every_image_at_one_of_them(
    tmp_path: Path,
) -> None:
    data, rows = _data(), np.arange(20)
    views = make_holdout_views(data, rows, ValidationSettings(), seed=3, store=_store(tmp_path))
    assert [name for name, _ in views.corruptions] == list(CORRUPTIONS)
    first_severities = []
    for name, make in views.corruptions:
        made = make(data.images[rows])
        at_all = [corrupt(data.images[rows], name, severity, seed=3) for severity in SEVERITIES]
        found = [
            [np.array_equal(made[row], at_one[row]) for at_one in at_all].index(True)
            for row in range(len(rows))
        ]
        assert np.bincount(found, minlength=len(SEVERITIES)).min() >= len(rows) // len(SEVERITIES)
        first_severities.append(found[0])
    assert set(first_severities) == set(range(len(SEVERITIES)))


def test_a_model_that_answers_with_other_classes_is_refused() -> None:
    views = HoldoutViews(None, (("same", lambda images: images),))
    with pytest.raises(InputError, match=r"shape \(40, 2\), expected \(40, 3\)"):
        predict_holdout(_brightness, _data().images, views, n_classes=3)
    check_classes(("a", "b"), ("a", "b"), "models:/m/1")
    with pytest.raises(InputError, match="models:/m/1 knows the classes b, a"):
        check_classes(("a", "b"), ("b", "a"), "models:/m/1")


def test_the_picture_of_scores_is_drawn_for_every_metric_with_and_without_a_champion(
    tmp_path: Path,
) -> None:
    ours = HoldoutScores(
        Estimate(0.9, 0.85, 0.94), Estimate(0.6, 0.5, 0.7), Estimate(0.5, 0.4, 0.6)
    )
    theirs = HoldoutScores(Estimate(0.8, 0.7, 0.9), None, Estimate(0.5, 0.45, 0.6))
    both = {"trial 3": ours, "champion (version 1)": theirs}
    path = draw_holdout_scores(both, "accuracy", tmp_path / "both.png")
    with Image.open(path) as picture:
        assert picture.width > 600
        colours = picture.convert("RGB").getcolors(maxcolors=10**6)
    assert colours is not None
    assert {(31, 111, 235), (140, 149, 159)} <= {colour for _, colour in colours}
    negated = HoldoutScores(Estimate(-0.3, -0.4, -0.2), None, Estimate(-0.9, -1.0, -0.8))
    assert draw_holdout_scores({"trial 3": negated}, "log_loss", tmp_path / "one.png").is_file()
