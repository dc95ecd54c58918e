"""Makes the report: asks every question of every GPU, and measures what feeds them."""

import platform
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

import psutil

from search.gpu_report.judging import QUESTIONS
from search.gpu_report.processes import ProbeError, run_probe, run_two_at_once
from search.gpu_report.records import (
    AUGMENTED,
    AUGMENTED_BY_KERAS_CV,
    FORWARDED,
    Check,
    GpuReport,
    Rate,
    VisibleGpu,
)
from search.gpu_report.throughput import BACKBONE, IMAGE_PX, POLICY, RATE_IMAGES
from search.gpu_report.visible_gpus import describe_gpus
from search.settings import RuntimeSettings
from search.workers.device import find_gpus
from search.workers.provenance import library_versions
from spaces.machine import usable_cores

NO_GPU = "no GPU is visible: the driver shows none, or CUDA_VISIBLE_DEVICES hides them"
OnStep = Callable[[str], None]


def make_gpu_report(
    gpus: Sequence[VisibleGpu] | None = None,
    *,
    n_images: int = RATE_IMAGES,
    on_step: OnStep = lambda _: None,
) -> GpuReport:
    """Look at every GPU and at what feeds it; takes some minutes, and no GPU makes it raise.

    Args:
        gpus: Those to look at; None for all that this process may use.
        n_images: How many images each rate is measured on.
        on_step: Told in a few words what is looked at.
    """
    if gpus is None:
        gpus = describe_gpus(find_gpus(RuntimeSettings.from_environment().visible_gpus))
    checks = [check for gpu in gpus for check in check_gpu(gpu, on_step)]
    if not gpus:
        checks = [Check("", question.text, "skipped", NO_GPU) for question in QUESTIONS]
    return GpuReport(
        date=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        machine=_machine(),
        cores=usable_cores(),
        image_px=IMAGE_PX,
        policy=POLICY,
        backbone=BACKBONE,
        gpus=tuple(gpus),
        checks=tuple(checks),
        rates=tuple(_rates(gpus, n_images, on_step)),
    )


def check_gpu(gpu: VisibleGpu, on_step: OnStep = lambda _: None) -> Iterator[Check]:
    """Ask every question; if TensorFlow does not see the GPU, only whether it does."""
    answers: dict[str, object] = {}
    first, *others = QUESTIONS
    for question in QUESTIONS:
        on_step(f"GPU {gpu.id}: {question.text}")
        try:
            if question.probe not in answers:
                answers[question.probe] = _asked(question.probe, gpu.id)
            outcome, detail = question.judge(answers[question.probe])
        except ProbeError as error:
            outcome, detail = "failed", str(error)
        yield Check(gpu.id, question.text, outcome, detail)
        if question is first and outcome == "failed":
            reason = "TensorFlow does not see this GPU"
            yield from (Check(gpu.id, other.text, "skipped", reason) for other in others)
            return


def _asked(probe: str, gpu_id: str) -> object:
    return run_two_at_once(probe, gpu_id) if probe == "sharing" else run_probe(probe, gpu_id)


def _rates(gpus: Sequence[VisibleGpu], n_images: int, on_step: OnStep) -> Iterator[Rate]:
    measure = partial(_rate, n_images=n_images, on_step=on_step)
    yield measure("cpu", AUGMENTED, "opencv_rate", None)
    for device, gpu_id in [("cpu", None), *((f"gpu:{gpu.id}", gpu.id) for gpu in gpus)]:
        yield measure(device, AUGMENTED_BY_KERAS_CV, "keras_cv_rate", gpu_id)
        yield measure(device, FORWARDED, "forward_rate", gpu_id)


def _rate(
    device: str, what: str, probe: str, gpu_id: str | None, *, n_images: int, on_step: OnStep
) -> Rate:
    on_step(f"{device}: images {what} a second")
    try:
        answer = run_probe(probe, gpu_id, str(n_images))
    except ProbeError as error:
        return Rate(device, what, None, str(error))
    if gpu_id is not None and not answer["on_gpu"]:
        return Rate(device, what, None, "TensorFlow does not see this GPU")
    return Rate(device, what, float(answer["images_per_s"]))


def _machine() -> dict[str, str]:
    return {
        **library_versions(),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": platform.processor() or platform.machine(),
        "cores": f"{usable_cores()} of {psutil.cpu_count()}",
        "memory": f"{psutil.virtual_memory().total / 1e9:.0f} GB",
    }
