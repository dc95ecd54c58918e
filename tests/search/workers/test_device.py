"""Devices, budgets of time, reasons of failures: what needs no sweep to be tested."""

from pathlib import Path

import pytest
from search.ledger.crew import WorkerRow, gpu_hours, run_hours
from search.ledger.storage import connect
from search.study.rung import enters_rung
from search.workers.budget import time_is_up
from search.workers.failures import reason_of

from search.sweep_file.sections import BudgetSettings, WorkerSettings
from search.workers.device import Device, assign_devices, find_gpus
from spaces.errors import InputError, TrialError, UnavailableError


def worker(started_at: float, last_seen: float, gpus: float = 0.0) -> WorkerRow:
    return WorkerRow(
        "id", "s", "h", 1, 0.0, "cpu", gpus, "left", started_at, last_seen, progress=None
    )


def test_hours_in_which_two_workers_ran_count_once() -> None:
    # 0 to 2 h and 1 to 3 h overlap; 5 to 6 h stands alone; the last lies inside of the second.
    spans = [(0, 2), (1, 3), (5, 6), (1.5, 2.5)]
    rows = [worker(start * 3600, end * 3600) for start, end in spans]
    assert run_hours(rows) == pytest.approx(4.0)
    assert run_hours([]) == 0.0


def test_gpu_hours_multiply_by_gpus() -> None:
    rows = [worker(0, 3600, gpus=2.0), worker(0, 7200, gpus=0.5), worker(0, 9999)]
    assert gpu_hours(rows) == pytest.approx(3.0)


def test_time_is_up_at_the_first_limit() -> None:
    rows = [worker(0, 3600, gpus=2.0)]
    assert not time_is_up(BudgetSettings(), rows)
    assert not time_is_up(BudgetSettings(hours=1.5, gpu_hours=2.5), rows)
    assert time_is_up(BudgetSettings(hours=1.0), rows)
    assert time_is_up(BudgetSettings(hours=9.0, gpu_hours=2.0), rows)


@pytest.mark.parametrize(
    ("visible", "expected"),
    [("0,1", ["0", "1"]), ("-1", []), ("", []), ("2,-1,3", ["2"]), ("GPU-ab, 1", ["GPU-ab", "1"])],
)
def test_cuda_visible_devices_is_read_as_cuda_does(visible: str, expected: list[str]) -> None:
    assert find_gpus(visible) == expected


@pytest.mark.parametrize(
    ("share", "gpus", "expected"),
    [
        (1, ["0", "1"], [("0",), ("1",)]),
        (2, ["0", "1", "2", "3"], [("0", "1"), ("2", "3")]),
        (2, ["0", "1", "2"], [("0", "1")]),
        (0.5, ["0", "1"], [("0",), ("0",), ("1",), ("1",)]),
        (0, ["0", "1"], [(), (), ()]),
        (1, [], [(), (), ()]),
    ],
)
def test_each_worker_gets_its_gpus(
    share: float, gpus: list[str], expected: list[tuple[str, ...]]
) -> None:
    settings = WorkerSettings(count=3, gpus_per_worker=share)
    assert [device.gpu_ids for device in assign_devices(settings, gpus, cores=6)] == expected


def test_more_gpus_a_worker_than_there_are_is_refused() -> None:
    with pytest.raises(InputError, match="gpus_per_worker = 4, but this machine has 2 GPUs"):
        assign_devices(WorkerSettings(gpus_per_worker=4), ["0", "1"])


def test_workers_on_a_cpu_share_its_cores_and_see_no_gpu() -> None:
    device = assign_devices(WorkerSettings(count=3), [], cores=8)[0]
    assert device.environment()["TF_NUM_INTRAOP_THREADS"] == "2"
    assert device.environment()["CUDA_VISIBLE_DEVICES"] == "-1"
    assert Device(("1", "2"), 2.0).environment() == {"CUDA_VISIBLE_DEVICES": "1,2"}


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("nonsense", InputError),
        ("mysql://sweeper:secret77@host/db", InputError),
        ("sqlite://", InputError),
        ("sqlite:///:memory:", InputError),
        ("postgresql://sweeper:sec@ret77@127.0.0.1:1/db", InputError),
        ("postgresql://sweeper:secret77@127.0.0.1:1/db", UnavailableError),
        ("postgres://sweeper:secret77@127.0.0.1:1/db", UnavailableError),
    ],
)
def test_a_storage_that_cannot_be_used_is_named_without_its_password(
    url: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        connect(url)
    assert "secret77" not in str(caught.value)
    assert "ret77" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, not a database, and longer than a header of SQLite" * 9)
    with pytest.raises(InputError, match=r"notes\.db is not a database"):
        connect(f"sqlite:///{path}")


def test_reasons_of_failures_are_one_line_without_passwords() -> None:
    class ResourceExhaustedError(Exception):
        """Named as TensorFlow's."""

    assert reason_of(TrialError("the loss became nan")) == "the loss became nan"
    assert "out of memory" in reason_of(MemoryError())
    assert "batch_size" in reason_of(ResourceExhaustedError("OOM when allocating"))
    text = reason_of(ValueError("bad\nURL postgresql://me:secret77@host/db"))
    assert text.startswith("ValueError: bad URL postgresql://me:***@host/db")
    assert len(reason_of(ValueError("x" * 9999))) <= 1000


@pytest.mark.parametrize(
    ("score", "others", "top", "expected"),
    [
        (0.1, [], 0.01, True),
        (0.5, [0.9], 0.5, False),
        (0.5, [0.9, 0.4], 0.5, True),
        (0.5, [0.5, 0.5, 0.5], 0.25, True),
        (0.5, [0.9] * 2 + [0.1] * 7, 0.3, True),
        (0.5, [0.9] * 3 + [0.1] * 26, 0.1, False),
        (0.5, [0.9] * 2 + [0.1] * 27, 0.1, True),
        (0.1, [0.9] * 5, 1.0, True),
    ],
)
def test_the_top_share_counts_the_score_itself_and_rounds_up(
    score: float, others: list[float], top: float, expected: bool
) -> None:
    assert enters_rung(score, others, top=top) is expected
