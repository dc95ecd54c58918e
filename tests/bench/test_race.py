"""The benchmark of the race: what it measures, makes up and counts, against what is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from bench import race
from bench.finetunings import Finetuning, Stored, wanted
from bench.race import replay
from bench.simulated_trials import StoredTrial, Variation, is_given_up, measure, simulate
from bench.sizes import SMALL

KNOWN = Variation(
    clean=0.9,
    shifted=0.7,
    of_clean=0.75,
    of_shifted=0.8,
    of_views=0.5,
    fold_sd=0.02,
    images_a_fold=4000,
)
N_FOLDS = 5


def _stored_trials(fold_sd: float) -> tuple[list[StoredTrial], np.ndarray]:
    """Draw four trials with two seeds each from one normal distribution of all their tables."""
    points, views = 4, 2
    within = np.array([[KNOWN.of_clean, KNOWN.of_views], [KNOWN.of_views, KNOWN.of_shifted]])
    covariance = np.tile(within, (points, points))
    for point in range(points):
        for view in range(views):
            covariance[views * point + view, views * point + view] = 1.0
    thresholds = norm.ppf([KNOWN.clean, KNOWN.shifted])
    fold_of = np.arange(N_FOLDS * KNOWN.images_a_fold) % N_FOLDS
    rng = np.random.default_rng(0)
    trials = []
    for seed in (1, 2):
        latent = multivariate_normal.rvs(cov=covariance, size=len(fold_of), random_state=rng)
        for point in range(points):
            luck = fold_sd / np.mean(norm.pdf(thresholds)) * rng.normal(size=N_FOLDS)[fold_of]
            table = latent[:, views * point : views * (point + 1)].T + luck
            trials.append(StoredTrial(str(point), seed, table + thresholds[:, None] > 0))
    return trials, fold_of


def test_the_variation_of_known_trials_is_found() -> None:
    found = measure(*_stored_trials(fold_sd=KNOWN.fold_sd))
    assert found.clean == pytest.approx(KNOWN.clean, abs=0.01)
    assert found.shifted == pytest.approx(KNOWN.shifted, abs=0.01)
    assert found.of_clean == pytest.approx(KNOWN.of_clean, abs=0.03)
    assert found.of_shifted == pytest.approx(KNOWN.of_shifted, abs=0.03)
    assert found.of_views == pytest.approx(KNOWN.of_views, abs=0.03)
    assert found.fold_sd == pytest.approx(KNOWN.fold_sd, rel=0.25)
    assert found.images_a_fold == KNOWN.images_a_fold
    without = measure(*_stored_trials(fold_sd=0.0))
    assert without.fold_sd < 0.2 * KNOWN.fold_sd


def test_trials_that_are_made_up_vary_as_they_are_told_to() -> None:
    rng = np.random.default_rng(0)
    folds = simulate(KNOWN, 0.03, n_folds=150, generator=rng)
    gains = [float(challenger.mean() - incumbent.mean()) for challenger, incumbent in folds]
    assert np.mean(gains) == pytest.approx(0.03, abs=0.006)
    # Two trials' luck of a fold, beside which 4,000 images are nothing.
    assert np.std(gains) == pytest.approx(np.sqrt(2) * KNOWN.fold_sd, rel=0.15)
    incumbent = np.concatenate([right for _, right in folds], axis=1)
    assert incumbent[0].mean() == pytest.approx(KNOWN.clean, abs=0.01)
    assert incumbent[1].mean() == pytest.approx(KNOWN.shifted, abs=0.01)


def _in_fold(share_right: float, n: int = 200) -> np.ndarray:
    return np.tile(np.arange(n) < round(share_right * n), (2, 1))


@pytest.mark.parametrize(
    ("challenger", "given_up_after"), [((0.5, 0.9), 1), ((0.9, 0.5), 2), ((0.9, 0.9), 0)]
)
def test_a_race_says_after_how_many_folds_it_gave_up(
    challenger: tuple[float, float], given_up_after: int
) -> None:
    folds = [(_in_fold(share), _in_fold(0.9)) for share in challenger]
    assert is_given_up(folds, n_folds=N_FOLDS, level=0.95) == given_up_after


def test_a_replay_counts_what_races_in_any_order_give_up_miss_and_save() -> None:
    """A clear ladder of two: the better is never given up, the worse always after one fold."""
    fold_of = np.repeat(np.arange(N_FOLDS), 200)
    tables = {"good": 0.9, "bad": 0.5}
    trials = tuple(
        Finetuning(name, 1, np.stack([np.tile(_in_fold(share), N_FOLDS)] * 3), fold_s=10.0)
        for name, share in tables.items()
    )
    found = replay(Stored(trials, fold_of, np.arange(len(fold_of))), level=0.95)
    # The worse one is the challenger in half of the orders, and then runs one fold of five.
    assert found["given_up"] == pytest.approx(0.5, abs=0.05)
    assert found["missed"] == 0.0
    assert found["saved"] == pytest.approx(0.5 * 4 / 5, abs=0.05)
    assert found["fold_s"] == 10.0


def test_a_trial_that_is_better_only_in_later_folds_is_counted_as_missed() -> None:
    fold_of = np.repeat(np.arange(N_FOLDS), 200)

    def finetuning(name: str, shares: list[float]) -> Finetuning:
        at_end = np.concatenate([_in_fold(share) for share in shares], axis=1)
        return Finetuning(name, 1, at_end[None], fold_s=1.0)

    late = finetuning("late", [0.5, 0.5, 1.0, 1.0, 1.0])
    steady = finetuning("steady", [0.75] * N_FOLDS)
    found = replay(Stored((late, steady), fold_of, np.arange(len(fold_of))), level=0.95)
    assert found["missed"] == 1.0


def test_what_is_trained_is_each_point_once_and_some_again() -> None:
    assert list(wanted(4)) == [
        ("A", 1),
        ("B", 1),
        ("C", 1),
        ("D", 1),
        ("A", 2),
        ("B", 2),
        ("C", 2),
    ]


@pytest.mark.acceptance
def test_the_small_form_trains_stores_replays_and_goes_on(tmp_path: Path) -> None:
    document = race.run(SMALL, tmp_path / "stored")
    assert document["replay"][0]["trials"] == 3
    assert 0.0 <= document["variation"]["fold_sd"] < 0.2
    rates = {(row["gain"], row["level"]): row["given_up"] for row in document["simulation"]}
    assert rates[-0.05, 0.9] >= rates[0.02, 0.9]
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "stored").glob("*/*.npz")}
    assert len(made) == 6
    race.run(SMALL, tmp_path / "stored")
    assert made == {path: path.stat().st_mtime_ns for path in made}
