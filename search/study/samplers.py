"""Which Optuna sampler draws the points, and which pruner gives trials up."""

import hashlib

from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from objectives.stopping.pruning import percentile_rule
from search.sweep_file.sections import SearchSettings

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
    """Make the pruner that watches the mean over the folds; the rules are in objectives.stopping.

    Args:
        search: Which pruner.
        epochs: The most steps of a trial, over all its stages.
    """
    if search.pruner == "hyperband":
        return HyperbandPruner(max_resource=max(2, epochs))
    rule = percentile_rule(search.pruner, epochs=epochs)
    if rule is None:
        return NopPruner()
    return PercentilePruner(
        rule.kept_percent,
        n_startup_trials=rule.min_trials,
        n_warmup_steps=rule.first_step,
        interval_steps=rule.interval_steps,
        n_min_trials=rule.min_trials,
    )
