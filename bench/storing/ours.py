"""What foldsweep does in the benchmark, each function in a process of its own."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

from bench.storing.forks import Answer, Request
from bench.storing.trial_clock import TrialClock, replaced
from bench.storing.troubles import Troubles
from mlruns_config.client import connect
from mlruns_config.outbox.outbox import drain
from mlruns_config.settings import TrackingSettings
from search.creation import create_or_resume
from search.joining import join, refuse_other_versions
from search.open_sweep import OpenSweep
from search.settings import RuntimeSettings
from search.storage.storage import open_storage
from search.storage.workers import new_worker_id
from search.sweep_file.sweep_file import check_sweep, load_sweep_file
from search.workers import worker
from search.workers.device import Device
from search.workers.worker import run_worker

Start = Callable[[], float]


def make_mlflow(_request: Request, _start: Start) -> Answer:
    """Make MLflow's tables."""
    connect(TrackingSettings.from_environment(Path("unused")))
    return {}


def create(request: Request, _start: Start) -> Answer:
    """Create a sweep as a launch does."""
    create_or_resume(check_sweep(request["content"]), RuntimeSettings.from_environment())
    return {}


def work(request: Request, start: Start) -> Answer:
    """Run one worker as it is launched, to the end of the budget."""
    opened = opened_sweep(request)
    with Troubles().watching() as troubles, TrialClock().watching() as clock:
        began_s = start()
        work_off(opened, has_outbox=request["has_outbox"])
    return {
        "began_s": began_s,
        **clock.as_dict(),
        **troubles.as_dict(),
        "has_tensorflow": "tensorflow" in sys.modules,
    }


def opened_sweep(request: Request) -> OpenSweep:
    """Join the sweep of a file, as a worker does."""
    opened = join(load_sweep_file(Path(request["file"])), RuntimeSettings.from_environment())
    refuse_other_versions(opened.row)
    return opened


def work_off(opened: OpenSweep, *, has_outbox: bool) -> None:
    """Run a worker in this process until the budget is used."""
    with ExitStack() as changes:
        if not has_outbox:
            changes.enter_context(replaced(worker, "Outbox", lambda _outbox: SilentOutbox))
        run_worker(opened, Device(), worker_id=new_worker_id())


def look(request: Request, _start: Start) -> Answer:
    """Count what the storage, Optuna and MLflow have of a sweep, and what waits for MLflow."""
    settings = RuntimeSettings.from_environment()
    with closing(open_storage(settings.storage_url)) as storage:
        row = storage.sweeps.find(request["name"])
        slots = storage.slots(row.id).all() if row else []
        studies = {each.study_name: each._study_id for each in storage.optuna.get_all_studies()}
        trials = storage.optuna.get_all_trials(studies[request["name"]], deepcopy=False)
    tracking = TrackingSettings.from_environment(settings.home)
    folder = settings.sweep_folder(request["name"]) / "outbox"
    return {
        "done": sum(slot.state == "done" for slot in slots),
        "numbers": sorted(slot.trial for slot in slots if slot.trial is not None),
        "attempts": max((slot.attempt for slot in slots), default=0),
        "told": sum(trial.state.name == "COMPLETE" for trial in trials),
        "study": len(trials),
        "runs": _finished_runs(tracking.sqlite_path),
        "unsent": drain(tracking, folder, 0.0),
    }


def _finished_runs(mlflow: Path) -> int:
    with closing(sqlite3.connect(mlflow)) as database:
        query = "SELECT count(*) FROM runs WHERE status = 'FINISHED'"
        return int(database.execute(query).fetchone()[0])


class SilentOutbox:
    """Takes the place of the outbox of a worker, and tells nobody anything."""

    def __init__(self, *_settings: Any, **_options: Any) -> None:
        self.run = _SilentRun()

    def open_run(self, *_which: Any, **_options: Any) -> "_SilentRun":
        """Give a run that is none."""
        return self.run

    def close(self, _timeout_s: float) -> bool:
        """Say that all was sent."""
        return True


class _SilentRun:
    def _ignore(self, *_values: Any, **_options: Any) -> None:
        pass

    params = tags = metrics = dataset = artifact = finish = _ignore
