"""``foldsweep audit``: what is wrong with a data set."""

from pathlib import Path

import click

from search.cli.arguments import DataPath, FilePath
from search.cli.output import json_option, print_json, quiet_stdout, terminal


@click.command
@click.argument("data", type=DataPath)
@click.option(
    "--report",
    "folder",
    type=FilePath,
    help="Folder for the report and the rows; by default audits/NAME under FOLDSWEEP_HOME.",
)
@json_option
def command(data: Path | str, folder: Path | None, as_json: bool) -> None:
    """Find junk, duplicates, label conflicts and unreadable files in a data set.

    DATA is an .npz file, a folder of class folders or a .csv table. Writes an HTML report with
    pictures, and the rows to exclude as a file that the key data.exclude takes.
    """
    with quiet_stdout():
        from objectives.audit import audit, write_report
        from objectives.data import load_source
        from search.remote_data import local_data
        from search.settings import RuntimeSettings

        home = RuntimeSettings.from_environment().home
        path = local_data(data, home)
        source = load_source(path)
        report = audit(source)
        folder = folder or home / "audits" / path.stem
        page = write_report(report, source, folder)
        rows = folder / "exclude.txt"
        rows.write_text("".join(f"{row}\n" for row in report.exclude), encoding="utf-8")
    document = {**report.to_json(), "report": str(page), "exclude_file": str(rows)}
    if as_json:
        print_json(document)
    else:
        from search.cli.data_report import audit_summary

        terminal().print(audit_summary(document))
