"""``foldsweep replay``: a trial is run again, and must come to the same."""

from typing import Literal

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal
from spaces.errors import RefusedError


@click.command
@click.argument("sweep")
@click.argument("trial", type=click.IntRange(min=0))
@click.option(
    "--phase",
    type=click.Choice(["head", "finetune"]),
    help="Which phase; by default the one that the score comes from.",
)
@json_option
def command(
    sweep: str,
    trial: int,
    phase: Literal["head", "finetune"] | None,
    as_json: bool,
) -> None:
    """Run a finished trial again and compare its scores with the stored ones.

    SWEEP is the sweep's name, TRIAL the number of the trial. Nothing is written but views and
    features. On a CPU all scores must be equal; if they are not, the exit code is 1.
    """
    with quiet_stdout():
        from search.progress import step_display

        with step_display(side_terminal()) as say:
            found = open_sweep(sweep).replay(trial, phase=phase, on_progress=say)
    if as_json:
        print_json(found.to_json())
    else:
        from search.cli.replay_report import replay_report

        terminal().print(replay_report(found.to_json()))
    if not found.is_equal:
        raise RefusedError(
            f"trial {trial} came to other scores, by {found.largest_difference:.3g} at most."
        )
