import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from objectives.ensembles.calibration import CalibrationNumbers
from objectives.ensembles.choosing import Choice, Comparison
from objectives.ensembles.mixture import Mixture
from objectives.ensembles.nested import Chosen
from objectives.evaluation.bootstrap import Estimate
from objectives.evaluation.holdout import HoldoutScores
from search.cli.trial_report import trial_report
from search.promotion.candidate import Candidate
from search.promotion.gate import GateDecision
from search.promotion.lineup import Lineup, Member
from search.promotion.report import Promotion
from search.storage.records import Slot
from spaces.params import TrialParams
from tests.search.cli.conftest import Run

CLEAN = Estimate(0.9, 0.85, 0.95)
CORRUPTED = Estimate(0.6, 0.5, 0.7)
SLOT = Slot(
    sweep_id="id",
    number=0,
    phase="head",
    state="done",
    worker_id=None,
    attempt=1,
    losses=0,
    in_vain=0,
    trial=7,
    study_trial=7,
    run_id=None,
    params={},
    score=0.9,
    clean=0.9,
    shifted=None,
    detail={},
    goes_on=False,
    reason=None,
    told=True,
    spooled=None,
    began_at=0.0,
    claimed_at=0.0,
    ended_at=0.0,
    device_s=0.0,
)


def _member(trial: int, weight: float, temperature: float) -> Member:
    slot = replace(SLOT, trial=trial)
    return Member(
        Candidate(slot, TrialParams(backbone="small_cnn"), {"scratch": 4}), weight, temperature
    )


ALONE = Lineup((_member(7, 1.0, 1.0),))
TOGETHER = Lineup(
    (_member(7, 0.6, 1.25), _member(3, 0.4, 0.8)),
    choice=Choice(
        Chosen(Mixture({0: 3, 1: 2}, {0: 1.25, 1: 0.8})),
        single_score=0.8,
        comparisons=(
            Comparison("ensemble", "single", 0.82, Estimate(0.02, 0.01, 0.03), is_taken=True),
            Comparison("symmetries", "ensemble", 0.81, Estimate(-0.01, -0.02, 0.0), is_taken=False),
        ),
        before=CalibrationNumbers(0.6, 0.1),
        after=CalibrationNumbers(0.5, 0.03),
    ),
    left_out={5: "its predictions are gone"},
)


def promotion(*, passed: bool, forced: bool = False, lineup: Lineup = ALONE) -> Promotion:
    registered = passed or forced
    decision = GateDecision(
        passed, "the gate's sentence", 0.9, "champion", 0.92, -0.02, (-0.05, 0.01), -0.01, 200
    )
    return Promotion(
        model="cells",
        version=3 if registered else None,
        alias="champion" if registered else None,
        lineup=lineup,
        holdout=HoldoutScores(CLEAN, None, CORRUPTED),
        calibration={
            "before": CalibrationNumbers(0.5, 0.08),
            "after": CalibrationNumbers(0.4, 0.02),
        },
        latencies_ms={"registered": {1: 12.34, 32: 3.21}, "single": {1: 10.0, 32: 2.0}},
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
        self.asked: dict[str, Any] = {}

    def promote(self, **options: Any) -> Promotion:
        self.asked = options
        options["on_progress"]("refitting")
        print("a library prints")
        return self._outcome


def test_a_promotion_shows_who_answers_why_and_how_fast(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(promotion(passed=True, lineup=TOGETHER))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    lines = [line.split() for line in run("promote", "cells").out.splitlines()]
    said = [" ".join(line) for line in lines]
    assert "Trials 7, 3, refitted: passed by the gate" in said
    assert ["7", "0.60", "1.25"] in lines
    assert ["3", "0.40", "0.80"] in lines
    shown = " ".join(said)
    assert (
        "the ensemble 0.8200, against the single best +0.0200 (+0.0100 to +0.0300): taken" in shown
    )
    assert "flips and turns 0.8100, against the ensemble -0.0100 (-0.0200 to +0.0000): not" in shown
    assert "Left out of the choice: 5, the first because its predictions are gone" in shown
    assert "log loss 0.5000 and 0.4000, calibration error 0.0800 and 0.0200" in shown
    assert ["this", "model", "12.3", "3.2"] in lines
    assert ["its", "heaviest", "trial", "alone", "10.0", "2.0"] in lines


def test_the_document_of_a_promotion_lists_all_members(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(promotion(passed=True, lineup=TOGETHER))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    document = json.loads(run("promote", "cells", "--json").out)
    assert document["trials"] == [7, 3]
    assert document["members"][1] == {
        "trial": 3,
        "weight": 0.4,
        "temperature": 0.8,
        "symmetry": "none",
    }
    assert document["choice"]["score"] == 0.82
    assert document["choice"]["comparisons"][1]["interval"] == [-0.02, 0.0]
    assert document["calibration"]["after"] == {"log_loss": 0.4, "calibration_error": 0.02}
    assert document["latency_ms"]["registered"] == {"1": 12.34, "32": 3.21}
    assert document["left_out"] == {"5": "its predictions are gone"}


@pytest.mark.parametrize("size", ["0", "-1", "many", "2.5"])
def test_a_size_of_an_ensemble_that_is_none_is_wrong_input(size: str, run: Run) -> None:
    answer = run("promote", "cells", "--ensemble", size)
    assert answer.code == 2
    assert f"'{size}' is none of 'auto', 'none' and the numbers from 1" in answer.err


@pytest.mark.parametrize(("given", "size"), [("auto", "auto"), ("none", "none"), ("3", 3)])
def test_the_size_of_an_ensemble_reaches_the_promotion(
    given: str, size: int | str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = Sweep(promotion(passed=True))
    monkeypatch.setattr("search.cli.promote.open_sweep", lambda name: sweep)
    run("promote", "cells", "--ensemble", given)
    assert sweep.asked["ensemble"] == size


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
        "search.prediction.predict.predict", lambda uri, paths, **_: [answer_of("x.png")]
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
    monkeypatch.setattr("search.prediction.predict.predict", lambda uri, paths, **_: answers)
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
