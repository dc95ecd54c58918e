"""An objective that keeps memory for good in each trial after its process's fifth."""

import numpy as np

from objectives.records import TrialContext, TrialResult
from search.workers.memory import NOISE_BYTES, SETTLED_AFTER
from spaces.params import TrialParams
from tests.search.workers import held_objective

_kept: list[np.ndarray] = []
_trials: list[str] = []


def score(params: TrialParams, context: TrialContext) -> TrialResult:
    """Score a trial, and keep what nobody needs."""
    _trials.append(context.checkpoint_folder.name)
    if len(_trials) > SETTLED_AFTER:
        _kept.append(np.ones(2 * NOISE_BYTES, np.uint8))
    return held_objective.score(params, context)
