"""Plain Optuna on the same storage, as its guide shows it: ``ask``, ``suggest_*``, ``tell``."""

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import optuna
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage
from sqlalchemy import make_url

from bench.storing.forks import Answer, Request
from bench.storing.homes import NAME
from bench.storing.objective import value_of
from bench.storing.trial_clock import TrialClock
from bench.storing.troubles import Troubles
from search.storage.storage import open_storage
from search.storage_url import parse_storage_url
from search.study.samplers import RANDOM_TRIALS
from search.study.study import suggest
from spaces.default_space import DEFAULT

if TYPE_CHECKING:
    from spaces.params import TrialParams

SQLITE_WAIT_S = 100
"""As Optuna's guide advises: with the driver's own 5 s, workers meet 'database is locked'."""


def create(_request: Request, _start: Callable[[], float]) -> Answer:
    """Make the study, in a database of the same settings as ours: on SQLite, with WAL."""
    open_storage(os.environ["FOLDSWEEP_STORAGE_URL"]).close()
    optuna.create_study(storage=_storage(), study_name=NAME, direction="maximize")
    return {}


def work(request: Request, start: Callable[[], float]) -> Answer:
    """Run one worker: its share of the trials."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = TPESampler(seed=request["seed"], n_startup_trials=RANDOM_TRIALS["head"])
    study = optuna.load_study(storage=_storage(), study_name=NAME, sampler=sampler)
    note = _mlflow_noter() if request["has_mlflow"] else _note_nowhere
    clock = TrialClock()
    with Troubles().watching() as troubles:
        began_s = start()
        for _ in range(request["trials"]):
            trial_began_s = time.perf_counter()
            _run_trial(study, note)
            clock.note(time.perf_counter() - trial_began_s)
    return {"began_s": began_s, **clock.as_dict(), **troubles.as_dict()}


def _run_trial(study: optuna.Study, note: Callable[["TrialParams", float], None]) -> None:
    trial = study.ask()
    params = DEFAULT.draw(lambda dimension: suggest(trial, dimension))
    value = value_of(params)
    note(params, value)
    study.tell(trial, value)


def _storage() -> RDBStorage:
    url = parse_storage_url(os.environ["FOLDSWEEP_STORAGE_URL"])
    rendered = make_url(url).render_as_string(hide_password=False)
    waits = {"connect_args": {"timeout": SQLITE_WAIT_S}}
    is_sqlite = url.get_backend_name() == "sqlite"
    return RDBStorage(rendered, engine_kwargs=waits if is_sqlite else None)


def _note_nowhere(_params: "TrialParams", _value: float) -> None:
    pass


def _mlflow_noter() -> Callable[["TrialParams", float], None]:
    """Give what writes a run for each trial with MLflow's own client, which the trial waits for."""
    from mlflow import MlflowClient
    from mlflow.entities import Metric, Param

    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("Default")
    assert experiment is not None

    def note(params: "TrialParams", value: float) -> None:
        now_ms = time.time_ns() // 1_000_000
        run: Any = client.create_run(experiment.experiment_id)
        known = [Param(name, str(one)) for name, one in params.model_dump().items()]
        client.log_batch(run.info.run_id, [Metric("score", value, now_ms, 0)], known)
        client.set_terminated(run.info.run_id)

    return note
