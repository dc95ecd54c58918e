"""The report on GPUs as a text to read and to paste into an issue."""

from collections.abc import Iterator

from mlruns_config.markdown import table_lines
from search.gpu_report.records import (
    AUGMENTED,
    AUGMENTED_BY_KERAS_CV,
    FORWARDED,
    GpuReport,
    VisibleGpu,
)


def as_markdown(report: GpuReport) -> str:
    """Write the report as Markdown."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: GpuReport) -> Iterator[str]:
    yield f"## foldsweep doctor --gpu, {report.date}\n"
    yield from table_lines(("machine", ""), report.machine.items())
    if report.gpus:
        rows = [(g.id, g.name, g.driver, f"{g.memory_bytes / 1e9:.1f} GB") for g in report.gpus]
        yield from table_lines(("GPU", "name", "driver", "memory"), rows)
    rows = [
        (check.gpu or "-", check.question, check.outcome, check.detail) for check in report.checks
    ]
    yield from table_lines(("GPU", "question", "answer", "detail"), rows)
    rates = [
        (rate.device, rate.what, f"{rate.images_per_s:,.0f}" if rate.images_per_s else rate.problem)
        for rate in report.rates
    ]
    yield from table_lines(("device", "images", "a second"), rates)
    yield (
        f"Images of {report.image_px} px, augmented by {report.policy} at medium strength, "
        f"forwarded by {report.backbone}; cpu is {report.cores} cores."
    )
    for gpu in report.gpus:
        yield from _what_feeds(report, gpu)


def _what_feeds(report: GpuReport, gpu: VisibleGpu) -> Iterator[str]:
    """Say which way of augmenting keeps a GPU busy."""
    cores, forwarded = report.cores_for(gpu), report.rate(f"gpu:{gpu.id}", FORWARDED)
    if cores is None or forwarded is None:
        return
    yield (
        f"\nGPU {gpu.id} takes in what {cores:.1f} cores augment by OpenCV "
        f"({forwarded:,.0f} images/s against {report.rate('cpu', AUGMENTED) or 0:,.0f} of "
        f"{report.cores} cores)."
    )
    by_itself = report.rate(f"gpu:{gpu.id}", AUGMENTED_BY_KERAS_CV)
    if by_itself:
        both = 1 / (1 / by_itself + 1 / forwarded)
        yield (
            f"If it augmented by keras-cv itself, it would get through {both:,.0f} images/s, "
            "augmentation and forward pass in turn."
        )
