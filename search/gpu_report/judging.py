"""What an answer of a probe means: ok or failed, and the figures that say so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from search.gpu_report.records import Outcome

FLOAT16_TOLERANCE = 0.01
"""Of the largest value. A float16 has 11 binary digits, and some hundred products are summed."""
FEATURES_TOLERANCE = 0.01
"""Of the largest feature: the GPU may multiply in TF32, with 11 binary digits."""
Verdict = tuple[Outcome, str]


@dataclass(frozen=True)
class Question:
    """What is asked of a GPU, by which probe, and how its answer is judged."""

    text: str
    probe: str
    judge: Callable[[Any], Verdict]


def is_seen(found: Mapping[str, Any]) -> Verdict:
    """Judge what TensorFlow lists."""
    if not found["names"]:
        build = "with" if found["built_with_cuda"] else "without"
        return "failed", f"TensorFlow lists no GPU; it was built {build} CUDA"
    capability = ".".join(map(str, found["capabilities"][0])) or "unknown"
    return "ok", f"{found['names'][0]}, compute capability {capability}"


def takes_memory_as_needed(found: Mapping[str, Any]) -> Verdict:
    """Judge whether memory growth is on after a worker's own setting up."""
    growth = found["growth"]
    return _outcome(bool(growth) and all(growth)), f"memory growth: {growth}"


def float16_is_close(found: Mapping[str, float]) -> Verdict:
    """Judge float16 against float32."""
    return within(found, FLOAT16_TOLERANCE)


def features_are_close(found: Mapping[str, float]) -> Verdict:
    """Judge features against the CPU's."""
    return within(found, FEATURES_TOLERANCE)


def within(differences: Mapping[str, float], tolerance: float) -> Verdict:
    """Judge relative differences; one that is no number is not within."""
    shown = ", ".join(f"{name} {value:.2g}" for name, value in differences.items())
    detail = f"largest difference as a share of the largest value: {shown} (at most {tolerance:g})"
    return _outcome(all(value <= tolerance for value in differences.values())), detail


def ran_together(answers: Sequence[Mapping[str, Any]]) -> Verdict:
    """Judge two processes: both computed, at the same time."""
    together_s = min(a["ended_s"] for a in answers) - max(a["began_s"] for a in answers)
    rounds = [answer["rounds"] for answer in answers]
    detail = f"{rounds[0]} and {rounds[1]} convolutions, {max(together_s, 0):.1f} s at once"
    return _outcome(min(rounds) > 0 and together_s > 0), detail


def went_on_with_less(found: Mapping[str, Any]) -> Verdict:
    """Judge a forward pass for which there was too little memory."""
    detail = (
        f"with {found['limit_mb']} MB the batch went from {found['before']} to {found['after']}, "
        f"features differ by {found['difference']:.2g} (at most {FEATURES_TOLERANCE:g})"
    )
    if found["after"] >= found["before"]:
        return "failed", f"memory never ran out, so nothing was seen: {detail}"
    return _outcome(found["difference"] <= FEATURES_TOLERANCE), detail


def _outcome(is_fine: bool) -> Outcome:
    return "ok" if is_fine else "failed"


QUESTIONS = (
    Question("TensorFlow sees it", "sight", is_seen),
    Question("memory is taken as needed", "sight", takes_memory_as_needed),
    Question("float16 computes what float32 does", "precision", float16_is_close),
    Question("two processes share it", "sharing", ran_together),
    Question("features are the CPU's", "features", features_are_close),
    Question("out of memory halves the batch", "memory", went_on_with_less),
)
