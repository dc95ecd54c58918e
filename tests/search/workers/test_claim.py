"""Workers of one machine take different GPUs, whatever kills them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from search.workers.claim import claim_device, claims_folder
from search.workers.device import Device, find_gpus
from spaces.errors import InputError

WORKER = """
import sys
from pathlib import Path
from search.workers.claim import claim_device
from search.workers.device import Device
folder, share, *ids = sys.argv[1:]
with claim_device([Device((gpu,), float(share)) for gpu in ids], Path(folder)) as device:
    print(device.name, flush=True)
    sys.stdin.read()
"""


class Workers:
    """Processes that each claim one of the given GPUs, and hold it until they are told to end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []

    def start(self, *ids: str, share: float = 1) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(self.folder), str(share), *ids],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        )
        self.processes.append(process)
        return process

    def device(self, *ids: str, share: float = 1) -> str:
        process = self.start(*ids, share=share)
        assert process.stdout is not None
        return process.stdout.readline().strip()


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Workers]:
    started = Workers(tmp_path / "devices")
    yield started
    for process in started.processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_each_process_gets_a_gpu_of_its_own_and_the_next_is_refused(workers: Workers) -> None:
    assert [workers.device("0", "1") for _ in range(2)] == ["gpu:0", "gpu:1"]
    _, said = workers.start("0", "1").communicate(timeout=60)
    assert "taken all GPUs that this one may use (2: 0, 1), 1 each" in said
    assert "workers.gpus_per_worker" in said


def test_the_gpu_of_a_killed_process_is_free_at_once(workers: Workers) -> None:
    assert workers.device("0", "1") == "gpu:0"
    workers.processes[0].send_signal(signal.SIGKILL)
    workers.processes[0].wait()
    assert workers.device("0", "1") == "gpu:0"


@pytest.mark.slow
def test_processes_that_start_together_never_share_a_gpu(workers: Workers) -> None:
    ids = [str(number) for number in range(4)]
    started = [workers.start(*ids) for _ in range(4)]
    found = [process.stdout.readline().strip() for process in started if process.stdout]
    assert sorted(found) == [f"gpu:{number}" for number in ids]


def test_who_is_patient_gets_the_gpu_that_another_leaves(tmp_path: Path) -> None:
    device = Device(("0",), 1.0)
    with ExitStack() as held:
        held.enter_context(claim_device([device], tmp_path))
        with pytest.raises(InputError), claim_device([device], tmp_path, patience_s=0.3):
            pass
        leaving = threading.Timer(0.3, held.close)
        leaving.start()
        with claim_device([device], tmp_path, patience_s=60):
            pass
        leaving.join()


def names(devices: list[Device], folder: Path, held: ExitStack) -> list[str]:
    """Claim until nothing is left."""
    found = []
    while True:
        try:
            found.append(held.enter_context(claim_device(devices, folder)).name)
        except InputError:
            return found


def test_a_gpu_goes_to_as_many_as_share_it(tmp_path: Path) -> None:
    devices = [Device((gpu,), 0.5) for gpu in ("0", "1")]
    with ExitStack() as held:
        assert names(devices, tmp_path, held) == ["gpu:0", "gpu:0", "gpu:1", "gpu:1"]
    with ExitStack() as held:
        assert names(devices, tmp_path, held) == ["gpu:0", "gpu:0", "gpu:1", "gpu:1"]


def test_who_shares_and_who_does_not_keep_out_of_each_others_way(tmp_path: Path) -> None:
    shared, whole, pair = Device(("0",), 0.5), Device(("0",), 1.0), Device(("0", "1"), 2.0)
    with ExitStack() as held:
        assert held.enter_context(claim_device([shared], tmp_path)) == shared
        assert names([whole, pair], tmp_path, held) == []
        assert names([Device(("1",), 1.0)], tmp_path, held) == ["gpu:1"]
    with ExitStack() as held:
        assert held.enter_context(claim_device([pair], tmp_path)) == pair
        assert names([shared, whole], tmp_path, held) == []


def test_workers_on_a_cpu_are_as_many_as_one_likes_and_leave_no_locks(tmp_path: Path) -> None:
    with ExitStack() as held:
        for _ in range(5):
            assert held.enter_context(claim_device([Device(threads=2)], tmp_path)).name == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_a_gpu_is_named_as_cuda_names_it(tmp_path: Path) -> None:
    device = Device(("MIG-GPU-ab/1/0",), 1.0)
    with ExitStack() as held:
        assert names([device], tmp_path, held) == ["gpu:MIG-GPU-ab/1/0"]
    assert [path.name for path in tmp_path.iterdir()] == ["MIG-GPU-ab%2F1%2F0.lock"]


def test_all_workers_of_a_user_look_into_one_folder() -> None:
    code = "from search.workers.claim import claims_folder; print(claims_folder())"
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    assert other.stdout.strip() == str(claims_folder())


def test_a_machine_without_a_driver_has_no_gpus() -> None:
    if Path("/proc/driver/nvidia/version").exists():
        pytest.skip("this machine has a driver")
    assert find_gpus(None) == []
