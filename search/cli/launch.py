"""``foldsweep launch``: the main job."""

from pathlib import Path

import click

from search.cli.arguments import chosen_data, takes_sweep_file
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal


@click.command
@takes_sweep_file
@json_option
def command(
    file: Path, data: Path | str | None, data_option: Path | str | None, as_json: bool
) -> None:
    """Create or continue the sweep of a file, with live progress and a leaderboard.

    FILE is the sweep file, DATA takes the place of its data.path. Interrupt it whenever you like:
    the same command goes on where it stopped.
    """
    data_path = chosen_data(data, data_option)
    with quiet_stdout():
        from search.live_progress import LiveProgress
        from search.sweep import Sweep

        sweep = Sweep.from_yaml(file, data=data_path)
        try:
            with LiveProgress(side_terminal()) as progress:
                status = sweep.launch(on_progress=progress.show, on_note=progress.say)
        except KeyboardInterrupt:
            _say_how_to_go_on(file, data_path)
            raise
    document = status.to_json()
    if as_json:
        print_json(document)
        return
    from search.cli.leaderboard import leaderboard
    from search.progress import summary

    terminal().print(summary(document), leaderboard(document["leaderboard"]))
    if document["best"]:
        _say_what_next(document["sweep"], document["best"]["trial"])


def _say_how_to_go_on(file: Path, data: Path | str | None) -> None:
    again = f"foldsweep launch {file}" + (f" --data {data}" if data else "")
    click.echo(f"Interrupted. Everything is kept; to go on, type: {again}", err=True)


def _say_what_next(sweep: str, best_trial: int) -> None:
    click.echo("\nNext:", err=True)
    for line, purpose in (
        (f"foldsweep show {sweep} {best_trial}", "the best trial in full"),
        (f"foldsweep promote {sweep}", "refit it, test it on the holdout, register it"),
        ("foldsweep ui", "curves, pictures and models in MLflow"),
    ):
        click.echo(f"  {line:<44} {purpose}", err=True)
