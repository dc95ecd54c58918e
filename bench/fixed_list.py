"""The fixed list: every pair with the same heads, the same points for the plain loop and for us."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.sizes import Size
from spaces.params import TrialParams

BACKBONES = ("mobilenet_v2_0.35", "mobilenet_0.25")
POLICIES = ("augmix+randaugment", "randaugment")
STRENGTH = "medium"
SHIFT = "augmix+randaugment"
BATCH_SIZE = 64

Point = Mapping[str, Any]

HEADS: tuple[Point, ...] = (
    {
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
        "clip_norm": 0.0,
        "loss": "cross_entropy",
        "label_smoothing": 0.0,
        "class_weights": "none",
        "schedule": "constant",
        "dense_units": 128,
        "dropout": 0.2,
    },
    {
        "optimizer": "sgd",
        "learning_rate": 3e-2,
        "momentum": 0.8,
        "nesterov": False,
        "clip_norm": 0.0,
        "loss": "focal",
        "focal_gamma": 2.0,
        "label_smoothing": 0.0,
        "class_weights": "balanced",
        "schedule": "constant",
        "dense_units": 128,
        "dropout": 0.4,
    },
    {
        "optimizer": "lion",
        "learning_rate": 2e-4,
        "weight_decay": 1e-2,
        "clip_norm": 0.0,
        "loss": "cross_entropy",
        "label_smoothing": 0.1,
        "class_weights": "none",
        "schedule": "cosine",
        "warmup_fraction": 0.1,
        "dense_units": 256,
        "dropout": 0.1,
    },
    {
        "optimizer": "adamw",
        "learning_rate": 2e-3,
        "weight_decay": 1e-3,
        "clip_norm": 1.0,
        "loss": "focal",
        "focal_gamma": 1.0,
        "focal_alpha": "balanced",
        "label_smoothing": 0.0,
        "class_weights": "none",
        "schedule": "cosine",
        "warmup_fraction": 0.2,
        "dense_units": 256,
        "dropout": 0.3,
    },
    {
        "optimizer": "sgd",
        "learning_rate": 3e-2,
        "momentum": 0.9,
        "nesterov": True,
        "clip_norm": 1.0,
        "loss": "cross_entropy",
        "label_smoothing": 0.0,
        "class_weights": "balanced",
        "schedule": "cosine",
        "warmup_fraction": 0.0,
        "dense_units": 256,
        "dropout": 0.0,
    },
    {
        "optimizer": "lion",
        "learning_rate": 3e-4,
        "weight_decay": 1e-3,
        "clip_norm": 1.0,
        "loss": "focal",
        "focal_gamma": 2.0,
        "focal_alpha": "none",
        "label_smoothing": 0.0,
        "class_weights": "none",
        "schedule": "constant",
        "dense_units": 128,
        "dropout": 0.5,
    },
)
"""Each optimizer with each loss; dense widths, dropout, schedules and class weights vary."""


def fixed_points(
    weights: Mapping[str, str], heads_per_pair: int, *, n_policies: int = len(POLICIES)
) -> list[TrialParams]:
    """Give the trials of the list, pair by pair.

    Args:
        weights: The weights of each backbone, as ``TrialParams.weights`` names them.
        heads_per_pair: Heads of each pair, from another place of ``HEADS`` on in each pair, so
            that a short list has all optimizers and losses as well.
        n_policies: How many of ``POLICIES``.
    """
    pairs = [(backbone, policy) for policy in POLICIES[:n_policies] for backbone in BACKBONES]
    return [
        TrialParams.model_validate(
            {
                "backbone": backbone,
                "weights": weights[backbone],
                "policy": policy,
                "strength": STRENGTH,
                "features": "last",
                "batch_size": BATCH_SIZE,
                **HEADS[(number * heads_per_pair + place) % len(HEADS)],
            }
        )
        for number, (backbone, policy) in enumerate(pairs)
        for place in range(heads_per_pair)
    ]


def fixed_sweep(name: str, data: Path, points: Sequence[TrialParams], size: Size) -> dict[str, Any]:
    """Write the sweep file of the list: its points enqueued, nothing raced, no early stopping."""
    return {
        "sweep": name,
        "data": {"path": str(data), "image_px": size.image_px, "exclude": "none", "holdout": 0.0},
        "validation": {"folds": size.folds, "shift": SHIFT},
        "train": {
            "head_epochs": size.epochs,
            "views": size.epochs,
            "finetune_epochs": 0,
            "patience": 0,
            "batch_size": BATCH_SIZE,
        },
        "space": {
            "base": "small",
            "backbone": list(BACKBONES),
            "weights": sorted({point.weights for point in points}),
            "policy": sorted({point.policy for point in points}),
            "strength": STRENGTH,
            "features": "last",
            "dense_units": [128, 256],
        },
        "recipes": [point.model_dump(exclude_unset=True) for point in points],
        "search": {"sampler": "tpe", "pruner": "none", "seed": 0},
        "budget": {"trials": len(points)},
    }
