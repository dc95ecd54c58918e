import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from objectives.ensembles.calibration import CalibrationNumbers, fit_temperature, temper
from tests.objectives.ensembles.made_tables import softmax


def test_a_tempered_answer_is_the_softmax_of_the_divided_logits() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(temper(softmax(logits), 2.5), softmax(logits / 2.5), atol=1e-12)


def test_a_temperature_of_one_changes_nothing() -> None:
    probabilities = np.array([[1.0, 0.0], [0.3, 0.7]])
    assert temper(probabilities, 1.0) is probabilities


def test_the_temperature_is_the_one_that_scikit_learn_finds() -> None:
    images, labels = load_digits(return_X_y=True)
    overfitted = LogisticRegression(C=100, max_iter=500).fit(images[:300], labels[:300])
    shown, true = images[300:], labels[300:]
    scikit = CalibratedClassifierCV(
        FrozenEstimator(overfitted), method="temperature", ensemble=False
    )
    expected = scikit.fit(shown, true).predict_proba(shown)
    probabilities = softmax(overfitted.decision_function(shown))
    temperature = fit_temperature(true, probabilities[None])
    assert temperature > 1.2
    np.testing.assert_allclose(temper(probabilities, temperature), expected, atol=2e-3)


def test_the_temperature_that_labels_were_drawn_with_is_found_again() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 5))
    drawn = np.array([rng.choice(5, p=softmax(row / 0.6)) for row in logits])
    assert fit_temperature(drawn, softmax(logits)[None]) == pytest.approx(0.6, rel=0.03)


def test_no_other_temperature_has_a_smaller_log_loss_over_both_views() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 300)
    views = softmax(4 * rng.normal(size=(2, 300, 3)) + 2 * np.eye(3)[labels])
    found = fit_temperature(labels, views)

    def loss(temperature: float) -> float:
        return float(sum(log_loss(labels, temper(view, temperature)) for view in views))

    assert loss(found) == pytest.approx(min(map(loss, np.geomspace(0.1, 10, 400))), abs=1e-4)
    assert loss(found) < loss(1.0)


def test_the_numbers_of_a_calibration_are_those_computed_by_hand() -> None:
    # Confidences 0.8, 0.8, 0.8 with 2 right, and 0.6 with 1 right, in two views of two images.
    views = np.array([[[0.8, 0.2], [0.8, 0.2]], [[0.2, 0.8], [0.6, 0.4]]])
    found = CalibrationNumbers.of(np.array([0, 0]), views)
    assert found.log_loss == pytest.approx(-np.log([0.8, 0.8, 0.2, 0.6]).mean())
    assert found.calibration_error == pytest.approx((3 * (0.8 - 2 / 3) + 0.4) / 4)
