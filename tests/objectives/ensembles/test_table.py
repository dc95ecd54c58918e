import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score, log_loss

from objectives.settings import Metric
from tests.objectives.ensembles.made_tables import made_table


def _scikit_learn(labels: np.ndarray, probabilities: np.ndarray, metric: Metric) -> float:
    predicted = probabilities.argmax(axis=1)
    if metric == "accuracy":
        return float(accuracy_score(labels, predicted))
    if metric == "balanced_accuracy":
        return float(balanced_accuracy_score(labels, predicted))
    if metric == "macro_f1":
        return float(f1_score(labels, predicted, average="macro"))
    exact = probabilities.astype(np.float64)
    return -float(log_loss(labels, exact / exact.sum(axis=1, keepdims=True), labels=range(4)))


@pytest.mark.parametrize("metric", ["accuracy", "balanced_accuracy", "macro_f1", "log_loss"])
def test_a_tables_score_is_the_mean_over_views_of_scikit_learns(metric: Metric) -> None:
    table = made_table([1.5], metric=metric)
    clean, shifted = table.members[0]
    expected = np.mean([_scikit_learn(table.labels, view, metric) for view in (clean, shifted)])
    assert table.score(table.members[0]) == pytest.approx(expected, abs=1e-6)


def test_some_rows_of_a_table_are_those_rows_of_everything_in_it() -> None:
    table = made_table([1.0, 2.0])
    kept = table.fold_of == 3
    some = table.rows(kept)
    assert some.labels.tolist() == table.labels[kept].tolist()
    assert some.groups.tolist() == list(range(3, 200, 5))
    np.testing.assert_array_equal(some.members[1], table.members[1][:, 3::5])
