"""The outbox and its spool without a server: nothing waits, nothing is raised, nothing is lost."""

import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run

from mlruns_config.client import connect
from mlruns_config.outbox.batches import batches, param_entities
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message, RunReference
from mlruns_config.outbox.outbox import Outbox, RunSpool, drain
from mlruns_config.settings import TrackingSettings
from mlruns_config.system_metrics import SystemMetrics
from spaces.errors import InputError, UnavailableError
from tests.mlruns_config.mlflow_server import free_port

RUN = RunReference("e", "k/1", "trial 1", None, opened_ms=1)


@pytest.fixture
def dead() -> TrackingSettings:
    return TrackingSettings(f"http://ann:p@s5w0rd@127.0.0.1:{free_port()}", None)


@pytest.fixture
def silent() -> Iterator[TrackingSettings]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield TrackingSettings(f"http://127.0.0.1:{listener.getsockname()[1]}", None)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> TrackingSettings:
    settings = TrackingSettings.from_environment(tmp_path_factory.mktemp("home"))
    connect(settings)
    return settings


def only_run(settings: TrackingSettings, experiment: str) -> tuple[MlflowClient, Run]:
    client = connect(settings)
    found = client.get_experiment_by_name(experiment)
    (run,) = client.search_runs([found.experiment_id])
    return client, run


def seconds_per_call(run: RunSpool) -> list[float]:
    seconds = []
    for step in range(2000):
        began_s = time.perf_counter()
        run.metrics({f"head/clean_fold_{fold}": 0.5 for fold in range(5)}, step)
        seconds.append(time.perf_counter() - began_s)
    return seconds


@pytest.mark.slow
@pytest.mark.parametrize("server", ["dead", "silent"])
def test_a_server_that_does_not_answer_delays_no_metrics(
    server: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    settings: TrackingSettings = request.getfixturevalue(server)
    outbox = Outbox(settings, tmp_path / "worker")
    run = outbox.open_run("e", "k/1", "trial 1")
    seconds = seconds_per_call(run)
    assert statistics.median(seconds) < 0.005
    assert sum(seconds) < 20.0
    assert not outbox.flush(0.5)
    began_s = time.perf_counter()
    assert not outbox.close(0.5)
    assert time.perf_counter() - began_s < 10.0


def test_a_password_stays_out_of_the_log_when_the_server_is_dead(
    dead: TrackingSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    outbox.open_run("e", "k/1", "trial 1")
    assert not outbox.close(0.5)
    assert "nothing is lost" in caplog.text
    assert "127.0.0.1" in caplog.text
    assert "s5w0rd" not in caplog.text


def test_what_one_outbox_left_the_next_one_in_the_folder_sends(
    dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    first = Outbox(dead, tmp_path / "worker")
    first.open_run("left", "k/1", "trial 1").metrics({"clean": 0.25})
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
    run = outbox.open_run("numpy", "k/1", "trial 1")
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
            raise RuntimeError("the ledger is locked")

    outbox = Outbox(sqlite, tmp_path / "worker", on_run=on_run)
    outbox.open_run("callback", "k/1", "trial 1").metrics({"clean": 1.0})
    assert outbox.close(150)
    _, run = only_run(sqlite, "callback")
    assert calls == [run.info.run_id] * 2


def test_a_folder_has_one_owner_at_a_time_and_drain_leaves_it_alone(
    dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    outbox.open_run("owned", "k/1", "trial 1")
    with pytest.raises(UnavailableError, match="belongs to a running process"):
        Outbox(dead, tmp_path / "worker")
    assert drain(sqlite, tmp_path, 5.0) == 0
    assert not outbox.close(0.1)
    assert connect(sqlite).get_experiment_by_name("owned") is None
    assert drain(dead, tmp_path, 0.3) == 1
    time.sleep(0.1)
    assert drain(sqlite, tmp_path, 150.0) == 0
    assert only_run(sqlite, "owned")[1].info.status == "RUNNING"


def test_draining_nothing_is_quick_and_quiet(dead: TrackingSettings, tmp_path: Path) -> None:
    assert drain(dead, tmp_path / "not there", 5.0) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("key", ["", "it's", 'a"b', "a`b", "a\\b", "a\nb"])
def test_a_key_that_no_search_could_find_is_refused(
    key: str, dead: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    with pytest.raises(InputError, match="quotes"):
        outbox.open_run("e", key, "trial 1")
    assert outbox.close(0.1)


@pytest.mark.parametrize("folder", ["../elsewhere", "/etc", "a/../../b"])
def test_an_artifact_stays_inside_its_run(folder: str, tmp_path: Path) -> None:
    run = RunSpool(Journal(tmp_path / "s"), RUN)
    with pytest.raises(ValueError, match="inside its run"):
        run.artifact(Path(__file__), folder)


def test_an_artifact_that_is_not_there_is_logged_and_not_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "s")
    RunSpool(journal, RUN).artifact(tmp_path / "missing.png")
    assert "missing.png" in caplog.text
    assert journal.is_empty()


def test_a_spool_that_vanishes_or_fills_up_stops_no_training(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "s")
    shutil.rmtree(tmp_path / "s")
    RunSpool(journal, RUN).metrics({"clean": 0.5})
    assert "lost a metrics message" in caplog.text


def test_a_full_disk_loses_only_what_did_not_fit(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message, RunReference
journal = Journal(Path(sys.argv[1]))
run = RunReference("e", "k", "n", None, 1)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
fitted = [journal.append(Message(run, "tags", {"n": str(n)}, n), durable=True) for n in range(20)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
fitted += [journal.append(Message(run, "tags", {"n": "last"}, 99), durable=True)]
print(sum(fitted))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (segment,) = (tmp_path / "s").glob("*.open")
    whole, broken = [], 0
    for line in filter(None, segment.read_bytes().split(b"\n")):
        try:
            whole.append(Message.from_line(line))
        except ValueError:
            broken += 1
    assert len(whole) == int(done.stdout)
    assert whole[-1].body == {"n": "last"}
    assert broken == 1


def test_a_line_torn_by_a_power_cut_is_set_aside(sqlite: TrackingSettings, tmp_path: Path) -> None:
    outbox_folder = tmp_path / "worker"
    journal = Journal(outbox_folder)
    journal.append(Message(RUN, "open", {}, 1), durable=True)
    (segment,) = outbox_folder.glob("*.open")
    line = Message(RUN, "metrics", {"step": 0, "values": {"clean": 1.0}}, 2).to_line()
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


def test_system_metrics_arrive_under_mlflows_names(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(sqlite, tmp_path / "worker")
    run = outbox.open_run("system", "k/1", "trial 1")
    with SystemMetrics(run, interval_s=0.2):
        time.sleep(0.7)
    run.finish()
    assert outbox.close(150)
    client, found = only_run(sqlite, "system")
    history = client.get_metric_history(found.info.run_id, "system/cpu_utilization_percentage")
    assert [metric.step for metric in history] == list(range(len(history)))
    assert len(history) >= 2
    assert all(0.0 <= metric.value <= 100.0 for metric in history)
    assert found.data.metrics["system/system_memory_usage_megabytes"] > 0
