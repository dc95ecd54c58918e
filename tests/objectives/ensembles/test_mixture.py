import numpy as np
import pytest

from objectives.ensembles.mixture import Mixture, fit_mixture
from objectives.ensembles.table import OofTable
from tests.objectives.ensembles.made_tables import made_table, softmax


def test_a_mixture_tempers_averages_and_tempers_again() -> None:
    logits = np.random.default_rng(0).normal(size=(3, 2, 10, 4))
    mixture = Mixture({0: 3, 2: 1}, {0: 2.0, 2: 0.5}, temperature=1.5)
    average = 0.75 * softmax(logits[0] / 2) + 0.25 * softmax(logits[2] / 0.5)
    expected = average ** (1 / 1.5)
    expected /= expected.sum(axis=-1, keepdims=True)
    answer = mixture.answer([softmax(member) for member in logits])
    np.testing.assert_allclose(answer, expected, atol=1e-12)


def test_an_untempered_mixture_is_the_plain_average() -> None:
    members = list(softmax(np.random.default_rng(0).normal(size=(2, 1, 10, 4))))
    mixture = Mixture({0: 1, 1: 1}, {0: 2.0, 1: 0.5}, temperature=1.5).untempered()
    np.testing.assert_allclose(mixture.answer(members), (members[0] + members[1]) / 2)


def test_each_member_is_tempered_by_how_sure_it_may_be() -> None:
    table = made_table([1.0, 1.0], n_rows=4000, metric="log_loss")
    # Logits of noise 1 and a true class 1 above the others are the right ones.
    meek, brash = (softmax(np.log(table.members[0]) * factor) for factor in (0.5, 3.0))
    both = OofTable(table.labels, table.fold_of, table.groups, [meek, brash], "log_loss")
    found = fit_mixture(both, {0: 1, 1: 1})
    assert found.temperatures[0] == pytest.approx(0.5, rel=0.08)
    assert found.temperatures[1] == pytest.approx(3.0, rel=0.08)
    np.testing.assert_allclose(found.answer(both.members), table.members[0], atol=0.03)


def test_a_single_member_has_its_own_temperature_and_no_other() -> None:
    table = made_table([1.0, 2.0])
    found = fit_mixture(table, {1: 1})
    assert (found.combination, found.temperature, set(found.temperatures)) == ("average", 1.0, {1})
