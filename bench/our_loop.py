"""Our loop, timed: a sweep by one worker in this process, with study, reporter and MLflow."""

import importlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.breakdown import our_targets, seconds_by_part
from bench.memory import AnonymousMemory
from bench.stopwatch import Stopwatch

IMPORTED_FIRST = (
    "tensorflow",
    "keras",
    "mlflow",
    "optuna",
    "cv2",
    "matplotlib.pyplot",
    "sklearn.model_selection",
    "objectives.trial",
    "objectives.augmentation.opencv_augmenter",
    "objectives.audit",
    "objectives.splits",
    "search.workers.worker",
    "search.engines.launcher",
    "mlruns_config.outbox.delivery",
)


@dataclass(frozen=True)
class SweepTiming:
    """One sweep, from opening it in its home to MLflow's having everything."""

    seconds: float
    trials: Mapping[str, int]
    """Counts by state."""
    peak_anonymous_mb: float
    breakdown_s: Mapping[str, float]


class UnfinishedError(RuntimeError):
    """Trials of the benchmark's sweep failed, so its time says nothing."""


def time_sweep(content: Mapping[str, Any]) -> SweepTiming:
    """Run a sweep as ``foldsweep worker`` does and time it; the clock starts after the imports.

    Args:
        content: The sweep file; the home is that of the environment.

    Raises:
        UnfinishedError: If a trial failed or MLflow has not got everything.
    """
    from search.sweep import Sweep

    _import_all()
    sweep = Sweep.from_mapping(content)
    with AnonymousMemory() as memory, Stopwatch().watching(our_targets()) as watch:
        began_s = time.perf_counter()
        sweep.work()
        seconds = time.perf_counter() - began_s
    counts = sweep.status().trials
    _check(counts, sweep.folder)
    return SweepTiming(seconds, counts, memory.peak_mb, seconds_by_part(watch))


def _import_all() -> None:
    """Load the libraries and let TensorFlow start: the plain loop's clock runs without that too."""
    for name in IMPORTED_FIRST:
        importlib.import_module(name)
    import tensorflow as tf

    tf.constant(0.0).numpy()


def _check(counts: Mapping[str, int], folder: Path) -> None:
    unfinished = {state: counts[state] for state in ("free", "running", "failed") if counts[state]}
    if unfinished:
        raise UnfinishedError(f"trials that did not end well: {unfinished}; see {folder}")
    unsent = [*folder.glob("outbox/*/*.jsonl"), *folder.glob("outbox/*/*.open")]
    if unsent:
        raise UnfinishedError(f"MLflow has not got everything: {unsent[0]} waits")


def stored_bytes(home: Path) -> Mapping[str, Any]:
    """Say how many bytes views and features take on disk, on the average of each kind."""
    from objectives.data.prepared import IMAGES_KIND
    from objectives.store.array_store import ArrayStore

    found = ArrayStore(home / "store", max_bytes=2**62).entries()
    entries = [entry for entry in found if entry.key.get("kind") != IMAGES_KIND]
    views = [entry.n_bytes for entry in entries if "backbone" not in entry.key]
    features: dict[str, list[int]] = {}
    for entry in entries:
        if "backbone" in entry.key:
            features.setdefault(str(entry.key["backbone"]), []).append(entry.n_bytes)
    return {
        "view": _mean(views),
        "views": len(views),
        "feature_view": {name: _mean(sizes) for name, sizes in sorted(features.items())},
        "feature_views": sum(map(len, features.values())),
    }


def _mean(sizes: list[int]) -> int | None:
    return round(sum(sizes) / len(sizes)) if sizes else None
