"""A worker that was stopped for longer than its lease, then goes on: it comes too late."""

import signal
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest

from mlruns_config.names import TAG_ATTEMPT, TAG_STATE
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.found_runs import only_run, steps_of
from tests.search.workers.worker_processes import WorkerProcess, created, nothing_to_send, started

pytestmark = pytest.mark.slow

SLOW = pytest.mark.acceptance


@pytest.mark.parametrize(
    ("place", "second_ends_first"),
    [
        pytest.param("3", True, id="in its last epoch, after the other has ended"),
        pytest.param("end", False, id="before it says so, while the other runs"),
        pytest.param("end", True, id="before it says so, after the other has ended", marks=SLOW),
        pytest.param("3", False, id="in its last epoch, while the other runs", marks=SLOW),
    ],
)
def test_what_it_found_is_written_nowhere(
    place: str,
    second_ends_first: bool,
    held_content: dict[str, Any],
    home: Path,
    tmp_path: Path,
    signal_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "2")
    sweep, file = created(held_content, tmp_path)
    hold, hold_second = (signal_folder / f"hold-0-{where}" for where in (place, "1"))
    hold.touch()
    late = WorkerProcess(file)
    with started(late):
        late.wait_until((signal_folder / f"waiting-0-{place}").exists)
        late.wait_until(lambda: nothing_to_send(home))
        late.process.send_signal(signal.SIGSTOP)
        hold.unlink()
        hold_second.touch()
        second = WorkerProcess(file)
        with started(second):
            second.wait_until((signal_folder / "waiting-0-1").exists)
            if second_ends_first:
                hold_second.unlink()
                assert second.end() == 0, second.log
            late.process.send_signal(signal.SIGCONT)
            late.wait_until(lambda: "was taken over by another worker" in late.log)
            hold_second.unlink(missing_ok=True)
            assert (second.end(), late.end()) == (0, 0), second.log + late.log
    record = sweep.trial(0)
    # The storage counts the loss too: the third attempt is the second claim.
    assert (record.state, record.score, record.attempts) == ("done", 0.2, 2)
    study = optuna.load_study(study_name="tiny", storage=sweep.storage.optuna)
    assert [trial.value for trial in study.trials] == [0.2]
    client, run = only_run(TrackingSettings.from_environment(home), "tiny")
    assert (run.info.status, run.data.metrics["score"]) == ("FINISHED", 0.2)
    assert (run.data.tags[TAG_STATE], run.data.tags[TAG_ATTEMPT]) == ("complete", "3")
    for metric in ("head/score", "head/score_fold_0", "head/score_fold_2"):
        assert steps_of(client, run, metric) == Counter(range(4))
    assert steps_of(client, run, "score") == Counter([0])
