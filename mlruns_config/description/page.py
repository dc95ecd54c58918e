"""The description as a page: ``docs/mlflow.md``."""

from collections.abc import Iterator, Sequence

from mlruns_config.description.labels import MAX_LABEL_LENGTH
from mlruns_config.description.promotion import (
    EXPERIMENT_TAGS,
    MODEL_TAGS,
    PROMOTION,
    VERSION_TAGS,
)
from mlruns_config.description.run_list import PAGES_VIEW, TRIALS_VIEW
from mlruns_config.description.specs import MetricSpec, RunDescription, Spec
from mlruns_config.description.sweep import SWEEP
from mlruns_config.description.trial import TRIAL
from mlruns_config.names import ALIAS_CHALLENGER, ALIAS_CHAMPION, TAG_CLASS_LABELS

PLACEHOLDERS = {
    "section": "a section of the sweep file",
    "key": "a key of it",
    "fold": "0 to k - 1",
    "stage": "`head`, `scratch` or `finetune`",
    "view": "`clean` (the images as they are) or `shifted` (under the sweep's shift)",
    "class": "the label of a class, [see below](#names-of-classes)",
    "work": "`views` or `features`",
    "how": "`made`, `reused` or `streamed`",
    "metric": "a name that MLflow or your own objective gives",
    "artifact": "a name of the list",
    "image": "group, name, step and time, as MLflow names logged images",
    "path": "where your own objective put the file",
    "whose": "`holdout` (the challenger's) or `champion`",
    "trial": "the number of a trial",
    "form": "`ensemble` (the average), `majority` (the vote) or `symmetries`",
    "rows": "`oof` or `holdout`",
    "tempered": "`before` or `after`",
    "model": "`registered` or `single`",
    "size": "images in a batch",
    "version": "the number of a version of the registered model",
    "holdout_view": "`clean`, `shifted`, or `corrupted` (the mean over all corruptions)",
}
_INTRODUCTION = f"""\
# What stands in MLflow

A sweep is one experiment, under the sweep's name. Each trial is one run in it, whatever crashed in
between; each promotion is another, and one more is the page of the sweep. The registered models are
in MLflow's registry, the best one under the alias `{ALIAS_CHAMPION}`. Higher is better for every
score; a log loss that serves as the sweep's metric enters it negated.

`foldsweep ui SWEEP` opens the list of trials by score, with the columns and charts that matter; in
the UI itself it is the saved view *{TRIALS_VIEW}* of the experiment. The runs that are no
trials are in *{PAGES_VIEW}*.

A trial that is fine-tuned goes on in its run, maybe days later: the run is RUNNING again, then
FINISHED. Only where the fine-tuned network is better, a metric with one value gets a second one.

This page is made from the code: `python -m mlruns_config.description > docs/mlflow.md`.
"""
_SWEEP = """\
No trial, but the page of all of them. The worker that joined first of those that live writes it
between its trials, every five minutes at most; whoever ends last writes it as it stays, and
`foldsweep report SWEEP --log` at any time. A search for trials leaves it out by
``tags.`foldsweep.kind` IS NULL``.
"""
_DESCRIPTIONS = """\
The description of a version is its model card: data and classes, what was searched, scores with
their intervals, clean, shifted, by corruption and by class, calibration, the gate's sentence, how
to load, call and serve it, and its limits.
"""
_HISTORY = f"""\
The description of the model says where its aliases point to (`{ALIAS_CHAMPION}`, and
`{ALIAS_CHALLENGER}` for shadow use) and who moved them, from these tags; what people write above
it stays. Nothing of foldsweep deletes an entry or a version. An alias that was moved by something
else is told by its next entry, or by where it is now: `foldsweep models NAME --history` shows that.
"""
_CLASSES = f"""\
## Names of classes

MLflow allows letters, digits, spaces and `_ - . : /` in the name of a metric. A class whose name
has only these, and no `/`, stands there under its name. In another one what is not allowed becomes
`_`: `a(b)` is `a_b`, `50%` is `50`, `cat, dog` is `cat_dog`. Two classes of one label get numbers
(`a_b`, `a_b-2`), and a label is cut to {MAX_LABEL_LENGTH} characters. The tag `{TAG_CLASS_LABELS}`
says which label belongs to which name.
"""


def page() -> str:
    """Write the page, in Markdown."""
    parts = [
        _INTRODUCTION,
        "## In names\n",
        *_table(("in a name", "stands for"), _placeholder_rows()),
        "## The experiment of a sweep\n",
        *_specs("tag", EXPERIMENT_TAGS),
        "## The run of a trial\n",
        *_run(TRIAL),
        "## The run of a promotion\n",
        *_run(PROMOTION),
        "## The run of a sweep\n",
        _SWEEP,
        *_run(SWEEP),
        "## A version of a registered model\n",
        *_specs("tag", VERSION_TAGS),
        _DESCRIPTIONS,
        "## A registered model\n",
        *_specs("tag", MODEL_TAGS),
        _HISTORY,
        _CLASSES,
    ]
    return "\n".join(parts)


def _placeholder_rows() -> Iterator[tuple[str, ...]]:
    for name, meaning in PLACEHOLDERS.items():
        yield f"`{{{name}}}`", meaning


def _run(run: RunDescription) -> Iterator[str]:
    if run.params:
        yield from _specs("parameter", run.params)
    yield from _specs("tag", run.tags)
    yield from _specs("metric", run.metrics)
    yield from _specs("artifact", run.artifacts)


def _specs(kind: str, specs: Sequence[Spec]) -> Iterator[str]:
    metrics = [spec for spec in specs if isinstance(spec, MetricSpec)]
    if metrics:
        rows = ((f"`{m.name}`", m.meaning, m.unit, m.step, m.when) for m in metrics)
        yield from _table((kind, "what it is", "unit", "values over", "when there"), rows)
    else:
        named = ((f"`{spec.name}`", spec.meaning, spec.when) for spec in specs)
        yield from _table((kind, "what it is", "when there"), named)


def _table(headings: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    for cells in (headings, ("---",) * len(headings), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""
