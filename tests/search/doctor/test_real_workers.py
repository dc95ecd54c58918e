"""Workers that are killed or go on while a sweep of two phases is examined and mended."""

import signal
from pathlib import Path
from typing import Any

import pytest

from search.sweep import Sweep
from tests.search.workers.test_killed_workers import assert_tuned_once, die
from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow


@pytest.fixture
def tuned(content: dict[str, Any], home: Path, signal_folder: Path) -> dict[str, Any]:
    """A sweep of two trials, of which the first is fine-tuned."""
    return {
        **content,
        "objective": "tests.search.workers.held_objective:score",
        "train": {"head_epochs": 4, "finetune_epochs": 3, "finetune_top": 0.5},
        "budget": {"trials": 2},
    }


def kinds(sweep: Sweep, *, fix: bool = False) -> set[str]:
    report = sweep.doctor(fix=fix)
    assert report.left == (0 if fix else len(report.findings))
    return {finding.kind for finding in report.findings}


@pytest.mark.acceptance
def test_after_a_kill_in_the_middle_of_fine_tuning_all_is_mended_and_the_sweep_goes_on(
    tuned: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(tuned, tmp_path)
    (signal_folder / "die-0-finetune-1").touch()
    die(file)
    found = kinds(sweep)
    assert (
        {"dead worker", "lost trial"}
        <= found
        <= {
            "dead worker",
            "lost trial",
            "spool of nobody",
        }
    )
    assert kinds(sweep, fix=True) >= found
    assert kinds(sweep) == set()
    freed = next(slot for slot in slots_of(sweep) if slot.phase == "finetune")
    assert (freed.state, freed.losses) == ("free", 1)
    sweep.work()
    assert kinds(sweep) == set()
    assert_tuned_once(home, 0.3)


def test_a_worker_in_the_middle_of_a_trial_does_not_notice(
    tuned: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(tuned, tmp_path)
    hold = signal_folder / "hold-0-finetune-1"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-finetune-1").exists)
        before = slots_of(sweep)
        assert kinds(sweep, fix=True) == set()
        assert slots_of(sweep) == before
        hold.unlink()
        assert worker.end() == 0, worker.log
    assert [slot.losses for slot in slots_of(sweep)] == [0, 0, 0]
    assert kinds(sweep) == set()
    assert_tuned_once(home, 0.2)


def test_an_interrupted_worker_leaves_nothing_to_mend_but_what_it_could_not_send(
    tuned: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(tuned, tmp_path)
    (signal_folder / "hold-0-2").touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-2").exists)
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end(timeout_s=30.0) == 130, worker.log
    assert kinds(sweep, fix=True) <= {"spool of nobody"}
    assert kinds(sweep) == set()
