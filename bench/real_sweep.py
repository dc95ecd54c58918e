"""A real sweep, and what the plain loop would have paid for exactly its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.fixed_list import BATCH_SIZE, SHIFT
from bench.sizes import Size
from bench.weights import has_imagenet_weights, mobilenets_with_weights
from search.storage.records import EpochRow
from search.storage.slots import Slots
from spaces.default_space import DEFAULT
from spaces.params import TrialParams
from spaces.space import Space


@dataclass(frozen=True)
class Kind:
    """What decides the plain loop's seconds per fold and epoch."""

    backbone: str
    weights: str
    policy: str
    strength: str
    unfrozen: float
    """Share of the backbone's layers that train; 0 in the head stage."""


@dataclass(frozen=True)
class Work:
    """What one stage of one trial really ran."""

    trial: int
    kind: Kind
    folds: int
    """Folds that began the stage."""
    fold_epochs: int
    """Epochs of all folds together; a fold that has stopped runs none."""


@dataclass(frozen=True)
class KindCost:
    """The plain loop's seconds for one fold of a kind."""

    setup_s: float
    """Build, compile and trace: once a fold and stage."""
    epoch_s: float
    """One epoch with its validation."""


def choose_space(image_px: int) -> str | dict[str, Any]:
    """Take the default space if all its weights are there, else the MobileNets of the small one."""
    if all(has_imagenet_weights(name, image_px) for name in _backbones(DEFAULT)):
        return "default"
    return {"base": "small", "backbone": mobilenets_with_weights(image_px)}


def real_sweep(name: str, data: Path, size: Size, weights: Mapping[str, str]) -> dict[str, Any]:
    """Write the sweep file: TPE, bursts, a median pruner, early stopping and fine-tuning on.

    Args:
        name: Of the sweep.
        data: The images.
        size: Trials, epochs and folds.
        weights: For where no ImageNet weights are at all: random ones by backbone.
    """
    space = choose_space(size.image_px)
    if space != "default" and not space["backbone"]:  # type: ignore[index]
        space = {"base": "small", "backbone": list(weights), "weights": sorted(weights.values())}
    return {
        "sweep": name,
        "data": {"path": str(data), "image_px": size.image_px, "exclude": "none", "holdout": 0.0},
        "validation": {"folds": size.folds, "shift": SHIFT},
        "train": {
            "head_epochs": size.sweep_head_epochs,
            "finetune_epochs": size.sweep_finetune_epochs,
            "finetune_top": 0.25,
            "patience": 3,
        },
        "space": space,
        "search": {"sampler": "tpe", "burst": 6, "seed": 0},
        "budget": {"trials": size.sweep_trials},
    }


def work_of_sweep(slots: Slots) -> list[Work]:
    """Read from the storage what each phase of each trial ran; those that failed count nothing."""
    found: list[Work] = []
    for slot in slots.all():
        if slot.trial is not None and slot.state in ("done", "pruned"):
            params = TrialParams.of_trial(slot.params or {})
            rows = [row for row in slots.epochs(slot.number) if row.phase == slot.phase]
            found.extend(work_of_epochs(slot.trial, params, rows))
    return found


def work_of_epochs(trial: int, params: TrialParams, rows: Sequence[EpochRow]) -> list[Work]:
    """Count the folds and fold epochs of each stage; an epoch of a fold counts once."""
    ran = {(row.stage, row.epoch, fold) for row in rows for fold in row.scores}
    stages = dict.fromkeys(row.stage for row in rows)
    return [
        Work(
            trial,
            _kind(params, stage),
            len({fold for of, _, fold in ran if of == stage}),
            sum(of == stage for of, _, _ in ran),
        )
        for stage in stages
    ]


def plain_seconds(work: Sequence[Work], costs: Mapping[Kind, KindCost]) -> float:
    """Add up what the plain loop would have paid for the same folds and epochs."""
    return sum(
        part.folds * costs[part.kind].setup_s + part.fold_epochs * costs[part.kind].epoch_s
        for part in work
    )


def params_of_kind(kind: Kind) -> TrialParams:
    """Give a trial of a kind, for timing: a common head, AdamW, cross-entropy."""
    values = {name: value for name, value in asdict(kind).items() if name != "unfrozen"}
    return TrialParams.model_validate(
        {**values, "dense_units": 128, "dropout": 0.2, "batch_size": BATCH_SIZE}
    )


def _kind(params: TrialParams, stage: str) -> Kind:
    unfrozen = {"head": 0.0, "finetune": params.finetune_fraction, "scratch": 1.0}[stage]
    return Kind(params.backbone, params.weights, params.policy, params.strength, unfrozen)


def _backbones(space: Space) -> list[str]:
    choices = [d.choices for d in space.dimensions if d.name == "backbone"]
    return [str(choice) for group in choices for choice in group]
