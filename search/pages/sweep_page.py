"""The page of a sweep: one HTML file that stands alone, without a server or a network."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from search.pages.sweep_facts import SweepFacts
from search.pages.wording import budget_rows, policy_of, shared_rows
from search.progress import best_line, counts_line, duration, number
from search.status import TrialRecord

if TYPE_CHECKING:
    from search.pages.charts import Chart

SHOWN_TRIALS = 20
FEWEST_TO_DRAW = 4
"""Trials that are done: of fewer a chart says nothing that the leaderboard does not."""


def sweep_page(facts: SweepFacts) -> str:
    """Write the page.

    Args:
        facts: The sweep as it stands.

    Returns:
        HTML with all that it needs inside, some two megabytes: Plotly's code is packed, and the
        browser unpacks it.
    """
    status = facts.status.to_json()
    drawn, plotly = _drawn(facts)
    return _template().render(
        facts=facts,
        counts=counts_line(status).plain,
        best=best_line(status),
        leaders=[_leader(trial) for trial in facts.ranked[:SHOWN_TRIALS]],
        charts=drawn,
        fewest=FEWEST_TO_DRAW,
        shared=list(shared_rows(facts)),
        budget=list(budget_rows(facts)),
        costs=list(_costs(facts)),
        plotly=plotly,
    )


def _leader(trial: TrialRecord) -> list[str]:
    params = trial.params
    return [
        str(trial.trial),
        number(trial.score),
        " to ".join(map(number, trial.interval or ())),
        number(trial.clean),
        number(trial.shifted),
        trial.stage,
        str(params.get("backbone", "-")),
        policy_of(trial),
        str(params.get("optimizer", "-")),
        duration(trial.device_s),
    ]


def _costs(facts: SweepFacts) -> Iterator[tuple[str, str]]:
    for stage, seconds in facts.stage_s.items():
        yield f"stage {stage}, all trials", duration(seconds)
    if facts.ended:
        yield "a trial, on average", duration(sum(t.device_s for t in facts.trials) / facts.ended)
    price = facts.row.gpu_hour_price
    if price and facts.ended:
        yield "money a trial, on average", f"{price * facts.gpu_hours / facts.ended:.4g}"


def _drawn(facts: SweepFacts) -> tuple[Sequence["Chart"], str]:
    """Draw the charts, and give the code that shows them; none of either for few trials."""
    if len(facts.ranked) < FEWEST_TO_DRAW:
        return [], ""
    # Plotly takes a second to load.
    from search.pages.charts import charts, packed_plotly

    return charts(facts), packed_plotly()


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("sweep.html")
