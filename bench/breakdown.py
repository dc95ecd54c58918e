"""Where the time of our loop goes."""

from collections import defaultdict
from collections.abc import Mapping
from statistics import median
from typing import Any

from bench.stopwatch import Stopwatch, Target

HEADS = "heads"


def our_targets() -> list[Target]:
    """Name the functions whose seconds tell where the time of a sweep goes."""
    from mlruns_config.outbox.delivery import Delivery
    from mlruns_config.outbox.outbox import Outbox
    from objectives import trial
    from objectives.networks.extractors import FeatureExtractor
    from objectives.store.array_store import ArrayStore
    from objectives.training import head_stage
    from objectives.views.rendering import ViewRenderer
    from search import creation
    from search.storage.slots import Slots
    from search.study.reporter import TrialReporter
    from search.study.study import SweepStudy
    from search.workers.run_record import RunRecord

    return [
        (creation, "_prepared", "opening: audit, resize, folds"),
        (creation, "_check_tracking", "opening: MLflow's tables"),
        (creation, "open_storage", "opening: our tables"),
        (ViewRenderer, "shard", "augmentation (all threads)"),
        (FeatureExtractor, "__init__", "building backbones"),
        (FeatureExtractor, "extract", "forward"),
        (ArrayStore, "_publish", "store: checksums and fsync"),
        (head_stage, "train_heads", HEADS),
        (head_stage.HeadTrainer, "_predict", "validation of heads"),
        (head_stage.HeadTrainer, "__post_init__", "first weights of heads"),
        (trial, "write_artifacts", "pictures and files"),
        (TrialReporter, "report", "reporter"),
        (SweepStudy, "begin", "Optuna"),
        (SweepStudy, "tell", "Optuna"),
        (Slots, "claim", "storage"),
        (Slots, "finish", "storage"),
        (Slots, "note_params", "storage"),
        (RunRecord, "begin", "outbox: writing"),
        (RunRecord, "end", "outbox: writing"),
        (Delivery, "send", "MLflow (background)"),
        (Outbox, "close", "MLflow: waiting at the end"),
    ]


def seconds_by_part(watch: Stopwatch) -> Mapping[str, float]:
    """Give the seconds of each part, tracing apart from training, the largest first."""
    parts = dict(watch.wall_s)
    tracing_s = _tracing_seconds(watch.calls[HEADS])
    parts["tracing of heads"] = tracing_s
    parts[HEADS] = parts.get(HEADS, 0.0) - tracing_s
    ordered = sorted(parts.items(), key=lambda item: -item[1])
    return {name: round(seconds, 2) for name, seconds in ordered}


def _tracing_seconds(calls: list[tuple[Any, float]]) -> float:
    """Say how much longer the first epoch of each form of head took than its usual one."""
    by_form: defaultdict[Any, list[float]] = defaultdict(list)
    for form, seconds in calls:
        by_form[form].append(seconds)
    return sum(
        max(0.0, times[0] - median(times[1:])) for times in by_form.values() if len(times) > 1
    )
