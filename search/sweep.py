"""A sweep from Python: the same that the command line does."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from search.ledger.storage import Storage, connect
from search.ledger.sweeps import Ledger, SweepRow
from search.settings import RuntimeSettings
from search.status import SweepStatus, TrialRecord, read_status, trial_records
from search.sweep_file.stored import stored_file
from search.sweep_file.sweep_file import SweepFile, check_sweep, load_sweep_file
from spaces.errors import InputError, unknown_name

if TYPE_CHECKING:
    import pandas as pd

    from search.promotion.report import Promotion


class Sweep:
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
    def from_yaml(cls, path: str | Path, *, data: Path | None = None) -> "Sweep":
        """Read a sweep file.

        Args:
            path: The YAML file.
            data: Takes the place of ``data.path`` in it.

        Raises:
            InputError: If the file is wrong.
        """
        return cls(load_sweep_file(Path(path), data=data))

    @classmethod
    def from_mapping(cls, content: Mapping[str, Any], *, data: Path | None = None) -> "Sweep":
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
        ledger = Ledger(connect(settings.storage_url))
        row = ledger.sweep(name)
        if row is None:
            names = ledger.sweep_names()
            if not names:
                raise InputError(f"there is no sweep {name!r}, nor any other. Launch one first.")
            raise unknown_name("sweep", name, names)
        path = settings.sweep_folder(name) / "sweep.yaml"
        if path.is_file():
            return cls(load_sweep_file(path), settings)
        return cls(stored_file(row), settings, for_reading=True)

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
            self._storage = connect(self.settings.storage_url)
        return self._storage

    def launch(self, *, on_progress: Callable[[SweepStatus], None] | None = None) -> SweepStatus:
        """Create or continue the sweep, and run it until its budget is used.

        Args:
            on_progress: Called about once a second with the present status.

        Returns:
            The status at the end.

        Raises:
            InputError: If the file cannot work; nothing has been made then.
            UnavailableError: If the storage or MLflow does not answer.
            KeyboardInterrupt: After Ctrl-C; launch again to go on.
        """
        from search.opening import open_or_create
        from search.workers.device import assign_devices, find_gpus
        from search.workers.interruption import orderly_interruption
        from search.workers.launcher import LocalLauncher

        def show() -> None:
            if on_progress is not None:
                on_progress(self.status())

        self.refuse_unless_runnable()
        with orderly_interruption():
            opened = open_or_create(self.file, self.settings)
            devices = assign_devices(self.file.workers, find_gpus(self.settings.visible_gpus))
            LocalLauncher(opened, devices, show).run()
        return self.status()

    def work(self) -> None:
        """Run one worker in this process, until the sweep's budget is used.

        Raises:
            InputError: If the file cannot work, or is not that of the sweep.
            UnavailableError: If the storage does not answer.
            KeyboardInterrupt: After Ctrl-C; the trial was given back then.
        """
        from search.opening import open_or_create
        from search.workers.device import assign_devices, find_gpus, set_up_gpus
        from search.workers.interruption import orderly_interruption
        from search.workers.worker import run_worker

        self.refuse_unless_runnable()
        with orderly_interruption():
            opened = open_or_create(self.file, self.settings, joining=True)
            device = assign_devices(self.file.workers, find_gpus(self.settings.visible_gpus))[0]
            if device.gpu_ids:
                set_up_gpus()
            run_worker(opened, device)

    def status(self) -> SweepStatus:
        """Read how the sweep stands.

        Raises:
            InputError: If it was not launched yet.
        """
        return read_status(self.storage, self._row())

    def trial_records(self) -> list[TrialRecord]:
        """Read every trial that was begun, in the order of their numbers."""
        from search.ledger.slots import SlotBook

        return trial_records(SlotBook(self.storage, self._row().id).all())

    def trials(self) -> "pd.DataFrame":
        """Read every trial that was begun: a row each, parameters as ``params.NAME``."""
        import pandas as pd

        rows = []
        for record in self.trial_records():
            params = {f"params.{name}": value for name, value in record.params.items()}
            fields = ("trial", "state", "score", "clean", "shifted", "device_s", "reason", "run_id")
            rows.append({name: getattr(record, name) for name in fields} | params)
        return pd.DataFrame(rows)

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
            InputError: If a name or value lies outside of the sweep's space.
        """
        from search.opening import enqueue_points, open_or_create
        from spaces.recipes import resolve_recipe

        self.refuse_unless_runnable()
        opened = open_or_create(self.file, self.settings, joining=True)
        enqueue_points(opened, [resolve_recipe(params, opened.space)])

    def promote(
        self,
        *,
        trial: int | None = None,
        model: str | None = None,
        alias: str = "champion",
        force: bool = False,
        on_progress: Callable[[str], None] | None = None,
    ) -> "Promotion":
        """Refit a trial, test it on the holdout, and register the model if it passes.

        Args:
            trial: Its number; the best one if None.
            model: Name of the registered model; the sweep's name if None.
            alias: What the new version is called if it passes.
            force: Moves the alias even if the gate says no.
            on_progress: Hears what is being done.

        Raises:
            InputError: If the sweep was not launched, or the trial cannot be promoted.
        """
        from search.opening import open_or_create
        from search.promotion.promote import promote

        self._row()
        self.refuse_unless_runnable()
        opened = open_or_create(self.file, self.settings, joining=True)
        return promote(
            opened, trial=trial, model=model, alias=alias, force=force, on_progress=on_progress
        )

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

    def _row(self) -> SweepRow:
        row = Ledger(self.storage).sweep(self.name)
        if row is None:
            raise InputError(f"the sweep {self.name!r} was not launched yet.")
        return row


def sweep_names(settings: RuntimeSettings | None = None) -> list[str]:
    """Name all sweeps of a storage, the newest first."""
    settings = settings or RuntimeSettings.from_environment()
    return list(Ledger(connect(settings.storage_url)).sweep_names())
