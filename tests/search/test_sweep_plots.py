"""What ``Sweep`` shows of a sweep that one worker of this process has run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import pytest

from search.sweep import Sweep
from spaces.errors import InputError

pytestmark = pytest.mark.slow

FIGURES = (
    "plot_history",
    "plot_best_over_time",
    "plot_importances",
    "plot_slices",
    "plot_parallel_coordinates",
    "plot_timeline",
    "plot_confusion_matrix",
    "plot_reliability",
)


@pytest.fixture
def finished(content: dict[str, Any], signal_folder: Path) -> Sweep:
    """Six trials, of which one has failed."""
    (signal_folder / "broken-2").touch()
    sweep = Sweep.from_mapping(content)
    sweep.work()
    return sweep


def test_a_finished_sweep_has_its_figures_tables_and_best(finished: Sweep) -> None:
    for name in FIGURES:
        figure = getattr(finished, name)()
        assert isinstance(figure, go.Figure), name
        assert figure.data, name
        assert figure.to_json(), name
    best = finished.best
    assert best is not None
    assert finished.status().best is not None
    assert best.trial == finished.status().best["trial"]  # type: ignore[index]
    trials, predictions = finished.trials(), finished.predictions()
    assert sorted(predictions["trial"].unique()) == [0, 1, 3, 4, 5]
    joined = predictions.merge(trials, on="trial")
    assert len(joined) == len(predictions)
    per_trial = joined.groupby("trial")["params.policy"].first()
    expected = trials.set_index("trial")["params.policy"].drop(2)
    pd.testing.assert_series_equal(per_trial, expected, check_names=False, check_dtype=False)
    # The tiny objective predicts the same for all, so the first class is predicted everywhere.
    cells = finished.plot_confusion_matrix().data[0].z
    assert cells[:, 0].sum() == cells.sum() == len(finished.predictions(best.trial))
    bars = finished.plot_timeline().data
    assert sum(len(trace.y) for trace in bars) == 6
    assert any(trace.name.startswith("failed") for trace in bars)


def test_what_a_sweep_does_not_have_is_refused(finished: Sweep) -> None:
    refused: dict[str, Callable[[], object]] = {
        r"validation\.shift": finished.plot_clean_against_shifted,
        "unknown phase 'heads'": lambda: finished.plot_history(phase="heads"),  # type: ignore[arg-type]
        "has begun its phase 'finetune'": lambda: finished.plot_history(phase="finetune"),
        "unknown view 'soft'": lambda: finished.plot_confusion_matrix(view="soft"),  # type: ignore[arg-type]
        "trial 2 of tiny is failed": lambda: finished.plot_reliability(2),
        "unknown parameter 'drop'": lambda: finished.plot_slices(["drop"]),
    }
    for says, ask in refused.items():
        with pytest.raises(InputError, match=says):
            ask()


def test_a_sweep_that_was_not_launched_or_has_no_trial_says_so(content: dict[str, Any]) -> None:
    sweep = Sweep.from_mapping(content)
    with pytest.raises(InputError, match="was not launched yet"):
        sweep.best  # noqa: B018
    for name in (*FIGURES, "plot_clean_against_shifted"):
        with pytest.raises(InputError, match="was not launched yet"):
            getattr(sweep, name)()
    sweep.enqueue({})
    assert sweep.best is None
    assert len(sweep.trials()) == 0
    for name in (*FIGURES, "plot_clean_against_shifted"):
        with pytest.raises(InputError, match=r"\bno\b"):
            getattr(sweep, name)()
