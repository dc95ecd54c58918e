"""Trials of the built-in objective that are run again, one that was killed in the middle too."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Table, create_engine, delete, select, update

from mlruns_config.client import connect
from mlruns_config.settings import TrackingSettings
from search.cli.app import main
from search.storage.tables import epochs, slots, sweeps
from search.sweep import Sweep
from spaces.errors import InputError
from tests.search.workers.test_killed_workers import die
from tests.search.workers.worker_processes import created, slots_of

pytestmark = pytest.mark.slow

N_FOLDS, HEAD_EPOCHS, FINETUNE_EPOCHS = 3, 4, 2


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, empty_mlflow: Path, images_path: Path
) -> Iterator[Sweep]:
    """A sweep of one trial with two phases, whose worker was killed once in each."""
    folder = tmp_path_factory.mktemp("replay")
    mlflow = folder / "mlflow.db"
    with closing(sqlite3.connect(empty_mlflow)) as old, closing(sqlite3.connect(mlflow)) as new:
        old.backup(new)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOLDSWEEP_HOME", str(folder / "home"))
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        patch.setenv("CUDA_VISIBLE_DEVICES", "-1")
        patch.setenv("FOLDSWEEP_CHECKPOINT_S", "0")
        patch.setenv("TINY_OBJECTIVE_FOLDER", str(folder))
        sweep, file = created(_content(images_path), folder)
        for place in ("0-2", "0-finetune-3"):
            (folder / f"die-{place}").touch()
            die(file)
        sweep.work()
        yield Sweep.open("tiny")


def _content(images: Path) -> dict[str, Any]:
    train = {"head_epochs": HEAD_EPOCHS, "finetune_epochs": FINETUNE_EPOCHS, "finetune_top": 1.0}
    return {
        "sweep": "tiny",
        "data": {"path": str(images), "image_px": 16, "exclude": "none"},
        "validation": {"folds": N_FOLDS, "shift": "none", "score": "clean"},
        "train": {**train, "batch_size": 16},
        "space": {
            "base": "tests.search.heads_space:SPACE",
            "dense_units": 8,
            "optimizer": "adamw",
            "learning_rate": 0.01,
        },
        "objective": "tests.search.workers.checkpointed_objective:score",
        "search": {"sampler": "random", "pruner": "none"},
        "budget": {"trials": 1},
    }


def everything(sweep: Sweep) -> dict[str, Any]:
    """Read all that a replay must leave as it is."""
    tracking = TrackingSettings.from_environment(sweep.settings.home)
    client = connect(tracking)
    experiment = client.get_experiment_by_name("tiny").experiment_id
    home = sweep.settings.home
    files = {path: path.stat().st_mtime_ns for path in (home / "sweeps").rglob("*")}
    names = ("foldsweep_slots", "foldsweep_epochs", "foldsweep_workers", "foldsweep_checkpoints")
    engine = create_engine(sweep.settings.storage_url)
    with engine.connect() as connection:
        rows = {
            name: connection.exec_driver_sql(f"SELECT * FROM {name}").all()
            for name in (*names, "trials", "trial_values", "trial_params")
        }
    engine.dispose()
    runs = [run.to_dictionary() for run in client.search_runs([experiment])]
    return {**rows, "files": files, "runs": runs}


@pytest.mark.acceptance
def test_a_trial_that_was_killed_in_both_phases_comes_to_the_same_and_nothing_is_written(
    killed: Sweep,
) -> None:
    before = everything(killed)
    assert [slot.losses for slot in slots_of(killed)] == [1, 1]
    heard: list[str] = []
    head = killed.replay(0, phase="head", on_progress=heard.append)
    tuned = killed.replay(0, phase="finetune")
    for found, slot in zip((head, tuned), slots_of(killed), strict=True):
        assert found.score == slot.score
        assert found.score == pytest.approx(np.mean(found.fold_scores))
        assert (found.largest_difference, found.tolerance, found.is_equal) == (0.0, 0.0, True)
        assert (found.differences, found.is_promised) == ((), True)
    assert [epoch.epoch for epoch in head.epochs] == [*range(HEAD_EPOCHS)]
    # One fold, one more, then all.
    assert [len(epoch.scores) for epoch in tuned.epochs] == [1, 1, 1, 1, 3, 3]
    assert len(heard) == HEAD_EPOCHS
    assert all(line.endswith("as stored") for line in heard)
    assert everything(killed) == before


def test_nothing_disagrees_after_a_race_that_was_killed_in_the_middle(killed: Sweep) -> None:
    assert killed.doctor().findings == []


def test_fine_tuning_is_replayed_where_the_files_of_its_heads_are_gone(killed: Sweep) -> None:
    folder = killed.folder / "trials" / "0"
    aside = folder.rename(folder.with_name("aside"))
    try:
        assert killed.replay(0, phase="finetune").is_equal
        assert not folder.exists()
    finally:
        aside.rename(folder)


@contextmanager
def changed(sweep: Sweep, table: Table, where: Any, **values: Any) -> Iterator[None]:
    """Change rows for the length of a block; without values they are taken away."""
    engine = create_engine(sweep.settings.storage_url)
    with engine.begin() as connection:
        before = [dict(row._mapping) for row in connection.execute(select(table).where(where))]
        assert before
        change = update(table).values(**values) if values else delete(table)
        connection.execute(change.where(where))
    try:
        yield
    finally:
        with engine.begin() as connection:
            if not values:
                connection.execute(table.insert(), before)
            else:
                for row in before:
                    key = [column == row[column.name] for column in table.primary_key]
                    connection.execute(update(table).where(*key).values(**row))
        engine.dispose()


def test_a_score_that_was_changed_is_told_and_the_exit_code_is_1(
    killed: Sweep, capfd: pytest.CaptureFixture[str]
) -> None:
    stored = slots_of(killed)[0].score or 0.0
    with changed(killed, slots, slots.c.phase == "head", score=stored + 0.001):
        with pytest.raises(SystemExit) as left:
            main(["replay", "tiny", "0", "--phase", "head", "--json"])
        document = json.loads(capfd.readouterr().out)
        assert left.value.code == 1
        assert (document["equal"], document["promised"]) == (False, True)
        assert document["largest_difference"] == pytest.approx(0.001)
        assert (document["score"], document["stored_score"]) == (stored, stored + 0.001)


def test_one_fold_of_one_epoch_that_was_changed_is_told(
    killed: Sweep, capfd: pytest.CaptureFixture[str]
) -> None:
    this = (epochs.c.phase == "head") & (epochs.c.epoch == 2)
    with changed(killed, epochs, this, scores={"0": 0.0, "1": 0.5, "2": 0.5}):
        with pytest.raises(SystemExit) as left:
            main(["replay", "tiny", "0", "--phase", "head"])
        answer = capfd.readouterr()
    assert left.value.code == 1
    assert "tiny, trial 0, phase head: does not come to the same" in answer.out
    assert "3 of 4 epochs have the same scores in every fold." in answer.out
    assert "head, epoch 3, folds 0, 1, 2" in answer.err
    assert "differs by" in answer.err


def test_a_trial_that_was_ended_early_is_replayed_for_the_epochs_that_it_had(
    killed: Sweep,
) -> None:
    head, tuned = (slots.c.phase == phase for phase in ("head", "finetune"))
    late = (epochs.c.phase == "head") & (epochs.c.epoch >= 2)
    with changed(killed, epochs, late), changed(killed, slots, head, reason="worse than others"):
        found = killed.replay(0, phase="head")
    assert [epoch.epoch for epoch in found.epochs] == [0, 1]
    assert max(epoch.difference for epoch in found.epochs) == 0
    # A fine-tuning that was given up after one fold has no score of its own.
    others = (epochs.c.phase == "finetune") & (epochs.c.folds != "0")
    given_up: dict[str, Any] = {
        "state": "pruned",
        "score": None,
        "detail": {},
        "reason": "no chance left",
    }
    with changed(killed, epochs, others), changed(killed, slots, tuned, **given_up):
        found = killed.replay(0, phase="finetune")
    assert (found.score, found.stored_score, found.fold_scores) == (None, None, ())
    assert [len(epoch.scores) for epoch in found.epochs] == [1] * FINETUNE_EPOCHS
    assert found.is_equal


def test_other_versions_and_devices_are_named_and_no_equality_is_promised(killed: Sweep) -> None:
    row = killed.storage.sweeps.find("tiny")
    assert row is not None
    versions = {**row.versions, "keras": "2.0"}
    forgotten = changed(killed, slots, slots.c.phase == "head", worker_id="forgotten")
    with changed(killed, sweeps, sweeps.c.name == "tiny", versions=versions), forgotten:
        found = killed.replay(0, phase="head")
    assert [text.partition(" ")[0] for text in found.differences] == ["keras", "device"]
    assert "instead of 2.0" in found.differences[0]
    assert not found.is_promised
    assert found.largest_difference == 0


def test_what_cannot_be_replayed_is_refused(killed: Sweep) -> None:
    with pytest.raises(InputError, match="unknown trial '7'; known: 0"):
        killed.replay(7)
    failed = {"state": "failed", "reason": "out of memory"}
    with (
        changed(killed, slots, slots.c.phase == "finetune", **failed),
        pytest.raises(InputError, match="left no score to compare with: out of memory"),
    ):
        killed.replay(0, phase="finetune")
