import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from objectives.evaluation.bootstrap import Estimate
from objectives.evaluation.holdout import HoldoutScores
from search.cli.trial_report import trial_report
from search.promotion.gate import GateDecision
from search.promotion.report import Promotion
from tests.search.cli.conftest import Run

CLEAN = Estimate(0.9, 0.85, 0.95)
CORRUPTED = Estimate(0.6, 0.5, 0.7)


def promotion(*, passed: bool, forced: bool = False) -> Promotion:
    registered = passed or forced
    decision = GateDecision(
        passed, "the gate's sentence", 0.9, "champion", 0.92, -0.02, (-0.05, 0.01), -0.01, 200
    )
    return Promotion(
        model="cells",
        version=3 if registered else None,
        alias="champion" if registered else None,
        trials=(7,),
        holdout=HoldoutScores(CLEAN, None, CORRUPTED),
        champion_holdout=HoldoutScores(Estimate(0.92, 0.9, 0.94), None, CORRUPTED),
        champion_before=2,
        decision=decision,
        forced=forced,
        reason="the gate's sentence",
        looks=4,
        run_id="abc",
    )


class Sweep:
    """A sweep whose promotion is decided before."""

    def __init__(self, outcome: Promotion) -> None:
        self._outcome = outcome

    def promote(self, **options: Any) -> Promotion:
        options["on_progress"]("refitting")
        print("a library prints")
        return self._outcome


@pytest.mark.parametrize(
    ("passed", "forced", "code", "says"),
    [
        (True, False, 0, "Registered cells version 3 as models:/cells@champion"),
        (False, True, 0, "Registered cells version 3 as models:/cells@champion"),
        (False, False, 1, "Nothing was registered"),
    ],
)
def test_a_promotion_that_the_gate_refuses_exits_with_1_unless_forced(
    passed: bool, forced: bool, code: int, says: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(promotion(passed=passed, forced=forced))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    answer = run("promote", "cells", *(["--force"] if forced else []))
    assert answer.code == code
    assert says in answer.out
    assert "Looks at this holdout, this one included: 4" in answer.out
    clean = next(line for line in answer.out.splitlines() if line.startswith("clean"))
    assert clean.split() == ["clean", "0.9000", "0.8500", "to", "0.9500", "0.9200"]
    assert "refitting" in answer.err
    assert ("Refused: the gate's sentence" in answer.err) == (code == 1)


def test_a_refused_promotion_still_prints_its_document(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(promotion(passed=False))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    answer = run("promote", "cells", "--json")
    assert answer.code == 1
    document = json.loads(answer.out)
    assert {"model", "version", "alias", "trials", "looks", "champion_before"} <= document.keys()
    assert document["holdout"]["clean"]["interval"] == [0.85, 0.95]
    assert document["holdout"]["shifted"] is None
    assert (document["passed"], document["reason"]) == (False, "the gate's sentence")


def answer_of(path: str, **changes: Any) -> dict[str, Any]:
    known = {"class": "b", "probability": 0.7, "probabilities": {"a": 0.2, "b": 0.7, "c[d]": 0.1}}
    return {"path": path, "error": None, **known, **changes}


def test_predictions_name_the_class_and_those_that_come_next(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "search.prediction.predict.predict", lambda uri, paths: [answer_of("x.png")]
    )
    answer = run("predict", "models:/cells@champion", "x.png")
    assert answer.code == 0
    row = answer.out.splitlines()[1].split()
    assert row == ["x.png", "b", "0.7000", "a", "0.2000,", "c[d]", "0.1000"]
    document = json.loads(run("predict", "models:/cells@champion", "x.png", "--json").out)
    assert document == [answer_of("x.png")]


def test_an_image_that_cannot_be_read_is_named_and_the_others_answered(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    unread: dict[str, Any] = {
        "class": None,
        "probability": None,
        "probabilities": {},
        "error": "no image",
    }
    answers = [answer_of("x.png"), answer_of("y.png", **unread)]
    monkeypatch.setattr("search.prediction.predict.predict", lambda uri, paths: answers)
    answer = run("predict", "models:/cells@champion", "x.png", "y.png")
    assert answer.code == 2
    assert "0.7000" in answer.out
    assert "1 of 2 images cannot be read, the first is y.png: no image" in answer.err


def test_an_audit_says_how_many_to_leave_out_and_writes_a_file_that_exclude_takes(
    run: Run, home: Path
) -> None:
    import numpy as np

    images = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    images[5] = images[4]  # The same picture under another label: which is right?
    np.savez("cells.npz", images=images, labels=np.arange(20) % 4)
    answer = run("audit", "cells.npz")
    assert answer.code == 0
    assert "2 of 20 images should be left out." in answer.out
    assert (home / "audits" / "cells" / "exclude.txt").read_text() == "4\n5\n"
    document = json.loads(run("audit", "cells.npz", "--report", "here", "--json").out)
    assert document["images"] == 20
    assert document["exclude"] == [4, 5]
    assert set(document["reasons"]) == {"4", "5"}
    assert Path(document["report"]).read_text().startswith("<!")
    assert Path(document["exclude_file"]) == Path("here/exclude.txt")


def test_a_trial_is_shown_with_classes_of_any_name_and_its_own_numbers() -> None:
    scores = {"precision": 0.1, "recall": 0.2, "f1": 0.3}
    summary = {"accuracy": 0.9, "log_loss": 0.4, "classes": {"a/b [x]": scores, "50%": scores}}
    document = {
        "sweep": "cells",
        "trial": 3,
        "state": "done",
        "score": 0.9,
        "clean": 0.9,
        "stage": "finetune",
        "first_score": 0.8,
        "finetuning": "done",
        "finetuned_score": 0.9,
        "summaries": {"clean": summary, "shifted": {**summary, "accuracy": 0.7}},
        "stage_s": {"head": 12.0},
        "metrics": {"own/number": 0.25},
    }
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(trial_report(document))
    lines = [line.split() for line in console.export_text().splitlines()]
    assert ["accuracy", "0.9000", "0.7000"] in lines
    assert ["a/b", "[x]", "0.1000", "0.2000", "0.3000"] in lines
    assert lines.count(["50%", "0.1000", "0.2000", "0.3000"]) == 2
    assert ["own/number", "0.25"] in lines
    assert ["stages", "head", "12", "s"] in lines
    text = " ".join(" ".join(line) for line in lines)
    assert "score 0.9000 (clean 0.9000, shifted -, stage finetune)" in text
    assert "phases heads 0.8000, fine-tuned 0.9000 (done)" in text
