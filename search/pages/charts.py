"""The charts on the page of a sweep: Optuna's own where it has them."""

import base64
import gzip
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import optuna
import plotly.graph_objects as go
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.visualization import (
    plot_optimization_history,
    plot_parallel_coordinate,
    plot_param_importances,
    plot_pareto_front,
    plot_slice,
)
from plotly.offline import get_plotlyjs

from search.pages.sweep_facts import SweepFacts
from search.status import TrialRecord
from search.storage.records import FINISHED, Slot

MOST_SLICES = 6
MOST_AXES = 8
FEWEST_FOR_IMPORTANCES = 4
WORKER_ROW_PX = 34
COLOURS = {"done": "#1f6feb", "pruned": "#9a6700", "failed": "#cf222e", "running": "#57606a"}


@dataclass(frozen=True)
class Chart:
    """A figure with what it says."""

    title: str
    text: str
    figure: str
    """Plotly's JSON, without a character that ends a script."""


def charts(facts: SweepFacts) -> list[Chart]:
    """Draw what there is to see of a sweep in which some trials are done."""
    with warnings.catch_warnings():
        # Optuna calls some of its plots experimental, and says when importances are equal.
        warnings.simplefilter("ignore")
        return list(_charts(facts))


def _charts(facts: SweepFacts) -> Iterator[Chart]:
    yield _history(facts)
    yield from _parameters(facts)
    if any(trial.shifted is not None for trial in facts.ranked):
        yield _clean_against_shifted(facts)
    yield _timeline(facts)


@cache
def packed_plotly() -> str:
    """Give Plotly's JavaScript as text: packed, a third of its size, once a process."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _history(facts: SweepFacts) -> Chart:
    figure = plot_optimization_history(_scores(facts, ["score"]), target_name="score")
    text = "The score of each trial, by its number, and the best one up to there."
    return _chart("Best over time", text, figure)


def _parameters(facts: SweepFacts) -> Iterator[Chart]:
    """Say which parameters of the first stage matter, and what each of them did."""
    study = facts.heads
    importances = _importances(study)
    if importances:
        figure = plot_param_importances(study, target_name="score")
        text = (
            "How much of what separates the best heads from the others each parameter explains "
            "(PED-ANOVA). With few trials this is a hint, no more."
        )
        yield _chart("Which parameters matter", text, figure)
    known = list(importances) or sorted(_varied(study))
    if not known:
        return
    figure = plot_slice(study, params=known[:MOST_SLICES], target_name="score")
    text = "The score of every head against each parameter, the most important ones."
    yield _chart("What each parameter did", text, figure)
    if len(known) > 1:
        figure = plot_parallel_coordinate(study, params=known[:MOST_AXES], target_name="score")
        text = "A line a head: drag along an axis to see what the others of that part have."
        yield _chart("Parameters together", text, figure)


def _importances(study: optuna.Study) -> Sequence[str]:
    """Name the parameters, the most important first; none where too little is known."""
    if len(_completed(study)) < FEWEST_FOR_IMPORTANCES:
        return []
    return list(get_param_importances(study))


def _varied(study: optuna.Study) -> set[str]:
    """Name the parameters of which a study has more than one value."""
    values: dict[str, set[Any]] = {}
    for trial in _completed(study):
        for name, value in trial.params.items():
            values.setdefault(name, set()).add(value)
    return {name for name, found in values.items() if len(found) > 1}


def _completed(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))


def _clean_against_shifted(facts: SweepFacts) -> Chart:
    study = _scores(facts, ["clean", "shifted"])
    figure = plot_pareto_front(study, target_names=["clean", "shifted"])
    for trace, name in zip(figure.data, ("beaten in both", "on the front"), strict=False):
        trace.update(name=name)
    text = (
        "Each trial on the images as they are, and under the shift. Of those on the front none is "
        "beaten in both."
    )
    return _chart("Clean against shifted", text, figure)


def _scores(facts: SweepFacts, values: Sequence[str]) -> optuna.Study:
    """Give the trials as people see them, the better phase of each, to Optuna's plots.

    A number that no finished trial has is a trial that failed, so that those behind it keep theirs.
    """
    study = optuna.create_study(directions=["maximize"] * len(values))
    by_number = {trial.trial: trial for trial in facts.ranked}
    study.add_trials(
        [_plain_trial(by_number.get(number), values) for number in range(max(by_number) + 1)]
    )
    return study


def _plain_trial(trial: TrialRecord | None, values: Sequence[str]) -> FrozenTrial:
    found = [getattr(trial, name, None) for name in values]
    known = [float(value) for value in found if value is not None]
    if len(known) < len(found):
        return create_trial(state=TrialState.FAIL)
    return create_trial(values=known)


def _timeline(facts: SweepFacts) -> Chart:
    """Draw who worked when, on what: the last attempt at each phase."""
    names = {row.id: f"{row.host} {row.pid}" for row in facts.workers}
    figure = go.Figure()
    for worker in facts.workers:
        figure.add_trace(_bar([(worker.joined_at, worker.seen_at, "here")], names[worker.id]))
    for state, colour in COLOURS.items():
        spans = [slot for slot in facts.slots if slot.state == state and slot.worker_id in names]
        if spans:
            figure.add_trace(_phases(spans, names.__getitem__, state, colour, facts))
    figure.update_layout(
        barmode="overlay",
        xaxis={"type": "date"},
        yaxis={"type": "category"},
        height=140 + WORKER_ROW_PX * max(1, len(names)),
    )
    text = "Who was there (grey), and which phase of which trial ran: the last attempt at each."
    return _chart("Workers", text, figure)


def _bar(spans: Sequence[tuple[float, float, str]], worker: str) -> go.Bar:
    return go.Bar(
        orientation="h",
        base=[_time(begin) for begin, _, _ in spans],
        x=[1000 * (end - begin) for begin, end, _ in spans],
        y=[worker] * len(spans),
        marker={"color": "#d0d7de"},
        hoverinfo="skip",
        showlegend=False,
    )


def _phases(
    slots: Sequence[Slot], name: Callable[[str], str], state: str, colour: str, facts: SweepFacts
) -> go.Bar:
    latest = max((worker.seen_at for worker in facts.workers), default=0.0)
    begins = [slot.claimed_at or slot.began_at or latest for slot in slots]
    ends = [(slot.ended_at if slot.state in FINISHED else None) or latest for slot in slots]
    return go.Bar(
        orientation="h",
        name=state,
        base=[_time(begin) for begin in begins],
        x=[1000 * max(0.0, end - begin) for begin, end in zip(begins, ends, strict=True)],
        y=[name(slot.worker_id or "") for slot in slots],
        width=0.5,
        marker={"color": colour, "line": {"color": "white", "width": 1}},
        hovertext=[f"trial {slot.trial}, {slot.phase}: {slot.state}" for slot in slots],
        hoverinfo="text",
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _chart(title: str, text: str, figure: go.Figure) -> Chart:
    figure.update_layout(
        title=None, template="plotly_white", margin={"l": 60, "r": 30, "t": 30, "b": 50}
    )
    return Chart(title, text, str(figure.to_json()))
