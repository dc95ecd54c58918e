"""Figures of the trials and phases of a sweep, from its tables."""

import math

import pandas as pd
import plotly.express as px
import plotly.graph_objects as go

from spaces.errors import InputError

STATE_COLOURS = {
    "done": "#2a9d8f",
    "pruned": "#e9c46a",
    "failed": "#d1495b",
    "running": "#457b9d",
    "free": "#adb5bd",
}
FRONT_COLOUR = "#343a40"


def best_over_time(phases: pd.DataFrame) -> go.Figure:
    """Draw every score when it was found, and the best of them so far as a step.

    Args:
        phases: As of :func:`search.trial_table.phase_table`.

    Raises:
        InputError: If no phase is done.
    """
    done = phases[(phases["state"] == "done") & phases["score"].notna()].sort_values("ended_at")
    if done.empty:
        raise InputError("no trial is finished, so there is no best one to draw.")
    figure = px.scatter(
        done,
        x="ended_at",
        y="score",
        color="phase",
        hover_data=["trial", "worker"],
        labels={"ended_at": "found at (UTC)"},
        title="best score over time",
    )
    best = go.Scatter(
        x=done["ended_at"],
        y=done["score"].cummax(),
        mode="lines",
        line={"shape": "hv", "color": FRONT_COLOUR},
        name="best so far",
    )
    return figure.add_trace(best)


def clean_against_shifted(trials: pd.DataFrame) -> go.Figure:
    """Draw the clean and the shifted score of each trial, and the front that no trial lies beyond.

    Optuna draws such a front for studies with two objectives alone; a sweep's have one.

    Args:
        trials: As of :func:`search.trial_table.trial_table`.

    Raises:
        InputError: If no trial has both scores.
    """
    scored = trials.dropna(subset=["clean", "shifted"])
    scored = scored[scored["state"] == "done"]
    if scored.empty:
        raise InputError(
            "no finished trial has a clean and a shifted score; a sweep without a shift "
            "(validation.shift: none) has none."
        )
    by_backbone = "params.backbone" if "params.backbone" in scored else None
    figure = px.scatter(
        scored,
        x="clean",
        y="shifted",
        color=by_backbone,
        symbol="stage",
        hover_name="trial",
        hover_data=[name for name in map(str, scored) if name.startswith("params.")],
        labels={"params.backbone": "backbone"},
        title="clean against shifted score",
    )
    front = pareto_front(scored)
    line = go.Scatter(
        x=front["clean"],
        y=front["shifted"],
        mode="lines",
        line={"shape": "hv", "dash": "dot", "color": FRONT_COLOUR},
        name="Pareto front",
        text=[f"trial {number}" for number in front["trial"]],
    )
    return figure.add_trace(line)


def pareto_front(trials: pd.DataFrame) -> pd.DataFrame:
    """Give the trials that no other one equals or beats in one score and beats in the other.

    Args:
        trials: With the columns ``clean`` and ``shifted``, without gaps.

    Returns:
        Their rows, the best clean score first; of trials with equal scores all.
    """
    best = trials.groupby("clean")["shifted"].max().sort_index(ascending=False)
    of_better_clean = best.cummax().shift(1, fill_value=-math.inf)
    front = best[best > of_better_clean]
    is_on_it = trials["shifted"].eq(trials["clean"].map(front))
    return trials[is_on_it].sort_values("clean", ascending=False)


def worker_timeline(phases: pd.DataFrame) -> go.Figure:
    """Draw which worker ran which trial when, from the last claim of each phase to its end.

    Args:
        phases: As of :func:`search.trial_table.phase_table`.

    Raises:
        InputError: If no trial was begun.
    """
    begun = phases.dropna(subset=["worker", "started_at", "ended_at"])
    if begun.empty:
        raise InputError("no worker has begun a trial yet.")
    figure = px.timeline(
        begun,
        x_start="started_at",
        x_end="ended_at",
        y="worker",
        color="state",
        color_discrete_map=STATE_COLOURS,
        pattern_shape="phase",
        hover_name="trial",
        hover_data=["device", "score", "reason"],
        title="what ran where (UTC)",
    )
    return figure.update_yaxes(categoryorder="category descending")
