"""A person asks for the page of a sweep, and for the way to it in MLflow."""

import json
from pathlib import Path

import pytest

from mlruns_config.names import TAG_NOTE, TAG_RUN_LIST
from search.sweep import Sweep
from spaces.errors import InputError
from tests.search.cli.conftest import Run, run
from tests.search.known_sweep import KnownSweep

__all__ = ["run"]
pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_report_is_a_file_where_it_is_wanted(searched: KnownSweep, run: Run) -> None:
    answer = run("report", "tiny")
    assert (answer.code, answer.out) == (0, "tiny.html\n")
    assert Path("tiny.html").read_text("utf-8").startswith("<!doctype html>")
    answer = run("report", "tiny", "--out", "a/new/folder/page.html", "--json")
    document = json.loads(answer.out)
    assert Path(document.pop("file")).read_text("utf-8") == Path("tiny.html").read_text("utf-8")
    assert document == {
        "sweep": "tiny",
        "state": "interrupted",
        "trials": {"free": 1, "running": 0, "done": 5, "pruned": 1, "failed": 1},
        "logged": False,
    }
    assert Sweep.open("tiny").links().page is None


def test_wrong_questions_are_told_in_one_sentence(searched: KnownSweep, run: Run) -> None:
    Path("a-file").touch()
    for arguments, says in (
        (("report", "tniy"), "unknown sweep 'tniy'"),
        (("report", "tiny", "--out", "."), "cannot be written"),
        (("report", "tiny", "--out", "a-file/page.html"), "cannot be written"),
        (("ui", "tniy"), "unknown sweep 'tniy'"),
    ):
        answer = run(*arguments)
        assert answer.code == 2, answer.err
        assert answer.out == ""
        (sentence,) = [line for line in answer.err.splitlines() if line.startswith("Error: ")]
        assert says in sentence
    assert sorted(path.name for path in Path().iterdir() if path.suffix == ".html") == []


def test_links_lead_to_the_list_the_charts_and_the_page_once_it_is_written(
    searched: KnownSweep,
) -> None:
    sweep = Sweep.open("tiny")
    client = searched.client()
    experiment = client.get_experiment_by_name("tiny")
    # As in a sweep of an older foldsweep, the list is not prepared yet.
    assert TAG_RUN_LIST not in experiment.tags
    links = sweep.links()
    place = f"/#/experiments/{experiment.experiment_id}/runs"
    training = "workflowType=machine_learning"
    assert links.runs == f"{place}?viewStateShareKey=foldsweep&{training}"
    charts = f"{place}?viewStateShareKey=foldsweep&compareRunsMode=CHART&{training}"
    assert links.charts == charts
    assert links.page is None
    tags = client.get_experiment(experiment.experiment_id).tags
    assert TAG_RUN_LIST in tags
    assert "foldsweep ui tiny" in tags[TAG_NOTE]
    # What a person writes there stays.
    client.set_experiment_tag(experiment.experiment_id, TAG_NOTE, "mine")
    sweep.links()
    assert client.get_experiment(experiment.experiment_id).tags[TAG_NOTE] == "mine"
    sweep.report(Path("page.html"), log=True)
    page = sweep.links().at("http://localhost:5000/").page
    assert page is not None
    (run_id,) = [found.run_id for found in searched.runs()]
    assert page == f"http://localhost:5000{place}/{run_id}/artifacts/sweep.html?{training}"


def test_a_sweep_whose_experiment_is_gone_has_no_links(searched: KnownSweep) -> None:
    client = searched.client()
    client.delete_experiment(client.get_experiment_by_name("tiny").experiment_id)
    with pytest.raises(InputError, match="no experiment of the sweep 'tiny'"):
        Sweep.open("tiny").links()
