"""``foldsweep predict``: a registered model's answer for images."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from search.cli.arguments import FilePath
from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal
from search.cli.server_process import termination_as_interrupt
from spaces.errors import InputError
from spaces.files import shown_path

if TYPE_CHECKING:
    from search.prediction.predict import Prediction

LINE_FORMATS = ("csv", "jsonl")


@click.command
@click.argument("model_uri")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=FilePath)
@click.option("--out", type=FilePath, metavar="FILE", help="Write the answers to it, one a line.")
@click.option(
    "--format",
    "line_format",
    type=click.Choice(LINE_FORMATS),
    help="Of FILE, where its ending does not say; without FILE, of what is printed.",
)
@click.option(
    "--explain",
    type=FilePath,
    metavar="FOLDER",
    help="Write a picture of each image there that shows what the model goes by.",
)
@json_option
def command(
    model_uri: str,
    paths: tuple[Path, ...],
    out: Path | None,
    line_format: str | None,
    explain: Path | None,
    as_json: bool,
) -> None:
    """Print class and probabilities for images.

    MODEL_URI is that of a registered model, such as models:/blood-cells@champion.
    """
    if out is not None:
        found = _format_of(out, line_format)
        _write(model_uri, paths, out, found, explain=explain, as_json=as_json)
        return
    if as_json and line_format is not None:
        raise click.UsageError("--json and --format say two things; with --out they do not.")
    with quiet_stdout():
        from search.cli.count_display import count_display
        from search.prediction.images import count_pictures
        from search.prediction.predict import predict

        with count_display(side_terminal(), "images", count_pictures(paths)) as say:
            predictions = predict(model_uri, list(paths), explain=explain, on_progress=say)
    if as_json:
        print_json(predictions)
    elif line_format is not None:
        _print_lines(predictions, line_format)
    else:
        from search.cli.model_report import prediction_table

        terminal().print(prediction_table(predictions))
    unread = [entry for entry in predictions if entry["error"]]
    if line_format is not None:
        _list(unread)
    _refuse_unless_read(unread, len(predictions))


def _format_of(out: Path, line_format: str | None) -> str:
    """Take the format that was asked for, or that of the file's name."""
    found = line_format or out.suffix.lower().removeprefix(".")
    if found not in LINE_FORMATS:
        raise click.UsageError(
            f"the ending of {out.name!r} is none of .csv and .jsonl: add --format."
        )
    return found


def _write(
    model_uri: str,
    paths: Sequence[Path],
    out: Path,
    line_format: str,
    *,
    explain: Path | None,
    as_json: bool,
) -> None:
    """Write each answer when it is there, so that a million of them need no memory."""
    unread: list[Prediction] = []
    with termination_as_interrupt(), quiet_stdout():
        from search.cli.count_display import count_display
        from search.prediction.images import count_pictures
        from search.prediction.predict import predict_each
        from search.prediction.writing import check_writable, lines_file

        check_writable(out)
        done = 0
        answers = predict_each(model_uri, list(paths), explain=explain)
        with (
            count_display(side_terminal(), "images", count_pictures(paths)) as say,
            lines_file(out, line_format, answers.class_names) as write,
        ):
            for done, entry in enumerate(answers.entries, start=1):
                write(entry)
                say(done)
                if entry["error"]:
                    unread.append(entry)
    _list(unread)
    if as_json:
        found = [{"path": entry["path"], "error": entry["error"]} for entry in unread]
        name = shown_path(out)
        print_json({"out": name, "format": line_format, "images": done, "unread": found})
    else:
        read = done - len(unread)
        terminal().print(f"Wrote the answers for {read} images to {shown_path(out)}")
    _refuse_unless_read(unread, done)


def _print_lines(predictions: Sequence["Prediction"], line_format: str) -> None:
    from search.prediction.writing import writer

    class_names: Sequence[str] = next(
        (list(entry["probabilities"]) for entry in predictions if entry["probabilities"]), []
    )
    write = writer(sys.stdout, line_format, class_names)
    for entry in predictions:
        write(entry)


def _list(unread: Sequence[Mapping[str, Any]]) -> None:
    for entry in unread:
        click.echo(f"{entry['path']}: {entry['error']}", err=True)


def _refuse_unless_read(unread: Sequence[Mapping[str, Any]], n_images: int) -> None:
    if unread:
        raise InputError(
            f"{len(unread)} of {n_images} images cannot be read, the first is "
            f"{unread[0]['path']}: {unread[0]['error']}."
        )
