"""The description of a sweep's run, in Markdown: how the sweep stands, at a glance."""

from collections.abc import Iterator

from mlruns_config.markdown import table_lines
from search.pages.sweep_facts import SweepFacts
from search.pages.wording import budget_rows, policy_of, shared_rows
from search.progress import best_line, counts_line, duration, number

SHOWN_TRIALS = 10
SHOWN_REASONS = 5


def sweep_note(facts: SweepFacts) -> str:
    """Describe a sweep.

    Args:
        facts: As it stands.
    """
    return "\n".join(_lines(facts))


def _lines(facts: SweepFacts) -> Iterator[str]:
    status = facts.status.to_json()
    data = facts.data
    yield f"**{counts_line(status).plain}** ({facts.status.state})\n"
    yield best_line(status) + "\n"
    yield f"The whole page is the artifact `sweep.html`, or `foldsweep report {facts.name}`.\n"
    if facts.ranked:
        yield "**Leaderboard**\n"
        heading = ("trial", "score", "clean", "shifted", "stage", "backbone", "policy", "time")
        yield from table_lines(heading, _leaders(facts))
    if facts.reasons:
        yield "**Stopped or failed**\n"
        rows = ((count, state, reason) for state, reason, count in facts.reasons[:SHOWN_REASONS])
        yield from table_lines(("phases", "state", "reason"), rows)
    yield "**What was shared**\n"
    yield from table_lines(("work", "made", "reused", "streamed"), shared_rows(facts))
    yield "**What it cost**\n"
    yield from table_lines(("", "used", "of"), budget_rows(facts))
    yield (
        f"**Data**: `{data.path}`, {data.rows} images in {facts.file.validation.folds} folds, "
        f"{data.held_out} held out, {data.excluded} left out as junk; "
        f"{len(data.classes)} classes; fingerprint `{data.fingerprint[:12]}`.\n"
    )
    yield "```"
    yield f"foldsweep status {facts.name}"
    yield f"foldsweep promote {facts.name}"
    yield "```"


def _leaders(facts: SweepFacts) -> Iterator[list[str]]:
    for trial in facts.ranked[:SHOWN_TRIALS]:
        yield [
            str(trial.trial),
            number(trial.score),
            number(trial.clean),
            number(trial.shifted),
            trial.stage,
            str(trial.params.get("backbone", "-")),
            policy_of(trial),
            duration(trial.device_s),
        ]
