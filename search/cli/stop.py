"""``foldsweep stop``: end all workers of a sweep, wherever they run."""

import time
from typing import TYPE_CHECKING

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal

if TYPE_CHECKING:
    from search.sweep import Sweep

LOOK_EVERY_S = 0.5


@click.command
@click.argument("sweep")
@click.option("--undo", is_flag=True, help="Let workers join again, without launching the sweep.")
@click.option("--no-wait", is_flag=True, help="Do not wait until the workers have left.")
@json_option
def command(sweep: str, undo: bool, no_wait: bool, as_json: bool) -> None:
    """Stop a sweep: every worker keeps what it has and leaves, wherever it runs.

    SWEEP is the sweep's name. The command waits until all workers have left. Workers hear of it
    within ten seconds; asked a second time, they leave at once, and what they train since it was
    last kept is trained again. Launch the sweep to go on.
    """
    with quiet_stdout():
        opened = open_sweep(sweep)
        level = opened.stop(undo=undo)
        if level and not no_wait:
            _wait(opened)
        status = opened.status()
    n_left = len(status.workers)
    if as_json:
        print_json(
            {"sweep": status.sweep, "state": status.state, "at_once": level > 1, "workers": n_left}
        )
        return
    terminal().print(_sentence(status.sweep, level, n_left))


def _wait(opened: "Sweep") -> None:
    """Wait until no worker is left; Ctrl-C ends the waiting alone."""
    with side_terminal().status("waiting for the workers") as shown:
        while workers := opened.status().workers:
            shown.update(f"waiting for {len(workers)} workers to leave")
            time.sleep(LOOK_EVERY_S)


def _sentence(sweep: str, level: int, n_left: int) -> str:
    if not level:
        return f"{sweep} is not asked to stop any more: workers may join it."
    if n_left:
        return f"{sweep} is asked to stop; {n_left} workers have not left yet."
    return f"{sweep} is stopped. Everything is kept; launch it to go on."
