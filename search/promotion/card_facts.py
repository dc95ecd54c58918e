"""The facts of a model card: all that is known of a model when it is registered."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from objectives.evaluation.bootstrap import Estimate, draw_resamples, estimate, replicate
from objectives.evaluation.metrics import summarise
from search.open_sweep import OpenSweep
from search.promotion.examination import Examination, Holdout
from search.promotion.report import Promotion
from search.trial_phases import trials_of
from spaces.redact import redact
from spaces.space import Dimension


@dataclass(frozen=True)
class DataFacts:
    """What was trained and tested on."""

    name: str
    path: str
    fingerprint: str
    image_px: int
    images: int
    trained_on: int
    held_out: int
    asked_about: int
    """Of those held out, all that the champion before knows no image of the group of."""


@dataclass(frozen=True)
class ClassFacts:
    """One class: images, and how it was told from the others on those held out."""

    name: str
    trained_on: int
    held_out: int
    precision: float
    recall: float
    shifted_recall: float | None


@dataclass(frozen=True)
class SearchFacts:
    """What was searched, and how it was scored."""

    sweep: str
    states: Mapping[str, int]
    """Counts of trials by the state of their first phase."""
    fine_tuned: int
    sampler: str
    folds: int
    metric: str
    score: str
    shift: str
    dimensions: Sequence[tuple[str, str]]
    """Name of each, and its values in words."""


@dataclass(frozen=True)
class CardFacts:
    """All of it."""

    promotion: Promotion
    data: DataFacts
    classes: Sequence[ClassFacts]
    search: SearchFacts
    corruptions: Mapping[str, Estimate]
    """The score under each."""


def card_facts(
    opened: OpenSweep, promotion: Promotion, found: Examination, holdout: Holdout
) -> CardFacts:
    """Gather the facts.

    Args:
        opened: The sweep.
        promotion: What was decided.
        found: What was asked.
        holdout: The images that were asked about.
    """
    data, splits = opened.prepared.data, opened.prepared.splits
    return CardFacts(
        promotion,
        DataFacts(
            name=opened.dataset().name,
            path=redact(str(opened.file.data.path)),
            fingerprint=opened.row.fingerprint,
            image_px=opened.file.data.image_px,
            images=len(data.labels),
            trained_on=len(splits.rows),
            held_out=len(splits.holdout_rows),
            asked_about=len(holdout.rows),
        ),
        _classes(opened, found, holdout),
        _search(opened),
        _corruptions(opened, found, holdout),
    )


def _classes(opened: OpenSweep, found: Examination, holdout: Holdout) -> list[ClassFacts]:
    data, splits = opened.prepared.data, opened.prepared.splits
    n_classes = len(data.class_names)
    trained_on = np.bincount(data.labels[splits.rows], minlength=n_classes)
    held_out = np.bincount(holdout.labels, minlength=n_classes)
    answers, names = found.predictions, data.class_names
    clean = summarise(holdout.labels, answers.clean[0], names).classes
    shifted = (
        None
        if answers.shifted is None
        else summarise(holdout.labels, answers.shifted[0], names).classes
    )
    return [
        ClassFacts(
            name,
            int(trained_on[place]),
            int(held_out[place]),
            clean[name].precision,
            clean[name].recall,
            None if shifted is None else shifted[name].recall,
        )
        for place, name in enumerate(names)
    ]


def _search(opened: OpenSweep) -> SearchFacts:
    trials, file = trials_of(opened.slots.all()), opened.file
    return SearchFacts(
        sweep=opened.row.name,
        states=Counter(trial.head.state for trial in trials),
        fine_tuned=sum(trial.finetuning is not None for trial in trials),
        sampler=file.search.sampler,
        folds=file.validation.folds,
        metric=file.validation.metric,
        score=file.validation.score,
        shift=file.validation.shift,
        dimensions=[(each.label, _values(each)) for each in opened.space.dimensions],
    )


def _values(dimension: Dimension) -> str:
    if dimension.kind == "choice":
        return ", ".join(map(str, dimension.choices))
    return f"{dimension.low:g} to {dimension.high:g}{' (log scale)' if dimension.log else ''}"


def _corruptions(opened: OpenSweep, found: Examination, holdout: Holdout) -> dict[str, Estimate]:
    resamples = draw_resamples(holdout.groups, seed=opened.file.search.seed)
    metric = opened.file.validation.metric
    answers = zip(found.predictions.corruption_names, found.predictions.corrupted, strict=True)
    return {
        name: estimate(replicate(holdout.labels, probabilities[None], metric, resamples))
        for name, probabilities in answers
    }
