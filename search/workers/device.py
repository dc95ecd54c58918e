"""Which GPUs there are, who gets which, and how many threads a worker on a CPU takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pynvml

from search.sweep_file.sections import WorkerSettings
from spaces.errors import InputError
from spaces.machine import usable_cores


@dataclass(frozen=True)
class Device:
    """What one worker computes on."""

    gpu_ids: tuple[str, ...] = ()
    """As CUDA_VISIBLE_DEVICES names them; empty for the CPU."""
    gpus: float = 0.0
    """How many GPUs that is, a fraction if it shares one."""
    threads: int = 1

    @property
    def n_sharing(self) -> int:
        """How many workers of this kind fit on one GPU."""
        return int(1 / self.gpus + 1e-9) if 0 < self.gpus < 1 else 1

    @property
    def name(self) -> str:
        """``cpu``, or such as ``gpu:0,1``."""
        return "gpu:" + ",".join(self.gpu_ids) if self.gpu_ids else "cpu"

    def environment(self) -> Mapping[str, str]:
        """Give the variables that must be set before a worker's process starts."""
        variables = {"CUDA_VISIBLE_DEVICES": ",".join(self.gpu_ids) or "-1"}
        if not self.gpu_ids:
            threads = str(self.threads)
            names = ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
            variables |= dict.fromkeys(names, threads)
        return variables

    def set_up(self) -> None:
        """Let this process compute on it; before anything is computed."""
        if self.gpu_ids:
            set_up_gpus()


def find_gpus(visible: str | None) -> list[str]:
    """List the GPUs of this machine, by NVIDIA's library and without loading TensorFlow.

    Args:
        visible: ``CUDA_VISIBLE_DEVICES``; None if it is not set.
    """
    if visible is not None:
        ids = [part.strip() for part in visible.split(",")]
        # CUDA ignores the first id that does not exist, and all after it: -1 is the usual one.
        valid = [not name.startswith("-") and name != "" for name in ids]
        return ids[: valid.index(False) if False in valid else len(ids)]
    try:
        pynvml.nvmlInit()
        try:
            return [str(number) for number in range(pynvml.nvmlDeviceGetCount())]
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return []  # Without a driver there is no library to ask.


def assign_devices(
    settings: WorkerSettings, gpu_ids: Sequence[str], *, cores: int | None = None
) -> list[Device]:
    """Give each worker its device.

    With GPUs there are as many workers as they hold, otherwise ``count`` on the CPU.

    Args:
        settings: Of the sweep file.
        gpu_ids: What may be used.
        cores: CPU cores of the machine, or those that this process may use if None.

    Raises:
        InputError: If a worker wants more GPUs than there are.
    """
    share = settings.gpus_per_worker
    if gpu_ids and share > 0:
        if share < 1:
            shared = [Device((name,), share) for name in gpu_ids]
            return [device for device in shared for _ in range(device.n_sharing)]
        step = int(share)
        starts = range(0, len(gpu_ids) - step + 1, step)
        found = [Device(tuple(gpu_ids[i : i + step]), float(step)) for i in starts]
        if not found:
            raise InputError(
                f"workers.gpus_per_worker = {share:g}, but this machine has {len(gpu_ids)} GPUs."
            )
        return found
    cores = cores or usable_cores()
    return [Device(threads=max(1, cores // settings.count))] * settings.count


def set_up_gpus(*, mixed_precision: bool = True) -> None:
    """Let TensorFlow take GPU memory as it needs it, with mixed precision where that is fast.

    To be called in a process that has a GPU, before anything is computed.

    Args:
        mixed_precision: False for a refit: the model that is registered computes in float32, as
            it will wherever it is served.
    """
    import keras
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    # Tensor cores came with compute capability 7.
    capability = [
        tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0))
        for gpu in gpus
    ]
    if mixed_precision and capability and min(capability) >= (7, 0):
        keras.mixed_precision.set_global_policy("mixed_float16")


def hide_gpus() -> None:
    """Let this process compute on the CPU alone; before anything is computed.

    For one that compares what CPUs answer, or that leaves the GPUs to a process which it starts.

    Raises:
        InputError: If it has computed on a GPU before.
    """
    import tensorflow as tf

    try:
        tf.config.set_visible_devices([], "GPU")
    except RuntimeError:
        raise InputError(
            "this process has computed on a GPU, and what comes now belongs on the CPU: call it in "
            "a process of its own."
        ) from None
