"""The contract of the workers, and what their rows add up to."""

import multiprocessing

import pytest

from search.storage.records import WorkerRow
from search.storage.storage import Storage, open_storage
from search.storage.workers import gpu_hours, new_worker_id, run_hours
from search.workers.liveness import Liveness
from tests.search.forked_process import forks
from tests.search.small_sweep import enter_sweep


def worker(joined_at: float, seen_at: float, gpus: float = 0.0) -> WorkerRow:
    return WorkerRow(
        id="id",
        sweep_id="s",
        host="h",
        machine="m",
        pid=1,
        pid_started_at=0.0,
        device="cpu",
        gpus=gpus,
        state="left",
        beat=0,
        joined_at=joined_at,
        seen_at=seen_at,
        progress=None,
    )


def test_a_worker_beats_says_what_it_does_and_leaves(storage: Storage) -> None:
    workers = storage.workers(enter_sweep(storage).id)
    workers.join("w", "gpu:0", 1.0)
    workers.join("w", "gpu:0", 1.0)  # Again, as after a call whose answer was lost.
    workers.beat("w")
    workers.note_progress("w", {"trial": 3})
    (row,), now_s = workers.seen()
    assert (row.state, row.device, row.gpus, row.progress) == ("live", "gpu:0", 1.0, {"trial": 3})
    assert row.beat == 2
    assert row.joined_at <= row.seen_at <= now_s
    workers.leave("w")
    (row,) = workers.all()
    assert (row.state, row.progress) == ("left", None)
    workers.mark_lost(["w"])
    assert workers.all()[0].state == "left"


def test_a_worker_of_this_machine_whose_process_is_gone_is_noticed(storage: Storage) -> None:
    row = enter_sweep(storage)
    queue: multiprocessing.Queue[str] = forks.Queue()
    url = storage.url.render_as_string(hide_password=False)
    process = forks.Process(target=join_and_end, args=(url, row.id, queue))
    process.start()
    dead = queue.get(timeout=60)
    process.join(timeout=60)
    workers = storage.workers(row.id)
    alive = new_worker_id()
    workers.join(alive, "cpu", 0.0)
    assert Liveness(60.0).gone(workers.all()) == [dead]
    workers.mark_lost([dead])
    workers.leave(alive)
    assert {found.state for found in workers.all()} == {"lost", "left"}


def join_and_end(url: str, sweep_id: str, queue: "multiprocessing.Queue[str]") -> None:
    name = new_worker_id()
    open_storage(url).workers(sweep_id).join(name, "cpu", 0.0)
    queue.put(name)


def test_hours_in_which_two_workers_ran_count_once() -> None:
    # 0 to 2 h and 1 to 3 h overlap; 5 to 6 h stands alone; the last lies inside of the second.
    spans = [(0, 2), (1, 3), (5, 6), (1.5, 2.5)]
    rows = [worker(start * 3600, end * 3600) for start, end in spans]
    assert run_hours(rows) == pytest.approx(4.0)
    assert run_hours([]) == 0.0


def test_gpu_hours_multiply_by_gpus() -> None:
    rows = [worker(0, 3600, gpus=2.0), worker(0, 7200, gpus=0.5), worker(0, 9999)]
    assert gpu_hours(rows) == pytest.approx(3.0)
