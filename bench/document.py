"""The one JSON document of a run, put together from the answers of its parts."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

from bench.real_sweep import Kind, KindCost, Work, plain_seconds
from bench.sizes import Size
from search.workers.provenance import git_commit, library_versions
from spaces.machine import usable_cores

Answer = Mapping[str, Any]
ALSO_INSTALLED = ("mlflow", "sqlalchemy", "scikit-learn")


def surroundings(size: Any, origin: str) -> dict[str, Any]:
    """Say when, where, with what and on what data a run was made."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git_commit(Path(__file__).parent),
        "machine": {
            "cpu": _cpu_name(),
            "cores": usable_cores(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "system": platform.platform(),
            "python": platform.python_version(),
            "load_average_before": [round(load, 2) for load in os.getloadavg()],
        },
        "versions": {**library_versions(), **{name: version(name) for name in ALSO_INSTALLED}},
        "data": origin,
        "size": None if size is None else asdict(size),
    }


def fixed_list_document(size: Size, plain: Answer, cold: Answer, warm: Answer) -> dict[str, Any]:
    """Put the figures of the fixed list together."""
    ours_mb, plain_mb = cold["peak_anonymous_mb"], plain["peak_anonymous_mb"]
    return {
        "plain_s": plain["plain_s"],
        "plain_train_only_s": plain["plain_train_only_s"],
        "ours_cold_s": cold["seconds"],
        "ours_warm_s": warm["seconds"],
        "bound_s": plain["bound_s"],
        "speedup": plain["plain_s"] / cold["seconds"],
        "speedup_train_only": plain["plain_train_only_s"] / cold["seconds"],
        "over_bound": cold["seconds"] / plain["bound_s"],
        "peak_anonymous_mb": {"plain": plain_mb, "ours": ours_mb},
        "peak_anonymous_ratio": ours_mb / plain_mb,
        "bytes_on_disk": cold["bytes_on_disk"],
        "images_per_s": plain["images_per_s"],
        "ours_breakdown_s": cold["breakdown_s"],
        "ours_warm_breakdown_s": warm["breakdown_s"],
        "trials": dict(cold["trials"]),
        "plain_timed": plain["timed"],
        "plain_shifted_set_s": plain["shifted_set_s"],
        "how": _how(size, len(plain["timed"])),
    }


def _how(size: Size, n_pairs: int) -> Mapping[str, str]:
    return {
        "plain_s": f"scaled: one trial of each of {n_pairs} pairs and {size.timed_folds} of its "
        f"{size.folds} folds were trained for all {size.epochs} epochs after a warm-up fit, and "
        "stand for every fold of every trial of their pair; the shifted validation images, "
        "augmented once, are added",
        "plain_train_only_s": "the same less the seconds of validation passes and of the shifted "
        "validation images",
        "clocks": "neither loop's clock runs during imports and the start of its process; ours "
        "runs from opening the sweep in an empty home to the end of sending to MLflow",
        "ours_warm_s": "the same list as a new sweep in a new process, the stores kept",
        "bound_s": "each view augmented once at augmentation_keras_cv, each view and backbone "
        "forwarded once at forward, validation views included",
        "ours_breakdown_s": "wall seconds inside functions; threads overlap, so they may add up "
        "to more than passed",
    }


def real_sweep_document(
    space: Any, swept: Answer, costs: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Compare a real sweep with the plain loop's cost of exactly its trials."""
    by_kind = {Kind(**cost["kind"]): KindCost(cost["setup_s"], cost["epoch_s"]) for cost in costs}
    work = [Work(**{**part, "kind": Kind(**part["kind"])}) for part in swept["work"]]
    plain_s = plain_seconds(work, by_kind)
    return {
        "real_sweep_speedup": plain_s / swept["seconds"],
        "real_sweep": {
            "space": space,
            "ours_s": swept["seconds"],
            "plain_s": plain_s,
            "plain_epochs_alone_s": plain_seconds(
                work, {kind: KindCost(0.0, cost.epoch_s) for kind, cost in by_kind.items()}
            ),
            "trials": dict(swept["trials"]),
            "fold_epochs": {
                "head": sum(part.fold_epochs for part in work if not part.kind.unfrozen),
                "finetune": sum(part.fold_epochs for part in work if part.kind.unfrozen),
            },
            "finetuned_trials": sum(1 for part in work if part.kind.unfrozen),
            "plain_costs": list(costs),
            "ours_breakdown_s": swept["breakdown_s"],
            "how": "for every trial and stage: folds begun x setup_s + fold epochs run x epoch_s "
            "of the plain loop for that backbone, policy, strength and unfrozen share",
        },
    }


def _cpu_name() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
