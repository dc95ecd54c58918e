"""The charts on the page of a sweep: those of ``search.plots``, each with what it says."""

import base64
import gzip
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import plotly.graph_objects as go
from optuna.importance import get_param_importances
from optuna.study import Study
from optuna.trial import TrialState
from plotly.offline import get_plotlyjs

from search.pages.sweep_facts import SweepFacts
from search.plots.study_figures import importances, parallel_coordinates, slices
from search.plots.sweep_figures import best_over_time, clean_against_shifted, worker_timeline
from search.trial_table import phase_table, trial_table

MOST_SLICES = 6
MOST_AXES = 8
FEWEST_FOR_IMPORTANCES = 4


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


@cache
def packed_plotly() -> str:
    """Give Plotly's JavaScript as text: packed, a third of its size, once a process."""
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), mtime=0)).decode()


def _charts(facts: SweepFacts) -> Iterator[Chart]:
    phases = phase_table(facts.slots, facts.workers, now_s=facts.read_at)
    text = "Each score when it was found, of both phases, and the best one up to then."
    yield _chart("Best over time", text, best_over_time(phases))
    yield from _parameters(facts.heads)
    if any(trial.shifted is not None for trial in facts.ranked):
        text = (
            "Each trial on the images as they are, and under the shift. Of those on the front none "
            "is beaten in both."
        )
        figure = clean_against_shifted(trial_table(facts.trials))
        yield _chart("Clean against shifted", text, figure)
    text = "Which phase of which trial ran where: the last attempt at each."
    yield _chart("Workers", text, worker_timeline(phases))


def _parameters(study: Study) -> Iterator[Chart]:
    """Say which parameters of the first phase matter, and what each of them did."""
    known = _important(study)
    if known:
        text = (
            "How much of what separates the best heads from the others each parameter explains "
            "(PED-ANOVA). With few trials this is a hint, no more."
        )
        yield _chart("Which parameters matter", text, importances(study))
    known = known or sorted(_varied(study))
    if not known:
        return
    text = "The score of every head against each parameter, the most important ones."
    yield _chart("What each parameter did", text, slices(study, known[:MOST_SLICES]))
    if len(known) > 1:
        text = "A line a head: drag along an axis to see what the others of that part have."
        figure = parallel_coordinates(study, known[:MOST_AXES])
        yield _chart("Parameters together", text, figure)


def _important(study: Study) -> Sequence[str]:
    """Name the parameters, the most important first; none where too little is known."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return [] if len(done) < FEWEST_FOR_IMPORTANCES else list(get_param_importances(study))


def _varied(study: Study) -> set[str]:
    """Name the parameters of which a study has more than one value."""
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    found = {(name, value) for trial in done for name, value in trial.params.items()}
    names = [name for name, _ in found]
    return {name for name in names if names.count(name) > 1}


def _chart(title: str, text: str, figure: go.Figure) -> Chart:
    figure.update_layout(
        title=None, template="plotly_white", margin={"l": 60, "r": 30, "t": 30, "b": 50}
    )
    return Chart(title, text, str(figure.to_json()))
