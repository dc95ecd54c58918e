"""``foldsweep report``: the page of a sweep as one HTML file."""

from pathlib import Path

import click

from search.cli.arguments import FilePath
from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout


@click.command
@click.argument("sweep")
@click.option("--out", type=FilePath, help="The file; SWEEP.html in this folder if left out.")
@click.option("--log", is_flag=True, help="Bring the sweep's page in MLflow up to date as well.")
@json_option
def command(sweep: str, out: Path | None, log: bool, as_json: bool) -> None:
    """Write the page of a sweep: one HTML file that stands alone.

    SWEEP is the sweep's name. The page has the leaderboard, the course of the search, what the
    parameters did, who worked when, what was shared, what it cost, what failed and what was junk.
    """
    with quiet_stdout():
        opened = open_sweep(sweep)
        path = opened.report(out or Path(f"{opened.name}.html"), log=log)
        status = opened.status()
    if as_json:
        document = {"sweep": status.sweep, "state": status.state, "trials": status.trials}
        print_json({**document, "file": str(path.absolute()), "logged": log})
    else:
        click.echo(path)
