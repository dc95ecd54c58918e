"""The ``foldsweep`` command: its commands by name, none imported before it is asked for."""

from collections.abc import Sequence

import click

from search.cli.exits import ExitCodes
from search.cli.lazy import LazyGroup
from search.cli.quiet_tensorflow import quiet_tensorflow

COMMANDS = {
    "init": "Write a sweep file in which every key stands with its default and a comment.",
    "audit": "Find junk, duplicates, label conflicts and unreadable files in a data set.",
    "launch": "Create or continue the sweep of a file, with live progress and a leaderboard.",
    "worker": "Run one worker that joins the sweep of a file, on any machine.",
    "status": "Show state, budget and leaderboard of a sweep, or list all sweeps.",
    "stop": "Stop a sweep: every worker keeps what it has and leaves, wherever it runs.",
    "budget": "Show or change the budget of a sweep, also while workers run.",
    "show": "Show one trial: parameters, fold scores, stages, cost, links.",
    "report": "Write the page of a sweep: one HTML file that stands alone.",
    "replay": "Run a finished trial again and compare its scores with the stored ones.",
    "promote": "Refit what answers best, test it on the holdout and register the model.",
    "models": "List the registered models, their versions and who moved their aliases.",
    "compare": "Compare two versions of a registered model on the holdout.",
    "rollback": "Point the champion's alias back to the version before.",
    "predict": "Print class and probabilities for images.",
    "serve": "Answer HTTP requests with a registered model, by MLflow's own server.",
    "export": "Write a registered model for other runtimes, and check that it answers the same.",
    "ui": "Open the MLflow UI for the sweeps of this home, or for one of them.",
    "doctor": "Find what disagrees between storage, Optuna, MLflow and disk, and mend it.",
    "delete": "Delete a sweep: its runs, studies, checkpoints, files and rows.",
    "gc": "Free the views, features and checkpoints that no sweep needs.",
}


@click.group(
    cls=LazyGroup,
    package="search.cli",
    summaries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _option, wanted: _print_version(context) if wanted else None,
    help="Print the version and exit.",
)
def foldsweep() -> None:
    """Find the best image classifier for a labelled image set, and keep the proof.

    Begin with `foldsweep init sweep.yaml`, put the path of your images into that file, then run
    `foldsweep launch sweep.yaml`.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave the process with its exit code.

    Args:
        arguments: What follows ``foldsweep``; by default those of this process.

    Raises:
        SystemExit: Always. 0 done, 1 refused by a gate or a check, 2 wrong input, 70 a bug of
            ours, 130 interrupted.
    """
    quiet_tensorflow()
    with ExitCodes():
        foldsweep.main(
            args=None if arguments is None else list(arguments),
            prog_name="foldsweep",
            standalone_mode=False,
        )
    raise SystemExit(0)


def _print_version(context: click.Context) -> None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        click.echo(f"foldsweep {version('foldsweep')}")
    except PackageNotFoundError:
        click.echo("foldsweep, run from its source folder without being installed")
    context.exit()
