"""``foldsweep show``: one trial in full."""

from pathlib import Path

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, terminal


@click.command
@click.argument("sweep")
@click.argument("trial", type=click.IntRange(min=0))
@json_option
def command(sweep: str, trial: int, as_json: bool) -> None:
    """Show one trial: parameters, fold scores, stages, cost, links.

    SWEEP is the sweep's name, TRIAL the number of the trial as the leaderboard shows it.
    """
    with quiet_stdout():
        opened = open_sweep(sweep)
        document = {"sweep": opened.name, **opened.trial(trial).to_json()}
        document["run_url"] = _run_url(opened.settings.home, document["run_id"])
    if as_json:
        print_json(document)
    else:
        from search.cli.trial_report import trial_report

        terminal().print(trial_report(document))


def _run_url(home: Path, run_id: str | None) -> str | None:
    """Link to a run, on the server or where `foldsweep ui` would show it."""
    from mlruns_config.server import ui_url
    from mlruns_config.settings import TrackingSettings

    if run_id is None:
        return None
    return f"{ui_url(TrackingSettings.from_environment(home))}/#/runs/{run_id}"
