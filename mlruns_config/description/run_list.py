"""The run list as it is prepared for people: columns, order and charts, kept in the experiment.

MLflow's UI reads such views from tags of the experiment, see ``useSharedExperimentViewState.ts``,
``ExperimentPageUIState.tsx`` and ``runs-charts.types.ts`` among its sources. What a view leaves out
has the UI's own default.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from mlruns_config import names
from mlruns_config.description.trial_metrics import CLEAN, SCORE, SHIFTED

MODEL_DEVELOPMENT = "custom_model_development"
"""MLflow's word for experiments that train models; others open in the view for language models."""
IN_TRAINING_VIEW = {"workflowType": "machine_learning"}
"""The UI's other view, for language models, is its first."""
TRIALS_VIEW = "foldsweep: trials by score"
PAGES_VIEW = "foldsweep: the sweep's page, promotions"

SECTION = "The sweep at a glance"
TRIALS_ONLY = f"tags.`{names.TAG_KIND}` IS NULL"
"""For a search: promotions and the sweep's own page have a kind, trials have none."""
_OTHERS_ONLY = f"tags.`{names.TAG_KIND}` IS NOT NULL"
_COLUMNS = (
    ("tags", names.TAG_TRIAL),
    ("metrics", SCORE.name),
    ("metrics", CLEAN.name),
    ("metrics", SHIFTED.name),
    ("params", "backbone"),
    ("params", "policy"),
    ("params", "optimizer"),
    ("tags", names.TAG_STAGE),
    ("tags", names.TAG_STATE),
)
_DURATION = "duration"
"""The UI's own column, which is always shown."""
_PARALLEL_PARAMS = (
    "backbone",
    "policy",
    "strength",
    "optimizer",
    "learning_rate",
    "dropout",
    "dense_units",
)
_MOST_RUNS = 100
_CLOSED_SECTIONS = (
    "at a glance",
    *(f"{view}{part}" for view in ("clean", "shifted") for part in ("", "/f1")),
    *(f"{view}/{part}" for view in ("clean", "shifted") for part in ("precision", "recall")),
    "cost",
    "final",
    "finetune",
    "head",
    "objective",
    "scratch",
    "sharing",
    "Model metrics",
    "System metrics",
)
"""The UI adds a chart for every metric: closed, these are not drawn before somebody looks."""


def experiment_tags(sweep: str) -> dict[str, str]:
    """Say what the experiment of a sweep is, and how its runs are shown."""
    return {
        names.TAG_SWEEP: sweep,
        names.TAG_EXPERIMENT_KIND: MODEL_DEVELOPMENT,
        names.TAG_RUN_LIST: _saved_view(TRIALS_VIEW, _trials()),
        names.TAG_PAGE_LIST: _saved_view(PAGES_VIEW, _pages()),
        names.TAG_NOTE: (
            f"A sweep of foldsweep. Two saved views show what matters: **{TRIALS_VIEW}** and "
            f"**{PAGES_VIEW}**. `foldsweep ui {sweep}` opens the first of them."
        ),
    }


def _saved_view(name: str, state: Mapping[str, Any]) -> str:
    # Saved views are listed by their age: those that people make come before.
    return json.dumps({"name": name, "createdAt": 0, "state": json.dumps(state)})


def run_list_query(*, charts: bool = False) -> str:
    """Write what follows the ``?`` of a link that opens the view.

    Args:
        charts: Open the charts instead of the table.
    """
    mode = {"compareRunsMode": "CHART"} if charts else {}
    return urlencode({"viewStateShareKey": names.RUN_LIST_KEY, **mode, **IN_TRAINING_VIEW})


def experiments_link(url: str) -> str:
    """Give the link to the list of all experiments, and so of all sweeps.

    Args:
        url: Of the UI, such as ``http://127.0.0.1:5000``.
    """
    return f"{url.rstrip('/')}/#/experiments?{urlencode(IN_TRAINING_VIEW)}"


def _pages() -> Mapping[str, Any]:
    shown = (("tags", names.TAG_KIND), ("tags", names.TAG_STATE), ("tags", names.TAG_GATE))
    description = "attributes.`Description`"
    return {
        "searchFilter": _OTHERS_ONLY,
        "selectedColumns": [*(f"{kind}.`{name}`" for kind, name in shown), description],
    }


def _trials() -> Mapping[str, Any]:
    columns = [f"{kind}.`{name}`" for kind, name in _COLUMNS]
    return {
        "searchFilter": TRIALS_ONLY,
        "orderByKey": f"metrics.`{SCORE.name}`",
        "orderByAsc": False,
        "selectedColumns": columns,
        "columnOrder": [*columns[:-1], _DURATION, columns[-1]],
        "runsHiddenMode": "SHOW_ALL",
        "isAccordionReordered": True,
        "compareRunSections": [
            _section(SECTION, is_open=True),
            *(_section(name, is_open=False) for name in _CLOSED_SECTIONS),
        ],
        "compareRunCharts": [
            _chart("BAR", metricKey=SCORE.name),
            _chart(
                "PARALLEL",
                selectedParams=_PARALLEL_PARAMS,
                selectedMetrics=[SCORE.name],
                showAllRuns=True,
            ),
            _chart("SCATTER", xaxis=_axis(CLEAN.name), yaxis=_axis(SHIFTED.name)),
        ],
    }


def _section(name: str, *, is_open: bool) -> Mapping[str, Any]:
    return {
        "uuid": f"foldsweep-{name}",
        "name": name,
        "display": is_open,
        "isReordered": True,
        "deleted": False,
        "isGenerated": False,
    }


def _chart(kind: str, **of_the_kind: Any) -> Mapping[str, Any]:
    return {
        "uuid": f"foldsweep-{kind.lower()}",
        "type": kind,
        "runsCountToCompare": _MOST_RUNS,
        "metricSectionId": f"foldsweep-{SECTION}",
        "deleted": False,
        "isGenerated": False,
        **of_the_kind,
    }


def _axis(metric: str) -> Mapping[str, str]:
    return {"key": metric, "type": "METRIC"}
