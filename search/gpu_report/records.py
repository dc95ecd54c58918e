"""The report on GPUs as frozen records."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["ok", "failed", "skipped"]
AUGMENTED, AUGMENTED_BY_KERAS_CV = "augmented by OpenCV", "augmented by keras-cv"
FORWARDED = "forwarded"


@dataclass(frozen=True)
class VisibleGpu:
    """A GPU that a worker may use, as NVIDIA's library describes it."""

    id: str
    """As CUDA_VISIBLE_DEVICES names it."""
    name: str
    driver: str
    memory_bytes: int


@dataclass(frozen=True)
class Check:
    """One question about a GPU and its answer."""

    gpu: str
    """The id; empty for all of them."""
    question: str
    outcome: Outcome
    detail: str
    """What was measured, or why it failed or was skipped."""


@dataclass(frozen=True)
class Rate:
    """How many images a second a device gets through."""

    device: str
    """``cpu``: all cores that this process may use; or such as ``gpu:0``."""
    what: str
    images_per_s: float | None
    problem: str = ""
    """Why there is no figure."""


@dataclass(frozen=True)
class GpuReport:
    """All that was found out on one machine."""

    date: str
    machine: Mapping[str, str]
    """Versions, processor, cores and memory by name."""
    cores: int
    """CPU cores that this process may use."""
    image_px: int
    policy: str
    """What was augmented by, at medium strength."""
    backbone: str
    gpus: tuple[VisibleGpu, ...]
    checks: tuple[Check, ...]
    rates: tuple[Rate, ...]

    @property
    def passed(self) -> bool:
        """True if nothing failed; what was skipped has not failed."""
        return all(check.outcome != "failed" for check in self.checks)

    def rate(self, device: str, what: str) -> float | None:
        """Give images a second; None if there is no such figure."""
        found = [r.images_per_s for r in self.rates if (r.device, r.what) == (device, what)]
        return found[0] if found else None

    def cores_for(self, gpu: VisibleGpu) -> float | None:
        """Say how many cores augment as many images a second as the GPU takes in.

        As many images go through each core as through every other, which holds for OpenCV's
        operations, one picture a thread.
        """
        forwarded, augmented = self.rate(f"gpu:{gpu.id}", FORWARDED), self.rate("cpu", AUGMENTED)
        if not forwarded or not augmented:
            return None
        return forwarded / (augmented / self.cores)

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        cores = {gpu.id: self.cores_for(gpu) for gpu in self.gpus}
        return {**asdict(self), "cores_for_a_gpu": cores, "passed": self.passed}
