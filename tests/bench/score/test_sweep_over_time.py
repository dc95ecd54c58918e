"""When a sweep's trials had ended, and what a promotion would have made of them by then."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score

from bench.score.sizes import SMALL
from bench.score.sweep_over_time import Clock, sweep_over_time
from search.joining import join
from search.open_sweep import OpenSweep
from search.storage.records import Slot
from search.sweep import Sweep

BEGAN_S = 1000.0


def test_candidates_are_made_at_the_first_score_at_each_minute_after_it_and_at_the_end() -> None:
    clock = Clock([_slot("pruned", 1030.0), _slot("done", 1090.0), _slot("running", None)], BEGAN_S)
    assert clock.moments((1.0, 2.0, 5.0), ended_s=250.0) == [90.0, 120.0, 250.0]


def test_a_trial_counts_from_the_moment_at_which_it_ended() -> None:
    early, late, never = slots = [
        _slot("done", 1090.0),
        _slot("done", 1120.0),
        _slot("running", None),
    ]
    clock = Clock(slots, BEGAN_S)
    assert clock.ended(90.0) == [early]
    assert clock.ended(119.9) == [early]
    assert clock.ended(120.0) == [early, late]
    assert never not in clock.ended(1e9)


def _slot(state: str, ended_at: float | None) -> Slot:
    fields: dict[str, Any] = dict.fromkeys(Slot.__dataclass_fields__)
    return Slot(**fields | {"state": state, "ended_at": ended_at})


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("score")


@pytest.fixture(scope="module")
def content(home: Path) -> dict[str, Any]:
    digits = load_digits()
    mine = digits.target < 4
    grey = np.rint(digits.images[mine] * (255 / 16)).astype(np.uint8)
    images = grey.repeat(4, axis=1).repeat(4, axis=2)[..., None].repeat(3, axis=3)
    np.savez(home / "digits.npz", images=images, labels=digits.target[mine])
    return {
        "sweep": "digits",
        "data": {
            "path": str(home / "digits.npz"),
            "image_px": 32,
            "exclude": "none",
            "holdout": 0.3,
        },
        "validation": {"folds": 3},
        "train": {"head_epochs": 6, "finetune_epochs": 0, "views": 2},
        "space": "tests.search.heads_space:SPACE",
        "search": {"sampler": "random", "pruner": "none"},
        "budget": {"trials": 5},
    }


@pytest.fixture(scope="module")
def answer(home: Path, content: Mapping[str, Any]) -> Mapping[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(home / "home"))
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.delenv("FOLDSWEEP_STORAGE_URL", raising=False)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        size = replace(SMALL, looked_at_minutes=(1e-3, 1e3))
        found = sweep_over_time(content, size, home, time.time())
        sweep = Sweep.from_mapping(content)
        return {**found, "opened": join(sweep.file, sweep.settings)}


@pytest.mark.slow
def test_the_first_candidate_is_the_trial_that_ended_first(answer: Mapping[str, Any]) -> None:
    opened: OpenSweep = answer["opened"]
    done = [slot for slot in opened.slots.all() if slot.state == "done"]
    first = min(done, key=lambda slot: slot.ended_at or float("inf"))
    assert list(answer["candidates"][0]["about"]["trials"]) == [first.trial]
    assert 0 < answer["first_score_s"] < answer["ended_s"]


@pytest.mark.slow
def test_the_last_single_candidate_is_the_best_trial_of_all(answer: Mapping[str, Any]) -> None:
    best = answer["opened"].slots.all()
    top = max((slot for slot in best if slot.state == "done"), key=lambda slot: slot.score or 0.0)
    singles = [one for one in answer["candidates"] if one["form"] == "single"]
    assert list(singles[-1]["about"]["trials"]) == [top.trial]


@pytest.mark.slow
def test_a_candidate_is_ready_when_it_was_chosen_and_refitted(answer: Mapping[str, Any]) -> None:
    for one in answer["candidates"]:
        made_s = one["about"]["choosing_s"] + one["about"]["refit_s"]
        assert one["seconds"] == pytest.approx(60 * one["minute"] + made_s)
        assert one["about"]["refit_s"] > 0


@pytest.mark.slow
def test_the_holdouts_score_is_that_of_the_last_file_as_plain_keras_reads_it(
    answer: Mapping[str, Any],
) -> None:
    last, prepared = answer["candidates"][-1], answer["opened"].prepared
    model = keras.saving.load_model(last["files"][0], compile=False, safe_mode=True)
    rows = prepared.splits.holdout_rows
    predicted = model.predict(np.asarray(prepared.data.images[rows]), verbose=0).argmax(axis=1)
    right = accuracy_score(prepared.data.labels[rows], predicted)
    assert last["about"]["holdout"]["clean"]["score"] == pytest.approx(right)
