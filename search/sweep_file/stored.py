"""The sweep file that the storage holds."""

from search.storage.records import SweepRow
from search.sweep_file.sections import BudgetSettings
from search.sweep_file.sweep_file import SweepFile, check_sweep
from search.sweep_file.yaml_reading import parse_yaml


def stored_file(row: SweepRow) -> SweepFile:
    """Read a sweep's stored file, with its present budget.

    It comes from a database: it may be shown and compared, but what it names is not imported.
    """
    origin = f"the stored file of {row.name}"
    file = check_sweep(parse_yaml(row.file, origin), origin=origin)
    return file.model_copy(update={"budget": BudgetSettings(**vars(row.budget))})
