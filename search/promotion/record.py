"""What MLflow is told about a promotion: one run in the sweep's experiment."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlruns_config import names
from mlruns_config.client import ensure_experiment
from mlruns_config.dataset import DatasetInfo
from mlruns_config.registry.promotion_run import PromotionRun, end_running, promotion_run
from objectives.records import Stage
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate
from search.promotion.examination import Examination, Holdout
from search.promotion.presence import present, settle_absent
from search.promotion.report import Promotion, score_metrics, scores_json


@dataclass(frozen=True)
class CurveReporter:
    """The reporter of a refit: draws its curves in the run, and never ends it."""

    run: PromotionRun
    say: Callable[[str], None]

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Log the training loss of an epoch; a refit has one fold."""
        loss = float(np.mean(list(values.values())))
        self.run.write(metrics={f"refit/{stage}_loss": loss}, step=epoch)
        self.say(f"refitting: {stage}, epoch {epoch + 1}, loss {loss:.4f}")
        return True

    def enters_finetuning(self, head_score: float) -> bool:  # noqa: ARG002
        """Go on: the folds decided how long a refit trains."""
        return True


@contextmanager
def open_run(opened: OpenSweep, candidate: Candidate) -> Iterator[PromotionRun]:
    """Open the run of a promotion for the length of a block, and end it as the block ends.

    What an earlier promotion of the sweep left open, because it was killed, is ended first.
    """
    tracking, sweep = opened.tracking, opened.file.sweep
    experiment_id = ensure_experiment(tracking, sweep, {})
    folder = opened.folder / "promotions"
    settle_absent(folder, lambda key: end_running(tracking, experiment_id, key, "KILLED"))
    name = f"promote-{sweep}-trial-{candidate.trial}"
    tags = {**origin_tags(opened, candidate.trial), names.TAG_KIND: "promotion"}
    with (
        present(folder) as key,
        promotion_run(tracking, experiment_id, name, key=key, tags=tags) as run,
    ):
        _describe(run, opened, candidate)
        yield run


def _describe(run: PromotionRun, opened: OpenSweep, candidate: Candidate) -> None:
    """Log what is known before training."""
    data = opened.prepared.data
    run.write(params=candidate.params.model_dump())
    run.dataset(
        DatasetInfo(
            name=opened.file.data.path.stem,
            fingerprint=data.fingerprint,
            source=str(opened.file.data.path),
            rows=len(opened.prepared.splits.rows),
            classes=data.class_names,
            image_px=opened.file.data.image_px,
        )
    )


def origin_tags(opened: OpenSweep, trial: int) -> dict[str, str]:
    """Say where a model comes from; the tags of its run and of its registered version."""
    return {
        names.TAG_SWEEP: opened.row.name,
        names.TAG_SWEEP_ID: opened.row.id,
        names.TAG_TRIAL: str(trial),
        names.TAG_FINGERPRINT: opened.row.fingerprint,
        names.TAG_FOLD_HASH: opened.prepared.splits.fold_hash,
        names.TAG_SEED: str(opened.file.search.seed),
        names.TAG_IMAGE_PX: str(opened.file.data.image_px),
        names.TAG_CLASS_NAMES: json.dumps(opened.prepared.data.class_names),
    }


def verdict_tags(promotion: Promotion) -> dict[str, str]:
    """Say what the gate said and from which scores."""
    verdict = "forced" if promotion.forced else "passed" if promotion.passed else "failed"
    return {
        names.TAG_GATE: verdict,
        names.TAG_REASON: promotion.reason,
        names.TAG_LOOKS: str(promotion.looks),
        names.TAG_HOLDOUT: json.dumps(scores_json(promotion.holdout)),
    }


def show_verdict(
    run: PromotionRun,
    promotion: Promotion,
    found: Examination,
    holdout: Holdout,
    *,
    class_names: tuple[str, ...],
    metric: str,
) -> None:
    """Write scores and pictures into the run, whatever the gate said."""
    metrics = dict(score_metrics("holdout", promotion.holdout))
    if promotion.champion_holdout is not None:
        metrics |= score_metrics("champion", promotion.champion_holdout)
    run.write(metrics=metrics, tags=verdict_tags(promotion))
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        run.artifact(_draw_confusion(found, holdout, class_names, folder))
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
    return draw_confusion(matrices, class_names, folder / "holdout_confusion.png")


def _draw_scores(promotion: Promotion, metric: str, folder: Path) -> Path:
    from objectives.evaluation.holdout_pictures import draw_holdout_scores

    scores = {f"trial {promotion.trials[0]}": promotion.holdout}
    if promotion.champion_holdout is not None:
        scores[f"champion (version {promotion.champion_before})"] = promotion.champion_holdout
    return draw_holdout_scores(scores, metric, folder / "holdout_scores.png")
