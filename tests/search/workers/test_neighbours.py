"""Workers that could be taken for each other, or for dead, leave each other's trials alone."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.search.workers.worker_processes import WorkerProcess, created, started, workers_of

pytestmark = pytest.mark.slow

NAMESPACES = ("unshare", "--pid", "--uts", "--fork", "--kill-child", "--mount-proc")
# Both get the same host name and, as the first process of their namespace, the same number.
CONTAINER = (*NAMESPACES, "sh", "-c", 'hostname same && exec "$@"', "container")
AHEAD = "import time\n_now = time.time\ntime.time = lambda: _now() + 200.0\n"


def namespaces_or_skip() -> Sequence[str]:
    try:
        done = subprocess.run([*CONTAINER, "true"], capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        pytest.skip(f"no PID namespaces here: {error}")
    if done.returncode:
        pytest.skip(f"no PID namespaces here: {done.stderr.strip()}")
    return CONTAINER


def share_a_sweep(
    content: Mapping[str, Any],
    tmp_path: Path,
    signal_folder: Path,
    *,
    commands: Sequence[Sequence[str]],
    imported: Sequence[Path] = (),
) -> None:
    """Let a second worker run all trials but the one that the first is in the middle of."""
    sweep, file = created({**content, "budget": {"trials": 4}}, tmp_path)
    hold = signal_folder / "hold-0-2"
    hold.touch()
    first = WorkerProcess(file, command=commands[0])
    with started(first):
        first.wait_until((signal_folder / "waiting-0-2").exists)
        second = WorkerProcess(file, command=commands[1], imported=imported)
        with started(second):
            second.wait_until(lambda: sweep.status().trials["done"] == 3)
            # It has nothing left to do but to look whether the first still lives.
            with pytest.raises(subprocess.TimeoutExpired):
                second.end(timeout_s=2.0)
            hold.unlink()
            assert (first.end(), second.end()) == (0, 0), first.log + second.log
    attempts = {record.trial: record.attempts for record in sweep.trial_records()}
    assert attempts == {0: 1, 1: 1, 2: 1, 3: 1}
    assert sweep.status().trials["done"] == 4
    assert [row.state for row in workers_of(sweep)] == ["left", "left"]


def test_workers_in_containers_of_one_name_with_one_process_number_take_nothing_from_each_other(
    held_content: dict[str, Any], tmp_path: Path, signal_folder: Path
) -> None:
    container = namespaces_or_skip()
    share_a_sweep(held_content, tmp_path, signal_folder, commands=[container, container])


def test_a_worker_whose_clock_is_200_s_ahead_takes_no_trial_that_lives(
    held_content: dict[str, Any], tmp_path: Path, signal_folder: Path
) -> None:
    ahead = tmp_path / "ahead"
    ahead.mkdir()
    (ahead / "sitecustomize.py").write_text(AHEAD)
    commands = [(), ("env",)]
    share_a_sweep(held_content, tmp_path, signal_folder, commands=commands, imported=[ahead])
