"""The sweep file that the ledger holds."""

from search.ledger.sweeps import SweepRow
from search.sweep_file.sweep_file import SweepFile, check_sweep
from search.sweep_file.yaml_reading import parse_yaml


def stored_file(row: SweepRow) -> SweepFile:
    """Read the sweep file that the ledger holds; for showing, as it comes from a database."""
    content = parse_yaml(row.file, f"the stored file of {row.name}")
    return check_sweep(content, origin=f"the stored file of {row.name}")
