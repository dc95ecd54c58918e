"""What a person should hear of a sweep before it runs: what was chosen for them."""

from search.open_sweep import OpenSweep
from search.sweep_file.sweep_file import SweepFile
from spaces.narrowing import AUTO, base_of


def launch_notes(file: SweepFile, opened: OpenSweep) -> list[str]:
    """Say in a line each what the file left open.

    Args:
        file: As the person wrote it.
        opened: The sweep of that file.
    """
    return list(_space_notes(file, opened))


def _space_notes(file: SweepFile, opened: OpenSweep) -> list[str]:
    if base_of(file.space) != AUTO:
        return []
    base = base_of(opened.file.space)
    rule = "default if it was created where there is a GPU, else small"
    return [f"space: auto is {base} in this sweep ({rule})."]
