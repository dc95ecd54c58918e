"""One run of MLflow, several attempts at its trial: the latest decides, and no step comes twice."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from mlruns_config.client import connect
from mlruns_config.names import TAG_ATTEMPT, TAG_FINETUNE_ATTEMPT, TAG_FINETUNE_STATE, TAG_STATE
from mlruns_config.outbox.messages import Message, Phase
from mlruns_config.outbox.outbox import Outbox, RunSpool, drain
from mlruns_config.settings import TrackingSettings
from tests.mlruns_config.found_runs import only_run, steps_of

pytestmark = pytest.mark.slow

# A worker that goes on with a trial: it knows from the storage what earlier attempts have logged,
# and spools it again, as it can't know whether that has arrived. Then it goes on, and is killed.
KILLED_WORKER = """
import os, signal, sys
from pathlib import Path
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import TrackingSettings
uri, spools, attempt = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
outbox = Outbox(TrackingSettings(uri, str(spools / "artifacts")), spools / f"worker-{attempt}")
run = outbox.open_run("kills", "s/1", "trial 1", attempt=attempt, began_ms=1_000)
run.params({"seed": 7})
for epoch in range(6 * attempt):
    run.metrics({"head/clean": epoch / 7}, epoch, time_ms=2_000 + epoch)
    if attempt % 2 and epoch == 3:
        assert outbox.flush(60)
run.tags({"worker": attempt})
os.kill(os.getpid(), signal.SIGKILL)
"""


def opened(
    settings: TrackingSettings, spool: Path, experiment: str, attempt: int, phase: Phase = "head"
) -> tuple[Outbox, RunSpool]:
    outbox = Outbox(settings, spool / f"attempt-{attempt}-{phase}")
    key = f"{experiment}/1"
    run = outbox.open_run(experiment, key, "trial 1", attempt=attempt, phase=phase, began_ms=1_000)
    return outbox, run


def test_a_later_attempt_is_not_changed_by_what_an_earlier_one_still_says(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first, stopped = opened(sqlite, tmp_path, "late", 1)
    stopped.params({"seed": 1})
    stopped.metrics({"clean": 0.1}, 0, time_ms=5_000)
    assert first.flush(150)
    second, run = opened(sqlite, tmp_path, "late", 2)
    run.params({"seed": 2, "more": 3})
    run.tags({TAG_STATE: "running", "worker": "second"})
    assert second.flush(150)

    (tmp_path / "oof.txt").write_text("of the first")
    stopped.params({"late": "param"})
    stopped.tags({TAG_STATE: "complete", "worker": "first"})
    stopped.metrics({"stored": 0.5}, 1, time_ms=6_000)
    stopped.metrics({"score": 0.9})
    stopped.artifact(tmp_path / "oof.txt")
    stopped.finish("FAILED")
    assert first.close(150)
    client, found = only_run(sqlite, "late")
    assert found.info.status == "RUNNING"
    assert found.data.params == {"seed": "1", "more": "3"}
    assert found.data.metrics == {"clean": 0.1, "stored": 0.5}
    assert (found.data.tags[TAG_STATE], found.data.tags["worker"]) == ("running", "second")
    assert found.data.tags[TAG_ATTEMPT] == "2"
    assert client.list_artifacts(found.info.run_id) == []
    assert list(tmp_path.glob("attempt-1-*/*")) == []

    run.finish("FINISHED", time_ms=9_000)
    assert second.close(150)
    _, found = only_run(sqlite, "late")
    assert (found.info.status, found.info.end_time) == ("FINISHED", 9_000)


def test_a_run_starts_when_its_trial_began_and_the_attempt_decides_not_the_clock(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    third, run = opened(sqlite, tmp_path, "clocks", 3)
    run.finish("FINISHED", time_ms=2_000)
    assert third.close(150)
    # Of an earlier attempt, but a clock that is ahead: it comes last in every respect.
    second, stopped = opened(sqlite, tmp_path, "clocks", 2)
    stopped.finish("FAILED", time_ms=9_000)
    assert second.close(150)
    _, found = only_run(sqlite, "clocks")
    assert (found.info.status, found.info.start_time, found.info.end_time) == (
        "FINISHED",
        1_000,
        2_000,
    )


def test_a_run_that_has_ended_runs_again_in_its_second_phase_and_ends_again(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first, heads = opened(sqlite, tmp_path, "phases", 3)
    heads.metrics({"score": 0.5}, time_ms=2_000)
    heads.finish("FINISHED", time_ms=2_000)
    assert first.close(150)
    # Attempts of each phase are counted from one.
    second, tuning = opened(sqlite, tmp_path, "phases", 1, "finetune")
    assert second.flush(150)
    client, found = only_run(sqlite, "phases")
    assert found.info.status == "RUNNING"
    assert (found.data.tags[TAG_ATTEMPT], found.data.tags[TAG_FINETUNE_ATTEMPT]) == ("3", "1")
    tuning.metrics({"score": 0.75}, time_ms=8_000)
    tuning.finish("FINISHED", time_ms=8_000)
    assert second.close(150)
    client, found = only_run(sqlite, "phases")
    assert (found.info.status, found.info.end_time) == ("FINISHED", 8_000)
    assert found.data.metrics == {"score": 0.75}
    history = client.get_metric_history(found.info.run_id, "score")
    assert [point.value for point in history] == [0.5, 0.75]


@pytest.mark.parametrize("ends", [False, True], ids=["while it runs", "after its end"])
def test_what_the_first_phase_still_says_after_the_second_began_arrives_and_ends_nothing(
    ends: bool, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    experiment = f"late heads {ends}"
    second, tuning = opened(sqlite, tmp_path, experiment, 1, "finetune")
    tuning.metrics({"score": 0.75}, time_ms=8_000)
    tuning.tags({TAG_FINETUNE_STATE: "complete"})
    if ends:
        tuning.finish("FINISHED", time_ms=8_000)
    assert second.flush(150)

    (tmp_path / "oof.txt").write_text("of the heads")
    first, heads = opened(sqlite, tmp_path, experiment, 2)
    heads.params({"seed": 7})
    heads.tags({TAG_STATE: "complete"})
    heads.metrics({"score": 0.5}, time_ms=2_000)
    heads.artifact(tmp_path / "oof.txt")
    heads.finish("FAILED", time_ms=2_000)
    assert first.close(150)
    client, found = only_run(sqlite, experiment)
    expected = ("FINISHED", 8_000) if ends else ("RUNNING", None)
    assert (found.info.status, found.info.end_time) == expected
    assert found.data.params == {"seed": "7"}
    assert found.data.metrics == {"score": 0.75}
    assert (found.data.tags[TAG_STATE], found.data.tags[TAG_FINETUNE_STATE]) == (
        "complete",
        "complete",
    )
    assert [entry.path for entry in client.list_artifacts(found.info.run_id)] == ["oof.txt"]
    assert second.close(150)


def test_a_line_that_was_spooled_before_there_were_phases_is_one_of_the_first(
    tmp_path: Path,
) -> None:
    line = (
        b'{"run": {"experiment": "e", "key": "s/1", "name": "n", "run_id": null, "attempt": 2, '
        b'"began_ms": 5}, "kind": "finish", "body": {"status": "FINISHED"}, "time_ms": 9}\n'
    )
    message = Message.from_line(line)
    assert (message.run.attempt, message.run.phase) == (2, "head")


def test_a_trial_that_was_given_back_is_scheduled_until_the_next_attempt(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first, run = opened(sqlite, tmp_path, "given-back", 1)
    run.finish("SCHEDULED")
    assert first.close(150)
    _, found = only_run(sqlite, "given-back")
    assert (found.info.status, found.info.end_time) == ("SCHEDULED", None)
    second, run = opened(sqlite, tmp_path, "given-back", 2)
    assert second.flush(150)
    _, found = only_run(sqlite, "given-back")
    assert (found.info.status, found.info.end_time) == ("RUNNING", None)
    run.finish("FINISHED", time_ms=8_000)
    assert second.close(150)
    _, found = only_run(sqlite, "given-back")
    assert (found.info.status, found.info.end_time) == ("FINISHED", 8_000)


def test_five_kills_double_no_step(sqlite: TrackingSettings, tmp_path: Path) -> None:
    for attempt in range(1, 6):
        command = [sys.executable, "-c", KILLED_WORKER, sqlite.uri, str(tmp_path), str(attempt)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr
    assert drain(sqlite, tmp_path, 150.0) == 0
    client, found = only_run(sqlite, "kills")
    assert steps_of(client, found, "head/clean") == Counter(range(30))
    assert found.data.tags["worker"] == "5"
    assert found.data.params == {"seed": "7"}


@pytest.mark.parametrize("is_known", [True, False], ids=["running", "never created"])
def test_the_run_of_a_worker_that_died_can_be_ended_by_another_process(
    is_known: bool, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    experiment = f"died-{is_known}"
    if is_known:
        code = KILLED_WORKER.replace('"kills"', repr(experiment)).replace(
            '"s/1"', f'"{experiment}/1"'
        )
        command = [sys.executable, "-c", code, sqlite.uri, str(tmp_path), "1"]
        subprocess.run(command, capture_output=True, check=False, timeout=120)
        assert only_run(sqlite, experiment)[1].info.status == "RUNNING"
    outbox, run = opened(sqlite, tmp_path, experiment, 2)
    run.tags({TAG_STATE: "failed"})
    run.finish("FAILED", time_ms=7_000)
    assert outbox.close(150)
    # What the dead worker had not sent comes last, and changes nothing.
    assert drain(sqlite, tmp_path, 150.0) == 0
    client, found = only_run(sqlite, experiment)
    assert (found.info.status, found.info.end_time) == ("FAILED", 7_000)
    assert found.data.tags[TAG_STATE] == "failed"
    assert "worker" not in found.data.tags
    expected = range(6) if is_known else ()
    assert steps_of(client, found, "head/clean") == Counter(expected)


def test_a_crash_while_a_run_is_taken_over_leaves_it_to_be_taken_over_again(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first, run = opened(sqlite, tmp_path, "half-way", 1)
    run.finish("SCHEDULED")
    assert first.close(150)
    client, found = only_run(sqlite, "half-way")
    client.update_run(found.info.run_id, status="RUNNING")  # The first half, then the crash.
    second, run = opened(sqlite, tmp_path, "half-way", 2)
    run.tags({"worker": "second"})
    assert second.close(150)
    found = connect(sqlite).get_run(found.info.run_id)
    assert (found.info.status, found.data.tags[TAG_ATTEMPT]) == ("RUNNING", "2")
