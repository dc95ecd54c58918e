"""One sweep of ours, and what a promotion would make of it at moments of its time."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.progress import say
from bench.replay import replay
from bench.score.candidates import Candidate
from bench.score.promoted import Promoted, Promoter
from bench.score.sizes import ScoreSize
from objectives.ensembles.choosing import EnsembleSize
from objectives.evaluation.holdout import predict_holdout, score_holdout
from search.joining import join
from search.open_sweep import OpenSweep
from search.promotion.examination import Holdout
from search.promotion.report import scores_json
from search.promotion.tools import own_views
from search.storage.records import Slot
from search.sweep import Sweep

FORMS: Mapping[str, EnsembleSize] = {"single": "none", "auto": "auto"}
"""What is made at each moment, by ``promote --ensemble``; the last is what nobody asks for."""


@dataclass(frozen=True)
class Clock:
    """When trials ended, in seconds from the start of the process."""

    slots: Sequence[Slot]
    began_s: float

    def ended(self, seconds: float) -> list[Slot]:
        """Give the trials that had ended by then."""
        return [slot for slot in self.slots if self._end_s(slot) <= seconds]

    def first_s(self) -> float:
        """Say when the first score of a trial was there."""
        return min(self._end_s(slot) for slot in self.slots if slot.state == "done")

    def moments(self, minutes: Sequence[float], ended_s: float) -> list[float]:
        """Give the first score, the minutes that lie after it, and the end, all in seconds."""
        first_s = self.first_s()
        between = [60 * minute for minute in minutes if first_s < 60 * minute < ended_s]
        return [first_s, *between, ended_s]

    def _end_s(self, slot: Slot) -> float:
        return float("inf") if slot.ended_at is None else slot.ended_at - self.began_s


def sweep_over_time(
    content: Mapping[str, Any], size: ScoreSize, folder: Path, began_s: float
) -> dict[str, Any]:
    """Run a sweep as ``foldsweep launch`` does, then make its candidates.

    Args:
        content: The sweep file; the home is that of the environment.
        size: At which minutes candidates are made.
        folder: For models.
        began_s: When the process began.
    """
    sweep = Sweep.from_mapping(content)
    launched_s = time.time() - began_s
    status = sweep.launch()
    ended_s = time.time() - began_s
    say(f"sweep, seed {sweep.file.search.seed}: {dict(status.trials)} after {ended_s:.0f} s")
    opened = join(sweep.file, sweep.settings)
    clock, promoter = Clock(opened.slots.all(), began_s), Promoter(opened)
    candidates = []
    for moment_s in clock.moments(size.looked_at_minutes, ended_s):
        for form, ensemble in FORMS.items():
            promoted = promoter.promote(clock.ended(moment_s), ensemble)
            candidates.append(_candidate(promoted, form, opened, moment_s, folder))
    held_out = {**candidates[-1].about, "holdout": _holdout_scores(opened, promoted)}
    candidates[-1] = replace(candidates[-1], about=held_out)
    return {
        "seed": opened.file.search.seed,
        "first_score_s": clock.first_s() - launched_s,
        "ended_s": ended_s,
        "trials": dict(status.trials),
        "replay": replay(opened.slots, patience=opened.file.train.patience),
        "candidates": [candidate.as_dict() for candidate in candidates],
    }


def _candidate(
    promoted: Promoted, form: str, opened: OpenSweep, moment_s: float, folder: Path
) -> Candidate:
    file = folder / f"{promoted.key}.keras"
    if not file.is_file():
        promoted.classifier.model.save(file)
    seconds = moment_s + promoted.choosing_s + promoted.refit_s
    seed = opened.file.search.seed
    about = promoted.about()
    return Candidate("sweep", form, seed, moment_s / 60, seconds, (str(file),), about)


def _holdout_scores(opened: OpenSweep, promoted: Promoted) -> dict[str, Any]:
    """Score the last candidate as a promotion does, on what the sweep keeps for that."""
    data, file = opened.prepared.data, opened.file
    holdout = Holdout.of(data, opened.prepared.splits)
    views = own_views(opened)(holdout.rows)
    predictions = predict_holdout(
        promoted.classifier.predict, holdout.images, views, n_classes=len(data.class_names)
    )
    scores = score_holdout(
        holdout.labels,
        predictions,
        validation=file.validation,
        groups=holdout.groups,
        seed=file.search.seed,
    )
    return {"images": len(holdout.rows), **scores_json(scores)}
