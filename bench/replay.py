"""What stopping, fine-tuning, the race and bursts did in a finished sweep, from what it stored.

Usage: python -m bench.replay SWEEP, the name of one in the storage of the environment.
"""

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from objectives.stopping.early_stopping import Patience
from search.storage.records import EpochRow, Slot
from search.storage.slots import Slots
from spaces.params import TrialParams

Curve = npt.NDArray[np.float64]
"""Scores of a head stage, ``(epochs, folds)``."""
LATE_EPOCHS = 3
"""A fold that stopped so many epochs before the chosen one was scored far from it."""


def main() -> None:
    """Replay a sweep from its rows in the storage alone, and print one JSON document."""
    from search.cli.opening import open_sweep

    parser = argparse.ArgumentParser(prog="python -m bench.replay")
    parser.add_argument("sweep", help="its name")
    sweep = open_sweep(parser.parse_args().sweep)
    row = sweep.storage.sweeps.find(sweep.name)
    assert row is not None, "open_sweep has found it"
    slots = sweep.storage.slots(row.id)
    print(json.dumps(replay(slots, patience=sweep.file.train.patience), indent=1))


def replay(slots: Slots, *, patience: int) -> dict[str, Any]:
    """Say what each rule came to.

    Args:
        slots: Of a sweep.
        patience: Epochs that a fold would have waited, had each stopped by itself.
    """
    everyone = slots.all()
    done = [slot for slot in everyone if slot.state == "done" and slot.trial is not None]
    heads = sorted((slot for slot in done if slot.phase == "head"), key=_trial)
    curves = [curve for slot in heads if (curve := head_curve(slots.epochs(slot.number))).size]
    tuned = [slot for slot in everyone if slot.phase == "finetune" and slot.params]
    return {
        "stopping": replay_stopping(curves, patience),
        "finetuning": replay_finetuning(heads, tuned),
        "bursts": replay_bursts(heads),
    }


def head_curve(rows: Sequence[EpochRow]) -> Curve:
    """Put the epochs of a trial's head stage into one table; empty if there was none."""
    mine = sorted((row for row in rows if row.stage == "head"), key=lambda row: row.epoch)
    return np.array([[row.scores[j] for j in sorted(row.scores, key=int)] for row in mine])


def replay_stopping(curves: Sequence[Curve], patience: int) -> dict[str, Any]:
    """Compare folds that stop together, as they did, with folds that stop each by itself.

    Args:
        curves: Of trials; those of a trial that stopped early say nothing of what came after.
        patience: Epochs without a better score after which a fold would have stopped.

    Returns:
        Trials; of those, how many had a fold that would have stopped ``LATE_EPOCHS`` or more before
        the epoch at which it was scored; how much lower they would have been scored, on average,
        at most, and by more than 0.01; and the share of epochs that would not have been trained.
    """
    lower, late, saved = [], 0, []
    for curve in curves:
        stops = [_stop(curve[:, fold], patience) for fold in range(curve.shape[1])]
        chosen = [_chosen(curve, fold) for fold in range(curve.shape[1])]
        together = [curve[step, fold] for fold, step in enumerate(chosen)]
        alone = [curve[min(step, stops[f]), f] for f, step in enumerate(chosen)]
        lower.append(float(np.mean(together) - np.mean(alone)))
        late += any(step - stop >= LATE_EPOCHS for step, stop in zip(chosen, stops, strict=True))
        saved.append(1 - (np.mean(stops) + 1) / len(curve))
    if not lower:
        return {"trials": 0}
    return {
        "trials": len(lower),
        "with_a_late_fold": late,
        "mean_lower": float(np.mean(lower)),
        "most_lower": max(lower),
        "lower_by_a_point": sum(each > 0.01 for each in lower),
        "epochs_saved": float(np.mean(saved)),
    }


def _stop(scores: npt.NDArray[np.float64], epochs: int) -> int:
    """Give the epoch with which a fold stops by itself."""
    patience = Patience(epochs)
    for epoch, score in enumerate(scores):
        patience.note(float(score))
        if patience.exhausted:
            return epoch
    return len(scores) - 1


def _chosen(curve: Curve, fold: int) -> int:
    return int(np.delete(curve, fold, axis=1).mean(axis=1).argmax())


def replay_finetuning(heads: Sequence[Slot], tuned: Sequence[Slot]) -> dict[str, Any]:
    """List what each fine-tuning gained and cost, and which the race gave up."""
    before = {slot.trial: slot for slot in heads}
    rows: list[dict[str, Any]] = []
    for slot in sorted(tuned, key=lambda slot: slot.ended_at or 0.0):
        params, head = TrialParams.of_trial(slot.params or {}), before.get(slot.trial)
        if head is None or head.score is None:
            continue
        score = slot.score if slot.state == "done" else None
        rows.append(
            {
                "trial": slot.trial,
                "state": slot.state,
                "reason": slot.reason,
                "backbone": params.backbone,
                "optimizer": params.optimizer,
                "rate": params.finetune_learning_rate,
                "unfrozen": params.finetune_fraction,
                "head": head.score,
                "gain": None if score is None else score - head.score,
                "seconds": slot.device_s,
            }
        )
    gains = [row["gain"] for row in rows if row["gain"] is not None]
    reached = [row["head"] + row["gain"] for row in rows if row["gain"] is not None]
    return {
        "heads": len(heads),
        "head_seconds": sum(slot.device_s for slot in heads),
        "finetune_seconds": sum(slot.device_s for slot in tuned),
        "best_head": max((slot.score or 0.0 for slot in heads), default=None),
        "best_finetuned": max(reached, default=None),
        "mean_gain": statistics.fmean(gains) if gains else None,
        "given_up": sum(row["state"] == "pruned" for row in rows),
        "finetunings": rows,
    }


def replay_bursts(heads: Sequence[Slot]) -> dict[str, Any]:
    """Say what the first trial on a pair told about the others on it.

    Args:
        heads: The finished ones, in the order of their numbers.

    Returns:
        Bursts, how many ended with their first trial, and over the pairs that were tried more than
        once the correlation of the first score with the mean of the later ones; how often a pair
        that began below the median of all was later above it, and one that began above it.
    """
    found = [(TrialParams.of_trial(slot.params or {}).pair, slot.score or 0.0) for slot in heads]
    bursts = [list(burst) for _, burst in groupby(found, key=lambda each: each[0])]
    by_pair: dict[tuple[str, ...], list[float]] = {}
    for pair, score in found:
        by_pair.setdefault(pair, []).append(score)
    again = [(scores[0], statistics.fmean(scores[1:])) for scores in by_pair.values() if scores[1:]]
    median = statistics.median(score for _, score in found) if found else 0.0
    return {
        "bursts": len(bursts),
        "of_one_trial": sum(len(burst) == 1 for burst in bursts),
        "pairs": len(by_pair),
        "pairs_tried_again": len(again),
        "first_and_later": _correlation(again),
        "later_above_median": {
            "began_below": _share(later > median for first, later in again if first < median),
            "began_above": _share(later > median for first, later in again if first >= median),
        },
    }


def _correlation(points: Sequence[tuple[float, float]]) -> float | None:
    if len(points) < 3:
        return None
    first, later = np.array(points).T
    return float(np.corrcoef(first, later)[0, 1]) if first.std() and later.std() else None


def _share(whether: Any) -> Mapping[str, float] | None:
    answers = [bool(each) for each in whether]
    return {"of": len(answers), "share": statistics.fmean(answers)} if answers else None


def _trial(slot: Slot) -> int:
    return slot.trial or 0


if __name__ == "__main__":
    main()
