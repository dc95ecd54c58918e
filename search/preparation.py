"""From the sweep file's data to images and splits that all workers share."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from objectives.records import LabelledImages, Splits
from search.settings import RuntimeSettings
from search.sweep_file.sweep_file import SweepFile
from spaces.errors import InputError

if TYPE_CHECKING:
    from objectives.data import ImageSource


@dataclass(frozen=True)
class Prepared:
    """The data of a sweep, ready for trials."""

    data: LabelledImages
    splits: Splits


def check_data(file: SweepFile) -> None:
    """Refuse a data path or a list of excluded rows that is not there.

    Raises:
        InputError: With the path that was looked for.
    """
    if not file.data.path.exists():
        raise InputError(
            f"data.path: there is no {file.data.path}. Write the path of your images into the "
            "sweep file, or give it with --data."
        )
    if file.data.exclude not in ("audit", "none") and not Path(file.data.exclude).is_file():
        raise InputError(
            f"data.exclude = {file.data.exclude!r} is neither 'audit' nor 'none' nor a file of "
            "row numbers."
        )


def prepare_data(file: SweepFile, settings: RuntimeSettings) -> Prepared:
    """Load, audit, resize and split the data, or reopen what an earlier call made.

    The same data and settings give the same splits on any machine. Processes of one machine take
    turns.

    Args:
        file: The sweep's.
        settings: Of this machine.

    Raises:
        InputError: If the data cannot be used as it is; then nothing is left behind.
    """
    from objectives.data import load_source, prepare
    from objectives.splits import load_splits
    from objectives.store.array_store import ArrayStore

    source = load_source(file.data.path, file.data.class_names)
    store = ArrayStore(settings.home / "store", max_bytes=settings.store_bytes)
    data = prepare(source, file.data.image_px, store)
    with _made_whole(settings.sweep_folder(file.sweep)) as folder:
        splits_path = folder / "splits.npz"
        if splits_path.exists():
            return Prepared(data, load_splits(splits_path))
        return Prepared(data, _draw(file, source, data, splits_path))


def _draw(file: SweepFile, source: "ImageSource", data: LabelledImages, path: Path) -> Splits:
    import numpy as np

    from objectives.audit import audit, load_excluded_rows, write_report
    from objectives.splits import draw_splits, save_splits

    report = audit(source)
    if file.data.exclude == "audit":
        excluded = np.asarray(report.exclude, dtype=np.int64)
    elif file.data.exclude == "none":
        excluded = np.empty(0, dtype=np.int64)
    else:
        excluded = load_excluded_rows(Path(file.data.exclude), len(data.labels))
    included = np.setdiff1d(np.arange(len(data.labels)), excluded)
    splits = draw_splits(
        data,
        included=included,
        groups=report.groups,
        holdout=file.data.holdout,
        n_folds=file.validation.folds,
        seed=file.search.seed,
    )
    write_report(report, source, path.parent / "audit")
    save_splits(splits, path)
    return splits


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        existed = folder.exists()
        folder.mkdir(exist_ok=True)
        try:
            yield folder
        except InputError:
            if not existed:
                shutil.rmtree(folder, ignore_errors=True)
            raise
