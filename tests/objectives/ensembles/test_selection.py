import time
from itertools import product

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from objectives.ensembles.selection import select_members
from tests.objectives.ensembles.made_tables import made_table

LABELS = np.array([0, 0, 0, 0, 1, 1])


def _of_true(*shares: float) -> np.ndarray:
    """One view of two classes, by the probability that each row's true class gets."""
    true = np.array(shares)
    zero = np.where(LABELS == 0, true, 1 - true)
    return np.stack([zero, 1 - zero], axis=1)[None]


def _accuracy(probabilities: np.ndarray) -> float:
    return float(accuracy_score(LABELS, probabilities[0].argmax(axis=1)))


def test_draws_are_those_computed_by_hand() -> None:
    # Alone 4, 4 and 1 of 6 rows are right. The first two together have 0.85, 0.625, 0.6, 0.55,
    # 0.45, 0.65 for the true class: 5 right. All three: 0.7, 0.55, 0.53, 0.47, 0.6, 0.53: again 5,
    # so they begin as two. The second once more gives 0.83, 0.53, 0.53, 0.6, 0.53, 0.63: 6 right.
    first = _of_true(0.9, 0.9, 0.8, 0.4, 0.2, 0.7)
    second = _of_true(0.8, 0.35, 0.4, 0.7, 0.7, 0.6)
    third = _of_true(0.4, 0.4, 0.4, 0.3, 0.9, 0.3)
    draws = select_members([first, second, third], _accuracy, max_members=3)
    assert draws == {0: 1, 1: 2}


def test_no_further_draw_would_have_improved_the_score() -> None:
    table = made_table([1.0, 1.2, 0.8, 1.1, 0.9], n_rows=60)
    draws = select_members(table.members, table.score, max_members=5)

    def score(counts: np.ndarray) -> float:
        mean = np.tensordot(counts / counts.sum(), np.stack(table.members), axes=1)
        predicted = mean.argmax(axis=-1)
        return float(np.mean([accuracy_score(table.labels, view) for view in predicted]))

    counts = np.array([draws.get(place, 0) for place in range(5)])
    assert all(score(counts) >= score(counts + one) for one in np.eye(5))
    assert score(counts) > max(score(one) for one in np.eye(5))


def test_two_members_get_the_weights_that_brute_force_finds() -> None:
    table = made_table([1.0, 2.0], n_rows=400, metric="log_loss", seed=3)
    draws = select_members(table.members, table.score, max_members=2, max_draws=12)

    def loss(counts: tuple[int, ...]) -> float:
        mean = np.tensordot(np.array(counts) / sum(counts), np.stack(table.members), axes=1)
        views = (view.astype(np.float64) for view in mean)
        return float(np.mean([log_loss(table.labels, v / v.sum(-1, keepdims=True)) for v in views]))

    tried = [counts for counts in product(range(13), repeat=2) if 0 < sum(counts) <= 12]
    best = min(tried, key=loss)
    found = draws.get(0, 0) / sum(draws.values())
    assert found == pytest.approx(best[0] / sum(best), abs=1 / 12)


def test_a_member_that_errs_where_the_best_is_right_does_not_come_in() -> None:
    table = made_table([6.0, 0.0, 0.0])
    draws = select_members(table.members, table.score, max_members=3)
    assert list(draws) == [0]


@pytest.mark.parametrize("most", [1, 2, 3])
def test_there_are_no_more_different_members_than_allowed(most: int) -> None:
    table = made_table([1.0] * 12)
    draws = select_members(table.members, table.score, max_members=most)
    assert len(draws) == most


def test_there_are_no_more_draws_than_allowed() -> None:
    table = made_table([1.0] * 12, metric="log_loss")
    draws = select_members(table.members, table.score, max_members=12, max_draws=4)
    assert sum(draws.values()) == 4


def test_a_hundred_trials_of_3000_rows_take_about_a_second() -> None:
    table = made_table([1.0] * 100, n_rows=3000, n_classes=8, shared=0.5)
    started_s = time.process_time()
    draws = select_members(table.members, table.score, max_members=100)
    assert time.process_time() - started_s < 2
    assert len(draws) > 5
