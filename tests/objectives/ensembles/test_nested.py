from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from objectives.ensembles.mixture import Mixture
from objectives.ensembles.nested import (
    Chosen,
    Contender,
    Tables,
    choose_ensemble,
    choose_single,
    choose_symmetry,
    contend,
)
from objectives.ensembles.table import OofTable
from tests.objectives.ensembles.made_tables import N_FOLDS, made_table, softmax


def _ensemble(table: OofTable) -> Contender:
    return contend({"none": table}, lambda tables, _: Chosen(choose_ensemble(tables["none"], 8)))


def _without_what_fold_says(table: OofTable, fold: int) -> OofTable:
    """Replace labels and predictions of a fold's rows by noise."""
    rng = np.random.default_rng(99)
    mine = table.fold_of == fold
    noise = rng.dirichlet(np.ones(4), size=(len(table.members), 2, mine.sum()))
    members = [member.copy() for member in table.members]
    for member, drawn in zip(members, noise, strict=True):
        member[:, mine] = drawn
    labels = table.labels.copy()
    labels[mine] = rng.integers(0, 4, mine.sum())
    return replace(table, labels=labels, members=members)


@pytest.mark.parametrize("fold", range(N_FOLDS))
def test_a_folds_rows_have_no_say_in_what_answers_about_them(fold: int) -> None:
    table = made_table([1.0, 1.1, 0.9, 1.0])
    noisy = _ensemble(_without_what_fold_says(table, fold))
    assert noisy.without[fold] == _ensemble(table).without[fold]


def test_each_row_is_answered_by_what_was_chosen_without_its_fold() -> None:
    table = made_table([1.0, 1.1, 0.9, 1.0])
    found = _ensemble(table)
    for fold in range(N_FOLDS):
        mine = table.fold_of == fold
        expected = found.without[fold].mixture.answer([m[:, mine] for m in table.members])
        np.testing.assert_array_equal(found.answers[:, mine], expected)
    assert found.chosen(None) is found.of_all
    assert found.members >= set(found.of_all.mixture.draws)


def test_untempered_answers_average_what_the_members_said() -> None:
    table = made_table([1.0, 1.0])
    together = Mixture({0: 1, 1: 1}, {0: 2.0, 1: 2.0}, temperature=0.7)
    found = contend({"none": table}, lambda *_: Chosen(together))
    np.testing.assert_allclose(found.untempered, (table.members[0] + table.members[1]) / 2)


def test_the_single_best_is_the_first_of_the_leaderboard() -> None:
    """The mean over folds of unequal size decides, and not the mean over rows."""
    labels = np.zeros(10, dtype=np.int64)
    fold_of = np.array([0] * 8 + [1] * 2)
    better_on_rows = np.array([1, 1, 1, 1, 1, 1, 1, 0, 0, 0])
    better_on_folds = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 1])
    members = [
        np.stack([right, 1 - right], axis=1)[None] * 0.8 + 0.1
        for right in (better_on_rows, better_on_folds)
    ]
    table = OofTable(labels, fold_of, np.arange(10), members, "accuracy")
    means = [
        np.mean(
            [accuracy_score(labels[fold_of == j], m[0][fold_of == j].argmax(1)) for j in (0, 1)]
        )
        for m in members
    ]
    assert means == pytest.approx([7 / 16, 3 / 4])
    assert dict(choose_single(table).draws) == {1: 1}


def _over_symmetries(strength: float) -> Tables:
    """Turned images tell anew about the class, with ``strength``; below 0 they mislead."""
    plain = made_table([1.0], n_rows=2000)
    rng = np.random.default_rng(5)
    looks = strength * np.eye(4)[plain.labels] + rng.normal(size=(3, 2, 2000, 4))
    turned = [plain.members[0], *softmax(looks)]
    mirror, flips = (replace(plain, members=[np.mean(turned[:n], axis=0)]) for n in (2, 4))
    return {"none": plain, "mirror": mirror, "flips": flips}


def test_the_symmetry_that_tells_most_is_chosen() -> None:
    mixture = Mixture({0: 1}, {0: 1.0})
    assert choose_symmetry(_over_symmetries(1.0), mixture).symmetry == "flips"


def test_turned_images_that_mislead_are_not_asked() -> None:
    mixture = Mixture({0: 1}, {0: 1.0})
    assert choose_symmetry(_over_symmetries(-1.0), mixture).symmetry == "none"
