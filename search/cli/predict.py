"""``foldsweep predict``: a registered model's answer for images."""

from pathlib import Path

import click

from search.cli.arguments import FilePath
from search.cli.output import json_option, print_json, quiet_stdout, terminal
from spaces.errors import InputError


@click.command
@click.argument("model_uri")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FilePath)
@json_option
def command(model_uri: str, paths: tuple[Path, ...], as_json: bool) -> None:
    """Print class and probabilities for images.

    MODEL_URI is that of a registered model, such as models:/blood-cells@champion.
    """
    with quiet_stdout():
        from search.prediction.predict import predict

        predictions = predict(model_uri, list(paths))
    if as_json:
        print_json(predictions)
    else:
        from search.cli.model_report import prediction_table

        terminal().print(prediction_table(predictions))
    unread = [entry for entry in predictions if entry["error"]]
    if unread:
        raise InputError(
            f"{len(unread)} of {len(predictions)} images cannot be read, the first is "
            f"{unread[0]['path']}: {unread[0]['error']}."
        )
