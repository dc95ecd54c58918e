"""What a run of ``bench/time_to_score.py`` says, put together from what was measured."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.score.candidates import Part
from bench.score.measured import Measured, interval, mean_of

VIEWS = ("clean", "shifted", "corrupted", "robust")
OURS = "auto"
"""The form of a sweep's candidate that ``foldsweep promote`` makes if nobody says otherwise."""


def score_document(measured: Sequence[Measured]) -> dict[str, Any]:
    """Give the scores over time, and what they say of each other.

    Args:
        measured: All candidates, those of one search in the order of their minutes.
    """
    plain = _of(measured, "plain")
    return {
        "over_time": [one.as_dict() for one in measured],
        **_race(plain, _of(measured, "sweep")),
        "sweep_minus_fixed": _paired(last_of_each_seed(measured), _of(measured, "fixed")),
        "sweep_mean_of_seeds": _means(measured),
    }


def last_of_each_seed(measured: Sequence[Measured]) -> list[Measured]:
    """Give what each sweep ended with."""
    ended = {one.candidate.seed: one for one in _ours(measured)}
    return list(ended.values())


def _race(plain: Sequence[Measured], sweeps: Sequence[Measured]) -> dict[str, Any]:
    """Compare when a robust score was there: the best that the plain loop ended with."""
    if not plain:
        return {"plain_robust": None, "plain_s": None, "ours_s": None, "time_ratio": None}
    wanted = max(_robust(one) for one in _ends(plain))
    plain_s = _first_s(plain, wanted)
    seeds = sorted({one.candidate.seed for one in sweeps})
    ours_s = [_first_s([o for o in sweeps if o.candidate.seed == seed], wanted) for seed in seeds]
    ratios = [None if s is None or plain_s is None else s / plain_s for s in ours_s]
    reached = [ratio for ratio in ratios if ratio is not None]
    return {
        "plain_robust": wanted,
        "plain_s": plain_s,
        "ours_s": ours_s,
        # The worst seed counts, and one that never got there makes no ratio.
        "time_ratio": max(reached) if reached and len(reached) == len(ratios) else None,
    }


def _ends(found: Sequence[Measured]) -> list[Measured]:
    """Give the last candidate of each form."""
    return list({one.candidate.form: one for one in found}.values())


def _first_s(found: Sequence[Measured], robust: float) -> float | None:
    ready = [one.candidate.seconds for one in found if _robust(one) >= robust]
    return min(ready, default=None)


def _paired(sweeps: Sequence[Measured], fixed: Sequence[Measured]) -> Mapping[str, Any] | None:
    """Subtract the fixed heads' score from the sweeps', image by image."""
    if not sweeps or not fixed:
        return None
    return {
        view: interval(
            mean_of([one.replicates[view] for one in sweeps]) - fixed[0].replicates[view]
        )
        for view in VIEWS
    }


def _means(measured: Sequence[Measured]) -> list[dict[str, Any]]:
    """Average over seeds at each minute that all of them were looked at, and at the end."""
    ended = last_of_each_seed(measured)
    ends = [one.candidate for one in ended]
    moments: dict[float | str, list[Measured]] = {}
    for one in _ours(measured):
        moments.setdefault("end" if one.candidate in ends else one.candidate.minute, []).append(one)
    return [
        {"minute": moment, "seeds": len(found)}
        | {view: interval(mean_of([one.replicates[view] for one in found])) for view in VIEWS}
        for moment, found in moments.items()
        if len(found) == len(ended)
    ]


def _ours(measured: Sequence[Measured]) -> list[Measured]:
    return [one for one in _of(measured, "sweep") if one.candidate.form == OURS]


def _of(measured: Sequence[Measured], part: Part) -> list[Measured]:
    return [one for one in measured if one.candidate.part == part]


def _robust(one: Measured) -> float:
    return one.replicates["robust"].score
