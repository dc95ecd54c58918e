"""Sweeps of the tiny objective, run by one worker in this process, and what is refused."""

import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from mlruns_config.client import connect as connect_mlflow
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.description.trial import OOF
from mlruns_config.settings import TrackingSettings
from search.creation import create_or_resume
from search.storage.records import Budget
from search.storage.storage import Storage
from search.sweep import Sweep, sweep_names
from search.sweep_file.sweep_file import check_sweep
from spaces.errors import InputError, UnavailableError
from tests.search.small_sweep import enter_sweep

pytestmark = pytest.mark.slow

Content = dict[str, Any]


@pytest.fixture(autouse=True)
def signals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "signals"
    folder.mkdir()
    monkeypatch.setenv("TINY_OBJECTIVE_FOLDER", str(folder))
    return folder


def run(content: Content, **changes: Any) -> Sweep:
    sweep = Sweep.from_mapping({**content, **changes})
    sweep.work()
    return sweep


def mlflow_runs(home: Path, name: str) -> list[Any]:
    client = connect_mlflow(TrackingSettings.from_environment(home))
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], TRIALS_ONLY))


def optuna_study(sweep: Sweep) -> optuna.Study:
    return optuna.load_study(study_name=sweep.name, storage=sweep.storage.optuna)


def test_a_sweep_runs_its_budget_and_ledger_optuna_and_mlflow_agree(
    content: Content, home: Path, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    recipe = {"policy": "flip", "dropout": 0.2, "optimizer": "adamw", "learning_rate": 1e-3}
    sweep = run(content, budget={"trials": 4}, recipes=[recipe])
    status = sweep.status().to_json()
    assert (status["sweep"], status["state"]) == ("tiny", "done")
    assert status["trials"] == {"free": 0, "running": 0, "done": 4, "pruned": 0, "failed": 0}
    assert status["budget"]["trials_used"] == 4
    # The recipe is the optimum of the tiny objective, and was tried first.
    assert status["best"]["trial"] == 0
    assert status["best"]["score"] == pytest.approx(1 - 0.5**4)
    assert status["best"]["params"]["learning_rate"] == 1e-3
    assert [row["trial"] for row in status["leaderboard"]] == sorted(
        range(4),
        key=lambda number: -sweep.trial(number).score,  # type: ignore[operator]
    )
    study = optuna_study(sweep)
    runs = {int(run.data.tags["foldsweep.trial"]): run for run in mlflow_runs(home, "tiny")}
    assert sorted(runs) == [trial.number for trial in study.trials] == [0, 1, 2, 3]
    for record in sweep.trial_records():
        found = runs[record.trial]
        assert study.trials[record.trial].value == record.score == found.data.metrics["score"]
        assert found.info.run_id == record.run_id
        assert found.info.status == "FINISHED"
        assert found.data.params["dropout"] == str(record.params["dropout"])
        assert found.data.tags["foldsweep.fold_hash"] == found.data.tags["foldsweep.fold_hash"]
    frame = sweep.trials()
    assert list(frame["trial"]) == [0, 1, 2, 3]
    assert frame.loc[0, "params.policy"] == "flip"


def test_the_trial_that_was_the_best_when_it_ended_has_an_interval_and_no_other(
    content: Content,
) -> None:
    sweep = run(content, budget={"trials": 6})
    best_so_far = -1.0
    for record in sweep.trial_records():
        assert record.score is not None
        assert (record.interval is not None) == (record.score > best_so_far)
        best_so_far = max(best_so_far, record.score)
    best = sweep.status().best
    assert best is not None
    # The tiny objective predicts the same for all: a third of the rows is right.
    low, high = best["interval"]
    assert 0.1 < low < 1 / 3 < high < 0.6


def test_a_raised_budget_goes_on_and_the_same_budget_changes_nothing(content: Content) -> None:
    columns = ["trial", "state", "score", "params.dropout", "run_id"]
    first = run(content, budget={"trials": 2}).trials()[columns]
    again = run(content, budget={"trials": 2}).trials()[columns]
    assert again.equals(first)
    more = Sweep.from_mapping({**content, "budget": {"trials": 5}})
    # A worker alone does not change the budget of a sweep that exists; launching does.
    more.work()
    assert len(more.trials()) == 2
    more.launch()
    assert more.status().trials["done"] == 5
    assert more.trials()[columns].iloc[:2].equals(first)


def test_a_trial_that_fails_says_why_and_the_sweep_goes_on(
    content: Content, home: Path, signals: Path
) -> None:
    for name in ("memory-0", "broken-1", "secret-2"):
        (signals / name).touch()
    sweep = run(content, budget={"trials": 4})
    assert sweep.status().trials["failed"] == 3
    assert sweep.status().trials["done"] == 1
    assert "out of memory" in str(sweep.trial(0).reason)
    assert sweep.trial(1).reason == "ValueError: trial 1 is broken"
    assert "hunter22" not in str(sweep.trial(2).reason)
    statuses = {run.data.tags["foldsweep.trial"]: run for run in mlflow_runs(home, "tiny")}
    assert statuses["1"].info.status == "FAILED"
    assert statuses["1"].data.tags["foldsweep.reason"] == "ValueError: trial 1 is broken"
    assert [trial.state.name for trial in optuna_study(sweep).trials] == ["FAIL"] * 3 + ["COMPLETE"]


def test_pruned_trials_count(content: Content) -> None:
    train = {"head_epochs": 12, "finetune_epochs": 0}
    search = {"sampler": "random", "burst": 2}
    sweep = run(content, budget={"trials": 14}, train=train, search=search)
    counts = sweep.status().trials
    assert counts["done"] + counts["pruned"] == 14
    assert counts["pruned"] > 0
    states = [trial.state.name for trial in optuna_study(sweep).trials]
    assert states.count("PRUNED") == counts["pruned"]
    best = sweep.status().best
    assert best is not None
    assert sweep.trial(best["trial"]).state == "done"


def test_out_of_fold_predictions_and_artifacts_are_kept(content: Content, home: Path) -> None:
    sweep = run(content, budget={"trials": 1})
    run_id = sweep.trial(0).run_id
    client = connect_mlflow(TrackingSettings.from_environment(home))
    folders = {item.path for item in client.list_artifacts(run_id)}
    assert folders == {"curves", "predictions"}
    path = client.download_artifacts(run_id, f"predictions/{OOF.file}")
    with np.load(path, allow_pickle=False) as oof:
        assert oof["clean"].shape == (len(oof["rows"]), 3)
        assert set(oof["fold_of"]) == {0, 1, 2}
        assert list(oof["labels"]) == [row % 3 for row in oof["rows"]]


def test_an_enqueued_point_is_tried_next(content: Content) -> None:
    sweep = run(content, budget={"trials": 1})
    sweep.enqueue({"dropout": 0.25})
    with pytest.raises(InputError, match="dropout = 7"):
        sweep.enqueue({"dropout": 7})
    with pytest.raises(InputError, match=r"'dropuot'.*'dropout'"):
        sweep.enqueue({"dropuot": 0.1})
    more = Sweep.from_mapping({**content, "budget": {"trials": 2}})
    more.launch()
    assert more.trial(1).params["dropout"] == 0.25


def test_a_sweep_is_opened_by_name_and_an_unknown_name_names_the_near_one(
    content: Content, home: Path
) -> None:
    with pytest.raises(InputError, match="no sweep 'tiny'"):
        Sweep.open("tiny")
    run(content, budget={"trials": 1})
    assert Sweep.open("tiny").status().state == "done"
    assert sweep_names() == ["tiny"]
    with pytest.raises(InputError, match=r"unknown sweep 'tyni'.*'tiny'"):
        Sweep.open("tyni")
    with pytest.raises(InputError, match="no trial 9; known: 0 to 0"):
        Sweep.open("tiny").trial(9)


def test_a_sweep_of_another_home_can_be_read_but_its_modules_are_not_imported(
    content: Content, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(content, budget={"trials": 1})
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", f"sqlite:///{home}/foldsweep.db")
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "elsewhere"))
    sweep = Sweep.open("tiny")
    assert sweep.status().trials["done"] == 1
    with pytest.raises(InputError, match="use its sweep file"):
        sweep.launch()
    with pytest.raises(InputError, match="use its sweep file"):
        sweep.work()


def test_a_change_that_affects_scores_is_refused_with_the_difference(content: Content) -> None:
    run(content, budget={"trials": 1})
    changed = Sweep.from_mapping({**content, "train": {"head_epochs": 9, "finetune_epochs": 0}})
    with pytest.raises(InputError, match=r"'tiny' exists.*train.head_epochs: 4 -> 9"):
        changed.launch()


def test_other_data_under_the_same_name_is_refused(
    content: Content, images_path: Path, tmp_path: Path
) -> None:
    run(content, budget={"trials": 1})
    moved = tmp_path / "moved.npz"
    shutil.copy(images_path, moved)
    section = {**content["data"], "path": str(moved)}
    run(content, data=section, budget={"trials": 1})
    with np.load(images_path) as archive:
        other = archive["images"].copy()
        other[5, 0, 0, 0] ^= 1
        np.savez(moved, images=other, labels=archive["labels"])
    with pytest.raises(InputError, match="is not the data that the sweep 'tiny' began with"):
        Sweep.from_mapping({**content, "data": section}).launch()


def test_limits_that_are_changed_at_once_are_all_changed(
    content: Content, storage: Storage, storage_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    row = enter_sweep(storage, "tiny", file=check_sweep(content).as_written())
    sweeps = [Sweep.open("tiny") for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        for round_ in range(1, 21):
            changes = ({"trials": round_}, {"hours": float(round_)}, {"gpu_hours": float(round_)})
            changed = [
                pool.submit(sweep.change_budget, **change)  # type: ignore[arg-type]
                for sweep, change in zip(sweeps, changes, strict=True)
            ]
            wait(changed)
            assert storage.sweeps.budget(row.id) == Budget(round_, round_, round_)
            assert len(storage.slots(row.id).all()) == round_


def test_a_launch_leaves_limits_alone_that_its_file_does_not_name(content: Content) -> None:
    sweep = Sweep.from_mapping({**content, "budget": {"trials": 2}})
    create_or_resume(sweep.file, sweep.settings)
    Sweep.open("tiny").change_budget(trials=5, hours=3.0)
    again = Sweep.from_mapping({**content, "budget": {"trials": 4, "gpu_hours": 1.0}})
    create_or_resume(again.file, again.settings)
    row = sweep.storage.sweeps.find("tiny")
    assert row is not None
    assert row.budget == Budget(4, hours=3.0, gpu_hours=1.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"path": "/nowhere/images.npz"}}, "there is no /nowhere/images.npz"),
        ({"space": "smal"}, "unknown space 'smal'.*'small'"),
        ({"space": {"base": "small", "dropuot": 0.1}}, "'dropuot'.*'dropout'"),
        ({"space": {"base": "small", "backbone": "mobilnet_0.5"}}, "mobilenet_0.5"),
        ({"space": {"base": "small", "policy": "flop"}}, "'flop'"),
        ({"recipes": ["plian"]}, "unknown recipe 'plian'.*'plain'"),
        ({"recipes": [{"dropout": 3.0}]}, "dropout"),
        ({"validation": {"folds": 3, "shift": "augmx"}}, "'augmx'"),
        ({"validation": {"folds": 3, "shift": "flip+cutmix"}}, "cutmix mixes two images"),
        ({"validation": {"folds": 3, "shift": "none|augmix"}}, "has 2 paths"),
        ({"validation": {"folds": 20, "shift": "none"}}, "fold"),
        ({"objective": "no_such_module:score"}, "no_such_module"),
        ({"objective": "tiny_objective:scores"}, "no attribute 'scores'"),
        ({"train": {"head_epochs": 0, "finetune_epochs": 0}}, "nothing would train"),
    ],
)
def test_what_cannot_work_is_refused_before_anything_is_made(
    content: Content, home: Path, changes: Content, message: str
) -> None:
    if "data" in changes:
        changes = {"data": {**content["data"], **changes["data"]}}
    with pytest.raises(InputError, match=message):
        Sweep.from_mapping({**content, **changes}).launch()
    assert not (home / "sweeps" / "tiny").exists()
    assert not home.exists() or sweep_names() == []


def test_an_excluded_rows_file_that_is_not_there_is_refused(content: Content) -> None:
    section = {**content["data"], "exclude": "rows_to_leave_out.txt"}
    with pytest.raises(InputError, match="neither 'audit' nor 'none' nor a file"):
        Sweep.from_mapping({**content, "data": section}).launch()


def test_an_mlflow_that_does_not_answer_stops_the_launch(
    content: Content, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret77@127.0.0.1:1")
    with pytest.raises(UnavailableError, match="does not answer") as caught:
        Sweep.from_mapping(content).launch()
    assert "secret77" not in str(caught.value)
    assert not (home / "sweeps").exists()


def test_no_trial_starts_after_the_hours_are_used(
    content: Content, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINY_OBJECTIVE_EPOCH_S", "0.3")
    budget = {"trials": 50, "hours": 2 / 3600}
    sweep = run(content, budget=budget)
    status = sweep.status()
    assert status.state == "done"
    assert 1 <= status.trials["done"] < 12
    assert status.trials["free"] == 50 - status.trials["done"]
