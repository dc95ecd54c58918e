"""The out-of-fold predictions of finished trials, wherever they lie."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlruns_config.description.trial import OOF
from objectives.ensembles.table import OofTable
from search.oof_file import OutOfFold, read_oof
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate
from search.trial_files import NOT_FOUND, find_trial_file
from spaces.errors import InputError


@dataclass(frozen=True)
class Gathered:
    """Trials whose predictions were found."""

    candidates: tuple[Candidate, ...]
    """In the order of the table's members."""
    table: OofTable
    left_out: Mapping[int, str]
    """The trials without, each with the reason."""


def gather_predictions(
    opened: OpenSweep, candidates: Sequence[Candidate], on_progress: Callable[[str], None]
) -> Gathered:
    """Read what trials predicted out of fold: from this machine, or else from MLflow.

    Args:
        opened: The sweep; predictions of other rows or folds than its own are left out.
        candidates: Whose predictions are wanted.
        on_progress: Hears what is being done.

    Raises:
        UnavailableError: If MLflow does not answer.
    """
    on_progress(f"reading the out-of-fold predictions of {len(candidates)} trials")
    found: list[tuple[Candidate, OutOfFold]] = []
    left_out: dict[int, str] = {}
    for candidate in candidates:
        try:
            found.append((candidate, _read(opened, candidate)))
        except InputError as error:
            left_out[candidate.trial] = str(error)
    splits, validation = opened.prepared.splits, opened.file.validation
    table = OofTable(
        labels=opened.prepared.data.labels[splits.rows],
        fold_of=splits.fold_of,
        groups=splits.groups[splits.rows],
        members=[predictions.selected(validation.score) for _, predictions in found],
        metric=validation.metric,
    )
    return Gathered(tuple(candidate for candidate, _ in found), table, left_out)


def trial_file(opened: OpenSweep, candidate: Candidate, name: str, scratch: Path) -> Path | None:
    """Find a file of a trial on this machine, or download it; None if there is none.

    Args:
        opened: The sweep.
        candidate: The trial.
        name: The file's path among those of the trial.
        scratch: Where a download goes.
    """
    return find_trial_file(opened, candidate.slot, name, scratch)


def _read(opened: OpenSweep, candidate: Candidate) -> OutOfFold:
    with tempfile.TemporaryDirectory() as scratch:
        path = trial_file(opened, candidate, OOF.name, Path(scratch))
        if path is None:
            raise InputError(NOT_FOUND)
        return read_oof(opened, path)
