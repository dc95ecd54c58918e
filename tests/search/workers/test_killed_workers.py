"""Workers that are killed, interrupted or cut off: others go on, and MLflow hears all of it."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from sqlalchemy import create_engine, update

from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.names import (
    TAG_FINETUNE_REASON,
    TAG_FINETUNE_STATE,
    TAG_REASON,
    TAG_STATE,
    TAG_TRIAL,
)
from mlruns_config.outbox.outbox import drain
from mlruns_config.settings import TrackingSettings
from search.storage.slots import MAX_LOSSES
from search.storage.tables import slots
from search.sweep import Sweep
from tests.mlruns_config.found_runs import steps_of
from tests.mlruns_config.mlflow_server import free_port
from tests.search.workers.worker_processes import LAUNCH, WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow

CURVES = ("head/score", "head/score_fold_0", "head/score_fold_1", "head/score_fold_2")


def runs(home: Path) -> dict[int, Run]:
    """Give MLflow's run of each trial; there must not be two of one."""
    client = connect(TrackingSettings.from_environment(home))
    experiment = client.get_experiment_by_name("tiny")
    found = client.search_runs([experiment.experiment_id], TRIALS_ONLY)
    numbers = [int(run.data.tags[TAG_TRIAL]) for run in found]
    assert len(set(numbers)) == len(numbers)
    return dict(zip(numbers, found, strict=True))


def assert_every_step_once(home: Path, trials: int) -> None:
    client = connect(TrackingSettings.from_environment(home))
    found = runs(home)
    assert sorted(found) == [*range(trials)]
    for run in found.values():
        assert run.info.status == "FINISHED"
        for curve in CURVES:
            assert steps_of(client, run, curve) == Counter(range(4))
        assert steps_of(client, run, "score") == Counter([0])


def die(file: Path, **environment: str) -> None:
    """Run a worker to the place where it kills itself."""
    worker = WorkerProcess(file, environment=environment)
    with started(worker):
        assert worker.end() == -signal.SIGKILL, worker.log


def send_what_waits(home: Path) -> None:
    """An interrupted process has a second for it, which may not be enough."""
    outbox = home / "sweeps" / "tiny" / "outbox"
    assert drain(TrackingSettings.from_environment(home), outbox, 60.0) == 0


TWICE = ("0-1", "0-3")
FIVE_TIMES = ("0-1", "0-end", "1-0", "1-2", "2-3")


@pytest.mark.parametrize(
    "places", [TWICE, pytest.param(FIVE_TIMES, marks=pytest.mark.acceptance)], ids=["two", "five"]
)
def test_kills_double_no_step_and_lose_none(
    places: tuple[str, ...],
    held_content: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
) -> None:
    sweep, file = created({**held_content, "budget": {"trials": 4}}, tmp_path)
    for place in places:
        (signal_folder / f"die-{place}").touch()
        die(file)
    sweep.work()
    assert sweep.status().trials["done"] == 4
    attempts = Counter(int(place.partition("-")[0]) for place in places)
    assert [r.attempts for r in sweep.trial_records()] == [1 + attempts[n] for n in range(4)]
    assert_every_step_once(home, trials=4)


def lose(sweep: Sweep, times: int) -> None:
    """Count losses of all trials as if workers had died before."""
    engine = create_engine(sweep.settings.storage_url)
    with engine.begin() as connection:
        connection.execute(update(slots).values(losses=times, in_vain=times))
    engine.dispose()


@pytest.mark.parametrize(
    "kills", [1, pytest.param(MAX_LOSSES, marks=pytest.mark.acceptance)], ids=["last", "all"]
)
def test_a_trial_that_was_lost_three_times_has_a_failed_run_with_the_reason(
    kills: int, held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    lose(sweep, MAX_LOSSES - kills)
    for _ in range(kills):
        (signal_folder / "die-0-2").touch()
        die(file)
    # The killed ones cannot say it: whoever comes next does.
    sweep.work()
    record = sweep.trial(0)
    assert record.state == "failed"
    assert "its worker was killed 3 times" in str(record.reason)
    run = runs(home)[0]
    assert (run.info.status, run.data.tags[TAG_STATE]) == ("FAILED", "failed")
    assert run.data.tags[TAG_REASON] == record.reason


@pytest.mark.parametrize(
    "signal_number",
    [
        signal.SIGHUP,
        pytest.param(signal.SIGINT, marks=pytest.mark.acceptance),
        pytest.param(signal.SIGTERM, marks=pytest.mark.acceptance),
    ],
)
def test_an_interrupted_worker_gives_its_trial_back_and_its_run_waits(
    signal_number: signal.Signals,
    held_content: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
) -> None:
    sweep, file = created(held_content, tmp_path)
    hold = signal_folder / "hold-0-2"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-2").exists)
        worker.process.send_signal(signal_number)
        # In 5 s, where the machine has nothing else to do.
        assert worker.end(timeout_s=20.0) == 130, worker.log
    (slot,) = slots_of(sweep)
    assert (slot.state, slot.losses, slot.trial) == ("free", 0, 0)
    send_what_waits(home)
    assert runs(home)[0].info.status == "SCHEDULED"
    hold.unlink()
    sweep.work()
    assert (sweep.trial(0).state, sweep.trial(0).score) == ("done", 0.2)
    assert_every_step_once(home, trials=1)


@pytest.mark.acceptance
def test_after_ctrl_c_on_a_launch_no_run_is_left_running(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    content = {**held_content, "budget": {"trials": 3}, "workers": {"count": 2}}
    sweep, file = created(content, tmp_path)
    holds = [signal_folder / f"hold-{trial}-2" for trial in (0, 1)]
    for hold in holds:
        hold.touch()
    launcher = WorkerProcess(file, module=LAUNCH)
    with started(launcher):
        for trial in (0, 1):
            launcher.wait_until((signal_folder / f"waiting-{trial}-2").exists)
        launcher.process.send_signal(signal.SIGINT)
        assert launcher.end() == 130, launcher.log
    send_what_waits(home)
    assert {run.info.status for run in runs(home).values()} == {"SCHEDULED"}
    for hold in holds:
        hold.unlink()
    sweep.work()
    assert_every_step_once(home, trials=3)


@pytest.fixture
def tuned_content(held_content: dict[str, Any]) -> dict[str, Any]:
    """A sweep of two trials, of which the second, as good as the first, is not fine-tuned."""
    train = {"head_epochs": 4, "finetune_epochs": 3, "finetune_top": 0.5}
    return {**held_content, "train": train, "budget": {"trials": 2}}


def assert_tuned_once(home: Path, score: float) -> None:
    """See that MLflow has both phases of the first trial, each of their steps once."""
    client = connect(TrackingSettings.from_environment(home))
    run = runs(home)[0]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["score"] == pytest.approx(score)
    for curve in ("score", "score_fold_0", "score_fold_1", "score_fold_2"):
        assert steps_of(client, run, f"head/{curve}") == Counter(range(4))
        assert steps_of(client, run, f"finetune/{curve}") == Counter(range(4, 7))
    assert steps_of(client, run, "finetune/final_score") == Counter([0])
    assert run.data.tags[TAG_FINETUNE_STATE] == "complete"


@pytest.mark.parametrize(
    "places",
    [
        ("0-finetune-1",),
        pytest.param(("0-end", "0-finetune-0", "0-finetune-end"), marks=pytest.mark.acceptance),
    ],
    ids=["one", "three"],
)
def test_kills_in_the_second_phase_double_no_step_and_leave_the_first_as_it_is(
    places: tuple[str, ...],
    tuned_content: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
) -> None:
    sweep, file = created(tuned_content, tmp_path)
    for place in places:
        (signal_folder / f"die-{place}").touch()
        die(file)
    sweep.work()
    tries = Counter("finetune" in place for place in places)
    record = sweep.trial(0)
    assert (record.state, record.finetuning) == ("done", "done")
    assert record.attempts == 2 + len(places)
    assert record.first_score == pytest.approx(0.1 * (1 + tries[False]))
    score = 0.1 * (1 + tries[False]) + 0.1 * (1 + tries[True])
    assert record.score == pytest.approx(score)
    assert (sweep.trial(1).finetuning, sweep.status().state) == (None, "done")
    assert_tuned_once(home, score)


def test_a_fine_tuning_that_was_lost_three_times_leaves_its_trial_done(
    tuned_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(tuned_content, tmp_path)
    (signal_folder / "die-0-finetune-1").touch()
    die(file)
    lose(sweep, MAX_LOSSES - 1)
    # The killed one cannot say it: whoever comes next does.
    sweep.work()
    record = sweep.trial(0)
    assert (record.state, record.score, record.stage) == ("done", 0.1, "head")
    assert (record.finetuning, record.reason) == ("failed", None)
    assert "its worker was killed 3 times" in str(record.finetuning_reason)
    assert sweep.status().state == "done"
    run = runs(home)[0]
    assert (run.info.status, run.data.tags[TAG_STATE]) == ("FINISHED", "complete")
    assert run.data.tags[TAG_FINETUNE_STATE] == "failed"
    assert run.data.tags[TAG_FINETUNE_REASON] == record.finetuning_reason
    assert run.data.metrics["score"] == 0.1


def test_an_interrupted_fine_tuning_is_given_back_and_its_run_waits(
    tuned_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(tuned_content, tmp_path)
    hold = signal_folder / "hold-0-finetune-1"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-finetune-1").exists)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end(timeout_s=20.0) == 130, worker.log
    tuned = next(slot for slot in slots_of(sweep) if slot.phase == "finetune")
    assert (tuned.state, tuned.losses, tuned.trial) == ("free", 0, 0)
    assert sweep.status().state == "interrupted"
    assert (sweep.trial(0).state, sweep.trial(0).score) == ("done", 0.1)
    send_what_waits(home)
    assert runs(home)[0].info.status == "SCHEDULED"
    hold.unlink()
    sweep.work()
    assert_tuned_once(home, 0.3)


def test_what_a_dead_worker_could_not_send_is_sent_by_a_later_one(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created({**held_content, "budget": {"trials": 2}}, tmp_path)
    (signal_folder / "die-1-2").touch()
    die(file, MLFLOW_TRACKING_URI=f"http://127.0.0.1:{free_port()}")
    assert sweep.trial(0).state == "done"
    assert runs(home) == {}
    sweep.work()
    assert_every_step_once(home, trials=2)
    assert list((home / "sweeps" / "tiny" / "outbox").glob("*/*.jsonl")) == []
