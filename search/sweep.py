"""A sweep from Python: the same that the command line does."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.settings import RuntimeSettings
from search.status import SweepStatus, TrialRecord, best_record, read_status, trial_records
from search.storage.records import SweepRow
from search.storage.storage import Storage, open_storage
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import SweepFile, check_sweep, load_sweep_file
from search.sweep_plots import SweepPlots
from search.watching import REFRESH_S, looks
from spaces.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from mlruns_config.sweep_links import SweepLinks
    from objectives.ensembles.choosing import EnsembleSize
    from objectives.records import Phase
    from search.deletion import Footprint
    from search.doctor.examination import Report
    from search.open_sweep import OpenSweep
    from search.promotion.report import Promotion
    from search.promotion.tools import Role
    from search.replay.comparison import Replay
    from search.storage.records import Budget
    from search.stored_sweep import StoredSweep
    from search.workers.device import Device


class Sweep(SweepPlots):
    """One search: a data set, a space, an objective, a budget.

    Args:
        file: The checked sweep file.
        settings: Where it lives; from the environment if None.
        for_reading: True for a file that comes from a database. It may name modules to import,
            and write access to a database must not be code execution.
    """

    def __init__(
        self,
        file: SweepFile,
        settings: RuntimeSettings | None = None,
        *,
        for_reading: bool = False,
    ) -> None:
        self.file = file
        self._for_reading = for_reading
        self.settings = settings or RuntimeSettings.from_environment()
        self._storage: Storage | None = None

    @classmethod
    def from_yaml(cls, path: str | Path, *, data: Path | str | None = None) -> "Sweep":
        """Read a sweep file.

        Args:
            path: The YAML file.
            data: Takes the place of ``data.path`` in it.

        Raises:
            InputError: If the file is wrong.
        """
        return cls(load_sweep_file(Path(path), data=data))

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], *, data: Path | str | None = None) -> "Sweep":
        """Check a sweep that is given as a mapping, with the keys of a sweep file."""
        return cls(check_sweep(content, data=data))

    @classmethod
    def open(cls, name: str) -> "Sweep":
        """Find a sweep of this storage by its name.

        One that was launched from another home can be looked at, but run only from its file.

        Raises:
            InputError: If it does not exist.
        """
        settings = RuntimeSettings.from_environment()
        sweeps = open_storage(settings.storage_url).sweeps
        row = sweeps.find(name)
        if row is None:
            names = sweeps.names()
            if not names:
                raise InputError(f"there is no sweep {name!r}, nor any other. Launch one first.")
            raise unknown_name("sweep", name, names)
        stored = stored_file(row)
        path = settings.sweep_folder(name) / "sweep.yaml"
        if path.is_file():
            # The budget may have been changed since that file was written.
            file = load_sweep_file(path).model_copy(update={"budget": stored.budget})
            return cls(file, settings)
        return cls(stored, settings, for_reading=True)

    @property
    def name(self) -> str:
        """The sweep's name."""
        return self.file.sweep

    @property
    def folder(self) -> Path:
        """The sweep's folder on this machine."""
        return self.settings.sweep_folder(self.name)

    @property
    def storage(self) -> Storage:
        """The database, opened when first asked for."""
        if self._storage is None:
            self._storage = open_storage(self.settings.storage_url)
        return self._storage

    def launch(
        self,
        *,
        on_progress: Callable[[SweepStatus], None] | None = None,
        on_note: Callable[[str], None] | None = None,
    ) -> SweepStatus:
        """Create or continue the sweep, and run it until its budget is used.

        Args:
            on_progress: Called about once a second with the present status, and at the end.
            on_note: Called before the first trial with each line that a person should hear.

        Returns:
            The status at the end.

        Raises:
            InputError: If the file cannot work; nothing has been made then.
            UnavailableError: If the storage, MLflow or the engine does not answer.
            KeyboardInterrupt: After Ctrl-C; launch again to go on.
        """
        from search.creation import create_or_resume
        from search.engines.engine import open_engine
        from search.engines.launcher import Launcher
        from search.launch_notes import launch_notes
        from search.workers.interruption import LAUNCHER_GRACE_S, orderly_interruption

        def show() -> None:
            if on_progress is not None:
                on_progress(self.status())

        self.refuse_unless_runnable()
        with (
            orderly_interruption(LAUNCHER_GRACE_S),
            open_engine(self.file.workers, self.settings) as engine,
        ):
            opened = create_or_resume(self.file, self.settings)
            if on_note is not None:
                for note in launch_notes(self.file, opened):
                    on_note(note)
            Launcher(opened, engine(opened), show).run()
        show()
        return self.status()

    def work(self, replace_process: Callable[[], None] | None = None) -> None:
        """Run one worker in this process, until the sweep's budget is used.

        Args:
            replace_process: Called between trials when the process has grown by a tenth since its
                fifth trial, after the worker has left; by default the worker goes on.

        Raises:
            InputError: If the file cannot work, or is not that of the sweep.
            UnavailableError: If the storage does not answer.
            KeyboardInterrupt: After Ctrl-C; the trial was given back then.
        """
        from search.joining import refuse_other_versions
        from search.storage.workers import new_worker_id
        from search.workers.interruption import orderly_interruption
        from search.workers.worker import run_worker

        self.refuse_unless_runnable()
        with orderly_interruption(), self._device() as device:
            opened = self._joined()
            refuse_other_versions(opened.row)
            device.set_up()
            run_worker(opened, device, worker_id=new_worker_id(), replace_process=replace_process)

    def change_budget(
        self,
        *,
        trials: int | None = None,
        hours: float | None = None,
        gpu_hours: float | None = None,
        money: float | None = None,
        gpu_hour_price: float | None = None,
    ) -> "Budget":
        """Change what a sweep may use, also while workers run; what is None stays as it is.

        A launch of this object goes on with that budget, whatever its file said.

        Returns:
            The budget after the change.

        Raises:
            InputError: If the sweep was not launched yet, or no sweep file could have that budget.
        """
        from pydantic import ValidationError

        from search.sweep_file.file_errors import as_input_error
        from search.sweep_file.sections import BudgetSettings

        wanted = {
            "trials": trials,
            "hours": hours,
            "gpu_hours": gpu_hours,
            "money": money,
            "gpu_hour_price": gpu_hour_price,
        }
        changes = {name: value for name, value in wanted.items() if value is not None}
        row = self._row()
        try:
            settings = BudgetSettings.model_validate({**vars(row.budget), **changes})
        except ValidationError as error:
            raise as_input_error(error, BudgetSettings, "the budget") from error
        limits = settings.model_dump(include=set(changes))
        budget = self.storage.sweeps.change_budget(row.id, limits)
        self.file = self.file.model_copy(update={"budget": BudgetSettings(**vars(budget))})
        return budget

    def stop(self, *, undo: bool = False) -> int:
        """Ask every worker of the sweep to leave, in good order; asked twice, at once.

        Does not wait for them. No worker joins until the sweep is launched again.

        Args:
            undo: Ask them no more.

        Returns:
            0 if nobody is asked, 1 in good order, 2 at once.

        Raises:
            InputError: If it was not launched yet.
        """
        row = self._row()
        is_second = row.stop > 0 and bool(self.status().workers)
        level = 0 if undo else 1 + is_second
        self.storage.sweeps.ask_to_stop(row.id, level)
        return level

    def status(self) -> SweepStatus:
        """Read how the sweep stands.

        Raises:
            InputError: If it was not launched yet.
        """
        return read_status(self.storage, self._row())

    def watch(
        self,
        on_progress: Callable[[SweepStatus], None] | None = None,
        *,
        refresh_s: float = REFRESH_S,
    ) -> SweepStatus:
        """Show how the sweep gets on, whoever runs it, until it ends.

        Returns as well when nobody has worked on it for half a minute.

        Args:
            on_progress: Called with each status; None shows them in this terminal or notebook.
            refresh_s: How long to wait between two looks.

        Returns:
            The last status.

        Raises:
            InputError: If it was not launched yet.
        """
        from search.live_progress import LiveProgress

        self._row()
        if on_progress is None:
            with LiveProgress() as progress:
                return self.watch(progress.show, refresh_s=refresh_s)
        for status in looks(self.status, refresh_s=refresh_s):
            on_progress(status)
        return status

    def trial_records(self) -> list[TrialRecord]:
        """Read every trial that was begun, in the order of their numbers."""
        return trial_records(self.storage.slots(self._row().id).all())

    def trials(self) -> "pd.DataFrame":
        """Read every trial that was begun: a row each, parameters as ``params.NAME``."""
        from search.trial_table import trial_table

        return trial_table(self.trial_records())

    def predictions(self, trial: int | None = None) -> "pd.DataFrame":
        """Read what finished trials predicted out of fold: a row for each trial and image.

        Joined with :meth:`trials` by ``sweep.predictions().merge(sweep.trials(), on="trial")``.

        Args:
            trial: The number of one; None for all, of which those whose predictions are found
                neither on this machine nor in MLflow are left out, and the log says so.

        Returns:
            The columns ``trial``, ``row`` (in the data), ``image`` (its file's name where the data
            lie on this machine, else its row), ``label``, ``fold``, ``predicted`` and for each
            class ``clean.CLASS``, a probability; under a shift also ``predicted_shifted`` and
            ``shifted.CLASS``.

        Raises:
            InputError: If there is no such trial, it is not finished, or its predictions are not
                found.
            UnavailableError: If MLflow does not answer.
        """
        from search.prediction_table import predictions_of

        return predictions_of(self._stored(), trial)

    @property
    def best(self) -> TrialRecord | None:
        """The best trial so far, of whichever phase its score is; None before one is finished."""
        return best_record(self.storage.slots(self._row().id).all())

    def trial(self, number: int) -> TrialRecord:
        """Read one trial.

        Raises:
            InputError: If there is none of that number.
        """
        records = {record.trial: record for record in self.trial_records()}
        if number not in records:
            known = f"0 to {max(records)}" if records else "none yet"
            raise InputError(f"the sweep {self.name!r} has no trial {number}; known: {known}.")
        return records[number]

    def enqueue(self, params: Mapping[str, Any]) -> None:
        """Try a point next, before what the sampler would draw.

        The sweep is created if it does not exist. The point takes a trial of the budget.

        Args:
            params: Values by the names of TrialParams; those left out are drawn.

        Raises:
            InputError: If a name or value lies outside of the sweep's space, or the sweep cannot
                go on.
        """
        from search.joining import refuse_other_rules
        from spaces.recipes import resolve_recipe

        self.refuse_unless_runnable()
        opened = self._joined()
        refuse_other_rules(opened.row)
        opened.enqueue([resolve_recipe(params, opened.space)])

    def promote(
        self,
        *,
        trial: int | None = None,
        ensemble: "EnsembleSize" = "auto",
        model: str | None = None,
        alias: str = "champion",
        force: bool = False,
        role: "Role" = "champion",
        keep_refused: bool = False,
        dry_run: bool = False,
        on_progress: Callable[[str], None] | None = None,
    ) -> "Promotion":
        """Refit what answers best, test it on the holdout, and register it if it passes.

        Args:
            trial: The number of the one that is to answer alone; None leaves it to ``ensemble``.
            ensemble: ``auto`` lets several trials answer where that gains, a number at most so
                many in any case, ``none`` the best one alone.
            model: Name of the registered model; the sweep's name if None.
            alias: What the new version is called if it passes.
            force: Moves the alias even if the gate says no.
            role: ``challenger`` registers for shadow use, whatever the gate says; the champion
                stays.
            keep_refused: Makes a challenger of what the gate refuses.
            dry_run: Registers nothing and moves no alias; the look at the holdout is counted.
            on_progress: Hears what is being done.

        Raises:
            InputError: If the sweep was not launched, or the trial cannot be promoted.
        """
        from search.joining import join
        from search.promotion.promote import promote

        self._row()
        self.refuse_unless_runnable()
        opened = join(self.file, self.settings)
        return promote(
            opened,
            trial=trial,
            ensemble=ensemble,
            model=model,
            alias=alias,
            force=force,
            role=role,
            keep_refused=keep_refused,
            dry_run=dry_run,
            on_progress=on_progress,
        )

    def replay(
        self,
        trial: int,
        *,
        phase: "Phase | None" = None,
        on_progress: Callable[[str], None] | None = None,
    ) -> "Replay":
        """Run a finished phase of a trial again, and compare all its scores with the stored ones.

        Args:
            trial: Its number.
            phase: ``head`` or ``finetune``; None takes the one that its score comes from.
            on_progress: Hears every epoch.

        Raises:
            InputError: If there is no such phase, it left no scores, or the data are others.
        """
        from search.joining import join
        from search.replay.replay import replay
        from search.workers.interruption import orderly_interruption

        self._row()
        self.refuse_unless_runnable()
        with orderly_interruption(), self._device() as device:
            opened = join(self.file, self.settings)
            device.set_up()
            return replay(opened, trial, phase=phase, device=device.name, on_progress=on_progress)

    def links(self) -> "SweepLinks":
        """Say where the sweep is to be seen in MLflow's UI, behind the UI's address.

        Raises:
            InputError: If it was not launched yet, or MLflow has no experiment of it.
            UnavailableError: If MLflow does not answer.
        """
        from mlruns_config.settings import TrackingSettings
        from mlruns_config.sweep_links import find_sweep_links

        tracking = TrackingSettings.from_environment(self.settings.home)
        return find_sweep_links(tracking, self.name, self._row().id)

    def report(self, path: Path, *, log: bool = False) -> Path:
        """Write the page of the sweep: one HTML file that stands alone.

        Args:
            path: The file; one that is there is written over.
            log: Bring the sweep's run in MLflow up to date as well.

        Raises:
            InputError: If the sweep was not launched yet, or the file cannot be written.
            UnavailableError: If the storage does not answer, or MLflow where it is to be told.
        """
        from search.pages.report import write_report

        return write_report(self._stored(), path, log=log)

    def doctor(self, *, fix: bool = False) -> "Report":
        """Find what disagrees between storage, Optuna, MLflow and this machine's disk.

        Args:
            fix: Mend what can be mended; what living workers use is left alone.

        Raises:
            InputError: If it was not launched yet.
            UnavailableError: If the storage does not answer.
        """
        from search.doctor.examination import examine

        return examine(self.settings, name=self.name, fix=fix)

    def footprint(self) -> "Footprint":
        """Count what :meth:`delete` would take away, and what stays.

        Raises:
            InputError: If it was not launched yet.
            UnavailableError: If MLflow does not answer.
        """
        from search.deletion import footprint

        return footprint(self._stored())

    def delete(self, *, on_progress: Callable[[str], None] | None = None) -> "Footprint":
        """Delete the sweep in MLflow, Optuna, storage and home; the name is free then.

        Registered models stay, with the runs that they come from, and looks at a holdout stay
        counted. Interrupted, it goes on when it is called again.

        Args:
            on_progress: Hears what has been deleted, step by step.

        Raises:
            InputError: If it was not launched yet, or somebody works on it.
            UnavailableError: If MLflow or the storage does not answer.
        """
        from search.deletion import delete_sweep

        return delete_sweep(self._stored(), on_progress=on_progress)

    def refuse_unless_runnable(self) -> None:
        """Refuse to import what a database says.

        Raises:
            InputError: If this home has no sweep file of the sweep.
        """
        if self._for_reading:
            raise InputError(
                f"the sweep {self.name!r} was not launched from {self.settings.home}: use its "
                "sweep file, or set FOLDSWEEP_HOME to the home that it was launched from."
            )

    @contextmanager
    def _device(self) -> "Iterator[Device]":
        """Compute on what a worker of the sweep would compute on."""
        from search.workers.claim import claim_device, claims_folder
        from search.workers.device import assign_devices, find_gpus

        devices = assign_devices(self.file.workers, find_gpus(self.settings.visible_gpus))
        with claim_device(devices, claims_folder()) as device:
            # Before TensorFlow is loaded, which reads it once.
            os.environ.update(device.environment())
            yield device

    def _joined(self) -> "OpenSweep":
        """Open the sweep, and create it if this is the first that asks for it."""
        from search.creation import create_or_resume
        from search.joining import join

        exists = self.storage.sweeps.find(self.name) is not None
        return (join if exists else create_or_resume)(self.file, self.settings)

    def _stored(self) -> "StoredSweep":
        from search.stored_sweep import StoredSweep

        return StoredSweep.of(self.storage, self._row(), self.settings)

    def _best_number(self) -> int:
        best = self.best
        if best is None:
            raise InputError(f"no trial of {self.name} is finished yet.")
        return best.trial

    def _row(self) -> SweepRow:
        row = self.storage.sweeps.find(self.name)
        if row is None:
            raise InputError(f"the sweep {self.name!r} was not launched yet.")
        return row


def sweep_names(settings: RuntimeSettings | None = None) -> list[str]:
    """Name all sweeps of a storage, the newest first."""
    settings = settings or RuntimeSettings.from_environment()
    return list(open_storage(settings.storage_url).sweeps.names())
