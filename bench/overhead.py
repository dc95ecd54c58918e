"""Measure what share of a worker's time is no work, and what memory it holds after each trial.

Usage: python -m bench.overhead [--json] [--minutes M]

One worker in this process runs the sweep of `examples/blood_cells.yaml` for some minutes, on the
real images where they are. Each second of its main thread is booked on the innermost watched
function that it was in: what is done beside it, by other threads, costs none.
"""

import argparse
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

from bench.cells import load_cells
from bench.document import surroundings
from bench.memory import anonymous_mb
from bench.parts import use_shared_weights
from bench.stopwatch import Target
from bench.weights import mobilenets_with_weights

MINUTES = 6.0
WORK = ("data", "training", "evaluation")
WHOLE = "other"
"""What the loop of the worker does outside of all that is watched."""


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of the sweep")
    asked = parser.parse_args()
    use_shared_weights()
    with tempfile.TemporaryDirectory(prefix="foldsweep-bench-") as folder:
        document = measure_overhead(Path(folder), minutes=asked.minutes)
    print(json.dumps(document, indent=1) if asked.json else "\n".join(summary(document)))


def measure_overhead(folder: Path, *, minutes: float) -> dict[str, Any]:
    """Run a sweep and say where its worker's time went.

    Args:
        folder: Empty.
        minutes: Of the sweep.
    """
    from search.sweep import Sweep

    cells = load_cells(96)
    os.environ["FOLDSWEEP_HOME"] = str(folder / "home")
    sweep = Sweep.from_mapping(_content(cells.save(folder / "cells.npz"), minutes))
    watch, memory_mb = ExclusiveWatch(), list[float]()
    with watch.watching(_targets()), _noted_after_trials(memory_mb):
        sweep.work()
    status = sweep.status()
    return {
        **surroundings(None, cells.origin),
        **shares(watch.seconds),
        "anonymous_mb_after_trial": [round(megabytes) for megabytes in memory_mb],
        "trials": dict(status.trials),
        "finetuning": dict(status.finetuning),
    }


def shares(seconds: Mapping[str, float]) -> dict[str, Any]:
    """Give each part's share of all seconds, and that of what is no work."""
    total = sum(seconds.values())
    by_part = {name: taken / total for name, taken in sorted(seconds.items(), key=lambda i: -i[1])}
    return {
        "seconds": total,
        "overhead": sum(share for name, share in by_part.items() if name not in WORK),
        "shares": by_part,
    }


def _content(data: Path, minutes: float) -> dict[str, Any]:
    backbones = mobilenets_with_weights(96)
    own: dict[str, Any] = {"backbone": backbones} if backbones else {"backbone": "small_cnn"}
    return {
        "sweep": "overhead",
        "data": {"path": str(data), "image_px": 96, "exclude": "none"},
        "space": {"base": "small", **own},
        "budget": {"trials": 1000, "hours": minutes / 60},
    }


@contextmanager
def _noted_after_trials(memory_mb: list[float]) -> Iterator[None]:
    """Note the memory that this process holds whenever a phase of a trial has ended."""
    from search.workers.worker import Worker

    original = Worker._run_trial

    def noted(*arguments: Any) -> None:
        original(*arguments)
        memory_mb.append(anonymous_mb())

    setattr(Worker, "_run_trial", noted)  # noqa: B010
    try:
        yield
    finally:
        setattr(Worker, "_run_trial", original)  # noqa: B010


class ExclusiveWatch:
    """Books each second of one thread on the innermost watched function that it is in."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._clock = clock
        self._inside: list[str] = []
        self._since_s = 0.0
        self._thread = 0

    @contextmanager
    def watching(self, targets: list[Target]) -> Iterator["ExclusiveWatch"]:
        """Watch functions of this thread while the context lasts.

        Args:
            targets: As of :class:`bench.stopwatch.Stopwatch`; the seconds of the calls of the
                first one are all that is counted.
        """
        import threading

        self._thread = threading.get_ident()
        with ExitStack() as stack:
            for owner, name, label in targets:
                original = getattr(owner, name)
                stack.callback(setattr, owner, name, original)
                is_outermost = (owner, name, label) == targets[0]
                setattr(owner, name, self._watched(original, label, is_outermost=is_outermost))
            yield self

    def _watched(
        self, function: Callable[..., Any], label: str, *, is_outermost: bool
    ) -> Callable[..., Any]:
        import threading

        @wraps(function)
        def watched(*args: Any, **kwargs: Any) -> Any:
            is_mine = threading.get_ident() == self._thread and (self._inside or is_outermost)
            if not is_mine:
                return function(*args, **kwargs)
            self._book()
            self._inside.append(label)
            try:
                return function(*args, **kwargs)
            finally:
                self._book()
                self._inside.pop()

        return watched

    def _book(self) -> None:
        now_s = self._clock()
        if self._inside:
            self.seconds[self._inside[-1]] += now_s - self._since_s
        self._since_s = now_s


def _targets() -> list[Target]:
    from objectives import trial
    from objectives.evaluation.history import History
    from objectives.training.head_stage import HeadTrainer
    from objectives.training.network_stage import NetworkTrainer
    from objectives.training.prefetching import Prefetcher
    from objectives.trial_inputs import TrialInputs
    from search.checkpoints.keeper import TrialCheckpoints
    from search.storage.slots import Slots
    from search.storage.sweeps import Sweeps
    from search.storage.workers import Workers
    from search.study.reporter import TrialReporter
    from search.study.study import SweepStudy
    from search.workers import worker
    from search.workers.run_record import RunRecord

    return [
        (worker.Worker, "run", WHOLE),
        (worker.Worker, "_score", "training"),
        (TrialInputs, "of_folds", "data"),
        (TrialInputs, "validation_features", "data"),
        (TrialInputs, "validation_images", "data"),
        (Prefetcher, "get", "data"),
        (Prefetcher, "__exit__", "data"),
        (HeadTrainer, "advance", "training"),
        (HeadTrainer, "__post_init__", "training"),
        (NetworkTrainer, "advance", "training"),
        (HeadTrainer, "_predict", "evaluation"),
        (NetworkTrainer, "_outcome", "evaluation"),
        (History, "add", "evaluation"),
        (trial, "write_artifacts", "evaluation"),
        (trial, "summarise", "evaluation"),
        (worker, "outcome_of", "evaluation"),
        (worker, "save_oof", "evaluation"),
        (TrialCheckpoints, "save", "checkpoints"),
        (TrialCheckpoints, "load", "checkpoints"),
        (worker, "store_heads", "checkpoints"),
        (worker, "forget_heads", "checkpoints"),
        (worker, "drop_blobs", "checkpoints"),
        (TrialReporter, "report", "reporting epochs"),
        (SweepStudy, "begin", "Optuna"),
        (SweepStudy, "tell", "Optuna"),
        (RunRecord, "begin", "spooling for MLflow"),
        (RunRecord, "end", "spooling for MLflow"),
        *((Slots, name, "storage") for name in ("claim", "claim_finetuning", "finish", "standing")),
        (Slots, "unsaid", "storage"),
        (Sweeps, "find", "storage"),
        (Sweeps, "budget", "storage"),
        (Workers, "all", "storage"),
        (Workers, "beat", "storage"),
        (time, "sleep", "waiting"),
    ]


def summary(document: Mapping[str, Any]) -> list[str]:
    """Write the main figures as lines."""
    lines = [f"{name:22} {share:7.2%}" for name, share in document["shares"].items()]
    memory = document["anonymous_mb_after_trial"]
    lines += [
        f"{'after trial ' + str(n):22} {memory[n - 1]} MB" for n in (5, 50) if n <= len(memory)
    ]
    return [*lines, f"{'overhead':22} {document['overhead']:7.2%} of {document['seconds']:.0f} s"]


if __name__ == "__main__":
    main()
