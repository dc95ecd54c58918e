"""Which Optuna sampler draws the points, and which pruner gives trials up."""

import hashlib

from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from search.sweep_file.sections import SearchSettings

STARTUP_TRIALS = 5
RANDOM_TRIALS = 10
"""Trials that TPE draws at random before it learns from them: Optuna's default."""


def make_sampler(search: SearchSettings, slot_number: int) -> BaseSampler:
    """Make the sampler that draws the trial of one slot.

    Its seed comes from the sweep's and the slot's number: no two workers, nor a worker and its
    later self, draw the same first points (optuna#4714), and one worker alone can be repeated.

    Args:
        search: Which sampler, and the sweep's seed.
        slot_number: The slot's.
    """
    text = f"{search.seed}/{slot_number}".encode()
    seed = int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS)


def make_pruner(search: SearchSettings, *, epochs: int) -> BasePruner:
    """Make the pruner that watches the mean over the folds, epoch by epoch.

    Args:
        search: Which pruner.
        epochs: The most steps of a trial, over all its stages.
    """
    if search.pruner == "none":
        return NopPruner()
    if search.pruner == "hyperband":
        return HyperbandPruner(max_resource=max(2, epochs))
    # A further trial on a pair costs seconds: by default only the hopeless are stopped.
    kept_percent = 50.0 if search.pruner == "median" else 75.0
    # The first epochs of a warm-up say little; judged at every epoch, a trial is soon compared with
    # survivors alone; and where most trials have stopped early, the few that go on are no measure.
    return PercentilePruner(
        kept_percent,
        n_startup_trials=STARTUP_TRIALS,
        n_warmup_steps=epochs // 4,
        interval_steps=max(1, epochs // 4),
        n_min_trials=STARTUP_TRIALS,
    )
