"""Which Optuna sampler draws the points, and which pruner gives trials up."""

import hashlib
import warnings
from collections.abc import Mapping
from typing import Any

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, PartialFixedSampler, RandomSampler, TPESampler
from optuna.search_space import IntersectionSearchSpace

from objectives.records import Phase
from objectives.stopping.pruning import percentile_rule
from search.sweep_file.sections import SearchSettings

RANDOM_TRIALS: Mapping[Phase, int] = {"head": 10, "finetune": 5}
"""Trials that TPE draws at random before it learns from them: of heads Optuna's default; fewer are
fine-tuned, and fewer parameters are drawn for it."""


def make_sampler(
    search: SearchSettings,
    slot_number: int,
    phase: Phase = "head",
    *,
    shared: IntersectionSearchSpace | None = None,
) -> BaseSampler:
    """Make the sampler that draws what one phase of a slot tries.

    Its seed comes from the sweep's and the slot's number: no two workers, nor a worker and its
    later self, draw the same first points (optuna#4714), and one worker alone can be repeated.

    Args:
        search: Which sampler, and the sweep's seed.
        slot_number: The slot's.
        phase: Each has draws of its own.
        shared: What TPE knows of the space that all trials of a study have, kept from sampler to
            sampler; each would go through all trials of the study to find it out.
    """
    text = f"{search.seed}/{slot_number}" + ("" if phase == "head" else f"/{phase}")
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    sampler = TPESampler(seed=seed, n_startup_trials=RANDOM_TRIALS[phase])
    if shared is not None:
        sampler._search_space = shared
    return sampler


def shared_space() -> IntersectionSearchSpace:
    """Make what the samplers of one study share, see :func:`make_sampler`."""
    return IntersectionSearchSpace(include_pruned=True)


def fixed(values: Mapping[str, Any], base: BaseSampler) -> BaseSampler:
    """Let ``base`` draw all but some values, which are given by label."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return PartialFixedSampler(dict(values), base)


def make_pruner(search: SearchSettings, *, epochs: int) -> BasePruner:
    """Make the pruner that watches the mean over the folds; the rules are in objectives.stopping.

    Args:
        search: Which pruner.
        epochs: The most epochs of the first stage.
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


def first_scratch_look(search: SearchSettings, *, epochs: int) -> int | None:
    """Say after how many epochs a network from scratch is judged; None if it never is.

    Its steps lie behind those of all heads, where the pruner knows of no warm-up any more, and
    Hyperband compares what has come equally far, whatever it is.

    Args:
        search: Which pruner.
        epochs: As for :func:`make_pruner`.
    """
    rule = percentile_rule(search.pruner, epochs=epochs)
    return None if rule is None else rule.first_step
