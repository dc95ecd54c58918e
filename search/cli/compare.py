"""``foldsweep compare``: two versions on the same held-out images."""

from pathlib import Path

import click

from search.cli.arguments import FilePath
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal


@click.command
@click.argument("model")
@click.argument("first", metavar="V1")
@click.argument("second", metavar="V2")
@click.option("--look", is_flag=True, help="Ask both about the holdout if too little was kept.")
@click.option("--picture", type=FilePath, help="Draw images that changed into this PNG file.")
@json_option
def command(
    model: str, first: str, second: str, look: bool, picture: Path | None, as_json: bool
) -> None:
    """Compare two versions of a registered model on the holdout.

    MODEL is its name, V1 and V2 are numbers of versions, or aliases. By default the answers that
    promotions have kept are compared, and the holdout is not opened again.
    """
    with quiet_stdout():
        from search.cli.opening import tracking_of_home
        from search.progress import step_display
        from search.promotion.compare import compare_versions

        tracking_of_home()
        with step_display(side_terminal()) as say:
            compared = compare_versions(
                model, first, second, take_look=look, picture=picture, on_progress=say
            )
        document = compared.to_json()
    if as_json:
        print_json(document)
    else:
        from search.cli.registry_report import comparison_report

        terminal().print(comparison_report(document))
