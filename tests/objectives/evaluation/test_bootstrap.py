import numpy as np
import pytest
import scipy.stats
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.settings import Metric
from spaces.errors import InputError

METRICS: tuple[Metric, ...] = ("accuracy", "balanced_accuracy", "macro_f1", "log_loss")


def _case(
    n_images: int = 120, n_classes: int = 4, skill: float = 1.5, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_images)
    logits = rng.normal(size=(n_images, n_classes)) + skill * np.eye(n_classes)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return labels, probabilities.astype(np.float32)


def _scikit_learn(labels: np.ndarray, probabilities: np.ndarray, metric: Metric) -> float:
    predicted = probabilities.argmax(axis=1)
    if metric == "accuracy":
        return float(np.mean(predicted == labels))
    if metric == "balanced_accuracy":
        return float(balanced_accuracy_score(labels, predicted))
    if metric == "macro_f1":
        return float(f1_score(labels, predicted, average="macro"))
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    return -float(log_loss(labels, exact, labels=range(4)))


@pytest.mark.parametrize("metric", METRICS)
def test_every_score_equals_scikit_learns_on_all_images_and_on_a_resample(metric: Metric) -> None:
    labels, probabilities = _case()
    resamples = draw_resamples(np.arange(len(labels)), n_resamples=300, seed=1)
    found = replicate(labels, probabilities[None], metric, resamples)
    assert found.score == pytest.approx(_scikit_learn(labels, probabilities, metric), abs=1e-6)
    for number in (0, 7, 299):
        rows = np.repeat(np.arange(len(labels)), resamples.counts[number])
        expected = _scikit_learn(labels[rows], probabilities[rows], metric)
        assert found.resampled[number] == pytest.approx(expected, abs=1e-6)
    without_third = np.delete(np.arange(len(labels)), 3)
    expected = _scikit_learn(labels[without_third], probabilities[without_third], metric)
    assert found.left_out[3] == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_intervals_agree_with_scipys_paired_bca_bootstrap(metric: Metric) -> None:
    labels, ours = _case(seed=0, skill=2.0)
    _, theirs = _case(seed=0, skill=1.6)
    resamples = draw_resamples(np.arange(len(labels)), n_resamples=20_000, seed=1)
    paired = replicate(labels, ours[None], metric, resamples) - replicate(
        labels, theirs[None], metric, resamples
    )
    found = estimate(paired)

    def per_image(probabilities: np.ndarray) -> np.ndarray:
        of_label = probabilities[np.arange(len(labels)), labels].astype(np.float64)
        correct = (probabilities.argmax(axis=1) == labels).astype(np.float64)
        return np.asarray(np.log(of_label) if metric == "log_loss" else correct)

    def mean_difference(left: np.ndarray, right: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.asarray(left.mean(axis=axis) - right.mean(axis=axis))

    def difference(rows: np.ndarray) -> float:
        rows = rows.astype(int)
        return _scikit_learn(labels[rows], ours[rows], metric) - _scikit_learn(
            labels[rows], theirs[rows], metric
        )

    is_mean = metric in ("accuracy", "log_loss")
    expected = scipy.stats.bootstrap(
        (per_image(ours), per_image(theirs)) if is_mean else (np.arange(len(labels)),),
        mean_difference if is_mean else difference,
        paired=is_mean,
        vectorized=is_mean,
        n_resamples=20_000 if is_mean else 800,
        method="BCa",
        random_state=np.random.default_rng(2),
    )
    # A score of 120 images moves in steps: two draws may end a step apart.
    tolerance = 1.01 / 120 if metric == "accuracy" else 0.12 * (found.high - found.low)
    assert found.low == pytest.approx(expected.confidence_interval.low, abs=tolerance)
    assert found.high == pytest.approx(expected.confidence_interval.high, abs=tolerance)


def test_images_of_one_group_come_and_go_together() -> None:
    labels, probabilities = _case(n_images=40)
    alone = estimate(
        replicate(
            labels,
            probabilities[None],
            "accuracy",
            draw_resamples(np.arange(40), n_resamples=4000, seed=0),
        )
    )
    tripled = np.repeat(np.arange(40), 3)
    grouped = draw_resamples(tripled, n_resamples=4000, seed=0)
    together = estimate(
        replicate(labels[tripled], probabilities[None][:, tripled], "accuracy", grouped)
    )
    assert together == alone
    apart = draw_resamples(np.arange(120), n_resamples=4000, seed=0)
    separate = estimate(
        replicate(labels[tripled], probabilities[None][:, tripled], "accuracy", apart)
    )
    assert separate.high - separate.low < 0.7 * (alone.high - alone.low)


def test_the_score_of_several_views_is_their_mean() -> None:
    labels, clean = _case(skill=3.0)
    _, shifted = _case(skill=0.5)
    resamples = draw_resamples(np.arange(len(labels)), n_resamples=2000, seed=0)
    both = replicate(labels, np.stack([clean, shifted]), "macro_f1", resamples)
    one = replicate(labels, clean[None], "macro_f1", resamples)
    other = replicate(labels, shifted[None], "macro_f1", resamples)
    np.testing.assert_allclose(both.resampled, (one.resampled + other.resampled) / 2)


def test_a_faultless_model_has_a_point_interval() -> None:
    labels = np.array([0, 1, 2, 3] * 10)
    resamples = draw_resamples(np.arange(40), n_resamples=2000, seed=0)
    found = estimate(replicate(labels, np.eye(4)[labels][None], "accuracy", resamples))
    assert (found.score, found.low, found.high) == (1.0, 1.0, 1.0)


def test_intervals_cover_the_true_accuracy_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    covered = 0
    for seed in range(300):
        labels = np.zeros(150, dtype=np.int64)
        right = rng.random(150) < 0.8
        probabilities = np.stack([right, ~right], axis=1).astype(np.float32)
        resamples = draw_resamples(np.arange(150), n_resamples=1000, seed=seed)
        found = estimate(replicate(labels, probabilities[None], "accuracy", resamples))
        covered += found.low <= 0.8 <= found.high
    assert 0.91 <= covered / 300 <= 0.985


def test_an_empty_holdout_is_refused_with_the_next_step() -> None:
    with pytest.raises(InputError, match=r"set data\.holdout above 0"):
        draw_resamples(np.array([], dtype=np.int64), seed=0)
