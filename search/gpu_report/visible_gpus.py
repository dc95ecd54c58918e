"""Names, drivers and memory of the GPUs, by NVIDIA's library and without TensorFlow."""

from collections.abc import Sequence

import pynvml

from search.gpu_report.records import VisibleGpu


def describe_gpus(ids: Sequence[str]) -> tuple[VisibleGpu, ...]:
    """Describe GPUs; what the library does not tell is said to be unknown.

    Args:
        ids: As :func:`search.workers.device.find_gpus` gives them: numbers, or such as ``GPU-...``.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return tuple(VisibleGpu(name, f"unknown ({error})", "unknown", 0) for name in ids)
    try:
        return tuple(_described(name) for name in ids)
    finally:
        pynvml.nvmlShutdown()


def _described(name: str) -> VisibleGpu:
    try:
        handle = (
            pynvml.nvmlDeviceGetHandleByIndex(int(name))
            if name.isdecimal()
            else pynvml.nvmlDeviceGetHandleByUUID(name)
        )
        return VisibleGpu(
            name,
            _text(pynvml.nvmlDeviceGetName(handle)),
            _text(pynvml.nvmlSystemGetDriverVersion()),
            int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        )
    except pynvml.NVMLError as error:
        return VisibleGpu(name, f"unknown ({error})", "unknown", 0)


def _text(value: str | bytes) -> str:
    # Older versions of the library give bytes.
    return value.decode() if isinstance(value, bytes) else value
