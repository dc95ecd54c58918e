"""Three deep heads, fixed in advance and averaged: what a search has to beat."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.progress import say
from bench.score.candidates import Candidate
from bench.score.data import ScoreData
from bench.score.sizes import ScoreSize
from objectives.networks.serving import ServedMember, servable_model
from objectives.refit import refit
from spaces.params import TrialParams

SEED = 0
"""Of what is held out for promotion."""
HEADS = (("mobilenet_v2_0.35", 0), ("mobilenet_0.5", 0), ("mobilenet_v2_0.35", 1))
"""Backbone and seed of each."""
POINT: Mapping[str, Any] = {
    "features": "deep",
    "policy": "none|augmix+randaugment|augmix+randaugment",
    "strength": "medium",
    "dense_units": 128,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "loss": "cross_entropy",
    "label_smoothing": 0.1,
    "batch_size": 64,
}


def train_fixed_heads(
    path: Path,
    weights: Mapping[str, str],
    size: ScoreSize,
    folder: Path,
    began_s: float,
) -> dict[str, Any]:
    """Train the heads on the rows that the sweep trains on.

    Args:
        path: The images that are not set aside.
        weights: Of the backbones that there are; the first of them stands in for others.
        size: Epochs and views.
        folder: For features and the model.
        began_s: When the process began.
    """
    data = ScoreData.load(path, size, SEED, folder)
    members = []
    for wanted, seed in HEADS:
        backbone = wanted if wanted in weights else next(iter(weights))
        params = TrialParams.model_validate(
            {**POINT, "backbone": backbone, "weights": weights[backbone]}
        )
        network = refit(params, {"head": size.fixed_head_epochs}, data.context(size, seed))
        members.append(ServedMember(network, weight=1 / len(HEADS)))
        say(f"fixed heads: {backbone}, seed {seed}, after {time.time() - began_s:.0f} s")
    file = folder / "heads.keras"
    servable_model(members, size.image_px).save(file)
    seconds = time.time() - began_s
    candidate = Candidate("fixed", "heads", SEED, seconds / 60, seconds, (str(file),))
    return {"point": {**POINT}, "heads": HEADS, "candidates": [candidate.as_dict()]}
