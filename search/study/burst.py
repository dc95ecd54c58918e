"""Bursts: a worker that has paid for a pair stays on it for a number of trials."""

import statistics
from collections.abc import Collection, Mapping
from typing import Any

import optuna
from optuna.trial import Trial

from search.study.samplers import RANDOM_TRIALS, fixed
from search.study.study import enqueued_labels
from spaces.space import PAIR_NAMES, Space

RANDOM_LENGTH = 2


class Burst:
    """The pair that a worker is on, and for how many more trials.

    The pair is drawn by the sampler once a burst; everything else is drawn for each trial. A
    trial that was enqueued with a pair of its own neither ends nor starts a burst. While the
    sampler still draws at random, bursts are short, so that it has seen several pairs before it
    chooses one. A burst whose first trial is worse than most of all trials ends with it.

    Args:
        space: Names the dimensions that make a pair.
        length: Trials of a burst, at least 1.
        random_trials: Trials of the study that are drawn at random.
    """

    def __init__(
        self, space: Space, length: int, *, random_trials: int = RANDOM_TRIALS["head"]
    ) -> None:
        self._labels = {d.label for d in space.dimensions if d.name in PAIR_NAMES}
        self._length = length
        self._random_trials = random_trials
        self._pair: Mapping[str, Any] = {}
        self._left = 0
        self._first: int | None = None

    def sampler(self, base: optuna.samplers.BaseSampler) -> optuna.samplers.BaseSampler:
        """Fix the pair of ``base`` while the burst lasts."""
        return base if self._left == 0 else fixed(self._pair, base)

    def note(self, trial: Trial) -> None:
        """Count a trial whose parameters have all been drawn."""
        if self._labels & enqueued_labels(trial):
            return
        pair = {label: trial.params[label] for label in self._labels if label in trial.params}
        if self._left == 0 or pair != self._pair:
            is_random = trial.number < self._random_trials
            self._pair = pair
            self._left = min(self._length, RANDOM_LENGTH) if is_random else self._length
            self._first = trial.number
        self._left -= 1

    def began_with(self, trial: int) -> bool:
        """Say whether a trial was the first of the present burst, the one that decides on it."""
        return trial == self._first

    def hear(self, trial: int, score: float | None, scores: Collection[float]) -> None:
        """Leave the pair if the first trial on it was not worth its cost.

        Args:
            trial: The number of one that has ended.
            score: What it found; None if it did not come to its end.
            scores: Of all trials that did, itself included.
        """
        if self.began_with(trial) and (score is None or score < statistics.median(scores)):
            self._left = 0
