"""``foldsweep stop``: workers and launchers leave, wherever they run, and nobody joins."""

import json
from pathlib import Path
from typing import Any

import pytest

from search.sweep import Sweep
from tests.search.workers.worker_processes import LAUNCH, WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow

STOP = ("tiny", "--json")


@pytest.fixture(autouse=True)
def _short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "1.5")


def held(file: Path, signal_folder: Path, module: tuple[str, ...] | None = None) -> WorkerProcess:
    """Start a worker, or a launcher with one, and wait until it is in the middle of a trial."""
    (signal_folder / "hold-0-2").touch()
    return WorkerProcess(file, module=module) if module else WorkerProcess(file)


def test_a_worker_gives_its_trial_back_and_nobody_joins_until_the_sweep_is_launched(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    worker = held(file, signal_folder)
    with started(worker):
        worker.wait_until(lambda: (signal_folder / "waiting-0-2").exists())
        assert sweep.stop() == 1
        assert sweep.status().state == "stopping"
        assert worker.end(10) == 130, worker.log
    (slot,) = slots_of(sweep)
    assert (slot.state, slot.losses) == ("free", 0)
    assert sweep.status().state == "stopped"
    late = WorkerProcess(file)
    with started(late):
        assert late.end() == 0, late.log
    assert slots_of(sweep)[0].claims == 1
    (signal_folder / "hold-0-2").unlink()
    # Asked again with nobody there: it is still the first time.
    assert sweep.stop() == 1
    launched = WorkerProcess(file, module=LAUNCH)
    with started(launched):
        assert launched.end() == 0, launched.log
    assert slots_of(sweep)[0].state == "done"
    assert sweep.status().state == "done"


def test_asked_twice_a_worker_leaves_at_once(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    (signal_folder / "deaf").touch()
    worker = held(file, signal_folder)
    with started(worker):
        worker.wait_until(lambda: (signal_folder / "waiting-0-2").exists())
        assert sweep.stop() == 1
        worker.wait_until(lambda: (signal_folder / "heard").exists())
        assert sweep.stop() == 2
        assert worker.end(3) == 130, worker.log
    assert [slot.state for slot in slots_of(sweep)] == ["free"]
    assert sweep.status().workers == []


@pytest.mark.acceptance
def test_a_launcher_stops_with_its_workers_and_says_so(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    launcher = held(file, signal_folder, LAUNCH)
    with started(launcher):
        launcher.wait_until(lambda: (signal_folder / "waiting-0-2").exists())
        command = WorkerProcess(file, module=("search.cli", "stop"), arguments=STOP)
        with started(command):
            assert command.end() == 0, command.log
        assert launcher.end(15) == 0, launcher.log
    document = json.loads(command.log[command.log.index("{") :])
    assert document == {"sweep": "tiny", "state": "stopped", "at_once": False, "workers": 0}
    assert "stopped" in launcher.log
    assert [slot.state for slot in slots_of(sweep)] == ["free"]


def test_what_is_undone_lets_workers_join(
    held_content: dict[str, Any], home: Path, tmp_path: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    assert sweep.stop() == 1
    assert sweep.status().state == "stopped"
    assert sweep.stop(undo=True) == 0
    Sweep.from_yaml(file).work()
    assert sweep.status().state == "done"
