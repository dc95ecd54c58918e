"""``foldsweep ui``: the MLflow pages of this home's sweeps."""

import errno
import os
import re
import socket
import time
import webbrowser
from contextlib import closing, suppress
from threading import Thread
from typing import TYPE_CHECKING

import click

from search.cli.output import quiet_stdout
from search.cli.server_process import run_server
from spaces.errors import InputError, UnavailableError

if TYPE_CHECKING:
    from mlruns_config.sweep_links import SweepLinks

FIRST_PORT = 5000
LAST_PORT = 5100
START_TIMEOUT_S = 60.0


@click.command
@click.argument("sweep", required=False)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port to listen on; the first free one from 5000 if left out.",
)
@click.option("--no-browser", is_flag=True, help="Print the link alone, and open no browser.")
def command(sweep: str | None, host: str, port: int | None, no_browser: bool) -> None:
    """Open the MLflow UI for the sweeps of this home, or for one of them.

    SWEEP is the sweep's name: then its trials are listed by score, with the columns and charts
    that matter. Prints the link, opens it in a browser where there is a screen, and serves until
    it is interrupted.
    """
    from mlruns_config.server import ui_command, ui_url
    from mlruns_config.settings import TrackingSettings
    from search.settings import RuntimeSettings

    settings = TrackingSettings.from_environment(RuntimeSettings.from_environment().home)
    if not settings.is_server and not settings.sqlite_path.exists():
        raise InputError(
            f"nothing was tracked yet: there is no {settings.sqlite_path}. Launch a sweep first, "
            "or set FOLDSWEEP_HOME to the folder of one."
        )
    links = None if sweep is None else _links(sweep)
    if settings.is_server:
        link = _say(ui_url(settings), links)
        click.echo("MLflow runs there already: open that address.", err=True)
        if not no_browser:
            _open(link)
        return
    port = port_to_use(host, port)
    link = _say(ui_url(settings, host=host, port=port), links)
    click.echo("The MLflow UI answers there in a few seconds; Ctrl-C ends it.", err=True)
    if not no_browser:
        Thread(target=_open_when_up, args=(host, port, link), daemon=True).start()
    _serve(ui_command(settings, host=host, port=port))


def _links(sweep: str) -> "SweepLinks":
    from search.cli.opening import open_sweep

    with quiet_stdout():
        return open_sweep(sweep).links()


def _say(url: str, links: "SweepLinks | None") -> str:
    """Print where to look; gives the first of the links."""
    from mlruns_config.description.run_list import experiments_link

    if links is None:
        link = experiments_link(url)
        click.echo(link)
        return link
    shown = links.at(url)
    click.echo(shown.runs)
    click.echo(f"its charts: {shown.charts}", err=True)
    if shown.page is not None:
        click.echo(f"its page: {shown.page}", err=True)
    return shown.runs


def _open_when_up(host: str, port: int, link: str) -> None:
    """Wait for a server that is just starting, then open a link to it."""
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            _open(link)
            return
        time.sleep(0.5)


def _open(link: str) -> None:
    """Open a link in the person's browser; a machine without a screen has none."""
    from search.settings import has_screen

    if has_screen():
        # A name and a hidden password would be taken for true ones: the browser asks by itself.
        webbrowser.open(re.sub(r"//[^/@]*@", "//", link))


def port_to_use(host: str, wanted: int | None) -> int:
    """Choose the first free port, or check the one that is wanted.

    Args:
        host: The address to listen on.
        wanted: A port, or None for the first free one from 5000.

    Raises:
        InputError: If the address is none of this machine's, or the wanted port is taken.
        UnavailableError: If there is no free port.
    """
    if wanted is not None:
        if not _is_free(host, wanted):
            raise InputError(
                f"port {wanted} of {host} is taken: leave --port out, or give another."
            )
        return wanted
    for port in range(FIRST_PORT, LAST_PORT + 1):
        if _is_free(host, port):
            return port
    raise UnavailableError(f"no port from {FIRST_PORT} to {LAST_PORT} is free: give --port.")


def _is_free(host: str, port: int) -> bool:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )[0]
    except socket.gaierror as error:
        raise InputError(f"--host {host!r} is no address of this machine.") from error
    with closing(socket.socket(family, kind, protocol)) as probe:
        # As servers do it: connections that are closing don't keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError as error:
            raise InputError(f"port {port} needs rights that you don't have.") from error
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                raise InputError(f"--host {host!r} is no address of this machine.") from error
            return False
    return True


def _serve(command_line: list[str]) -> None:
    from mlruns_config.server import WITHOUT_JOBS

    run_server(command_line, "the MLflow UI", environment={**WITHOUT_JOBS, **os.environ})
