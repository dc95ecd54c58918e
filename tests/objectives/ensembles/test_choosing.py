from collections.abc import Collection
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy.stats import binom

from objectives.ensembles.choosing import choose
from objectives.ensembles.nested import Tables, choose_ensemble
from objectives.ensembles.table import OofTable
from tests.objectives.ensembles.made_tables import made_table, softmax

N_SIMULATIONS = 100
ONE_SIDED = 0.025
"""An interval of 95 % lies above 0 by chance this often."""


def _noise(seed: int) -> OofTable:
    return made_table([0.0] * 4, n_rows=120, n_classes=3, seed=seed)


def _looks_of_noise(table: OofTable, _: object = None) -> Tables:
    return _more_looks(table, 0.0)


def _more_looks(table: OofTable, strength: float, seed: int = 7) -> Tables:
    """Turn members: three more looks at each image, which tell of its class by ``strength``."""
    rng = np.random.default_rng(seed)
    n_classes = table.members[0].shape[-1]
    members = []
    for member in table.members:
        looks = strength * np.eye(n_classes)[table.labels] + rng.normal(size=(3, *member.shape))
        members.append((member + softmax(looks).sum(axis=0)) / 4)
    return {"flips": replace(table, members=members)}


def test_members_that_err_apart_are_taken_together() -> None:
    table = made_table([1.5] * 6, n_rows=1000)
    found = choose(table, seed=0)
    comparison, majority = found.comparisons
    assert (comparison.form, comparison.rival, comparison.is_taken) == ("ensemble", "single", True)
    assert (majority.form, majority.rival, majority.is_taken) == ("majority", "ensemble", False)
    assert found.chosen.mixture.combination == "average"
    assert 0 < comparison.gain.low < comparison.gain.score < comparison.gain.high
    assert found.score == pytest.approx(found.single_score + comparison.gain.score)
    assert len(found.chosen.mixture.draws) > 1


def test_members_vote_where_one_that_is_loud_and_wrong_would_outweigh_the_others() -> None:
    """Each is loud in a third of the rows, and then right in 7 of 10; else quiet, in 9 of 10."""
    table = made_table([1.0], n_rows=1000)
    rng = np.random.default_rng(1)
    members = []
    for _ in range(5):
        is_loud = rng.random((2, 1000)) < 1 / 3
        is_right = rng.random((2, 1000)) < np.where(is_loud, 0.7, 0.9)
        wrong = (table.labels + rng.integers(1, 4, (2, 1000))) % 4
        share = np.where(is_loud, 0.99, 0.05)[..., None]
        members.append(share * np.eye(4)[np.where(is_right, table.labels, wrong)] + (1 - share) / 4)
    found = choose(replace(table, members=members), seed=0)
    majority = found.comparisons[1]
    assert (majority.form, majority.is_taken) == ("majority", True)
    assert found.chosen.mixture.combination == "majority"
    assert majority.gain.low > 0


def test_members_that_err_alike_stay_single() -> None:
    table = made_table([1.5], n_rows=600)
    copies = replace(table, members=[table.members[0]] * 5)
    found = choose(copies, seed=0)
    assert not found.comparisons[0].is_taken
    assert found.score == found.single_score
    assert len(found.chosen.mixture.draws) == 1


@pytest.mark.slow
def test_the_gain_that_is_claimed_is_met_on_new_rows() -> None:
    """Many more rows of the same law say what the ensemble is worth."""
    gains, truths = [], []
    for seed in range(8):
        table = made_table([1.5] * 6, n_rows=800, seed=seed)
        found = choose(table, seed=0)
        new = made_table([1.5] * 6, n_rows=5000, seed=100 + seed)
        together = new.score(found.chosen.answer({"none": new}))
        gains.append(found.comparisons[0].gain.score)
        truths.append(together - np.mean([new.score(member) for member in new.members]))
    # The single best of equals is as good as any: the gain is over one of them.
    assert np.mean(gains) == pytest.approx(np.mean(truths), abs=0.02)


@pytest.mark.slow
def test_among_members_of_noise_a_gain_is_claimed_no_more_often_than_the_level_says() -> None:
    claims, gains_in_sample = 0, 0
    for seed in range(N_SIMULATIONS):
        table = _noise(seed)
        found = choose(table, turn=partial(_looks_of_noise, table), seed=seed)
        claims += any(comparison.is_taken for comparison in found.comparisons)
        together = choose_ensemble(table, 8).answer(table.members)
        gains_in_sample += table.score(together) > max(map(table.score, table.members))
    assert claims <= binom.ppf(0.99, N_SIMULATIONS, ONE_SIDED)
    # On the rows that chose it, the same ensemble beats even the luckiest of all members.
    assert gains_in_sample > 0.5 * N_SIMULATIONS


def test_symmetries_are_taken_where_turned_images_tell_more() -> None:
    table = made_table([1.0], n_rows=1000)
    found = choose(table, turn=lambda _: _more_looks(table, 1.0), seed=0)
    (symmetries,) = found.comparisons
    assert (symmetries.rival, symmetries.is_taken) == ("single", True)
    assert found.chosen.symmetry == "flips"


def test_symmetries_must_gain_over_the_ensemble_that_was_taken() -> None:
    table = made_table([1.5] * 4, n_rows=1000)
    asked: list[set[int]] = []

    def turn(members: Collection[int]) -> Tables:
        asked.append(set(members))
        return _more_looks(table, -0.5)

    found = choose(table, turn=turn, seed=0)
    ensemble, majority, symmetries = found.comparisons
    assert ensemble.is_taken
    assert not majority.is_taken
    assert (symmetries.rival, symmetries.is_taken) == ("ensemble", False)
    assert found.chosen.symmetry == "none"
    assert asked[0] >= set(found.chosen.mixture.draws)


def test_members_that_cannot_be_turned_are_compared_without() -> None:
    found = choose(made_table([1.5] * 4), turn=lambda _: {}, seed=0)
    assert [comparison.form for comparison in found.comparisons] == ["ensemble", "majority"]


def test_a_number_takes_an_ensemble_whether_it_gains_or_not_and_says_what_it_gains() -> None:
    found = choose(_noise(0), size=2, seed=0)
    comparison = found.comparisons[0]
    assert comparison.is_taken
    assert comparison.gain.low < 0
    assert 1 <= len(found.chosen.mixture.draws) <= 2


def test_none_takes_the_single_best_and_compares_nothing() -> None:
    table = made_table([0.5, 2.0, 1.0])
    found = choose(table, size="none", turn=lambda _: _more_looks(table, 3.0), seed=0)
    assert found.comparisons == ()
    assert dict(found.chosen.mixture.draws) == {1: 1}


def test_the_calibration_out_of_fold_is_better_after_tempering() -> None:
    table = made_table([1.0], n_rows=1000)
    brash = replace(table, members=[softmax(3 * np.log(table.members[0]))])
    found = choose(brash, size="none", seed=0)
    assert found.after.log_loss < found.before.log_loss
    assert found.after.calibration_error < found.before.calibration_error
