"""The outbox and its spool without a server: nothing waits, nothing is raised, nothing is lost."""

import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlruns_config.outbox.batches import batches, param_entities
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message, RunReference
from mlruns_config.outbox.outbox import Outbox, RunSpool
from mlruns_config.settings import TrackingSettings
from spaces.errors import InputError
from tests.mlruns_config.found_runs import only_run

RUN = RunReference("e", "k/1", "trial 1", None, attempt=1, began_ms=1)


def seconds_per_call(run: RunSpool) -> list[float]:
    seconds = []
    for step in range(2000):
        began_s = time.perf_counter()
        run.metrics({f"head/clean_fold_{fold}": 0.5 for fold in range(5)}, step)
        seconds.append(time.perf_counter() - began_s)
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("server", ["dead", "silent", "black_hole"])
def test_a_server_that_does_not_answer_delays_no_metrics(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings: TrackingSettings = request.getfixturevalue(server)
    outbox = Outbox(settings, tmp_path / "worker")
    run = outbox.open_run("e", "k/1", "trial 1", attempt=1)
    seconds = seconds_per_call(run)
    assert statistics.median(seconds) < 0.005
    assert sum(seconds) < 20.0
    assert not outbox.flush(0.5)
    began_s = time.perf_counter()
    assert not outbox.close(0.5)
    assert time.perf_counter() - began_s < 1.0


def test_a_password_stays_out_of_the_log_when_the_server_is_dead(
    dead: TrackingSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    outbox.open_run("e", "k/1", "trial 1", attempt=1)
    assert not outbox.close(0.5)
    assert "nothing is lost" in caplog.text
    assert "127.0.0.1" in caplog.text
    assert "s5w0rd" not in caplog.text


def test_what_one_outbox_left_the_next_one_in_the_folder_sends(
    dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first = Outbox(dead, tmp_path / "worker")
    first.open_run("left", "k/1", "trial 1", attempt=1).metrics({"clean": 0.25})
    assert not first.close(0.1)
    told: dict[str, str] = {}
    second = Outbox(sqlite, tmp_path / "worker", on_run=told.__setitem__)
    assert second.close(150)
    _, run = only_run(sqlite, "left")
    assert run.data.metrics == {"clean": 0.25}
    assert told == {"k/1": run.info.run_id}


def test_numbers_of_numpy_and_keras_arrive_as_numbers(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    run = outbox.open_run("numpy", "k/1", "trial 1", attempt=1)
    values: Any = {"a": np.float32(0.5), "b": np.int64(3)}
    step: Any = np.int64(7)
    run.metrics(values, step)
    assert outbox.close(150)
    client, found = only_run(sqlite, "numpy")
    assert found.data.metrics == {"a": 0.5, "b": 3.0}
    assert client.get_metric_history(found.info.run_id, "a")[0].step == 7


def test_a_callback_that_fails_once_is_called_again(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    calls: list[str] = []

    def on_run(key: str, run_id: str) -> None:
        calls.append(run_id)
        if len(calls) == 1:
            raise RuntimeError("the storage is locked")

    outbox = Outbox(sqlite, tmp_path / "worker", on_run=on_run)
    outbox.open_run("callback", "k/1", "trial 1", attempt=1).metrics({"clean": 1.0})
    assert outbox.close(150)
    _, run = only_run(sqlite, "callback")
    assert calls == [run.info.run_id] * 2


@pytest.mark.parametrize("key", ["", "it's", 'a"b', "a`b", "a\\b", "a\nb"])
def test_a_key_that_no_search_could_find_is_refused(
    key: str, dead: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    with pytest.raises(InputError, match="quotes"):
        outbox.open_run("e", key, "trial 1", attempt=1)
    assert outbox.close(0.1)


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "a/../../b"])
def test_an_artifact_stays_inside_its_run(folder: str, tmp_path: Path) -> None:
    run = RunSpool(Journal(tmp_path / "s"), RUN)
    with pytest.raises(ValueError, match="inside its run"):
        run.artifact(Path(__file__), folder)


def test_a_line_torn_by_a_power_cut_is_set_aside(sqlite: TrackingSettings, tmp_path: Path) -> None:
    outbox_folder = tmp_path / "worker"
    journal = Journal(outbox_folder)
    journal.append(Message(RUN, "open", {}, 1), durable=True)
    (segment,) = outbox_folder.glob("*.open")
    body = {"step": 0, "values": {"clean": 1.0}, "stored": True}
    line = Message(RUN, "metrics", body, 2).to_line()
    with segment.open("ab") as file:
        file.write(line + line[:40])
    outbox = Outbox(sqlite, outbox_folder)
    assert outbox.close(150)
    assert only_run(sqlite, "e")[1].data.metrics == {"clean": 1.0}
    (aside,) = (outbox_folder / "rejected").iterdir()
    assert aside.name.startswith("line-")


def test_segments_are_given_out_in_the_order_of_writing(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "s")
    long = "x" * 300_000
    for number in range(12):
        journal.append(Message(RUN, "tags", {"n": str(number), "long": long}, 1), durable=False)
    seen = []
    while (segment := journal.oldest()) is not None:
        lines = segment.read_bytes().splitlines()
        seen += [Message.from_line(line).body["n"] for line in lines]
        segment.unlink()
    assert seen == [str(number) for number in range(12)]
    assert journal.is_empty()


def test_batches_stay_within_mlflows_limits() -> None:
    values = {f"p{number}": "ü" * 5000 for number in range(250)}
    entities = param_entities([Message(RUN, "params", values, 1)])
    cut = list(batches(entities, "params"))
    assert [param for batch in cut for param in batch] == entities
    # MLflow counts the bytes of the JSON, in which each of these letters takes six.
    assert all(sum(6 * len(p.value) for p in batch) < 1_000_000 for batch in cut)
    assert all(len(batch) <= 100 for batch in cut)


@pytest.mark.slow
def test_a_process_ends_while_its_mlflow_hangs(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import TrackingSettings
outbox = Outbox(TrackingSettings(sys.argv[1], None), Path(sys.argv[2]))
outbox.open_run("e", "k/1", "trial 1", attempt=1)
sys.stdin.readline()
began_s = time.monotonic()
outbox.close(0.5)
print(time.monotonic() - began_s)
"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        uri = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            subprocess.Popen(
                [sys.executable, "-c", code, uri, str(tmp_path / "worker")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as process,
            asked(listener),
        ):
            # Its sender waits for an answer now, for as long as the connection stands.
            said, _ = process.communicate("\n", timeout=60)
    assert process.returncode == 0
    assert float(said) < 1.0


@contextmanager
def asked(listener: socket.socket) -> Iterator[None]:
    """Take connections until one asks something, and hold that one for the block."""
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(1):
                yield
                return


def test_a_disk_that_fails_for_a_while_does_not_end_the_sending(
    sqlite: TrackingSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    run = outbox.open_run("disk", "disk/1", "trial 1", attempt=1)
    assert outbox.flush(150)
    run.metrics({"clean": 0.5})
    (tmp_path / "worker").rename(tmp_path / "elsewhere")
    assert not outbox.flush(1.5)
    (tmp_path / "elsewhere").rename(tmp_path / "worker")
    assert outbox.close(150)
    assert only_run(sqlite, "disk")[1].data.metrics == {"clean": 0.5}
    assert "nothing is lost" in caplog.text
