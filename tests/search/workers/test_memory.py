"""Workers whose memory has grown are replaced between trials, and nothing of the sweep is lost."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from search.workers.memory import NOISE_BYTES, SETTLED_AFTER, MemoryGrowth, own_bytes
from tests.search.workers.worker_processes import (
    WorkerProcess,
    created,
    slots_of,
    started,
    workers_of,
)

HERE = Path(__file__).parent
GB = 1_000_000_000


def grown_after(held: list[int]) -> list[bool]:
    readings = iter(held)
    growth = MemoryGrowth(lambda: next(readings))
    return [growth.note_trial() for _ in held]


def test_what_is_added_while_a_process_settles_is_no_growth() -> None:
    settling = [GB * (1 + trial) for trial in range(SETTLED_AFTER)]
    assert grown_after([*settling, settling[-1]]) == [False] * (SETTLED_AFTER + 1)


def test_more_than_a_tenth_on_top_is_growth() -> None:
    settled = [GB] * SETTLED_AFTER
    assert grown_after([*settled, GB * 109 // 100, GB * 111 // 100])[-2:] == [False, True]


def test_a_little_more_in_a_small_process_is_no_growth() -> None:
    settled = [GB // 10] * SETTLED_AFTER
    grown = [GB // 10 + NOISE_BYTES - 1, GB // 10 + NOISE_BYTES + 1]
    assert grown_after([*settled, *grown])[-2:] == [False, True]


def test_own_memory_is_what_a_process_has_written_to(tmp_path: Path) -> None:
    path = tmp_path / "mapped.npy"
    np.save(path, np.ones(10_000_000))
    before = own_bytes()
    mapped = np.load(path, mmap_mode="r")
    assert mapped.sum() == len(mapped)
    if sys.platform == "linux":
        assert own_bytes() - before < 40_000_000
    written = np.ones(10_000_000)
    assert own_bytes() - before > 0.9 * written.nbytes


def test_what_is_started_anew_is_the_same_command_in_the_same_process(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from search.workers.memory import start_anew\n"
        "print(os.getpid(), *sys.argv[1:])\n"
        "if 'again' not in os.environ:\n"
        "    os.environ['again'] = 'yes'\n"
        "    start_anew()\n"
    )
    command = [sys.executable, str(script), "a b", "--c"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    first, second = done.stdout.splitlines()
    assert first == second
    assert first.endswith(" a b --c")


@pytest.mark.slow
def test_a_worker_that_grows_is_replaced_and_the_budget_stays_exact(
    content: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(HERE)
    trials = SETTLED_AFTER + 3
    grown = {**content, "objective": "growing_objective:score", "budget": {"trials": trials}}
    sweep, file = created(grown, tmp_path)
    # A fork of the tests' could not be started anew.
    worker = WorkerProcess(file, command=["env"])
    with started(worker):
        assert worker.end(120.0) == 0, worker.log
    assert worker.log.count("it starts anew") == 1
    assert [(slot.state, slot.losses) for slot in slots_of(sweep)] == [("done", 0)] * trials
    assert {row.state for row in workers_of(sweep)} == {"left"}
    assert len({row.pid for row in workers_of(sweep)}) == 1
