"""What a sweep may use: changed while workers run, and kept to the epoch."""

from pathlib import Path
from typing import Any

import pytest

from search.creation import create_or_resume
from search.storage.workers import run_hours
from search.sweep import Sweep
from spaces.errors import InputError
from tests.search.workers.worker_processes import (
    WorkerProcess,
    created,
    epochs_of,
    started,
    workers_of,
)

EPOCH_S = 0.4


def finished(sweep: Sweep) -> int:
    return sweep.status().trials["done"]


@pytest.mark.slow
def test_a_budget_that_is_raised_while_a_worker_runs_reaches_it(
    held_content: dict[str, Any], tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    hold = signal_folder / "hold-0-1"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-1").exists)
        assert sweep.change_budget(trials=3).trials == 3
        hold.unlink()
        assert worker.end() == 0, worker.log
    assert finished(sweep) == 3


def test_a_budget_that_is_raised_after_the_end_is_used_by_the_next_worker(
    content: dict[str, Any],
) -> None:
    sweep = Sweep.from_mapping({**content, "budget": {"trials": 1}})
    sweep.work()
    assert (finished(sweep), sweep.status().state) == (1, "done")
    sweep.change_budget(trials=3)
    # Its own file says 1: that is not asked.
    sweep.work()
    assert finished(sweep) == 3


def test_the_hours_in_a_joiners_own_file_do_not_count(content: dict[str, Any]) -> None:
    first = Sweep.from_mapping({**content, "budget": {"trials": 2}})
    create_or_resume(first.file, first.settings)
    joiner = Sweep.from_mapping({**content, "budget": {"trials": 99, "hours": 1e-9}})
    joiner.work()
    assert finished(first) == 2
    assert first.status().budget["hours"] is None


@pytest.mark.slow
def test_a_trial_that_runs_when_the_time_is_up_ends_with_its_epoch(
    content: dict[str, Any], signal_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", str(EPOCH_S))
    limit_s = 3.0
    train = {"head_epochs": 200, "finetune_epochs": 0}
    sweep = Sweep.from_mapping(
        {**content, "budget": {"trials": 3, "hours": limit_s / 3600}, "train": train}
    )
    sweep.work()
    record = sweep.trial(0)
    assert (record.state, finished(sweep)) == ("done", 1)
    assert "the sweep's time was used up in stage head" in str(record.reason)
    assert record.score is not None
    (worker,) = workers_of(sweep)
    assert 3600 * run_hours([worker]) > limit_s
    ends_s = [row.recorded_ms / 1000 - worker.joined_at for row in epochs_of(sweep, 0)]
    # The one in which the time runs out; another if it ends while a heartbeat reads the time.
    assert sum(end_s > limit_s for end_s in ends_s) <= 2
    assert sweep.status().state == "done"


@pytest.mark.slow
def test_five_failures_in_a_row_stop_a_sweep_and_launching_again_goes_on(
    content: dict[str, Any], signal_folder: Path
) -> None:
    (signal_folder / "broken-all").touch()
    sweep = Sweep.from_mapping({**content, "budget": {"trials": 9}})
    with pytest.raises(InputError) as caught:
        sweep.work()
    assert "its last 5 trials all failed" in str(caught.value)
    assert "ValueError: trial 4 is broken" in str(caught.value)
    assert sweep.status().trials == {"free": 4, "running": 0, "done": 0, "pruned": 0, "failed": 5}
    # A worker alone is told the same, before it runs anything.
    with pytest.raises(InputError, match="its last 5 trials all failed"):
        sweep.work()
    assert sweep.status().trials["failed"] == 5
    (signal_folder / "broken-all").unlink()
    create_or_resume(sweep.file, sweep.settings)
    sweep.work()
    assert sweep.status().trials == {"free": 0, "running": 0, "done": 4, "pruned": 0, "failed": 5}


@pytest.mark.slow
def test_a_worker_of_a_sweep_in_which_every_trial_fails_exits_with_2(
    content: dict[str, Any], tmp_path: Path, signal_folder: Path
) -> None:
    (signal_folder / "broken-all").touch()
    sweep, file = created({**content, "budget": {"trials": 9}}, tmp_path)
    worker = WorkerProcess(file)
    with started(worker):
        assert worker.end() == 2
    assert "its last 5 trials all failed" in worker.log
    assert sweep.status().trials["free"] == 4


@pytest.mark.acceptance
def test_a_launch_in_which_every_trial_fails_stops_and_the_next_goes_on(
    content: dict[str, Any], signal_folder: Path
) -> None:
    (signal_folder / "broken-all").touch()
    sweep = Sweep.from_mapping({**content, "budget": {"trials": 9}})
    with pytest.raises(InputError, match="its last 5 trials all failed"):
        sweep.launch()
    (signal_folder / "broken-all").unlink()
    assert sweep.launch().trials == {"free": 0, "running": 0, "done": 4, "pruned": 0, "failed": 5}
