"""The outbox and a real MLflow server: crashes on either side lose and double nothing."""

import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient

from mlruns_config.client import connect, ensure_experiment
from mlruns_config.dataset import DatasetInfo
from mlruns_config.outbox.delivery import Delivery
from mlruns_config.outbox.messages import Message, RunReference
from mlruns_config.outbox.outbox import Outbox, drain
from tests.mlruns_config.found_runs import runs_of, steps_of
from tests.mlruns_config.mlflow_server import MlflowServer, free_port

pytestmark = pytest.mark.slow

WRITER = """
import os, signal, sys, time
from pathlib import Path
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.settings import TrackingSettings
uri, spool, key, end, barrier = sys.argv[1:]
outbox = Outbox(TrackingSettings(uri, None), Path(spool))
Path(barrier + "." + Path(spool).name).touch()
while len(list(Path(barrier).parent.glob(Path(barrier).name + ".*"))) < int(end[-1]):
    time.sleep(0.005)
run = outbox.open_run("crashes", key, "trial 7", attempt=1)
run.params({"backbone": "mobilenet"})
artifact = Path(spool).parent / (Path(spool).name + ".txt")
artifact.write_text("kept")
run.artifact(artifact, "notes")
for step in range(3000 if end.startswith("kill") else 10):
    run.metrics({Path(spool).name: step / 7}, step)
if end.startswith("kill"):
    artifact.unlink()
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(0 if outbox.close(150) else 1)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    server = MlflowServer(tmp_path_factory.mktemp("server"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def client(server: MlflowServer) -> MlflowClient:
    return connect(server.settings)


def start_writer(uri: str, spool: Path, key: str, end: str, barrier: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, uri, str(spool), key, end, str(barrier)],
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.acceptance
def test_ten_thousand_metrics_arrive_with_all_else_of_a_run(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    outbox = Outbox(server.settings, tmp_path / "spools" / "worker")
    run = outbox.open_run("all", "sweep/1", "trial 1", attempt=1)
    run.params({"learning_rate": 0.1, "notes": "n" * 7000})
    run.tags({"storage": "postgresql://ann:p@ss/word@db/x", "long": "t" * 9000})
    run.dataset(DatasetInfo("blood", "ab" * 32, "data.npz", 60, ("mono", "baso"), 96))
    for step in range(1000):
        run.metrics({f"head/clean_fold_{fold}": step + fold / 10 for fold in range(10)}, step)
    (tmp_path / "oof.txt").write_text("as it was")
    run.artifact(tmp_path / "oof.txt", "predictions")
    (tmp_path / "oof.txt").write_text("changed later")
    run.finish()
    assert outbox.close(150)

    (found,) = runs_of(client, "all", "sweep/1")
    assert (found.info.status, found.info.run_name) == ("FINISHED", "trial 1")
    assert found.data.params["learning_rate"] == "0.1"
    assert found.data.params["notes"].startswith("n" * 5000)
    assert len(found.data.params["notes"]) == 6000
    assert found.data.tags["storage"] == "postgresql://ann:***@db/x"
    assert len(found.data.tags["long"]) == 8000
    for fold in range(10):
        history = client.get_metric_history(found.info.run_id, f"head/clean_fold_{fold}")
        assert sorted(m.value for m in history) == [step + fold / 10 for step in range(1000)]
    (linked,) = found.inputs.dataset_inputs
    assert (linked.dataset.name, linked.dataset.digest) == ("blood", "ab" * 18)
    path = client.download_artifacts(found.info.run_id, "predictions/oof.txt", str(tmp_path))
    assert Path(path).read_text() == "as it was"
    assert not (tmp_path / "spools" / "worker").exists()


@pytest.mark.slow
def test_a_server_killed_and_restarted_half_way_gets_everything_once(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    outbox = Outbox(server.settings, tmp_path / "worker")
    run = outbox.open_run("restarts", "sweep/2", "trial 2", attempt=1)
    slowest_s = 0.0
    restart = threading.Thread(target=server.start)
    for step in range(400):
        began_s = time.perf_counter()
        run.metrics({"head/clean": step / 3}, step)
        slowest_s = max(slowest_s, time.perf_counter() - began_s)
        time.sleep(0.005)
        if step == 150:
            server.kill()
        if step == 300:
            restart.start()
    run.finish()
    restart.join()
    assert outbox.close(150)
    (found,) = runs_of(client, "restarts", "sweep/2")
    assert steps_of(client, found, "head/clean") == Counter(range(400))
    assert found.info.status == "FINISHED"
    assert slowest_s < 2.0


def test_what_a_killed_process_spooled_is_sent_by_drain(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    nobody = f"http://127.0.0.1:{free_port()}"
    killed = start_writer(nobody, tmp_path / "s" / "w", "sweep/7", "kill 1", tmp_path / "ready")
    killed.communicate(timeout=150)
    assert killed.returncode == -signal.SIGKILL
    assert drain(server.settings, tmp_path / "s", 150) == 0
    assert drain(server.settings, tmp_path / "s", 150) == 0
    (found,) = runs_of(client, "crashes", "sweep/7")
    assert steps_of(client, found, "w") == Counter(range(3000))
    assert found.data.params == {"backbone": "mobilenet"}
    assert [f.path for f in client.list_artifacts(found.info.run_id, "notes")] == ["notes/w.txt"]
    assert list((tmp_path / "s").glob("w/*")) == []


def test_two_processes_that_open_the_same_key_at_once_share_one_run(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    uri, barrier = server.settings.uri, tmp_path / "ready"
    writers = [
        start_writer(uri, tmp_path / "s" / name, "sweep/8", "close 2", barrier) for name in "ab"
    ]
    for writer in writers:
        _, errors = writer.communicate(timeout=150)
        assert writer.returncode == 0, errors
    (found,) = runs_of(client, "crashes", "sweep/8")
    assert steps_of(client, found, "a") == steps_of(client, found, "b") == Counter(range(10))


def test_messages_that_are_sent_twice_do_not_show(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    run = RunReference("twice", "sweep/3", "trial 3", None, attempt=1, began_ms=1000)
    spool = tmp_path / "s"
    (spool / "files").mkdir(parents=True)
    info = {"name": "d", "fingerprint": "f" * 64, "source": "d.npz", "rows": 3}
    values = {"clean": 0.5, "loss": float("nan"), "worst": float("inf")}
    metrics = {"step": 1, "values": values, "stored": True}
    messages = [
        Message(run, "open", {}, 1000),
        Message(run, "params", {"a": "1"}, 1001),
        Message(run, "tags", {"t": "x"}, 1002),
        Message(run, "dataset", {**info, "classes": ["a", "b"], "image_px": 32}, 1003),
        Message(run, "metrics", metrics, 1004),
        Message(run, "metrics", metrics, 1005),
        Message(run, "finish", {"status": "FINISHED"}, 1010),
    ]
    for _ in range(3):
        Delivery(server.settings, spool, None).send(messages, strict=False)
    (found,) = runs_of(client, "twice", "sweep/3")
    for name in values:
        history = client.get_metric_history(found.info.run_id, name)
        assert sorted(metric.timestamp for metric in history) == [1004, 1005]
    assert len(found.inputs.dataset_inputs) == 1
    assert (found.info.start_time, found.info.end_time) == (1000, 1010)
    assert not (spool / "rejected").exists()


def test_what_mlflow_refuses_is_set_aside_and_the_rest_arrives(
    server: MlflowServer, client: MlflowClient, tmp_path: Path
) -> None:
    outbox = Outbox(server.settings, tmp_path / "worker")
    run = outbox.open_run("refused", "sweep/5", "trial 5", attempt=1)
    for step in range(50):
        run.metrics({"good": step} | ({"bad\tname": 1} if step in (20, 33) else {}), step)
    run.metrics({"none": None, "good": 50}, 50)  # type: ignore[dict-item]
    run.metrics({"good": 51}, 2**70)
    run.tags({"": "no name", "kept": "yes"})
    run.finish()
    assert outbox.close(150)
    (found,) = runs_of(client, "refused", "sweep/5")
    assert steps_of(client, found, "good") == Counter(range(51))
    assert found.data.tags["kept"] == "yes"
    assert found.info.status == "FINISHED"
    reasons = [path.read_text() for path in (tmp_path / "worker" / "rejected").iterdir()]
    assert sum("bad\\\\tname" in reason for reason in reasons) == 2
    assert len(reasons) == 5


def test_an_experiment_is_created_once_by_many_at_the_same_time(
    server: MlflowServer, client: MlflowClient
) -> None:
    found: list[str] = []

    def create() -> None:
        found.append(ensure_experiment(server.settings, "race", {"url": "http://a:secret@h"}))

    threads = [threading.Thread(target=create) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
    assert client.get_experiment(found[0]).tags["url"] == "http://a:***@h"
