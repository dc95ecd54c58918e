"""Arguments that several commands take."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import click

FilePath = click.Path(path_type=Path)


class DataPathType(click.ParamType[Path | str]):
    """A path, or a URL as it is."""

    name = "path"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | str:
        """Tell one from the other."""
        from objectives.settings import is_url

        if isinstance(value, str) and is_url(value):
            return value
        path: Path = FilePath.convert(value, param, ctx)
        return path


DataPath = DataPathType()


def takes_sweep_file(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``FILE``, ``[DATA]`` and ``--data``; ``chosen_data`` makes one of the latter two."""
    for decorate in (
        click.option("--data", "data_option", type=DataPath, help="Images, instead of data.path."),
        click.argument("data", type=DataPath, required=False),
        click.argument("file", type=FilePath),
    ):
        function = decorate(function)
    return function


def chosen_data(argument: Path | str | None, option: Path | str | None) -> Path | str | None:
    """Return the data path given as argument or option.

    Raises:
        click.UsageError: If both were given and differ.
    """
    if argument and option and argument != option:
        raise click.UsageError(f"the data path is given twice: {argument} and --data {option}.")
    return argument or option


def ensemble_size(
    context: click.Context, option: click.Parameter, value: str
) -> int | Literal["auto", "none"]:
    """Read ``auto``, ``none``, or how many trials may answer together.

    Raises:
        click.BadParameter: If it is none of them.
    """
    if value == "auto":
        return "auto"
    if value == "none":
        return "none"
    if value.isdecimal() and int(value) >= 1:
        return int(value)
    raise click.BadParameter(
        f"{value!r} is none of 'auto', 'none' and the numbers from 1.", context, option
    )
