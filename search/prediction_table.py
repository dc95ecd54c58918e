"""The out-of-fold predictions of trials as tables."""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlruns_config.description.trial import OOF
from objectives.records import Splits
from search.oof_file import LabelledPredictions, read_labelled_oof
from search.storage.records import Slot
from search.stored_sweep import StoredSweep
from search.trial_files import NOT_FOUND, find_trial_file
from search.trial_phases import leaders, trials_of
from spaces.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_logger = logging.getLogger(__name__)


def predictions_of(stored: StoredSweep, trial: int | None) -> "pd.DataFrame":
    """Read what finished trials predicted out of fold: a row for each trial and image.

    Args:
        stored: The sweep.
        trial: The number of one; None for all, of which those whose predictions are not found are
            left out, and the log says so.

    Returns:
        The columns ``trial``, ``row`` (in the data), ``image`` (its file's name where the data lie
        on this machine, else its row), ``label``, ``fold``, ``predicted`` and for each class
        ``clean.CLASS``, a probability; under a shift also ``predicted_shifted`` and
        ``shifted.CLASS``.

    Raises:
        InputError: If there is no such trial, it is not finished, or its predictions are not found.
        UnavailableError: If MLflow does not answer.
    """
    import pandas as pd

    from objectives.splits import splits_from_bytes

    splits = splits_from_bytes(stored.row.splits)
    tables: list[pd.DataFrame] = []
    images: Sequence[str] = ()
    for slot in _finished(stored, trial):
        try:
            found = _read(stored, splits, slot)
        except InputError as error:
            if trial is not None:
                raise InputError(f"trial {slot.trial} of {stored.row.name}: {error}.") from None
            _logger.warning("trial %s of %s is left out: %s", slot.trial, stored.row.name, error)
            continue
        images = images or _image_names(stored, splits, found)
        tables.append(_table(slot, splits, found, images))
    if not tables:
        raise InputError(
            f"no finished trial of {stored.row.name} has predictions that are found here or in "
            "MLflow; look from the machine that ran them."
        )
    return pd.concat(tables, ignore_index=True)


def _finished(stored: StoredSweep, trial: int | None) -> list[Slot]:
    """Give the phases that scores come from, in the order of their trials."""
    trials = trials_of(stored.slots.all())
    finished = {each.head.trial: each.shown for each in leaders(trials)}
    if trial is None:
        if not finished:
            raise InputError(f"no trial of {stored.row.name} is finished yet.")
        return [finished[number] for number in sorted(finished, key=lambda number: number or 0)]
    if trial not in finished:
        states = {each.head.trial: f"is {each.head.state}" for each in trials}
        numbers = ", ".join(str(number) for number in sorted(finished, key=lambda n: n or 0))
        raise InputError(
            f"trial {trial} of {stored.row.name} {states.get(trial, 'does not exist')}; finished "
            f"are: {numbers or 'none yet'}."
        )
    return [finished[trial]]


def _read(stored: StoredSweep, splits: Splits, slot: Slot) -> LabelledPredictions:
    with tempfile.TemporaryDirectory() as scratch:
        path = find_trial_file(stored, slot, OOF.name, Path(scratch))
        if path is None:
            raise InputError(NOT_FOUND)
        return read_labelled_oof(splits, path)


def _table(
    slot: Slot, splits: Splits, found: LabelledPredictions, images: Sequence[str]
) -> "pd.DataFrame":
    import pandas as pd

    names = np.asarray(found.class_names, dtype=object)
    clean, shifted = found.predictions.clean, found.predictions.shifted
    columns = {
        "trial": slot.trial,
        "row": splits.rows,
        "image": images,
        "label": names[found.labels],
        "fold": splits.fold_of,
        "predicted": names[clean.argmax(axis=1)],
    }
    parts = [pd.DataFrame(columns), pd.DataFrame(clean, columns=[f"clean.{n}" for n in names])]
    if shifted is not None:
        parts.append(pd.DataFrame({"predicted_shifted": names[shifted.argmax(axis=1)]}))
        parts.append(pd.DataFrame(shifted, columns=[f"shifted.{n}" for n in names]))
    return pd.concat(parts, axis="columns")


def _image_names(stored: StoredSweep, splits: Splits, found: LabelledPredictions) -> Sequence[str]:
    """Name the rows as the data do, if they lie here and have the same labels."""
    from objectives.data.loading import load_source

    path, rows = stored.file.data.path, splits.rows
    by_row = [f"row {row}" for row in rows]
    if not isinstance(path, Path) or not path.exists():
        return by_row
    try:
        source = load_source(path, class_names=stored.file.data.class_names)
    except InputError as error:
        _logger.warning("images are named by their rows: %s", error)
        return by_row
    has_classes = source.class_names == found.class_names and len(source) > int(rows.max())
    if not has_classes or not np.array_equal(source.labels[rows], found.labels):
        _logger.warning("images are named by their rows: %s holds other labels", path)
        return by_row
    return [source.name(int(row)) for row in rows]
