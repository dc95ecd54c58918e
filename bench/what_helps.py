"""Measure what each part of a head trial is worth, out of fold; see docs/benchmarks.md.

Every variant differs from its reference in one thing. Both are trained on the same folds of the
same images, so the gain is paired: image by image, resampled by group. Nothing is chosen here, and
no image is set aside: each score is that of models that have not seen the image.

Usage: python -m bench.what_helps [--json] [--small]
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.cells import load_cells
from bench.command import run_command
from bench.document import surroundings
from bench.equality import Problem, lay_out
from bench.fixed_list import SHIFT
from bench.goes_on import GoesOn
from bench.progress import say
from bench.sizes import SMALL, Size
from bench.weights import choose_weights
from objectives.checkpoints import NoCheckpoints
from objectives.evaluation.bootstrap import draw_resamples, estimate, replicate
from objectives.evaluation.history import History
from objectives.evaluation.metrics import score_predictions
from objectives.fold_heads import Heads, read_heads
from objectives.networks.extractors import FeatureArray
from objectives.records import FloatArray, TrialContext
from objectives.settings import TrainSettings
from objectives.training.head_stage import HeadTrainer
from objectives.training.stages import run_stage
from objectives.trial import train_trial
from objectives.trial_inputs import TrialInputs
from objectives.turned_predictions import FoldHeads, predict_turned
from spaces.params import TrialParams

BACKBONES = ("mobilenet_v2_0.35", "mobilenet_0.5", "mobilenet_0.25")
SEED, VIEWS = 0, 20
IMAGES = 1200
"""Of which all variants are trained: all of the blood cells would take two hours on two cores."""


@dataclass(frozen=True)
class Variant:
    """A trial, and the one that it differs from in one thing."""

    name: str
    against: str
    params: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)

    @property
    def needs_other_features(self) -> bool:
        """Whether the reference has not made all features that it reads."""
        return (
            bool({"policy", "features"} & self.params.keys()) or self.train.get("views", 0) > VIEWS
        )


COMMON: Mapping[str, Any] = {
    "policy": SHIFT,
    "strength": "medium",
    "dense_units": 128,
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 1e-4,
    "schedule": "cosine",
    "warmup_fraction": 0.05,
    "batch_size": 64,
}
DEEP = "deep, 40 epochs round 20 views"
PATHS = {"policy": f"none|{SHIFT}|{SHIFT}"}
VARIANTS = (
    Variant(DEEP, DEEP),
    Variant("last instead of deep", DEEP, {"features": "last"}),
    Variant("20 epochs round 20 views", DEEP, train={"head_epochs": 20}),
    Variant("40 epochs round 10 views", DEEP, train={"views": 10}),
    Variant("40 epochs, 40 views", DEEP, train={"views": 40}),
    Variant("every third epoch clean", DEEP, PATHS),
    Variant("every second epoch clean", DEEP, {"policy": f"none|{SHIFT}"}),
    Variant("no augmentation", DEEP, {"policy": "none"}),
    Variant("no hidden layer", DEEP, {"dense_units": 0}),
    Variant("256 hidden units", DEEP, {"dense_units": 256}),
)


def main() -> None:
    """Run what the arguments ask for."""
    run_command("bench.what_helps", measure, lambda document: as_table(document["rows"]))


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Train all variants on all backbones and compare each with its reference.

    Args:
        size: Small takes few images, one backbone and one variant beside the reference.
        folder: For data, stores and files.
    """
    small = size is SMALL
    cells = load_cells(size.image_px).sample(size.equality_images if small else IMAGES)
    document = surroundings(size, cells.origin)
    backbones = BACKBONES[:1] if small else BACKBONES
    problem = lay_out(cells.save(folder / "cells.npz"), size, folder)
    weights = choose_weights(backbones, size.image_px, folder)
    compared = Compared(problem)
    for backbone in backbones:
        point = {"backbone": backbone, "weights": weights[backbone]}
        for variant in VARIANTS[:2] if small else VARIANTS:
            compared.train(variant, point)
        compared.turn(point)
    if not small:
        compared.join([{"backbone": name, "weights": weights[name]} for name in BACKBONES[:2]])
    return {**document, "rows": compared.rows, "how": __doc__}


class Compared:
    """Variants on the same images and folds, each beside its reference.

    Args:
        problem: Images and folds.
    """

    def __init__(self, problem: Problem) -> None:
        self.rows: list[dict[str, Any]] = []
        """Of each variant: scores, the paired gain of the mean of clean and shifted accuracy with
        its interval of 95 %, the log loss, and seconds once all features are there."""
        self._problem = problem
        mine = problem.splits.rows
        self._labels = problem.data.labels[mine]
        self._resamples = draw_resamples(problem.splits.groups[mine], seed=SEED)
        self._replicates: dict[tuple[str, str], Any] = {}
        self._predictions: dict[str, FloatArray] = {}
        self._heads: dict[str, Heads] = {}

    def train(self, variant: Variant, backbone: Mapping[str, Any]) -> None:
        """Train a variant on a backbone; its reference comes before it.

        Args:
            variant: What to train.
            backbone: Its name and weights, as parameters.
        """
        params = TrialParams.model_validate({**COMMON, **backbone, **variant.params})
        if variant.name == variant.against or variant.needs_other_features:
            train_trial(params, context_of(self._problem, variant.train))
        began_s = time.perf_counter()
        context = context_of(self._problem, variant.train)
        result = train_trial(params, context)
        seconds = time.perf_counter() - began_s
        views = stack_views(result.oof_clean, result.oof_shifted)
        if variant.name == variant.against:
            self._predictions[params.backbone] = views
            self._heads[params.backbone] = read_heads(context.checkpoint_folder) or {}
        self._add(params.backbone, variant.name, variant.against, views, seconds)

    def turn(self, backbone: Mapping[str, Any]) -> None:
        """Look at each image in eight ways, with the heads of the reference."""
        params = TrialParams.model_validate({**COMMON, **backbone})
        context = context_of(self._problem, {})
        heads = self._heads[params.backbone]
        began_s = time.perf_counter()
        (turned,) = predict_turned([FoldHeads(params, heads)], context)
        seconds = time.perf_counter() - began_s
        self._add(params.backbone, "the same, seen in eight ways", DEEP, turned["square"], seconds)

    def join(self, backbones: Sequence[Mapping[str, Any]]) -> None:
        """Compare a head on the features of two backbones with the average of a head on each."""
        points = [TrialParams.model_validate({**COMMON, **backbone}) for backbone in backbones]
        first, together = points[0].backbone, " and ".join(point.backbone for point in points)
        self._replicates[together, DEEP] = self._replicates[first, DEEP]
        mean = np.mean([self._predictions[point.backbone] for point in points], axis=0)
        average = "average of a head on each"
        self._add(together, average, DEEP, mean, 0.0)
        began_s = time.perf_counter()
        side_by_side = train_side_by_side(points, context_of(self._problem, {}))
        seconds = time.perf_counter() - began_s
        self._add(together, "one head on both", average, side_by_side, seconds)

    def _add(
        self, backbone: str, name: str, against: str, views: FloatArray, seconds: float
    ) -> None:
        found = replicate(self._labels, views, "accuracy", self._resamples)
        self._replicates[backbone, name] = found
        gain = estimate(found - self._replicates[backbone, against])
        clean, shifted = (score_predictions("accuracy", self._labels, view) for view in views)
        true = np.take_along_axis(views, self._labels[None, :, None], axis=2)
        row = {
            "backbone": backbone,
            "variant": name,
            "against": against,
            "clean": clean,
            "shifted": shifted,
            "robust": (clean + shifted) / 2,
            "gain": gain.score,
            "gain_low": gain.low,
            "gain_high": gain.high,
            "log_loss": float(-np.log(np.maximum(true, 1e-7)).mean()),
            "warm_s": seconds,
        }
        say(f"{backbone}, {name}: {row['robust']:.4f}, {seconds:.1f} s")
        self.rows.append(row)


def stack_views(clean: FloatArray, shifted: FloatArray | None) -> FloatArray:
    """Stack predictions out of fold, ``(views, rows, classes)``."""
    return np.stack([view for view in (clean, shifted) if view is not None])


def train_side_by_side(points: Sequence[TrialParams], context: TrialContext) -> FloatArray:
    """Train one head on the deep features of several backbones at once.

    Args:
        points: A trial on each, alike but for the backbone.
        context: As a trial's.

    Returns:
        Its predictions out of fold, ``(views, rows, classes)``.
    """
    inputs = [TrialInputs.of_folds(point, context) for point in points]
    plan, n_epochs = inputs[0].plan, context.train.head_epochs

    def of_epoch(epoch: int) -> tuple[FeatureArray, FloatArray]:
        parts = [each.features_of_epoch(epoch) for each in inputs]
        return np.concatenate([features[:] for features, _ in parts], axis=1), parts[0][1]

    clean, shifted = zip(*(each.validation_features() for each in inputs), strict=True)
    history = History(
        inputs[0].labels, tuple(map(plan.rows_of, range(plan.n_folds))), context.validation
    )
    trainer = HeadTrainer(
        points[0],
        plan,
        of_epoch,
        np.concatenate(clean, axis=1),
        np.concatenate(shifted, axis=1),
        n_epochs=n_epochs,
        seed=context.seed,
    )
    run_stage(
        "head", trainer, history, GoesOn(), NoCheckpoints(), n_epochs=n_epochs, patience_epochs=0
    )
    return stack_views(*history.out_of_fold(inputs[0].n_classes))


def context_of(problem: Problem, train: Mapping[str, Any]) -> TrialContext:
    """Give what a trial may use: 40 epochs round 20 views, where ``train`` says nothing else."""
    epochs = problem.size.equality_epochs if problem.size is SMALL else 40
    folder = problem.folder / "trial"
    folder.mkdir(exist_ok=True)
    settings = TrainSettings.model_validate(
        {"head_epochs": epochs, "views": VIEWS, "finetune_epochs": 0, **train}
    )
    return problem.context(settings, folder, seed=SEED)


def as_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write the rows as a Markdown table."""
    lines = [
        "| backbone | variant | clean | shifted | robust | gain | 95 % | seconds |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        is_reference = row["variant"] == row["against"]
        gain = "" if is_reference else f"{row['gain']:+.3f}"
        interval = "" if is_reference else f"{row['gain_low']:+.3f} to {row['gain_high']:+.3f}"
        lines.append(
            f"| {row['backbone']} | {row['variant']} | {row['clean']:.3f} | {row['shifted']:.3f} "
            f"| {row['robust']:.3f} | {gain} | {interval} | {row['warm_s']:.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
