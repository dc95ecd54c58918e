from typing import Any

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.metrics import f1_score, log_loss

from objectives.settings import Metric
from search.promotion.gate import GateDecision, constant_score, decide
from spaces.errors import InputError


def _decide(
    labels: np.ndarray, challenger: np.ndarray, champion: np.ndarray | None, **options: Any
) -> GateDecision:
    """Decide on images that all differ, unless groups are given."""
    return decide(labels, challenger, champion, **{"groups": np.arange(len(labels)), **options})


def _answers(labels: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Two-class predictions of one view that are right where they should be."""
    predicted = np.where(right, labels, 1 - labels)
    return np.eye(2, dtype=np.float32)[predicted][None]


def test_a_challenger_that_answers_like_the_champion_passes() -> None:
    labels = np.array([0, 1] * 50)
    answers = _answers(labels, np.arange(100) % 10 > 0)
    decision = _decide(labels, answers, answers, metric="accuracy")
    assert decision.passed
    assert (decision.difference, decision.interval) == (0.0, (0.0, 0.0))


def test_a_clearly_worse_challenger_fails_and_the_reason_has_the_figures() -> None:
    labels = np.array([0, 1] * 100)
    champion = _answers(labels, np.arange(200) % 20 > 0)
    challenger = _answers(labels, np.arange(200) % 5 > 0)
    decision = _decide(labels, challenger, champion, metric="accuracy")
    assert not decision.passed
    assert decision.interval[0] < decision.difference < decision.interval[1] < 0
    assert decision.difference == pytest.approx(-0.15)
    assert "accuracy 0.8000 against the champion's 0.9500 on 200 held-out images" in decision.reason
    assert "-0.1500" in decision.reason


def test_the_bound_of_a_hundredth_decides() -> None:
    # One image in 2,000 lost: the lower bound is near -0.002, which the margin allows. Forty lost:
    # a difference of -0.02 with a standard error of 0.003 is beyond it.
    labels = np.array([0, 1] * 1000)
    champion = _answers(labels, np.ones(2000, dtype=bool))
    assert _decide(
        labels, _answers(labels, np.arange(2000) > 0), champion, metric="accuracy"
    ).passed
    worse = _decide(labels, _answers(labels, np.arange(2000) >= 40), champion, metric="accuracy")
    assert not worse.passed
    normal = 1.96 * np.sqrt(0.02 * 0.98 / 2000)
    assert worse.interval == pytest.approx((-0.02 - normal, -0.02 + normal), abs=1.5e-3)


def test_a_noisy_draw_fails_although_the_scores_are_equal() -> None:
    # Each is right where the other is wrong on 20 images of 60: no proof of being no worse.
    labels = np.array([0, 1] * 30)
    challenger = _answers(labels, np.arange(60) >= 20)
    champion = _answers(labels, np.arange(60) < 40)
    decision = _decide(labels, challenger, champion, metric="accuracy")
    assert decision.difference == 0
    assert not decision.passed


def test_without_a_champion_the_interval_must_lie_above_the_majority_class() -> None:
    labels = np.array([0] * 70 + [1] * 30)
    always_majority = _answers(labels, labels == 0)
    refused = _decide(labels, always_majority, None, metric="accuracy")
    assert not refused.passed
    assert "majority class's rate 0.7000" in refused.reason
    assert refused.threshold == pytest.approx(0.7)
    passed = _decide(labels, _answers(labels, np.arange(100) % 10 > 0), None, metric="accuracy")
    assert passed.passed
    barely = _decide(labels, _answers(labels, np.arange(100) % 4 > 0), None, metric="accuracy")
    assert barely.score > 0.7
    assert not barely.passed


def test_the_constant_answer_scores_as_scikit_learns_dummies() -> None:
    labels = np.array([0] * 50 + [1] * 30 + [2] * 20)
    images = np.zeros((100, 1))
    majority = DummyClassifier(strategy="most_frequent").fit(images, labels)
    prior = DummyClassifier(strategy="prior").fit(images, labels)
    expected: dict[Metric, float] = {
        "accuracy": float(majority.score(images, labels)),
        "balanced_accuracy": 1 / 3,
        "macro_f1": float(f1_score(labels, majority.predict(images), average="macro")),
        "log_loss": -float(log_loss(labels, prior.predict_proba(images))),
    }
    for metric, score in expected.items():
        assert constant_score(labels, metric, 3) == pytest.approx(score)


def test_log_loss_is_gated_in_nats_and_higher_is_worse() -> None:
    labels = np.array([0, 1] * 100)
    sure = np.where(np.eye(2)[labels] > 0, 0.9, 0.1).astype(np.float32)[None]
    unsure = np.where(np.eye(2)[labels] > 0, 0.8, 0.2).astype(np.float32)[None]
    assert _decide(labels, sure, unsure, metric="log_loss").passed
    worse = _decide(labels, unsure, sure, metric="log_loss")
    assert not worse.passed
    assert worse.difference == pytest.approx(np.log(0.8) - np.log(0.9), abs=1e-5)
    assert "negated log loss -0.2231" in worse.reason


def test_duplicates_widen_the_interval_as_they_should() -> None:
    labels = np.repeat([0, 1], 50)
    groups = np.repeat(np.arange(20), 5)
    champion = _answers(labels, groups % 4 > 0)
    challenger = _answers(labels, groups % 4 != 1)
    alone = _decide(labels, challenger, champion, metric="accuracy")
    together = _decide(labels, challenger, champion, metric="accuracy", groups=groups)
    width_alone = alone.interval[1] - alone.interval[0]
    width_together = together.interval[1] - together.interval[0]
    assert width_together > 1.6 * width_alone


def test_what_cannot_be_compared_is_refused() -> None:
    labels = np.array([0, 1])
    answers = _answers(labels, np.array([True, True]))
    with pytest.raises(InputError, match="at least 2000 resamples, got 10"):
        _decide(labels, answers, None, metric="accuracy", n_resamples=10)
    with pytest.raises(InputError, match="cannot be compared"):
        _decide(labels, answers, answers[:, :1], metric="accuracy")
