"""Two versions on the same held-out images: how far apart they are, and where they disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from objectives.evaluation.bootstrap import (
    Estimate,
    Resamples,
    draw_resamples,
    estimate,
    replicate,
)
from objectives.evaluation.scored_views import scored_views
from objectives.records import FloatArray
from search.promotion.gate import MARGIN
from search.promotion.pairing import Answers, Pair

Change = Literal["mended", "broken", "other mistake"]
Verdict = Literal["better", "worse", "undecided"]


@dataclass(frozen=True)
class ViewComparison:
    """The scores of both on one view, and the second's less the first's, with intervals."""

    first: Estimate
    second: Estimate
    difference: Estimate
    """Paired: both are resampled alike, group by group."""

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        return {
            name: {"score": found.score, "interval": [found.low, found.high]}
            for name, found in vars(self).items()
        }


@dataclass(frozen=True)
class Guess:
    """What a version says of an image."""

    label: str
    probability: float


@dataclass(frozen=True)
class ChangedImage:
    """An image of which the two say different classes, shown clean."""

    name: str
    row: int
    """In the data of the sweep."""
    label: str
    """What it is."""
    first: Guess
    second: Guess
    change: Change
    """``mended`` and ``broken`` by the second."""


@dataclass(frozen=True)
class Comparison:
    """All that was found."""

    metric: str
    kind: str
    """What the sweep's score is: ``robust``, ``clean`` or ``shifted``."""
    images: int
    groups: int
    score: ViewComparison | None
    """As the gate compares; None if the two were not shown the same shifted images."""
    views: Mapping[str, ViewComparison]
    """``clean``, and ``shifted`` and ``corrupted`` where both were shown the same."""
    changed: Sequence[ChangedImage]
    """Those that are broken first, then those that are mended, the surest answers first."""
    looks: int | None
    """At these images, if they were opened for it; None if all was kept."""

    @property
    def decisive(self) -> ViewComparison:
        """Give what the verdict is about: the score, or the clean view alone."""
        return self.score or self.views["clean"]

    @property
    def verdict(self) -> Verdict:
        """Say whether the second is surely better or worse."""
        difference = self.decisive.difference
        if difference.low > 0:
            return "better"
        return "worse" if difference.high < 0 else "undecided"

    @property
    def would_pass(self) -> bool:
        """Say whether the gate would let the second into the first one's place."""
        return self.decisive.difference.low >= -MARGIN

    def to_json(self) -> dict[str, Any]:
        """Give it as plain data."""
        counts = dict.fromkeys(("broken", "mended", "other mistake"), 0)
        for image in self.changed:
            counts[image.change] += 1
        return {
            "metric": self.metric,
            "kind": self.kind,
            "images": self.images,
            "groups": self.groups,
            "score": self.score and self.score.to_json(),
            "views": {view: found.to_json() for view, found in self.views.items()},
            "verdict": self.verdict,
            "would_pass": self.would_pass,
            "counts": counts,
            "changed": [asdict(image) for image in self.changed],
            "looks": self.looks,
        }


def compare_pair(pair: Pair) -> Comparison:
    """Compare the answers of two versions.

    Args:
        pair: Of which at least the clean view is there.
    """
    resamples = draw_resamples(pair.images.groups, seed=pair.about.seed)
    selected = _selected(pair)
    return Comparison(
        metric=pair.about.metric,
        kind=pair.about.score,
        images=len(pair.images.rows),
        groups=resamples.counts.shape[1],
        score=None if selected is None else _compared(pair, *selected, resamples),
        views={
            view: _compared(pair, found, pair.second[view], resamples)
            for view, found in pair.first.items()
        },
        changed=_changed(pair),
        looks=pair.looks,
    )


def _selected(pair: Pair) -> tuple[FloatArray, FloatArray] | None:
    """Give the views that the score looks at; None if one of them was not shown alike."""
    needed = scored_views(pair.about.score, "clean", "shifted" if pair.has_shift else None)
    if any(view not in answers for view in needed for answers in (pair.first, pair.second)):
        return None
    return _stacked(pair.first, needed), _stacked(pair.second, needed)


def _stacked(answers: Answers, views: Sequence[str]) -> FloatArray:
    return np.concatenate([found for view, found in answers.items() if view in views])


def _compared(
    pair: Pair, first: FloatArray, second: FloatArray, resamples: Resamples
) -> ViewComparison:
    labels, metric = pair.images.labels, pair.about.metric
    theirs = replicate(labels, first, metric, resamples)
    ours = replicate(labels, second, metric, resamples)
    return ViewComparison(estimate(theirs), estimate(ours), estimate(ours - theirs))


def _changed(pair: Pair) -> list[ChangedImage]:
    clean = pair.first["clean"][0], pair.second["clean"][0]
    first, second = (probabilities.argmax(axis=1) for probabilities in clean)
    images, names = pair.images, pair.class_names
    found = []
    for place in np.flatnonzero(first != second).tolist():
        label = int(images.labels[place])
        guesses = [
            Guess(names[int(said[place])], float(probabilities[place, said[place]]))
            for probabilities, said in zip(clean, (first, second), strict=True)
        ]
        change: Change = "other mistake"
        if label in (first[place], second[place]):
            change = "broken" if label == first[place] else "mended"
        name, row = str(images.names[place]), int(images.rows[place])
        found.append(ChangedImage(name, row, names[label], guesses[0], guesses[1], change))
    order = {"broken": 0, "mended": 1, "other mistake": 2}
    return sorted(found, key=lambda image: (order[image.change], -image.second.probability))
