"""What dead processes left is sent by any other, and what living ones have is theirs."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from mlruns_config.client import connect
from mlruns_config.outbox.outbox import Outbox, drain
from mlruns_config.settings import TrackingSettings
from spaces.errors import UnavailableError
from tests.mlruns_config.found_runs import only_run, steps_of

pytestmark = pytest.mark.slow

DRAINER = """
import sys, time
from pathlib import Path
from mlruns_config.outbox.outbox import drain
from mlruns_config.settings import TrackingSettings
uri, folder, end = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
settings = TrackingSettings(uri, str(folder / "artifacts"))
Path(f"{end}.{sys.argv[4]}").touch()
while not end.exists():
    drain(settings, folder, float(sys.argv[5]))
print("mlflow" in sys.modules)
"""


def start_drainer(
    settings: TrackingSettings, folder: Path, end: Path, name: str, timeout_s: float
) -> subprocess.Popen[str]:
    arguments = [settings.uri, str(folder), str(end), name, str(timeout_s)]
    process = subprocess.Popen(
        [sys.executable, "-c", DRAINER, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not Path(f"{end}.{name}").exists():
        assert process.poll() is None
        time.sleep(0.02)
    return process


def leave(settings: TrackingSettings, folder: Path, experiment: str, *, n_steps: int = 1) -> None:
    """Leave a spool behind as a process does that could not send it."""
    outbox = Outbox(settings, folder)
    run = outbox.open_run(experiment, f"{experiment}/1", "trial 1", attempt=1)
    for step in range(n_steps):
        run.metrics({folder.name: step / 3}, step, time_ms=1_000 + step)
    assert not outbox.close(0.0)


def test_a_folder_has_one_owner_at_a_time_and_drain_leaves_it_alone(
    dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    outbox = Outbox(dead, tmp_path / "worker")
    outbox.open_run("owned", "k/1", "trial 1", attempt=1)
    with pytest.raises(UnavailableError, match="belongs to a running process"):
        Outbox(dead, tmp_path / "worker")
    assert drain(sqlite, tmp_path, 5.0) == 0
    assert not outbox.close(0.1)
    assert connect(sqlite).get_experiment_by_name("owned") is None
    assert drain(dead, tmp_path, 0.3) == 1
    assert drain(sqlite, tmp_path, 150.0) == 0
    assert only_run(sqlite, "owned")[1].info.status == "RUNNING"


def test_draining_nothing_is_quick_and_quiet(dead: TrackingSettings, tmp_path: Path) -> None:
    assert drain(dead, tmp_path / "not there", 5.0) == 0
    assert list(tmp_path.iterdir()) == []


def test_a_look_that_finds_nothing_imports_no_mlflow(
    dead: TrackingSettings, tmp_path: Path
) -> None:
    living = Outbox(dead, tmp_path / "living")
    living.open_run("e", "k/1", "trial 1", attempt=1)
    gone = Outbox(dead, tmp_path / "gone")
    gone.close(0.0)
    end = tmp_path / "end"
    drainer = start_drainer(dead, tmp_path, end, "only", 5.0)
    time.sleep(0.3)
    end.touch()
    out, errors = drainer.communicate(timeout=60)
    assert (out, errors) == ("False\n", "")
    assert not living.close(0.1)


@pytest.mark.parametrize("server", ["dead", "silent", "black_hole"])
def test_many_spools_and_no_mlflow_take_no_longer_than_they_may(
    server: str, dead: TrackingSettings, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    for number in range(6):
        leave(dead, tmp_path / f"worker-{number}", "many", n_steps=3)
    settings: TrackingSettings = request.getfixturevalue(server)
    began_s = time.perf_counter()
    unsent = drain(settings, tmp_path, 0.5)
    assert time.perf_counter() - began_s < 1.2
    assert unsent == 6 * 4


def test_several_that_drain_at_once_send_everything_and_nothing_twice(
    dead: TrackingSettings, sqlite: TrackingSettings, tmp_path: Path
) -> None:
    spools = tmp_path / "spools"
    for number in range(6):
        leave(dead, spools / f"worker-{number}", "at-once", n_steps=40)
    end = tmp_path / "end"
    drainers = [start_drainer(sqlite, spools, end, name, 60.0) for name in "ab"]
    while list(spools.glob("worker-*")):
        time.sleep(0.1)
    end.touch()
    for drainer in drainers:
        _, errors = drainer.communicate(timeout=60)
        assert (drainer.returncode, errors) == (0, "")
    client, found = only_run(sqlite, "at-once")
    for number in range(6):
        assert steps_of(client, found, f"worker-{number}") == Counter(range(40))


def test_a_worker_that_starts_is_never_taken_for_dead(
    dead: TrackingSettings, tmp_path: Path
) -> None:
    end, spools = tmp_path / "end", tmp_path / "spools"
    drainers = [start_drainer(dead, spools, end, name, 0.0) for name in "ab"]
    try:
        for number in range(150):
            folder = spools / f"worker-{number}"
            outbox = Outbox(dead, folder)
            assert (folder / "owner.lock").exists(), "it was removed"
            assert outbox.close(0.0)
    finally:
        end.touch()
        ended = [drainer.communicate(timeout=60) for drainer in drainers]
    assert [errors for _, errors in ended] == ["", ""]
