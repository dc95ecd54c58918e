"""A trial's out-of-fold predictions, as they are kept among its files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config.description.trial import OOF
from objectives.data.archive import Archive, opened_archive
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray, TrialResult
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
    splits, data = opened.prepared.splits, opened.prepared.data
    shape = len(splits.rows), len(data.class_names)
    with opened_archive(path) as archive:
        for name, expected in (("rows", splits.rows), ("fold_of", splits.fold_of)):
            if not np.array_equal(_read(archive, name, expected.shape), expected):
                raise InputError(f"its predictions are of other {name} than the sweep's")
        if _read(archive, "class_names", shape[1:]).tolist() != list(data.class_names):
            raise InputError("its predictions are of other classes than the sweep's")
        clean = _probabilities(archive, "clean", shape)
        has_shift = "shifted" in archive.names
        return OutOfFold(clean, _probabilities(archive, "shifted", shape) if has_shift else None)


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
