"""What MLflow is told about a promotion: one run in the sweep's experiment."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlruns_config.client import ensure_experiment
from mlruns_config.description.promotion import (
    HOLDOUT_CONFUSION,
    HOLDOUT_SCORES,
    holdout_metrics,
    promotion_tags,
    refit_metrics,
)
from mlruns_config.registry.promotion_run import PromotionRun, end_running, promotion_run
from objectives.records import Stage
from search.open_sweep import OpenSweep
from search.promotion.candidate import Candidate
from search.promotion.examination import Examination, Holdout
from search.promotion.presence import present, settle_absent
from search.promotion.report import Promotion


@dataclass(frozen=True)
class CurveReporter:
    """The reporter of a refit: draws its curves in the run, and never ends it."""

    run: PromotionRun
    say: Callable[[str], None]

    def report(self, stage: Stage, epoch: int, values: Mapping[int, float]) -> bool:
        """Log the training loss of an epoch; a refit has one fold."""
        loss = float(np.mean(list(values.values())))
        self.run.write(metrics=refit_metrics(stage, loss), step=epoch)
        self.say(f"refitting: {stage}, epoch {epoch + 1}, loss {loss:.4f}")
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
    tags = promotion_tags(opened.origin(candidate.trial))
    with (
        present(folder) as key,
        promotion_run(tracking, experiment_id, name, key=key, tags=tags) as run,
    ):
        _describe(run, opened, candidate)
        yield run


def _describe(run: PromotionRun, opened: OpenSweep, candidate: Candidate) -> None:
    """Log what is known before training."""
    run.write(params=candidate.params.decided_values())
    run.dataset(opened.dataset())


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
    metrics = holdout_metrics("holdout", promotion.holdout.by_view())
    if promotion.champion_holdout is not None:
        metrics |= holdout_metrics("champion", promotion.champion_holdout.by_view())
    run.write(metrics=metrics, tags=promotion.tags())
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
    return draw_confusion(matrices, class_names, folder / HOLDOUT_CONFUSION.file)


def _draw_scores(promotion: Promotion, metric: str, folder: Path) -> Path:
    from objectives.evaluation.holdout_pictures import draw_holdout_scores

    scores = {f"trial {promotion.trials[0]}": promotion.holdout}
    if promotion.champion_holdout is not None:
        scores[f"champion (version {promotion.champion_before})"] = promotion.champion_holdout
    return draw_holdout_scores(scores, metric, folder / HOLDOUT_SCORES.file)
