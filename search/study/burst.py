"""Bursts: a worker that has paid for a pair stays on it for a number of trials."""

import warnings
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.trial import Trial

from search.study.samplers import RANDOM_TRIALS
from search.study.study import enqueued_labels
from spaces.space import PAIR_NAMES, Space

RANDOM_LENGTH = 2


class Burst:
    """The pair that a worker is on, and for how many more trials.

    The pair is drawn by the sampler once a burst; everything else is drawn for each trial. A
    trial that was enqueued with a pair of its own neither ends nor starts a burst. While the
    sampler still draws at random, bursts are short, so that it has seen several pairs before it
    chooses one.

    Args:
        space: Names the dimensions that make a pair.
        length: Trials of a burst, at least 1.
        random_trials: Trials of the study that are drawn at random.
    """

    def __init__(self, space: Space, length: int, *, random_trials: int = RANDOM_TRIALS) -> None:
        self._labels = {d.label for d in space.dimensions if d.name in PAIR_NAMES}
        self._length = length
        self._random_trials = random_trials
        self._pair: Mapping[str, Any] = {}
        self._left = 0

    def sampler(self, base: optuna.samplers.BaseSampler) -> optuna.samplers.BaseSampler:
        """Fix the pair of ``base`` while the burst lasts."""
        if self._left == 0:
            return base
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return optuna.samplers.PartialFixedSampler(dict(self._pair), base)

    def note(self, trial: Trial) -> None:
        """Count a trial whose parameters have all been drawn."""
        if self._labels & enqueued_labels(trial):
            return
        pair = {label: trial.params[label] for label in self._labels if label in trial.params}
        if self._left == 0 or pair != self._pair:
            is_random = trial.number < self._random_trials
            self._pair = pair
            self._left = min(self._length, RANDOM_LENGTH) if is_random else self._length
        self._left -= 1
