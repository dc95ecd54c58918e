"""From a sweep file to an open sweep: checked, prepared, entered in the ledger."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlruns_config.settings import TrackingSettings
from search.ledger.crew import Crew
from search.ledger.slots import SlotBook
from search.ledger.storage import Storage, connect
from search.ledger.sweeps import Ledger, SweepRow
from search.preparation import Prepared, check_data, prepare_data
from search.settings import RuntimeSettings
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import SweepFile, changes_that_affect_scores
from spaces.errors import InputError
from spaces.narrowing import resolve_space
from spaces.recipes import resolve_recipe
from spaces.references import load_reference
from spaces.space import Space, Value

if TYPE_CHECKING:
    from search.study.study import SweepStudy


@dataclass(frozen=True)
class OpenSweep:
    """A sweep that exists, and all that a worker of it needs."""

    file: SweepFile
    settings: RuntimeSettings
    tracking: TrackingSettings
    storage: Storage
    row: SweepRow
    space: Space
    prepared: Prepared

    @property
    def folder(self) -> Path:
        """The sweep's folder on this machine."""
        return self.settings.sweep_folder(self.file.sweep)

    @property
    def slots(self) -> SlotBook:
        """The sweep's slots."""
        return SlotBook(self.storage, self.row.id)

    @property
    def crew(self) -> Crew:
        """The sweep's workers."""
        return Crew(self.storage, self.row.id)


def open_or_create(
    file: SweepFile, settings: RuntimeSettings, *, joining: bool = False
) -> OpenSweep:
    """Check everything, then go on with the sweep of that name, or make it.

    Args:
        file: With an absolute data path.
        settings: Of this machine.
        joining: For a worker: a sweep that exists keeps the budget and the recipes that it has.

    Raises:
        InputError: If anything in the file cannot work, or differs from the sweep that exists in
            a way that affects scores. Nothing has been made then.
        UnavailableError: If the storage or MLflow does not answer.
    """
    space, points = check_file(file)
    tracking = TrackingSettings.from_environment(settings.home)
    storage = connect(settings.storage_url)
    ledger = Ledger(storage)
    asks_mlflow = ledger.sweep(file.sweep) is None or not joining
    if asks_mlflow:
        _check_tracking(tracking)
    with storage.exclusive(f"sweep-{file.sweep}"):
        row = ledger.sweep(file.sweep)
        is_new = row is None
        if row is not None:
            _refuse_changes(row, file)
        prepared = prepare_data(file, settings)
        if asks_mlflow:
            _make_experiment(tracking, file)
        if row is None:
            row = ledger.create_sweep(
                file.sweep,
                file.as_written(),
                fingerprint=prepared.data.fingerprint,
                fold_hash=prepared.splits.fold_hash,
                trials=file.budget.trials,
            )
        else:
            _refuse_other_data(row, prepared, file)
        opened = OpenSweep(file, settings, tracking, storage, row, space, prepared)
        if is_new or not joining:
            ledger.change_budget(row.id, file.as_written(), trials=file.budget.trials)
            _write_file(opened)
            enqueue_points(opened, points)
    return opened


def check_file(file: SweepFile) -> tuple[Space, list[dict[str, Value]]]:
    """Resolve all names of a sweep file, and look for the files that it needs.

    Returns:
        The space, and the recipes' values by label.

    Raises:
        InputError: At the first name, value or file that is wrong.
    """
    from objectives.networks.weights_files import check_backbones
    from spaces.policies import load_policy

    check_data(file)
    space = resolve_space(file.space)
    points = [resolve_recipe(recipe, space) for recipe in file.recipes]
    for policy in {file.validation.shift, *_policies(space)}:
        load_policy(policy)
    if file.train.head_epochs == 0 and file.train.finetune_epochs == 0:
        raise InputError("train: head_epochs and finetune_epochs are both 0: nothing would train.")
    if file.objective != type(file).model_fields["objective"].default:
        load_reference(file.objective)
    check_backbones(space, file.data.image_px)
    return space, points


def _policies(space: Space) -> set[str]:
    policies = (d.choices for d in space.dimensions if d.name == "policy")
    return {str(choice) for choices in policies for choice in choices}


def enqueue_points(opened: OpenSweep, points: list[dict[str, Value]]) -> None:
    """Put points before what the sampler draws; one that was tried is not tried again."""
    if points:
        study = open_study(opened)
        for point in points:
            study.enqueue(point)


def open_study(opened: OpenSweep) -> "SweepStudy":
    """Open the sweep's Optuna study."""
    from search.study.study import SweepStudy

    train = opened.file.train
    return SweepStudy(
        opened.storage,
        opened.file.sweep,
        opened.file.search,
        opened.slots,
        epochs=train.head_epochs + train.finetune_epochs,
    )


def _check_tracking(tracking: TrackingSettings) -> None:
    """See that MLflow answers before the data are prepared, which may take long."""
    from mlruns_config import client

    client.connect(tracking)


def _make_experiment(tracking: TrackingSettings, file: SweepFile) -> None:
    from mlruns_config.client import ensure_experiment
    from mlruns_config.names import TAG_SWEEP

    ensure_experiment(tracking, file.sweep, {TAG_SWEEP: file.sweep})


def _refuse_changes(row: SweepRow, file: SweepFile) -> None:
    changes = changes_that_affect_scores(stored_file(row), file)
    if changes:
        raise InputError(
            f"the sweep {row.name!r} exists with other settings, so its scores could not be "
            f"compared: {'; '.join(changes)}. Change these back, or give the sweep another name."
        )


def _refuse_other_data(row: SweepRow, prepared: Prepared, file: SweepFile) -> None:
    if prepared.data.fingerprint != row.fingerprint:
        raise InputError(
            f"{file.data.path} is not the data that the sweep {row.name!r} began with: its "
            f"fingerprint is {prepared.data.fingerprint[:12]}, not {row.fingerprint[:12]}. Give "
            "the same data with --data, or give the sweep another name."
        )
    if prepared.splits.fold_hash != row.fold_hash:
        raise InputError(
            f"the folds drawn here are not those of the sweep {row.name!r} "
            f"({prepared.splits.fold_hash[:12]}, not {row.fold_hash[:12]}): another version of "
            "foldsweep or of its libraries drew them. Use the same versions on every machine."
        )


def _write_file(opened: OpenSweep) -> None:
    path = opened.folder / "sweep.yaml"
    partial = path.with_suffix(".partial")
    partial.write_text(opened.file.as_written(), encoding="utf-8")
    partial.replace(path)
