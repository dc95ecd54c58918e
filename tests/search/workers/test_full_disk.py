"""A disk that fills up while a trial runs: the trial waits for room, and nothing is lost."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.disturbances.small_disk import CannotMountError, SmallDisk, mounted
from mlruns_config.description.trial import TRIAL
from mlruns_config.names import TAG_CLASS_LABELS, TAG_GIT_COMMIT, TAG_REASON, TAG_SCORE_STAGE
from mlruns_config.settings import TrackingSettings
from search.sweep import Sweep
from tests.mlruns_config.found_runs import only_run, steps_of
from tests.search.workers.worker_processes import (
    WorkerProcess,
    created,
    slots_of,
    started,
    workers_of,
)

pytestmark = pytest.mark.slow

DISK_BYTES = 32 << 20
OPTIONAL_TAGS = {TAG_REASON, TAG_GIT_COMMIT, TAG_CLASS_LABELS, TAG_SCORE_STAGE}
FINETUNED = "finetune_"
"""In the names of the tags of the second phase, which there is none of here."""


@pytest.fixture
def disk(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """A small disk with the home on it; MLflow and the log of the worker lie elsewhere."""
    try:
        with mounted(tmp_path / "disk", DISK_BYTES) as disk:
            monkeypatch.setenv("FOLDSWEEP_HOME", str(disk.folder / "home"))
            yield disk
    except CannotMountError as error:
        pytest.skip(str(error))


def waiting_for(sweep: Sweep) -> str:
    """Give what the worker says that it waits for; empty if it does not wait."""
    (row,) = workers_of(sweep)
    return str((row.progress or {}).get("waiting", ""))


def assert_nothing_is_lost(sweep: Sweep, *, score: float) -> None:
    assert sweep.status().trials == {"free": 0, "running": 0, "done": 1, "pruned": 0, "failed": 0}
    assert sweep.trial(0).score == score
    client, run = only_run(TrackingSettings.from_environment(sweep.settings.home), "tiny")
    assert run.info.status == "FINISHED"
    always = {spec.name for spec in TRIAL.tags if FINETUNED not in spec.name} - OPTIONAL_TAGS
    assert always <= set(run.data.tags)
    assert steps_of(client, run, "head/score") == Counter(range(4))
    files = {entry.path for entry in client.list_artifacts(run.info.run_id)}
    assert "weights.bin" in files


@pytest.mark.parametrize("place", ["2", "end"], ids=["in an epoch", "when its files are written"])
def test_the_trial_is_given_back_and_the_worker_pauses_until_there_is_room(
    place: str,
    disk: SmallDisk,
    held_content: dict[str, Any],
    tmp_path: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", f"sqlite:///{tmp_path}/storage.db")
    sweep, file = created(held_content, tmp_path)
    hold = signal_folder / f"hold-0-{place}"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / f"waiting-0-{place}").exists)
        disk.fill()
        hold.unlink()
        worker.wait_until(lambda: waiting_for(sweep) != "")
        (slot,) = slots_of(sweep)
        assert (slot.state, slot.losses, slot.reason) == ("free", 0, None)
        assert "paused, the trial is given back" in worker.log
        assert str(disk.folder / "home") in worker.log
        disk.make_room()
        assert worker.end() == 0, worker.log
    assert "going on" in worker.log
    assert_nothing_is_lost(sweep, score=0.2)


def test_a_storage_on_the_full_disk_is_waited_for(
    disk: SmallDisk, held_content: dict[str, Any], tmp_path: Path, signal_folder: Path
) -> None:
    sweep, file = created(held_content, tmp_path)
    hold = signal_folder / "hold-0-2"
    hold.touch()
    worker = WorkerProcess(file)
    with started(worker):
        worker.wait_until((signal_folder / "waiting-0-2").exists)
        disk.fill()
        hold.unlink()
        worker.wait_until(lambda: "disk is full" in worker.log)
        disk.make_room()
        assert worker.end() == 0, worker.log
    # Only the call was made again, unless MLflow's spool was what had no room.
    assert_nothing_is_lost(sweep, score=sweep.trial(0).attempts / 10)
