"""How workers of one machine that know nothing of each other take different GPUs."""

import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import quote

from search.workers.device import Device
from spaces.errors import InputError


def claims_folder() -> Path:
    """Name the folder that all workers of this user on this machine look into."""
    return Path(tempfile.gettempdir()) / f"foldsweep-devices-{os.getuid()}"


@contextmanager
def claim_device(devices: Sequence[Device], folder: Path) -> Iterator[Device]:
    """Take the first device that is free, for as long as the block runs.

    A GPU belongs to one worker, or to as many as share it. However a process ends, the kernel gives
    its device back. Workers on a CPU take nothing from each other.

    Args:
        devices: In the order in which they are tried; at least one.
        folder: Of the locks: the same for all workers of a machine, on a disk of its own.

    Raises:
        InputError: If all are taken.
    """
    with ExitStack() as locks:
        yield _first_free(devices, folder, locks)


def _first_free(devices: Sequence[Device], folder: Path, locks: ExitStack) -> Device:
    for device in devices:
        for share in range(device.n_sharing):
            with ExitStack() as attempt:
                if all(_lock(path, how, attempt) for path, how in _files(device, share, folder)):
                    locks.push(attempt.pop_all())
                    return device
    gpus = {name for device in devices for name in device.gpu_ids}
    raise InputError(
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
