"""Workers that die or are stopped in the middle of training: little is trained again, and the same.

The objective is the built-in one.
"""

import shutil
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mlruns_config.client import connect
from mlruns_config.settings import TrackingSettings
from search.sweep import Sweep
from tests.mlruns_config.found_runs import steps_of
from tests.search.workers.test_killed_workers import die, runs
from tests.search.workers.worker_processes import WorkerProcess, created, slots_of, started

pytestmark = pytest.mark.slow

HEAD_EPOCHS, FINETUNE_EPOCHS = 4, 2


@pytest.fixture
def trained(
    content: dict[str, Any], signal_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """A sweep file of one trial with two phases that are really trained, as a mapping."""
    monkeypatch.syspath_prepend(Path(__file__).parent)
    monkeypatch.setenv("FOLDSWEEP_CHECKPOINT_S", "0")
    return {
        **content,
        "objective": "tests.search.workers.checkpointed_objective:score",
        "space": {
            "base": "tests.search.heads_space:SPACE",
            "dense_units": 8,
            "optimizer": "adamw",
            "learning_rate": 0.01,
        },
        "train": {
            "head_epochs": HEAD_EPOCHS,
            "finetune_epochs": FINETUNE_EPOCHS,
            "finetune_top": 1.0,
            "batch_size": 16,
        },
        "budget": {"trials": 1},
    }


SLOW = {"policy": "tests.search.workers.slow_policy:wait"}


def epochs_trained(signal_folder: Path, trial: str) -> list[str]:
    return (signal_folder / f"trained-{trial}").read_text().splitlines()


HEADS = [f"head {epoch}" for epoch in range(HEAD_EPOCHS)]
RACE = [f"finetune {epoch}" for epoch in range(FINETUNE_EPOCHS)] * 3


def undisturbed(trained: dict[str, Any], tmp_path: Path, signal_folder: Path) -> list[float | None]:
    """Score the same trial in a sweep of its own, that nobody disturbs."""
    (tmp_path / "calm").mkdir()
    sweep, _ = created({**trained, "sweep": "calm"}, tmp_path / "calm")
    sweep.work()
    for path in signal_folder.glob("trained-*"):
        path.unlink()
    return scores(sweep)


def scores(sweep: Sweep) -> list[float | None]:
    return [slot.score for slot in slots_of(sweep)]


@pytest.mark.parametrize(
    "deaths",
    [
        ("0-1", "0-3"),
        pytest.param(
            ("0-finetune-1", "0-finetune-3", "0-finetune-5"), marks=pytest.mark.acceptance
        ),
    ],
    ids=["heads", "race"],
)
def test_a_killed_worker_costs_no_epoch_that_was_kept(
    deaths: tuple[str, ...],
    trained: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
) -> None:
    expected = undisturbed(trained, tmp_path, signal_folder)
    sweep, file = created(trained, tmp_path)
    for place in deaths:
        (signal_folder / f"die-{place}").touch()
        die(file)
    sweep.work()
    assert scores(sweep) == expected
    assert epochs_trained(signal_folder, "0") == HEADS
    assert epochs_trained(signal_folder, "0-finetune") == RACE
    client, run = connect(TrackingSettings.from_environment(home)), runs(home)[0]
    assert steps_of(client, run, "head/score") == Counter(range(HEAD_EPOCHS))
    finetuned = range(HEAD_EPOCHS, HEAD_EPOCHS + FINETUNE_EPOCHS)
    assert steps_of(client, run, "finetune/score") == Counter(finetuned)
    # Nothing is left of what was kept.
    row = sweep.storage.sweeps.find("tiny")
    assert row is not None
    stored = sweep.storage.checkpoints(row.id)
    assert [list(stored.of(slot)) for slot in slots_of(sweep)] == [[], []]
    assert [path for path in (home / "checkpoints").rglob("*") if path.is_file()] == []


def test_a_stopped_worker_keeps_what_it_has_however_long_ago_it_was_kept(
    trained: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(trained, tmp_path, signal_folder)
    monkeypatch.setenv("FOLDSWEEP_CHECKPOINT_S", "1000")
    sweep, file = created(trained, tmp_path)
    (signal_folder / "hold-0-2").touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until(lambda: (signal_folder / "waiting-0-2").exists())
        row = sweep.storage.sweeps.find("tiny")
        assert row is not None
        stored = sweep.storage.checkpoints(row.id)
        assert stored.of(slots_of(sweep)[0]) == []
        (signal_folder / "interrupt-0-2").touch()
        (signal_folder / "hold-0-2").unlink()
        assert worker.end() == 130, worker.log
    assert {part.epoch for part in stored.of(slots_of(sweep)[0])} == {1}
    sweep.work()
    assert scores(sweep) == expected
    assert epochs_trained(signal_folder, "0") == HEADS
    assert (slots_of(sweep)[0].losses, slots_of(sweep)[0].claims) == (0, 2)


def test_another_machine_begins_to_fine_tune_without_training_the_heads_again(
    trained: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected = undisturbed(trained, tmp_path, signal_folder)
    sweep, file = created(trained, tmp_path)
    (signal_folder / "die-0-finetune-1").touch()
    die(file)
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", sweep.settings.storage_url)
    monkeypatch.setenv("FOLDSWEEP_HOME", str(tmp_path / "elsewhere"))
    # Nobody could train heads there.
    monkeypatch.setattr("objectives.training.head_stage.HeadTrainer.advance", _unavailable)
    Sweep.from_yaml(file).work()
    assert scores(sweep) == expected
    assert epochs_trained(signal_folder, "0-finetune") == RACE
    assert not (tmp_path / "elsewhere" / "sweeps" / "tiny" / "trials" / "0" / "oof").exists()


def _unavailable(*_: object) -> None:
    raise AssertionError("heads are trained again")


@pytest.mark.acceptance
def test_where_the_heads_are_not_stored_any_more_they_are_trained_again(
    trained: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    expected = undisturbed(trained, tmp_path, signal_folder)
    sweep, file = created(trained, tmp_path)
    (signal_folder / "die-0-finetune-1").touch()
    die(file)
    row = sweep.storage.sweeps.find("tiny")
    assert row is not None
    sweep.storage.checkpoints(row.id).keep_heads_of([])
    shutil.rmtree(home / "sweeps" / "tiny" / "trials")
    sweep.work()
    assert scores(sweep) == expected


def test_a_signal_reaches_a_worker_while_a_view_is_made(
    trained: dict[str, Any], home: Path, tmp_path: Path, signal_folder: Path
) -> None:
    slow = {**trained, "space": {**trained["space"], **SLOW}}
    sweep, file = created(slow, tmp_path)
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until(lambda: (signal_folder / "making").exists())
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end(8.0) == 130, worker.log
    assert [slot.state for slot in slots_of(sweep)] == ["free"]
