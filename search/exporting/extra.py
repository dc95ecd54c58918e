"""Whether what a format needs is installed."""

from importlib.util import find_spec

from objectives.exporting.formats import EXTRA, ExportFormat
from spaces.errors import InputError


def require_packages(export_format: ExportFormat) -> None:
    """See that the packages of a format are there, before anything is loaded for it.

    Raises:
        InputError: If one is missing.
    """
    missing = [name for name in export_format.needs if find_spec(name) is None]
    if missing:
        raise InputError(
            f"the format {export_format.name} needs packages that are not installed "
            f"({', '.join(missing)}): pip install 'foldsweep[{EXTRA}]'"
        )
