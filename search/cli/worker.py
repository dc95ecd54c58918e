"""``foldsweep worker``: one worker of a sweep, on any machine that reaches the storage."""

import logging
from pathlib import Path

import click

from search.cli.arguments import chosen_data, takes_sweep_file


@click.command
@takes_sweep_file
def command(file: Path, data: Path | str | None, data_option: Path | str | None) -> None:
    """Run one worker that joins the sweep of a file, on any machine.

    FILE is the sweep file, DATA takes the place of its data.path. The worker ends when the budget
    is spent. Workers find each other through FOLDSWEEP_STORAGE_URL.
    """
    data_path = chosen_data(data, data_option)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s: %(message)s")
    from search.sweep import Sweep
    from search.workers.memory import start_anew

    sweep = Sweep.from_yaml(file, data=data_path)
    click.echo(f"Joining {sweep.name}; Ctrl-C gives the trial at hand to another worker.", err=True)
    try:
        sweep.work(replace_process=start_anew)
    except KeyboardInterrupt:
        from search.workers.interruption import leave_interrupted

        leave_interrupted()
    click.echo(f"Nothing is left to do in {sweep.name}.", err=True)
