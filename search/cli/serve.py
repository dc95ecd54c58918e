"""``foldsweep serve``: a registered model behind HTTP."""

import tempfile
from pathlib import Path

import click

from search.cli.output import quiet_stdout
from search.cli.server_process import run_server, termination_as_interrupt
from search.cli.ui import port_to_use


@click.command
@click.argument("model_uri")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port to listen on; the first free one from 5000 if left out.",
)
def command(model_uri: str, host: str, port: int | None) -> None:
    """Answer HTTP requests with a registered model, by MLflow's own server.

    MODEL_URI is that of a registered model, such as models:/blood-cells@champion. Prints the URL
    that takes images as JSON, and serves until it is interrupted.
    """
    from mlruns_config.server import model_server_command, model_server_environment

    port = port_to_use(host, port)
    with (
        termination_as_interrupt(),
        tempfile.TemporaryDirectory(prefix="foldsweep-serve-") as scratch,
    ):
        folder = Path(scratch)
        with quiet_stdout():
            served, version_uri = _prepare(model_uri, folder)
        click.echo(f"http://{_in_url(host)}:{port}/invocations")
        click.echo(
            f"{version_uri} answers there in some seconds, when /ping does; Ctrl-C ends it.",
            err=True,
        )
        # In a folder with nothing else: Python would import what lies in the present one.
        run_server(
            model_server_command(served, host=host, port=port),
            "MLflow's model server",
            environment=model_server_environment(),
            folder=folder,
        )


def _prepare(model_uri: str, folder: Path) -> tuple[Path, str]:
    """Write what is served; give its folder and the version's own URI."""
    from mlruns_config.registry.served_copy import served_folder, write_served_copy
    from search.registry_access import existing_registry
    from search.workers.device import hide_gpus

    registry = existing_registry()
    hide_gpus()
    version = write_served_copy(registry, model_uri, folder)
    return served_folder(folder), version.uri


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
