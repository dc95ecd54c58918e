"""What MLflow is told about a promotion: one run in the sweep's experiment."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mlruns_config.client import ensure_experiment
from mlruns_config.description.promotion import (
    HOLDOUT_ANSWERS,
    HOLDOUT_CONFUSION,
    HOLDOUT_SCORES,
    MEMBERS,
    Tempered,
    calibration_metrics,
    choice_metrics,
    holdout_metrics,
    latency_metrics,
    promotion_tags,
    refit_metrics,
)
from mlruns_config.registry.promotion_run import PromotionRun, end_running, promotion_run
from objectives.ensembles.calibration import CalibrationNumbers
from objectives.records import Stage
from search.open_sweep import OpenSweep
from search.promotion.examination import Examination, Holdout
from search.promotion.kept_answers import AnswersAbout, HeldOutImages, KeptAnswers, save_answers
from search.promotion.lineup import Lineup
from search.promotion.presence import present, settle_absent
from search.promotion.report import Promotion, lineup_json


@dataclass(frozen=True)
class CurveReporter:
    """The reporter of a member's refit: draws its curves in the run, and never ends it."""

    run: PromotionRun
    trial: int
    say: Callable[[str], None]

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Log the training loss of an epoch; a refit has one fold."""
        loss = float(np.mean(list(values.values())))
        self.run.write(metrics=refit_metrics(self.trial, stage, loss), step=epoch)
        self.say(f"refitting trial {self.trial}: {stage}, epoch {epoch + 1}, loss {loss:.4f}")
        return True


@contextmanager
def open_run(opened: OpenSweep, lineup: Lineup, *, dry_run: bool = False) -> Iterator[PromotionRun]:
    """Open the run of a promotion for the length of a block, and end it as the block ends.

    What an earlier promotion of the sweep left open, because it was killed, is ended first.

    Args:
        opened: The sweep.
        lineup: Who answers.
        dry_run: Whether nothing will come of it; the run says so.
    """
    tracking, sweep = opened.tracking, opened.file.sweep
    experiment_id = ensure_experiment(tracking, sweep, {})
    folder = opened.folder / "promotions"
    settle_absent(folder, lambda key: end_running(tracking, experiment_id, key, "KILLED"))
    act = "dry-run" if dry_run else "promote"
    name = f"{act}-{sweep}-{lineup.name.replace(' ', '-')}"
    tags = promotion_tags(opened.origin(lineup.trials[0]), lineup.weights, dry_run=dry_run)
    with (
        present(folder) as key,
        promotion_run(tracking, experiment_id, name, key=key, tags=tags) as run,
    ):
        _describe(run, opened, lineup)
        yield run


def _describe(run: PromotionRun, opened: OpenSweep, lineup: Lineup) -> None:
    """Log what is known before training."""
    run.write(params=shared_params(lineup))
    run.dataset(opened.dataset())
    if lineup.choice is not None:
        before_after: dict[Tempered, CalibrationNumbers] = {
            "before": lineup.choice.before,
            "after": lineup.choice.after,
        }
        run.write(
            metrics=choice_metrics(lineup.choice.single_score, lineup.choice.comparisons)
            | calibration_metrics("oof", before_after)
        )
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MEMBERS.file
        path.write_text(json.dumps(_members_json(lineup), indent=1))
        run.artifact(path)


def shared_params(lineup: Lineup) -> dict[str, Any]:
    """Give the parameters that all members have in common: of a single trial, all."""
    first, *others = (member.candidate.params.decided_values() for member in lineup.members)
    return {
        name: value
        for name, value in first.items()
        if all(name in other and other[name] == value for other in others)
    }


def _members_json(lineup: Lineup) -> dict[str, Any]:
    document = lineup_json(lineup)
    params = [member.candidate.params.decided_values() for member in lineup.members]
    members = zip(document["members"], params, strict=True)
    return {**document, "members": [{**member, "params": point} for member, point in members]}


def show_verdict(
    run: PromotionRun,
    promotion: Promotion,
    found: Examination,
    holdout: Holdout,
    opened: OpenSweep,
) -> None:
    """Write scores, answers and pictures into the run, whatever the gate said."""
    metrics = holdout_metrics("holdout", promotion.holdout.by_view())
    if promotion.champion_holdout is not None:
        metrics |= holdout_metrics("champion", promotion.champion_holdout.by_view())
    metrics |= calibration_metrics("holdout", promotion.calibration)
    metrics |= latency_metrics(promotion.latencies_ms)
    run.write(metrics=metrics, tags=promotion.tags())
    kept = KeptAnswers(
        AnswersAbout.of(opened, model=promotion.model, champion=promotion.champion_before),
        HeldOutImages.of(opened.prepared, holdout),
        opened.class_names,
        found.predictions,
        found.champion_predictions,
    )
    metric = opened.file.validation.metric
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run.artifact(save_answers(kept, folder / HOLDOUT_ANSWERS.file))
        run.artifact(_draw_confusion(found, holdout, opened.class_names, folder))
        run.artifact(_draw_scores(promotion, metric, folder))


def _draw_confusion(
    found: Examination, holdout: Holdout, class_names: tuple[str, ...], folder: Path
) -> Path:
    from objectives.evaluation.metrics import confusion_matrix
    from objectives.evaluation.pictures import draw_confusion

    views = {"clean": found.predictions.clean, "shifted": found.predictions.shifted}
    matrices = {
        name: confusion_matrix(holdout.labels, probabilities[0], len(class_names))
        for name, probabilities in views.items()
        if probabilities is not None
    }
    return draw_confusion(matrices, class_names, folder / HOLDOUT_CONFUSION.file)


def _draw_scores(promotion: Promotion, metric: str, folder: Path) -> Path:
    from objectives.evaluation.holdout_pictures import draw_holdout_scores

    scores = {promotion.lineup.name: promotion.holdout}
    if promotion.champion_holdout is not None:
        scores[f"champion (version {promotion.champion_before})"] = promotion.champion_holdout
    return draw_holdout_scores(scores, metric, folder / HOLDOUT_SCORES.file)
