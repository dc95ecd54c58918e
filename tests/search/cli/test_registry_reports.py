"""The registry on the command line: what is listed, compared and rolled back, as text and JSON."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlruns_config import names
from mlruns_config.registry.alias_moves import MoveReason, move_noting
from mlruns_config.registry.listing import read_model
from mlruns_config.registry.registry import registry
from mlruns_config.settings import TrackingSettings
from tests.search.cli.conftest import Run
from tests.search.cli.test_reports import Sweep, promotion

SCORES = {
    "clean": {"score": 0.9, "interval": [0.85, 0.95]},
    "shifted": {"score": 0.5, "interval": [0.4, 0.6]},
    "corrupted": None,
}
TAGS = {
    names.TAG_SWEEP: "blood",
    names.TAG_TRIAL: "7",
    names.TAG_MEMBERS: json.dumps({"3": 0.4, "7": 0.6}),
    names.TAG_HOLDOUT: json.dumps(SCORES),
    names.TAG_GATE: "forced",
    names.TAG_REASON: "the gate's sentence",
    names.TAG_LOOKS: "4",
    names.TAG_VERIFIED: "yes",
}


def _make_registry(home: Path, empty_mlflow: Path) -> None:
    home.mkdir()
    path = home / "mlflow.db"
    with closing(sqlite3.connect(empty_mlflow)) as old, closing(sqlite3.connect(path)) as new:
        old.backup(new)


@pytest.fixture
def cells(home: Path, empty_mlflow: Path) -> TrackingSettings:
    """A registry with a model of three versions, two of which nobody promoted."""
    _make_registry(home, empty_mlflow)
    tracking = TrackingSettings.from_environment(home)
    with registry(tracking) as client:
        client.create_registered_model("cells")
        client.create_model_version("cells", str(home), tags=TAGS)
        client.create_model_version("cells", str(home))
        changed = {names.TAG_HOLDOUT: "[1, 2", names.TAG_MEMBERS: "7", names.TAG_SWEEP: "blood"}
        client.create_model_version("cells", str(home), tags=changed)
    version = read_model(tracking, "cells").version("1")
    why = MoveReason("forced promotion", "the gate's sentence", {"looks": 4}, "run")
    move_noting(tracking, version, "champion", None, why)
    return tracking


def test_versions_are_listed_with_all_that_is_known(run: Run, cells: TrackingSettings) -> None:
    answer = run("models", "cells")
    assert answer.code == 0
    lines = [line.split() for line in answer.out.splitlines()]
    assert lines[0] == ["cells"]
    assert lines[-1][:11] == [
        "1", "champion", "0.9000", "0.5000", "0.7000", "-", "forced", "blood,", "trials", "7,", "3",
    ]  # fmt: skip
    assert lines[-2][:7] == ["2", "-", "-", "-", "-", "-", "-"]
    document = json.loads(run("models", "cells", "--json").out)
    assert document["aliases"] == {"champion": 1}
    third, second, first = document["versions"]
    assert first["origin"] == {"kind": "ensemble", "sweep": "blood", "trials": [7, 3]}
    assert first["scores"]["clean"] == SCORES["clean"]
    assert first["scores"]["robust"] == {"score": pytest.approx(0.7), "interval": None}
    assert (first["gate"], first["looks"], first["verified"]) == ("forced", 4, True)
    assert (second["origin"], second["gate"], second["verified"]) == (None, None, None)
    assert third["scores"]["clean"] is None
    assert third["origin"]["trials"] == []
    assert json.loads(run("models", "--json").out) == [document]


def test_the_history_says_who_moved_what_and_why(run: Run, cells: TrackingSettings) -> None:
    with registry(cells) as client:
        client.set_registered_model_alias("cells", "champion", "2")
    document = json.loads(run("models", "cells", "--history", "--json").out)
    assert document["aliases"] == {"champion": 2}
    entered, outside = document["history"]
    assert (entered["kind"], entered["before"], entered["after"]) == ("forced promotion", None, 1)
    assert (entered["figures"], entered["run_id"]) == ({"looks": 4}, "run")
    assert (outside["kind"], outside["before"], outside["after"]) == ("outside", 1, 2)
    assert (outside["who"], outside["at"]) == (None, None)
    text = run("models", "cells", "--history").out
    assert "forced promotion" in text
    assert f"{entered['who']} on {entered['host']}" in text
    assert "the gate's sentence" in text


def test_a_model_that_is_not_there_is_wrong_input_and_the_known_ones_are_named(
    run: Run, cells: TrackingSettings
) -> None:
    for arguments in (
        ("models", "cels"),
        ("compare", "cels", "1", "2"),
        ("rollback", "cels", "--reason", "worse"),
    ):
        answer = run(*arguments)
        assert answer.code == 2
        assert "unknown registered model 'cels'; known: cells. Did you mean 'cells'?" in answer.err


def test_a_version_that_foldsweep_did_not_promote_is_not_gone_back_to(
    run: Run, cells: TrackingSettings
) -> None:
    answer = run("rollback", "cells", "--reason", "worse", "--to", "2")
    assert answer.code == 2
    assert "version 2 was never cells@champion" in answer.err
    answer = run("rollback", "cells", "--reason", "worse")
    assert answer.code == 2
    assert "nothing is known of a version that was cells@champion before" in answer.err
    assert read_model(cells, "cells").aliases == {"champion": 1}


def test_versions_whose_answers_nobody_kept_are_not_compared_without_a_look(
    run: Run, cells: TrackingSettings
) -> None:
    answer = run("compare", "cells", "1", "2")
    assert answer.code == 2
    assert "was not kept by its promotion: with --look" in answer.err


def test_an_empty_registry_says_so(run: Run, home: Path, empty_mlflow: Path) -> None:
    _make_registry(home, empty_mlflow)
    assert "Nothing is registered yet" in run("models").out
    assert json.loads(run("models", "--json").out) == []
    answer = run("models", "cells")
    assert answer.code == 2
    assert "no registered model 'cells', nor any other" in answer.err


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        ((), ("champion", False, False)),
        (("--as", "challenger"), ("challenger", False, False)),
        (("--keep-refused",), ("champion", True, False)),
        (("--dry-run",), ("champion", False, True)),
    ],
)
def test_what_a_version_is_to_become_reaches_the_promotion(
    arguments: tuple[str, ...],
    asked: tuple[str, bool, bool],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sweep = Sweep(promotion(passed=True))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    assert run("promote", "cells", *arguments).code == 0
    assert tuple(sweep.asked[name] for name in ("role", "keep_refused", "dry_run")) == asked


@pytest.mark.parametrize(
    ("destination", "says"),
    [
        ("champion", "would register it as models:/cells@champion"),
        (None, "would register nothing"),
    ],
)
def test_a_dry_run_says_what_a_promotion_would_do(
    destination: str | None, says: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = replace(
        promotion(passed=destination is not None),
        version=None,
        alias=None,
        destination=destination,
        dry_run=True,
    )
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: Sweep(outcome))
    answer = run("promote", "cells", "--dry-run")
    assert answer.code == (0 if destination else 1)
    assert "Dry run: nothing was registered, no alias was moved." in answer.out
    assert says in answer.out


def test_a_refused_challenger_is_registered_and_is_no_refusal(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = replace(promotion(passed=False), version=4, alias="challenger")
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: Sweep(outcome))
    answer = run("promote", "cells", "--as", "challenger")
    assert answer.code == 0
    assert "Registered cells version 4 as models:/cells@challenger" in answer.out
    assert run("promote", "cells", "--keep-refused").code == 1


def _compared(**changes: Any) -> dict[str, Any]:
    view = {
        "first": {"score": 0.8, "interval": [0.7, 0.9]},
        "second": {"score": 0.9, "interval": [0.85, 0.95]},
        "difference": {"score": 0.1, "interval": [0.05, 0.15]},
    }
    image = {
        "name": "a/1.png",
        "row": 17,
        "label": "a",
        "first": {"label": "a", "probability": 0.6},
        "second": {"label": "b[x]", "probability": 0.7},
        "change": "broken",
    }
    return {
        "model": "cells",
        "first": 1,
        "second": 3,
        "metric": "accuracy",
        "kind": "robust",
        "images": 200,
        "groups": 150,
        "score": view,
        "views": {"clean": view},
        "verdict": "better",
        "would_pass": True,
        "counts": {"broken": 30, "mended": 0, "other mistake": 0},
        "changed": [image] * 30,
        "looks": None,
        "picture": None,
        **changes,
    }


def test_a_comparison_says_the_difference_and_the_images_that_changed(
    run: Run, cells: TrackingSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Found:
        def __init__(self, document: dict[str, Any]) -> None:
            self.to_json = lambda: document

    shown = _compared()
    monkeypatch.setattr(
        "search.promotion.compare.compare_versions", lambda *_args, **_options: Found(shown)
    )
    text = run("compare", "cells", "1", "3").out
    lines = [line.split() for line in text.splitlines()]
    assert "version 3 is better than version 1 (accuracy, robust); the gate would let it" in text
    assert ["clean", "0.8000", "0.9000", "+0.1000", "+0.0500", "to", "+0.1500"] in lines
    assert lines.count(["a/1.png", "a", "a", "0.6000", "b[x]", "0.7000", "broken"]) == 24
    assert "and 6 more" in text
    assert "The holdout was not opened" in text
    assert json.loads(run("compare", "cells", "1", "3", "--json").out) == shown
    shown.update(score=None, verdict="undecided", would_pass=False, looks=5, changed=[])
    text = run("compare", "cells", "1", "3").out
    assert "may be better or worse than version 1 (accuracy, clean, as their shifts differ)" in text
    assert "the gate would not let it take its place" in text
    assert "Looks at this holdout, this one included: 5" in text
