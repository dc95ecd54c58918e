"""``foldsweep doctor``: what disagrees, and how to mend it."""

from typing import TYPE_CHECKING

import click

from search.cli.output import json_option, print_json, quiet_stdout, side_terminal, terminal
from spaces.errors import InputError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from rich.console import RenderableType


@click.command
@click.argument("sweep", required=False)
@click.option("--fix", is_flag=True, help="Mend what can be mended.")
@click.option("--gpu", is_flag=True, help="Examine the GPUs of this machine instead.")
@json_option
def command(sweep: str | None, fix: bool, gpu: bool, as_json: bool) -> None:
    """Find what disagrees between storage, Optuna, MLflow and disk, and mend it.

    SWEEP is the sweep's name; without it, all sweeps of this storage are examined. Workers may run
    meanwhile: what they use is left alone. The exit code is 1 if something is left to be mended.

    With --gpu it sees whether the GPUs of this machine compute right, and how many CPU cores feed
    them: a report to paste into an issue.
    """
    if gpu:
        if sweep is not None or fix:
            raise click.UsageError("--gpu examines the machine: it takes neither SWEEP nor --fix.")
        _examine_gpus(as_json=as_json)
        return
    with quiet_stdout():
        from search.doctor.examination import examine
        from search.progress import step_display
        from search.settings import RuntimeSettings
        from search.storage.storage import storage_exists

        settings = RuntimeSettings.from_environment()
        if not storage_exists(settings.storage_url):
            raise InputError(
                f"nothing was launched yet from {settings.home}: set FOLDSWEEP_HOME to the folder "
                "that you mean."
            )
        with step_display(side_terminal()) as say:
            report = examine(settings, name=sweep, fix=fix, on_progress=say)
    if as_json:
        print_json(report.to_json())
    else:
        terminal().print(_text(report.to_json()))
    if report.left:
        raise RefusedError(f"{report.left} of {len(report.findings)} findings are left to mend.")


def _examine_gpus(*, as_json: bool) -> None:
    with quiet_stdout():
        from search.gpu_report import as_markdown, make_gpu_report
        from search.progress import step_display

        with step_display(side_terminal()) as say:
            report = make_gpu_report(on_step=say)
    if as_json:
        print_json(report.to_json())
    else:
        click.echo(as_markdown(report))
    if not report.passed:
        raise RefusedError("a check of the GPUs failed; the report says which.")


def _text(document: "Mapping[str, Any]") -> "RenderableType":
    from rich.console import Group

    from search.cli.leaderboard import new_table

    n_sweeps, findings = len(document["sweeps"]), document["findings"]
    heading = f"{n_sweeps} sweeps examined, schema {document['schema'] or 'none'}."
    if not findings:
        return Group(heading, "Everything agrees.")
    table = new_table("kind", "what", "where", "mended")
    for column in table.columns:
        # Sentences and paths are to be read to their end.
        column.no_wrap, column.overflow = False, "fold"
    for found in findings:
        mended = "yes" if found["mended"] else f"no: {found['remedy']}"
        table.add_row(found["kind"], found["what"], found["where"], mended)
    return Group(heading, table)
