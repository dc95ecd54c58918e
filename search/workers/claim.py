"""How workers of one machine that know nothing of each other take different GPUs."""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from search.workers.device import Device
from spaces.errors import InputError

LOOK_EVERY_S = 0.2


def claims_folder() -> Path:
    """Name the folder that all workers of this user on this machine look into."""
    return Path(tempfile.gettempdir()) / f"foldsweep-devices-{os.getuid()}"


@contextmanager
def claim_device(
    devices: Sequence[Device], folder: Path, *, patience_s: float = 0.0
) -> Iterator[Device]:
    """Take the first device that is free, for as long as the block runs.

    A GPU belongs to one worker, or to as many as share it. However a process ends, the kernel gives
    its device back. Workers on a CPU take nothing from each other.

    Args:
        devices: In the order in which they are tried; at least one.
        folder: Of the locks: the same for all workers of a machine, on a disk of its own.
        patience_s: How long to wait where all are taken: a worker whose launcher was killed gives
            its trial back before it leaves its device to another.

    Raises:
        InputError: If all are taken.
    """
    deadline_s = time.monotonic() + patience_s
    with ExitStack() as locks:
        while (device := _first_free(devices, folder, locks)) is None:
            if time.monotonic() >= deadline_s:
                raise _taken(devices)
            time.sleep(LOOK_EVERY_S)
        yield device


def _first_free(devices: Sequence[Device], folder: Path, locks: ExitStack) -> Device | None:
    for device in devices:
        for share in range(device.n_sharing):
            with ExitStack() as attempt:
                if all(_lock(path, how, attempt) for path, how in _files(device, share, folder)):
                    locks.push(attempt.pop_all())
                    return device
    return None


def _taken(devices: Sequence[Device]) -> InputError:
    gpus = {name for device in devices for name in device.gpu_ids}
    return InputError(
        f"other workers have taken all GPUs that this one may use ({len(gpus)}: "
        f"{', '.join(sorted(gpus))}), {devices[0].gpus:g} each. To let workers share a GPU, lower "
        "workers.gpus_per_worker, to 0.5 for two; or wait until one ends."
    )


def _files(device: Device, share: int, folder: Path) -> Iterator[tuple[Path, int]]:
    """Name the locks of a device: one for whoever uses a GPU at all, one for each share of it."""
    for gpu in device.gpu_ids:
        name = quote(gpu, safe="")
        is_shared = device.gpus < 1
        yield folder / f"{name}.lock", fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        if is_shared:
            yield folder / f"{name}.{share}.lock", fcntl.LOCK_EX


def _lock(path: Path, how: int, held: ExitStack) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = held.enter_context(path.open("a"))
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
