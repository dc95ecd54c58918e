"""Which GPUs there are, and who gets which."""

import pytest

from search.sweep_file.sections import WorkerSettings
from search.workers.device import Device, assign_devices, find_gpus
from spaces.errors import InputError


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
