"""What counts as a loss of a trial: a crash does, the launcher's own kills do not."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.names import TAG_REASON, TAG_TRIAL
from mlruns_config.settings import TrackingSettings
from search.storage.slots import MAX_LOSSES
from search.sweep import Sweep
from tests.search.faults.crashing_objective import EXIT_CODE
from tests.search.workers.worker_processes import (
    LAUNCH,
    WorkerProcess,
    created,
    slots_of,
    started,
    workers_of,
)

HERE = Path(__file__).parent


@pytest.fixture
def crashing_content(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A sweep file of two trials, as a mapping; the first one crashes."""
    monkeypatch.syspath_prepend(HERE)
    return {**content, "objective": "crashing_objective:score", "budget": {"trials": 2}}


@pytest.mark.slow
def test_a_worker_that_crashes_costs_its_trial_a_loss_and_three_make_it_fail(
    crashing_content: dict[str, Any], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRST_TRIAL", "exit")
    sweep, file = created(crashing_content, tmp_path)
    for crashes in range(1, MAX_LOSSES + 1):
        worker = WorkerProcess(file, imported=[HERE])
        with started(worker):
            assert worker.end() == EXIT_CODE, worker.log
        slot = slots_of(sweep)[0]
        state = "free" if crashes < MAX_LOSSES else "failed"
        assert (slot.state, slot.losses, slot.claims) == (state, crashes, crashes)
    assert "its worker crashed 3 times" in str(slot.reason)
    sweep.work()
    assert [slot.state for slot in slots_of(sweep)] == ["failed", "done"]
    found = run_by_trial(home)
    assert {trial: run.info.status for trial, run in found.items()} == {0: "FAILED", 1: "FINISHED"}
    assert found[0].data.tags[TAG_REASON] == slot.reason


@pytest.mark.slow
def test_a_reason_that_no_database_holds_is_cleaned_and_the_sweep_goes_on(
    crashing_content: dict[str, Any],
    storage_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    monkeypatch.setenv("FIRST_TRIAL", "fail")
    sweep = Sweep.from_mapping(crashing_content)
    sweep.work()
    failed, done = sweep.trial(0), sweep.trial(1)
    assert (failed.state, failed.reason) == ("failed", "ValueError: ab and half of a pair: ?")
    assert (failed.attempts, done.state) == (1, "done")
    assert run_by_trial(home)[0].info.status == "FAILED"


@pytest.mark.slow
def test_a_worker_that_the_launcher_has_to_kill_costs_its_trial_no_loss(
    content: dict[str, Any], signal_folder: Path, tmp_path: Path
) -> None:
    sweep, file = created({**content, "budget": {"trials": 1}}, tmp_path)
    (signal_folder / "slow-all").touch()
    launcher = WorkerProcess(file, module=LAUNCH)
    with started(launcher):
        launcher.wait_until(lambda: any(signal_folder.glob("attempt-*")))
        (worker,) = workers_of(sweep)
        # It no longer answers, so the launcher kills it.
        os.kill(worker.pid, signal.SIGSTOP)
        launcher.process.send_signal(signal.SIGINT)
        assert launcher.end() == 130, launcher.log
    (slot,) = slots_of(sweep)
    assert (slot.state, slot.losses, slot.claims) == ("free", 0, 1)
    assert [row.state for row in workers_of(sweep)] == ["lost"]


def run_by_trial(home: Path) -> dict[int, Any]:
    """Give MLflow's run of each trial."""
    client = connect(TrackingSettings.from_environment(home))
    experiment = client.get_experiment_by_name("tiny")
    runs = client.search_runs([experiment.experiment_id], TRIALS_ONLY)
    found = {int(run.data.tags[TAG_TRIAL]): run for run in runs}
    assert len(found) == len(runs)
    return found
