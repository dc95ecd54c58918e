"""The run of a sweep: no trial, but what is known about all of them."""

from collections.abc import Mapping

from mlruns_config import names
from mlruns_config.description.origin import SOURCE_TAGS, source_tags
from mlruns_config.description.specs import ArtifactSpec, MetricSpec, RunDescription, TagSpec
from mlruns_config.description.trial_metrics import SCORE_UNIT

KIND = "sweep"
SCORED = "a trial is done"

SWEEP_PAGE = ArtifactSpec(
    "sweep.html",
    "Leaderboard, course, parameters, slices, clean against shifted, workers, what was shared, "
    "cost, failures and junk: one page that stands alone.",
)
BEST_SCORE = MetricSpec(
    "sweep/best_score",
    "The best score so far.",
    SCORED,
    unit=SCORE_UNIT,
    step="trials that have ended",
)
ENDED = MetricSpec(
    "sweep/trials_ended",
    "Trials that are done, pruned or failed.",
    unit="count",
    step=BEST_SCORE.step,
)
HOURS = MetricSpec(
    "sweep/hours", "Hours in which a worker ran.", unit="hours", step=BEST_SCORE.step
)

SWEEP = RunDescription(
    params=(),
    tags=(
        TagSpec(names.TAG_SWEEP, "The sweep's name."),
        TagSpec(names.TAG_SWEEP_ID, "The sweep's id in the storage."),
        TagSpec(names.TAG_KIND, "`sweep`; trials have none."),
        TagSpec(names.TAG_KEY, "The sweep's id and `sweep`: one run of MLflow for each."),
        TagSpec(
            names.TAG_ATTEMPT,
            "When the sweep was last launched, in seconds since 1970: who writes it since then "
            "takes it over.",
        ),
        TagSpec(names.TAG_STATE, "`running`, `stopping`, `stopped`, `interrupted` or `done`."),
        TagSpec(names.TAG_RUN_NAME, "MLflow's own: the sweep's name."),
        TagSpec(names.TAG_NOTE, "MLflow's own, the description: how the sweep stands."),
        *SOURCE_TAGS,
    ),
    metrics=(BEST_SCORE, ENDED, HOURS),
    artifacts=(SWEEP_PAGE,),
)


def sweep_key(sweep_id: str) -> str:
    """Give the key of a sweep's run; those of its trials have a number in this place."""
    return f"{sweep_id}/{KIND}"


def is_sweep_run(tags: Mapping[str, str]) -> bool:
    """Say whether a run is the page of a sweep."""
    return tags.get(names.TAG_KIND) == KIND


def sweep_tags(sweep: str, sweep_id: str, user: str, *, state: str, note: str) -> dict[str, str]:
    """Say whose page it is, and how the sweep stands.

    Args:
        sweep: The sweep's name.
        sweep_id: Its id in the storage.
        user: From :func:`mlruns_config.settings.tracking_user`.
        state: The sweep's.
        note: The description, in Markdown.
    """
    return {
        names.TAG_SWEEP: sweep,
        names.TAG_SWEEP_ID: sweep_id,
        names.TAG_KIND: KIND,
        names.TAG_STATE: state,
        names.TAG_NOTE: note,
        **source_tags(sweep, user),
    }


def sweep_metrics(*, best: float | None, ended: int, hours: float) -> dict[str, float]:
    """Name how far the sweep is.

    Args:
        best: The best score; None before the first.
        ended: Trials that are done, pruned or failed.
        hours: In which a worker ran.
    """
    numbers = {ENDED.name: float(ended), HOURS.name: hours}
    return numbers if best is None else {BEST_SCORE.name: best, **numbers}
