"""What a person should hear of a sweep before it runs: what was chosen for them, what is thin."""

from objectives.splits import thin_holdout
from search.open_sweep import OpenSweep
from search.sweep_file.sweep_file import SweepFile
from spaces.narrowing import AUTO, base_of


def launch_notes(file: SweepFile, opened: OpenSweep) -> list[str]:
    """Say in a line each what the file left open, and what promotion will say little about.

    Args:
        file: As the person wrote it.
        opened: The sweep of that file.
    """
    return [*_chosen_space(file, opened), *_fewer_views(file, opened), *_thin_classes(opened)]


def _thin_classes(opened: OpenSweep) -> list[str]:
    thin = thin_holdout(opened.prepared.data, opened.prepared.splits)
    if not thin:
        return []
    shown = ", ".join(f"{name} ({count or 'none'})" for name, count in thin.items())
    return [
        f"few images are held out of {shown}: promotion will say little about these classes. Add "
        "images of them, or raise data.holdout in a new sweep."
    ]


def _chosen_space(file: SweepFile, opened: OpenSweep) -> list[str]:
    if base_of(file.space) != AUTO:
        return []
    base = base_of(opened.file.space)
    rule = "default if it was created where there is a GPU, else small"
    return [f"space: auto is {base} in this sweep ({rule})."]


def _fewer_views(file: SweepFile, opened: OpenSweep) -> list[str]:
    views = opened.file.train.views
    if views >= file.train.views or "views" in file.train.model_fields_set:
        return []
    return [
        f"train.views is {views} in this sweep: features of {file.train.views} draws would not all "
        "fit into FOLDSWEEP_STORE_GB."
    ]
