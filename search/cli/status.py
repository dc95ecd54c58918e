"""``foldsweep status``: how a sweep goes, or which sweeps there are."""

import time
from typing import TYPE_CHECKING

import click

from search.cli.opening import open_sweep
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.status import SweepStatus

REFRESH_S = 2.0
GRACE_S = 30.0
"""How long a watched sweep may be without a worker: before the first one, or between two."""


@click.command
@click.argument("sweep", required=False)
@click.option(
    "--watch",
    is_flag=True,
    help=f"Refresh until the sweep ends, or nobody has worked on it for {GRACE_S:.0f} s.",
)
@json_option
def command(sweep: str | None, watch: bool, as_json: bool) -> None:
    """Show state, budget and leaderboard of a sweep, or list all sweeps.

    SWEEP is the sweep's name; without it, all sweeps of this storage are listed.
    """
    if sweep is not None:
        _show_sweep(sweep, watch=watch, as_json=as_json)
    elif watch:
        raise click.UsageError("--watch needs the name of a sweep.")
    else:
        _list_sweeps(as_json=as_json)


def _show_sweep(name: str, *, watch: bool, as_json: bool) -> None:
    with quiet_stdout():
        opened = open_sweep(name)
        document = (watched(opened.status) if watch else opened.status()).to_json()
    if as_json:
        print_json(document)
        return
    from search.cli.leaderboard import leaderboard
    from search.progress import summary

    terminal().print(summary(document), leaderboard(document["leaderboard"]))


def watched(
    read: "Callable[[], SweepStatus]", *, grace_s: float = GRACE_S, refresh_s: float = REFRESH_S
) -> "SweepStatus":
    """Show how a sweep goes until it ends, or nobody works on it any more.

    Args:
        read: Gives the present status.
        grace_s: For how long it may be without a worker, before the first one too.
        refresh_s: How long to wait between two looks.

    Returns:
        The last status.
    """
    from search.progress import LiveProgress

    worked_at_s = time.monotonic()
    with LiveProgress(side_terminal()) as progress:
        while True:
            status = read()
            progress.show(status)
            if status.state in ("running", "stopping"):
                worked_at_s = time.monotonic()
            elif status.state in ("done", "stopped") or time.monotonic() - worked_at_s >= grace_s:
                return status
            time.sleep(refresh_s)


def _list_sweeps(*, as_json: bool) -> None:
    with quiet_stdout():
        from search.settings import RuntimeSettings
        from search.status import read_status
        from search.storage.storage import open_storage, storage_exists

        settings = RuntimeSettings.from_environment()
        documents = []
        if storage_exists(settings.storage_url):
            storage = open_storage(settings.storage_url)
            rows = (storage.sweeps.find(name) for name in storage.sweeps.names())
            documents = [read_status(storage, row).to_json() for row in rows if row]
    if as_json:
        print_json(documents)
        return
    from search.cli.leaderboard import sweep_list

    terminal().print(sweep_list(documents) if documents else "There is no sweep yet.")
