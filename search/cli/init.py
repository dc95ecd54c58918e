"""``foldsweep init``: a sweep file to begin with."""

import json
import re
from importlib.resources import files
from pathlib import Path
from string import Template

import click

from search.sweep_file.plain_data import check_plain
from spaces.errors import InputError


def sweep_file_text(name: str, data: str) -> str:
    """Fill the commented template, in which every key stands with its default.

    Args:
        name: The sweep's name.
        data: Path of the data set.
    """
    template = (files("search.cli") / "sweep_template.yaml").read_text(encoding="utf-8")
    return Template(template).substitute(name=name, path=json.dumps(data, ensure_ascii=False))


@click.command
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="sweep.yaml")
@click.option("--data", metavar="PATH", default="training_set.npz", help="Path of the images.")
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
def command(file: Path, data: str, force: bool) -> None:
    """Write a sweep file in which every key stands with its default and a comment.

    FILE is sweep.yaml if it is not given; the sweep is named after it.
    """
    if file.exists() and not force:
        raise InputError(f"{file} exists: choose another name, or add --force to overwrite it.")
    if not file.parent.is_dir():
        raise InputError(f"{file.parent} is not a folder: create it first.")
    check_plain(data, "init", "--data")
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", file.stem).strip("-_")[:100] or "sweep"
    try:
        file.write_text(sweep_file_text(name, data), encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {file}: {error.strerror}.") from error
    click.echo(f"Wrote {file}. Put the path of your images under data.path, then type:", err=True)
    click.echo(f"  foldsweep launch {file}", err=True)
