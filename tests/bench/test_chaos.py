"""How the chaos benchmark plans and judges: on sweeps whose faults are put there by hand."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, update

from bench.chaos import FULL, SMALL
from bench.disturbances.verdict import Check, check_scores, check_sweep, check_work
from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.settings import TrackingSettings
from search.storage.tables import slots
from search.sweep import Sweep
from tests.search.conftest import content, empty_mlflow, home, images_path  # noqa: F401

N_EPOCHS, TRIALS = 4, 3


@pytest.fixture
def ended(content: dict[str, Any], home: Path) -> Sweep:  # noqa: F811
    """A sweep that nobody has disturbed."""
    sweep = Sweep.from_mapping({**content, "budget": {"trials": TRIALS}})
    sweep.launch()
    return sweep


def failing(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if not check.holds]


@pytest.mark.slow
def test_of_a_sweep_that_nobody_disturbed_everything_holds(ended: Sweep) -> None:
    assert failing(check_sweep(ended, trials=TRIALS, n_epochs=N_EPOCHS)) == []


@pytest.mark.slow
def test_whatever_is_lost_doubled_or_different_is_found(ended: Sweep) -> None:
    client = connect(TrackingSettings.from_environment(ended.settings.home))
    experiment = client.get_experiment_by_name("tiny").experiment_id
    found = client.search_runs([experiment], TRIALS_ONLY, order_by=["start_time"])
    first, second, third = found
    # A step twice, one too many, and a score that is another's.
    client.log_metric(first.info.run_id, "head/score", 0.5, step=1, timestamp=1)
    client.log_metric(second.info.run_id, "head/score", 0.5, step=N_EPOCHS)
    client.log_metric(third.info.run_id, "score", 0.123)
    client.create_run(experiment, tags=dict(first.data.tags))
    engine = create_engine(ended.storage.url)
    with engine.begin() as connection:
        change = update(slots).where(slots.c.number == 0)
        connection.execute(change.values(state="failed", score=0.99))
    engine.dispose()
    checks = {check.name: check for check in check_sweep(ended, trials=TRIALS, n_epochs=N_EPOCHS)}
    assert len(failing(list(checks.values()))) == len(checks)
    assert checks["finished trials equal the budget"].found == (["{'failed': 1, 'done': 2} of 3"])


def test_plans_hold_every_disturbance_and_all_kills() -> None:
    for size in (FULL, SMALL):
        plan = Counter(size.plan(random.Random(1)))
        assert plan == Counter({**Counter(size.disturbances), "kill": size.kills})
    assert (FULL.kills, SMALL.kills, FULL.trials >= 30) == (20, 6, True)


def test_scores_are_compared_to_the_last_bit() -> None:
    assert check_scores({"a": 0.5}, {"a": 0.5}, "same").holds
    for found in ({"a": 0.5 + 1e-16 + 1e-15}, {}, {"a": None}):
        assert not check_scores(found, {"a": 0.5}, "other").holds


def test_an_epoch_again_is_allowed_for_each_interruption_alone(tmp_path: Path) -> None:
    lines = ["0 0 a", "0 1 a", "1 0 b", "1 0 c", "1 1 c"]
    (tmp_path / "epochs").write_text("\n".join(lines) + "\n")

    def records(*attempts: int) -> Any:
        class Record:
            def __init__(self, trial: int, count: int) -> None:
                self.trial, self.attempts = trial, count

        return [Record(trial, count) for trial, count in enumerate(attempts)]

    check, counts = check_work(tmp_path, records(1, 2), n_epochs=2, most_again=1)
    assert check.holds
    assert (counts["trained_again"], counts["interruptions"], counts["epochs"]) == (1, 1, 4)
    check, _ = check_work(tmp_path, records(1, 1), n_epochs=2, most_again=1)
    assert check.found == ["trial 1: 1 again in 1 attempts"]
