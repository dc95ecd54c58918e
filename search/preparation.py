"""The data of a sweep: images that are prepared once a machine, splits that are drawn once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from objectives.records import LabelledImages, Splits
from search.remote_data import local_data
from search.settings import RuntimeSettings
from search.sweep_file.sweep_file import SweepFile
from spaces.errors import InputError
from spaces.files import replacing

if TYPE_CHECKING:
    from objectives.audit.report import AuditReport
    from objectives.data import ImageSource

STORE_FOLDER = "store"
AUDIT_COUNTS = "counts.json"
"""In the folder of an audit: how many rows were excluded, by finding."""


@dataclass(frozen=True)
class Prepared:
    """The data of a sweep, ready for trials."""

    data: LabelledImages
    splits: Splits
    source: "ImageSource | None" = None
    """Where the images come from; None where nobody asks for their names."""

    def name(self, row: int) -> str:
        """Give what a person calls a row: the name of its file, or ``row 17``."""
        return f"row {row}" if self.source is None else self.source.name(row)


@dataclass(frozen=True)
class Drawn:
    """Splits that were drawn for a new sweep, and the audit that they follow."""

    splits: Splits
    report: "AuditReport"
    source: "ImageSource"

    def write_report(self, folder: Path) -> None:
        """Write what the audit found, with pictures, for people; and the counts by themselves."""
        from objectives.audit import write_report

        write_report(self.report, self.source, folder)
        with replacing(folder / AUDIT_COUNTS) as file:
            file.write(json.dumps(self.report.counts).encode())


def check_data(file: SweepFile) -> None:
    """Refuse a data path that is not there.

    Raises:
        InputError: With the path that was looked for.
    """
    if isinstance(file.data.path, Path) and not file.data.path.exists():
        raise InputError(
            f"data.path: there is no {file.data.path}. Write the path of your images into the "
            "sweep file, or give it with --data."
        )


def check_exclusion(file: SweepFile) -> None:
    """Refuse a list of excluded rows that is not there, before images are prepared for it.

    Raises:
        InputError: With the path that was looked for.
    """
    if file.data.exclude not in ("audit", "none") and not Path(file.data.exclude).is_file():
        raise InputError(
            f"data.exclude = {file.data.exclude!r} is neither 'audit' nor 'none' nor a file of "
            "row numbers."
        )


def prepare_images(
    file: SweepFile, settings: RuntimeSettings
) -> tuple[LabelledImages, "ImageSource"]:
    """Read and resize the images, or reopen what another process of this machine has made.

    Raises:
        InputError: If the data cannot be used as it is.
        UnavailableError: If it lies elsewhere and cannot be read there.
    """
    from objectives.data import load_source, prepare
    from objectives.store.array_store import ArrayStore

    path = local_data(file.data.path, settings.home)
    source = load_source(path, class_names=file.data.class_names)
    store = ArrayStore(settings.home / STORE_FOLDER, max_bytes=settings.store_bytes)
    return prepare(source, file.data.image_px, store), source


def draw(file: SweepFile, source: "ImageSource", data: LabelledImages) -> Drawn:
    """Audit the data, hold rows out and deal the others into folds: once a sweep.

    The same data and settings give the same splits on any machine.

    Raises:
        InputError: If a class has too few images, or nothing would be held out.
    """
    import numpy as np

    from objectives.audit import audit, load_excluded_rows
    from objectives.splits import draw_splits

    report = audit(source)
    if file.data.exclude == "audit":
        excluded = np.asarray(report.exclude, dtype=np.int64)
    elif file.data.exclude == "none":
        excluded = np.empty(0, dtype=np.int64)
    else:
        excluded = load_excluded_rows(Path(file.data.exclude), len(data.labels))
    splits = draw_splits(
        data,
        included=np.setdiff1d(np.arange(len(data.labels)), excluded),
        groups=report.groups,
        holdout=file.data.holdout,
        n_folds=file.validation.folds,
        seed=file.search.seed,
        group_names=source.group_names,
    )
    return Drawn(splits, report, source)
