"""A spool on a full disk: it says so, keeps what it took, and goes on when there is room."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.disturbances.small_disk import SmallDisk
from mlruns_config.client import connect
from mlruns_config.failures import Failure, judge
from mlruns_config.outbox.delivery import Delivery
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message, RunReference
from mlruns_config.outbox.outbox import Outbox, RunSpool
from mlruns_config.settings import TrackingSettings
from spaces.errors import DiskFullError, UnavailableError
from tests.mlruns_config.found_runs import only_run

RUN = RunReference("e", "k/1", "trial 1", None, attempt=1, began_ms=1)


def tags_that_fit(run: RunSpool) -> list[str]:
    """Set long tags until the disk is full."""
    fitted: list[str] = []
    while len(fitted) < 1000:
        name = f"early_{len(fitted)}"
        try:
            run.tags({name: "x" * 5000})
        except DiskFullError:
            return fitted
        fitted.append(name)
    raise AssertionError("the disk never was full")


@pytest.mark.slow
def test_tags_and_files_that_do_not_fit_are_refused_until_there_is_room(
    small_disk: SmallDisk, dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    (tmp_path / "oof.txt").write_text("predictions " * 10_000)
    outbox = Outbox(dead, small_disk.folder / "worker")
    run = outbox.open_run("full", "full/1", "trial 1", attempt=1)
    small_disk.fill(but=65_536)
    with pytest.raises(DiskFullError, match="disk is full"):
        run.artifact(tmp_path / "oof.txt")
    fitted = tags_that_fit(run)
    assert fitted
    with pytest.raises(DiskFullError, match="disk is full"):
        run.tags({"state": "s" * 5000})
    assert list((small_disk.folder / "worker" / "files").iterdir()) == []

    small_disk.make_room()
    run.artifact(tmp_path / "oof.txt")
    run.tags({"state": "s" * 5000})
    run.finish()
    assert not outbox.close(0.0)
    assert Outbox(sqlite, small_disk.folder / "worker").close(150)
    client, found = only_run(sqlite, "full")
    assert (found.info.status, found.data.tags["state"]) == ("FINISHED", "s" * 5000)
    assert sorted(t for t in found.data.tags if t.startswith("early_")) == sorted(fitted)
    assert [f.path for f in client.list_artifacts(found.info.run_id)] == ["oof.txt"]
    assert not (small_disk.folder / "worker").exists(), "something was torn and set aside"


def test_a_line_that_did_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    code = """
import resource, sys
from pathlib import Path
from mlruns_config.outbox.journal import Journal
from mlruns_config.outbox.messages import Message, RunReference
from spaces.errors import DiskFullError
journal = Journal(Path(sys.argv[1]))
run = RunReference("e", "k", "n", None, 1, 1)
def fits(text):
    try:
        journal.append(Message(run, "tags", {"n": text}, 1), durable=True)
    except DiskFullError:
        return False
    return True
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
fitted = [fits(str(n)) for n in range(20)]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(sum(fitted), fits("last"))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "s")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    (segment,) = (tmp_path / "s").glob("*.open")
    whole = [Message.from_line(line) for line in segment.read_bytes().splitlines()]
    n_fitted = done.stdout.split()[0]
    assert done.stdout.split()[1] == "True"
    assert [message.body["n"] for message in whole] == [*map(str, range(int(n_fitted))), "last"]
    assert 0 < int(n_fitted) < 20


def test_a_spool_that_vanishes_is_an_outage_that_names_its_path(tmp_path: Path) -> None:
    run = RunSpool(Journal(tmp_path / "s"), RUN)
    (tmp_path / "oof.txt").write_text("predictions")
    shutil.rmtree(tmp_path / "s")
    with pytest.raises(UnavailableError, match=f"{tmp_path / 's'}.*No such file") as outage:
        run.metrics({"clean": 0.5})
    assert not isinstance(outage.value, DiskFullError)


def test_a_folder_that_cannot_be_made_is_an_outage_that_names_its_path(
    sqlite: TrackingSettings, tmp_path: Path
) -> None:
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(UnavailableError, match=str(tmp_path / "outbox" / "worker")):
        Outbox(sqlite, tmp_path / "outbox" / "worker")


def test_a_file_that_is_not_there_is_logged_and_not_raised(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(tmp_path / "s")
    RunSpool(journal, RUN).artifact(tmp_path / "missing.png")
    RunSpool(journal, RUN).artifact(tmp_path)
    assert "missing.png" in caplog.text
    assert journal.is_empty()


def test_a_file_waits_while_the_disk_of_mlflow_is_full(
    small_disk: SmallDisk, tmp_path: Path
) -> None:
    settings = TrackingSettings(f"sqlite:///{tmp_path}/mlflow.db", str(small_disk.folder / "a"))
    (tmp_path / "oof.txt").write_text("predictions " * 1_000)
    spool = tmp_path / "spool" / "worker"
    journal = Journal(spool)
    RunSpool(journal, RUN).artifact(tmp_path / "oof.txt")
    segment = journal.oldest()
    assert segment is not None
    messages = [Message.from_line(line) for line in segment.read_bytes().splitlines()]
    delivery = Delivery(settings, spool, None)
    delivery.send([Message(RUN, "open", {}, 1)], strict=False)
    small_disk.fill()
    # After several failures the sender no longer believes that the value is innocent.
    with pytest.raises(OSError, match="No space left") as full:
        delivery.send(messages, strict=True)
    assert judge(full.value) is Failure.WAIT
    assert not (spool / "rejected").exists()
    small_disk.make_room()
    delivery.send(messages, strict=True)
    _, found = only_run(settings, "e")
    (tmp_path / "got").mkdir()
    path = connect(settings).download_artifacts(found.info.run_id, "oof.txt", str(tmp_path / "got"))
    assert Path(path).read_text() == "predictions " * 1_000
