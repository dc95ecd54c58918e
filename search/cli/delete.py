"""``foldsweep delete``: a sweep goes, everywhere."""

from collections.abc import Mapping
from typing import Any

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal
from spaces.errors import RefusedError


@click.command
@click.argument("sweep")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def command(sweep: str, yes: bool, as_json: bool) -> None:
    """Delete a sweep: its runs, studies, checkpoints, files and rows.

    SWEEP is the sweep's name. Registered models stay, with the runs that they come from, and looks
    at a holdout stay counted. Interrupted, the command goes on when it is given again.
    """
    with quiet_stdout():
        from search.progress import step_display

        opened = open_sweep(sweep)
        if not yes and not click.confirm(_question(opened.footprint().to_json()), err=True):
            raise RefusedError("nothing was deleted.")
        with step_display(side_terminal()) as say:
            document = opened.delete(on_progress=lambda step: say(f"deleted {step}")).to_json()
    if as_json:
        print_json(document)
    else:
        terminal().print(f"{sweep} is deleted: {_content(document)}. {_rest(document)}")


def _question(document: Mapping[str, Any]) -> str:
    return f"Delete {document['sweep']}, {_content(document)}? {_rest(document)}"


def _content(document: Mapping[str, Any]) -> str:
    gigabytes = document["n_bytes"] / 1e9
    return (
        f"{document['trials']} trials with {document['runs']} runs in MLflow and "
        f"{gigabytes:.2f} GB on disk"
    )


def _rest(document: Mapping[str, Any]) -> str:
    """Say what stays."""
    parts = []
    if document["models"]:
        named = ", ".join(document["models"])
        parts.append(f"The registered models {named} stay, with {document['kept_runs']} runs.")
    if document["looks"]:
        parts.append(f"{document['looks']} looks at the holdout stay counted.")
    parts.append("What MLflow keeps of deleted runs, 'mlflow gc' frees.")
    return " ".join(parts)
