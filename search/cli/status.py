"""``foldsweep status``: how a sweep goes, or which sweeps there are."""

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from search.cli.opening import open_sweep
from search.cli.output import (
    json_option,
    print_json,
    print_json_line,
    quiet_stdout,
    side_terminal,
    terminal,
)
from search.watching import GRACE_S, REFRESH_S, looks

if TYPE_CHECKING:
    from collections.abc import Callable

    from search.status import SweepStatus

LEAST_REFRESH_S, MOST_REFRESH_S = 0.1, 3600.0


@click.command
@click.argument("sweep", required=False)
@click.option(
    "--watch",
    metavar="[SECONDS]",
    is_flag=False,
    flag_value=str(REFRESH_S),
    help=f"Refresh every SECONDS, {REFRESH_S:.0f} if left out, until the sweep ends, or nobody has "
    f"worked on it for {GRACE_S:.0f} s.",
)
@json_option
def command(sweep: str | None, watch: str | None, as_json: bool) -> None:
    """Show state, budget and leaderboard of a sweep, or list all sweeps.

    SWEEP is the sweep's name; without it, all sweeps of this storage are listed.
    """
    name, refresh_s = _name_and_seconds(sweep, watch)
    if name is None:
        _list_sweeps(as_json=as_json)
    elif refresh_s is not None and as_json:
        _print_looks(name, refresh_s)
    else:
        _show_sweep(name, refresh_s=refresh_s, as_json=as_json)


def _name_and_seconds(sweep: str | None, watch: str | None) -> tuple[str | None, float | None]:
    """Tell ``--watch SWEEP`` from ``--watch SECONDS``.

    Raises:
        click.UsageError: If there is no name, or the time is none.
    """
    if watch is None:
        return sweep, None
    seconds = _number(watch)
    if seconds is None and sweep is None:
        return watch, REFRESH_S
    if sweep is None:
        raise click.UsageError("--watch needs the name of a sweep.")
    if seconds is None or not LEAST_REFRESH_S <= seconds <= MOST_REFRESH_S:
        raise click.UsageError(
            f"--watch {watch}: between two looks there are {LEAST_REFRESH_S} to "
            f"{MOST_REFRESH_S:.0f} seconds."
        )
    return sweep, seconds


def _number(text: str) -> float | None:
    with suppress(ValueError):
        return float(text)
    return None


def _show_sweep(name: str, *, refresh_s: float | None, as_json: bool) -> None:
    with quiet_stdout():
        opened = open_sweep(name)
        document = (
            opened.status() if refresh_s is None else watched(opened.status, refresh_s=refresh_s)
        ).to_json()
    if as_json:
        print_json(document)
        return
    from search.cli.leaderboard import leaderboard
    from search.progress import summary

    terminal().print(summary(document), leaderboard(document["leaderboard"]))


def _print_looks(name: str, refresh_s: float) -> None:
    """Print one document a line, each as soon as it has been read."""
    with quiet_stdout():
        opened = open_sweep(name)

    def read() -> "SweepStatus":
        with quiet_stdout():
            return opened.status()

    for status in looks(read, refresh_s=refresh_s):
        print_json_line(status.to_json())


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
    from search.live_progress import LiveProgress

    with LiveProgress(side_terminal()) as progress:
        for status in looks(read, grace_s=grace_s, refresh_s=refresh_s):
            progress.show(status)
    return status


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
