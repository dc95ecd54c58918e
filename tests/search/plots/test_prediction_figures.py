"""Figures of predictions, beside scikit-learn's counts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix as counted_by_sklearn

from search.plots.prediction_figures import confusion_matrix, reliability, reliability_diagram
from spaces.errors import InputError

# Their order is that of the data, and not that of the alphabet.
CLASSES = ["zwei", "eins", "nie gesehen", "drei"]


def predictions(*, has_shift: bool = True, n_rows: int = 400) -> pd.DataFrame:
    random = np.random.default_rng(5)
    labels = random.choice(["zwei", "eins", "drei"], n_rows)
    columns = {"trial": 7, "row": np.arange(n_rows), "label": labels, "fold": 0}
    for view in ("clean", "shifted")[: 1 + has_shift]:
        probabilities = random.dirichlet(np.ones(len(CLASSES)), n_rows)
        columns["predicted" if view == "clean" else "predicted_shifted"] = np.array(CLASSES)[
            probabilities.argmax(axis=1)
        ]
        columns |= {f"{view}.{name}": probabilities[:, k] for k, name in enumerate(CLASSES)}
    return pd.DataFrame(columns)


@pytest.mark.parametrize("view", ["clean", "shifted"])
def test_the_confusion_matrix_counts_as_scikit_learn_does_in_the_order_of_the_data(
    view: str,
) -> None:
    table = predictions()
    (cells,) = confusion_matrix(table, view).data
    predicted = table["predicted" if view == "clean" else "predicted_shifted"]
    expected = counted_by_sklearn(table["label"], predicted, labels=CLASSES)
    np.testing.assert_array_equal(np.asarray(cells.z), expected)
    assert list(cells.x) == list(cells.y) == CLASSES


def test_reliability_is_that_of_scikit_learn() -> None:
    table = predictions(n_rows=3000)
    probabilities = table[[f"clean.{name}" for name in CLASSES]].to_numpy()
    is_right = (table["label"] == table["predicted"]).to_numpy()
    accuracy, confidence = calibration_curve(is_right, probabilities.max(axis=1), n_bins=15)
    found = reliability(table, "clean")
    np.testing.assert_allclose(found["confidence"], confidence)
    np.testing.assert_allclose(found["accuracy"], accuracy)
    assert found["images"].sum() == 3000


def test_the_diagram_has_a_line_for_each_view_that_there_is() -> None:
    names = {trace.name for trace in reliability_diagram(predictions()).data}
    assert names == {"clean", "shifted"}
    (only,) = reliability_diagram(predictions(has_shift=False)).data
    assert only.name == "clean"


def test_a_confidence_of_zero_and_of_one_have_a_bin() -> None:
    table = predictions(has_shift=False, n_rows=2)
    table[[f"clean.{name}" for name in CLASSES]] = [[1.0, 0, 0, 0], [0.25] * 4]
    found = reliability(table, "clean")
    assert found["confidence"].tolist() == [0.25, 1.0]
    assert found["images"].tolist() == [1, 1]


def test_a_view_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match="unknown view 'shift'; known: shifted, clean"):
        confusion_matrix(predictions(), "shift")
    with pytest.raises(InputError, match=r"the sweep has no validation\.shift"):
        confusion_matrix(predictions(has_shift=False), "shifted")
