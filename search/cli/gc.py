"""``foldsweep gc``: disk space that no sweep needs."""

from collections.abc import Mapping
from typing import Any

import click

from search.cli.output import json_option, print_json, quiet_stdout, terminal
from spaces.errors import InputError


@click.command
@click.option(
    "--max-gb",
    type=click.FloatRange(min=0.0),
    metavar="GB",
    help="Also free the least recently used, until this much is left.",
)
@click.option("--dry-run", is_flag=True, help="Only say what would be freed.")
@json_option
def command(max_gb: float | None, dry_run: bool, as_json: bool) -> None:
    """Free the views, features and checkpoints that no sweep needs.

    What an unfinished sweep shares between its trials stays, unless --max-gb says otherwise. All
    that goes can be computed again; scores, models and MLflow runs are not touched.
    """
    with quiet_stdout():
        from search.disk_space import free_space
        from search.settings import RuntimeSettings
        from search.storage.storage import open_storage, storage_exists

        settings = RuntimeSettings.from_environment()
        if not storage_exists(settings.storage_url):
            raise InputError(
                f"nothing was launched yet from {settings.home}: set FOLDSWEEP_HOME to the folder "
                "that you mean."
            )
        freed = free_space(
            open_storage(settings.storage_url),
            settings,
            max_bytes=None if max_gb is None else int(max_gb * 1e9),
            dry_run=dry_run,
        )
    if as_json:
        print_json(freed.to_json())
    else:
        terminal().print(_text(freed.to_json()))


def _text(document: Mapping[str, Any]) -> str:
    shared, checkpoints, blobs = (document[kind] for kind in ("shared", "checkpoints", "blobs"))
    gigabytes = (shared["n_bytes"] + checkpoints["n_bytes"] + blobs["n_bytes"]) / 1e9
    verb = "Would free" if document["dry_run"] else "Freed"
    return (
        f"{verb} {gigabytes:.2f} GB: {shared['entries']} sets of images, views or features, "
        f"files of {checkpoints['entries']} phases of trials that have ended, "
        f"{blobs['entries']} parts of states that no trial goes on from."
    )
