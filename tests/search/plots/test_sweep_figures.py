"""Figures of a sweep's tables, beside numbers that are counted by hand or by Optuna."""

from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import create_trial

from search.plots.sweep_figures import (
    best_over_time,
    clean_against_shifted,
    pareto_front,
    worker_timeline,
)
from search.trial_table import PHASE_COLUMNS, TRIAL_COLUMNS
from spaces.errors import InputError


def phases(*rows: dict[str, Any]) -> pd.DataFrame:
    table = pd.DataFrame(
        [{"phase": "head", "state": "done", "worker": "here-1", **r} for r in rows]
    )
    table = table.reindex(columns=PHASE_COLUMNS)
    for name in ("started_at", "ended_at"):
        table[name] = pd.to_datetime(table[name], unit="s", utc=True)
    return table


PHASES = phases(
    {"trial": 0, "score": 0.5, "started_at": 0.0, "ended_at": 10.0},
    {"trial": 2, "score": 0.4, "started_at": 10.0, "ended_at": 30.0},
    {"trial": 1, "score": 0.7, "started_at": 0.0, "ended_at": 20.0, "worker": "there-2"},
    {"trial": 3, "state": "failed", "started_at": 20.0, "ended_at": 25.0},
    {"trial": 1, "phase": "finetune", "score": 0.8, "started_at": 30.0, "ended_at": 60.0},
    {"trial": 4, "state": "running", "started_at": 60.0, "ended_at": 61.0},
)


def seconds(moments: Any) -> list[float]:
    return [pd.Timestamp(moment).timestamp() for moment in moments]


def test_the_best_over_time_goes_up_when_a_phase_has_ended_and_never_down() -> None:
    figure = best_over_time(PHASES)
    (best,) = [trace for trace in figure.data if trace.name == "best so far"]
    assert list(best.y) == [0.5, 0.7, 0.7, 0.8]
    assert seconds(best.x) == [10.0, 20.0, 30.0, 60.0]
    drawn = {trace.name: sorted(trace.y) for trace in figure.data}
    assert drawn["head"] == [0.4, 0.5, 0.7]
    assert drawn["finetune"] == [0.8]


def test_the_timeline_has_a_bar_for_each_phase_on_its_worker() -> None:
    figure = worker_timeline(PHASES)
    bars = [
        (start, length / 1000, worker, trace.name.split(",")[0])
        for trace in figure.data
        for start, length, worker in zip(seconds(trace.base), trace.x, trace.y, strict=True)
    ]
    assert sorted(bars) == [
        (0.0, 10.0, "here-1", "done"),
        (0.0, 20.0, "there-2", "done"),
        (10.0, 20.0, "here-1", "done"),
        (20.0, 5.0, "here-1", "failed"),
        (30.0, 30.0, "here-1", "done"),
        (60.0, 1.0, "here-1", "running"),
    ]


def test_a_phase_that_was_given_back_is_not_on_the_timeline() -> None:
    given_back = {"trial": 5, "state": "free", "worker": None, "started_at": 1.0}
    table = phases(given_back, {"trial": 6, "started_at": 0.0, "ended_at": 1.0})
    assert sum(len(trace.y) for trace in worker_timeline(table).data) == 1


def trials(clean: Any, shifted: Any, **columns: Any) -> pd.DataFrame:
    known = {"trial": range(len(clean)), "clean": clean, "shifted": shifted, "state": "done"}
    return pd.DataFrame({**known, "stage": "head", **columns})


def test_the_front_is_the_one_that_optuna_finds() -> None:
    # Few values, so that many trials are equal in one score or both.
    scores = np.random.default_rng(3).integers(0, 6, (60, 2)) / 10
    study = optuna.create_study(directions=["maximize", "maximize"])
    study.add_trials([create_trial(values=[float(c), float(s)]) for c, s in scores])
    front = pareto_front(trials(scores[:, 0], scores[:, 1]))
    assert sorted(front["trial"]) == sorted(trial.number for trial in study.best_trials)
    assert front["clean"].is_monotonic_decreasing
    assert front["shifted"].is_monotonic_increasing


def test_clean_against_shifted_shows_all_finished_trials_and_the_front() -> None:
    table = trials(
        [0.9, 0.8, 0.7, 0.95],
        [0.4, 0.6, 0.5, 0.9],
        state=["done", "done", "done", "pruned"],
        **{"params.backbone": ["a", "a", "b", "b"]},
    )
    figure = clean_against_shifted(table)
    (front,) = [trace for trace in figure.data if trace.name == "Pareto front"]
    assert [*zip(front.x, front.y, strict=True)] == [(0.9, 0.4), (0.8, 0.6)]
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == 3


def test_a_sweep_without_a_shift_has_no_such_figure_and_is_told_why() -> None:
    with pytest.raises(InputError, match=r"validation\.shift: none"):
        clean_against_shifted(trials([0.5], [None]))


def test_a_sweep_without_a_trial_is_refused_by_each_figure() -> None:
    nothing = phases().reindex(columns=PHASE_COLUMNS)
    with pytest.raises(InputError, match="no trial is finished"):
        best_over_time(nothing)
    with pytest.raises(InputError, match="no worker has begun"):
        worker_timeline(nothing)
    with pytest.raises(InputError, match="no finished trial"):
        clean_against_shifted(pd.DataFrame(columns=TRIAL_COLUMNS))
