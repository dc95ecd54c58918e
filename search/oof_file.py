"""A trial's out-of-fold predictions, as they are kept among its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config.description.trial import OOF
from objectives.data.archive import Archive, opened_archive
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray, LabelArray, Splits, TrialResult
from objectives.settings import ScoreKind
from search.open_sweep import OpenSweep
from spaces.errors import InputError

SUM_TOLERANCE = 1e-2
"""How far the probabilities of a row may be from 1 in all: rows that no fold answered have 0."""


@dataclass(frozen=True)
class OutOfFold:
    """Probabilities by row of the sweep, shape ``(rows, classes)``."""

    clean: FloatArray
    shifted: FloatArray | None

    def selected(self, kind: ScoreKind) -> FloatArray:
        """Give the views that the sweep's score looks at, shape ``(views, rows, classes)``."""
        return np.stack(scored_views(kind, self.clean, self.shifted))


@dataclass(frozen=True)
class LabelledPredictions:
    """The same with what goes with it, for whoever does not have the data."""

    labels: LabelArray
    """Class numbers, shape ``(rows,)``."""
    class_names: tuple[str, ...]
    predictions: OutOfFold


def save_oof(opened: OpenSweep, result: TrialResult, folder: Path) -> None:
    """Write a trial's out-of-fold predictions among its files."""
    splits, data = opened.prepared.splits, opened.prepared.data
    arrays: dict[str, Any] = {
        "rows": splits.rows,
        "fold_of": splits.fold_of,
        "labels": data.labels[splits.rows],
        "class_names": np.asarray(data.class_names),
        "clean": result.oof_clean,
    }
    if result.oof_shifted is not None:
        arrays["shifted"] = result.oof_shifted
    path = folder / OOF.folder / OOF.file
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read_oof(opened: OpenSweep, path: Path) -> OutOfFold:
    """Read a trial's out-of-fold predictions, and check that they are of this sweep's rows.

    Raises:
        InputError: If they are of other rows, folds or classes, not whole, or no probabilities.
    """
    with opened_archive(path) as archive:
        return _of_splits(archive, opened.prepared.splits, opened.class_names)


def read_labelled_oof(splits: Splits, path: Path) -> LabelledPredictions:
    """Read a trial's out-of-fold predictions with labels and classes as they are kept with them.

    Raises:
        InputError: If they are of other rows or folds, not whole, or no probabilities.
    """
    with opened_archive(path) as archive:
        names = tuple(map(str, _read(archive, "class_names", _length(archive, "class_names"))))
        labels = _read(archive, "labels", splits.rows.shape)
        if labels.dtype.kind not in "iu" or not np.isin(labels, np.arange(len(names))).all():
            raise InputError("its predictions have labels that are none of its classes")
        return LabelledPredictions(labels, names, _of_splits(archive, splits, names))


def _of_splits(archive: Archive, splits: Splits, class_names: tuple[str, ...]) -> OutOfFold:
    shape = len(splits.rows), len(class_names)
    for name, expected in (("rows", splits.rows), ("fold_of", splits.fold_of)):
        if not np.array_equal(_read(archive, name, expected.shape), expected):
            raise InputError(f"its predictions are of other {name} than the sweep's")
    if _read(archive, "class_names", shape[1:]).tolist() != list(class_names):
        raise InputError("its predictions are of other classes than the sweep's")
    clean = _probabilities(archive, "clean", shape)
    has_shift = "shifted" in archive.names
    return OutOfFold(clean, _probabilities(archive, "shifted", shape) if has_shift else None)


def _length(archive: Archive, name: str) -> tuple[int, ...]:
    return (archive.header(name).shape or (0,))[:1]


def _read(archive: Archive, name: str, shape: tuple[int, ...]) -> np.ndarray:
    found = archive.header(name).shape
    if found != shape:
        raise InputError(f"its predictions {name!r} have shape {found}, expected {shape}")
    return archive.read(name)


def _probabilities(archive: Archive, name: str, shape: tuple[int, int]) -> FloatArray:
    found = _read(archive, name, shape).astype(np.float32)
    # A row that no fold has answered yet sums to 0, and nan to nothing.
    is_whole = np.abs(found.sum(axis=1) - 1) <= SUM_TOLERANCE
    if not is_whole.all() or found.min() < 0:
        n_missing = int(np.count_nonzero(~is_whole))
        raise InputError(f"{n_missing} of {shape[0]} rows have no probabilities ({name})")
    return found
