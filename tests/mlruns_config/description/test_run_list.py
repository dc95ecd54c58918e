"""The prepared run list, held against what the UI of the installed MLflow reads."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow.utils.validation import MAX_EXPERIMENT_TAG_KEY_LENGTH, MAX_EXPERIMENT_TAG_VAL_LENGTH

from mlruns_config.description.promotion import EXPERIMENT_TAGS
from mlruns_config.description.run_list import MODEL_DEVELOPMENT, experiment_tags, run_list_query
from mlruns_config.names import TAG_EXPERIMENT_KIND, TAG_PAGE_LIST, TAG_RUN_LIST


@cache
def ui_code() -> str:
    """Read the JavaScript of the UI, but for what only single pages load."""
    folder = Path(mlflow.__file__).parent / "server" / "js" / "build" / "static" / "js"
    (main,) = folder.glob("main.*.js")
    searches = [
        path for path in folder.glob("*.js") if b'"modelVersionFilter"' in path.read_bytes()
    ]
    return "".join(path.read_text("utf-8") for path in {main, *searches})


def state(tag: str) -> dict[str, Any]:
    """Unpack a view as the UI does: an envelope with a name, an age and a text of JSON."""
    envelope = json.loads(experiment_tags("cells")[tag])
    assert isinstance(envelope["name"], str)
    assert isinstance(envelope["createdAt"], int)
    found: dict[str, Any] = json.loads(envelope["state"])
    return found


def test_the_list_has_the_columns_that_matter_in_their_order_and_the_best_first() -> None:
    view = state(TAG_RUN_LIST)
    assert view["columnOrder"] == [
        "tags.`foldsweep.trial`",
        "metrics.`score`",
        "metrics.`clean`",
        "metrics.`shifted`",
        "params.`backbone`",
        "params.`policy`",
        "params.`optimizer`",
        "tags.`foldsweep.stage`",
        "duration",
        "tags.`foldsweep.state`",
    ]
    assert set(view["columnOrder"]) == {*view["selectedColumns"], "duration"}
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`score`", False)


def test_charts_that_matter_stand_in_the_one_section_that_is_open() -> None:
    view = state(TAG_RUN_LIST)
    (opened,) = [section for section in view["compareRunSections"] if section["display"]]
    assert view["compareRunSections"].index(opened) == 0
    assert [chart["type"] for chart in view["compareRunCharts"]] == ["BAR", "PARALLEL", "SCATTER"]
    assert {chart["metricSectionId"] for chart in view["compareRunCharts"]} == {opened["uuid"]}
    names = [section["name"] for section in view["compareRunSections"]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("tag", [TAG_RUN_LIST, TAG_PAGE_LIST])
def test_every_key_of_a_view_is_one_that_the_ui_reads(tag: str) -> None:
    code = ui_code()
    lists = re.findall(r'\[("[a-zA-Z]+"(?:,"[a-zA-Z]+")+)\]', code)
    read: set[str] = set()
    for names in (set(json.loads(f"[{text}]")) for text in lists):
        if names >= {"selectedColumns", "compareRunCharts"} or names >= {"orderByKey", "startTime"}:
            read |= names
    assert state(tag).keys() <= read


def test_kinds_of_charts_and_experiments_and_the_links_parameters_are_the_uis_own() -> None:
    code = ui_code()
    for chart in state(TAG_RUN_LIST)["compareRunCharts"]:
        assert f'="{chart["type"]}"' in code
    assert f'="{MODEL_DEVELOPMENT}"' in code
    assert f'"{TAG_EXPERIMENT_KIND}"' in code
    assert '"viewStateShareKey"' in code
    query = "viewStateShareKey=foldsweep&workflowType=machine_learning"
    assert run_list_query() == query
    assert '.get("workflowType")' in code
    assert '="machine_learning"' in code
    assert TAG_RUN_LIST.removesuffix("foldsweep") == "mlflow.sharedViewState."
    assert '"mlflow.sharedViewState."' in code


def test_the_tags_fit_into_mlflow_and_are_described() -> None:
    tags = experiment_tags("cells")
    assert tags.keys() == {spec.name for spec in EXPERIMENT_TAGS}
    for name, value in tags.items():
        assert len(name) <= MAX_EXPERIMENT_TAG_KEY_LENGTH
        assert len(value) <= MAX_EXPERIMENT_TAG_VAL_LENGTH
