"""Workers that find nothing to do leave, but for one that is there if a trial is lost."""

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow


def test_all_but_one_idle_worker_leave_and_that_one_takes_a_lost_trial_over(
    held_content: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    (signal_folder / "hold-0-2").touch()
    busy = WorkerProcess(file)
    with started(busy):
        busy.wait_until(lambda: (signal_folder / "waiting-0-2").exists())
        idle = [WorkerProcess(file) for _ in range(3)]
        with started(*idle):
            busy.wait_until(lambda: len(_left(idle)) >= 2)
            assert [worker.process.poll() for worker in _left(idle)] == [0, 0]
            busy.process.send_signal(signal.SIGKILL)
            (signal_folder / "hold-0-2").unlink()
            (last,) = [worker for worker in idle if worker not in _left(idle)]
            assert last.end() == 0, last.log
    assert [(slot.state, slot.losses) for slot in slots_of(sweep)] == [("done", 1)]


def _left(idle: list[WorkerProcess]) -> list[WorkerProcess]:
    return [worker for worker in idle if worker.process.poll() is not None]
