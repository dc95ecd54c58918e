"""``foldsweep export``: a registered model for other runtimes."""

from pathlib import Path

import click

from objectives.exporting.formats import FORMATS
from search.cli.arguments import FilePath
from search.cli.output import (
    json_option,
    print_json,
    quiet_stdout,
    side_terminal,
    terminal,
)
from search.cli.server_process import termination_as_interrupt


@click.command
@click.argument("model_uri")
@click.option(
    "--format",
    "format_name",
    type=click.Choice(list(FORMATS)),
    required=True,
    help="What to write.",
)
@click.option(
    "--out",
    type=FilePath,
    metavar="PATH",
    required=True,
    help="The file; of a SavedModel a folder.",
)
@click.option(
    "--images",
    type=FilePath,
    metavar="PATH",
    multiple=True,
    help="Compare on these, not on the model's input example; may be given again.",
)
@click.option("--force", is_flag=True, help="Replace what is at PATH.")
@json_option
def command(
    model_uri: str,
    format_name: str,
    out: Path,
    images: tuple[Path, ...],
    force: bool,
    as_json: bool,
) -> None:
    """Write a registered model for other runtimes, and check that it answers the same.

    MODEL_URI is that of a registered model, such as models:/blood-cells@champion. What was written
    is asked beside the registered model; if a probability differs by more than the format allows,
    nothing is kept and the exit code is 1.
    """
    with termination_as_interrupt(), quiet_stdout():
        from search.exporting.export import export_model
        from search.progress import step_display

        with step_display(side_terminal()) as say:
            found = export_model(
                model_uri, format_name, out, images=images, force=force, on_progress=say
            )
    if as_json:
        print_json(found.to_json())
    else:
        from search.cli.export_report import export_report

        terminal().print(export_report(found.to_json()))
