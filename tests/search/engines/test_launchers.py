"""What every engine does with its workers: no trial is lost or doubled, whoever dies."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from mlruns_config.client import connect as connect_mlflow
from mlruns_config.settings import TrackingSettings
from search.status import SweepStatus
from search.sweep import Sweep
from search.workers.interruption import EXIT_INTERRUPTED
from spaces.errors import InputError

pytestmark = pytest.mark.slow

Content = dict[str, Any]
HERE = Path(__file__).parents[1]
LAUNCH = "import sys; from search.sweep import Sweep; Sweep.from_yaml(sys.argv[1]).launch()"


def attempts(signals: Path) -> list[int]:
    """List the trial of every attempt that the tiny objective began."""
    return sorted(int(path.name.split("-")[1]) for path in signals.glob("attempt-*"))


def runs_by_trial(home: Path) -> dict[str, int]:
    client = connect_mlflow(TrackingSettings.from_environment(home))
    experiment = client.get_experiment_by_name("tiny")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    return Counter(run.data.tags["foldsweep.trial"] for run in runs)


def wait_for(condition: Callable[[], bool], timeout_s: float = 90) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def test_a_trial_of_a_killed_worker_is_run_again_and_the_budget_stays_exact(
    content: Content, workers: Content, home: Path, signals: Path
) -> None:
    (signals / "die-2").touch()
    seen: list[SweepStatus] = []
    sweep = Sweep.from_mapping(
        {**content, "budget": {"trials": 8}, "workers": {**workers, "count": 2}}
    )
    status = sweep.launch(on_progress=seen.append)
    assert status.trials == {"free": 0, "running": 0, "done": 8, "pruned": 0, "failed": 0}
    assert attempts(signals) == sorted([*range(8), 2])
    assert sweep.trial(2).attempts == 2
    assert runs_by_trial(home) == {str(number): 1 for number in range(8)}
    assert all(record.run_id for record in sweep.trial_records())
    assert status.workers == []
    assert seen
    assert max(len(moment.workers) for moment in seen) > 1


@pytest.mark.parametrize(
    "engine", ["local", pytest.param("ray", marks=pytest.mark.acceptance)], indirect=True
)
def test_after_ctrl_c_everything_can_be_resumed(
    content: Content, workers: Content, home: Path, signals: Path, tmp_path: Path
) -> None:
    content |= {"budget": {"trials": 3}, "workers": {**workers, "count": 2}}
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump(content))
    (signals / "slow-all").touch()
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parents[1]}{os.pathsep}{HERE}"}
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(path)], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(lambda: attempts(signals) == [0, 1])
        sweep = Sweep.open("tiny")
        assert sweep.status().state == "running"
        launcher.send_signal(signal.SIGINT)
        launcher.wait(timeout=60)
    finally:
        launcher.kill()
        launcher.wait()
    # Python's own exit of an interrupt that nobody catches, or ours where the time was up before.
    assert launcher.returncode in (-signal.SIGINT, EXIT_INTERRUPTED)
    assert sweep.status().state == "interrupted"
    assert sweep.status().trials["free"] == 3
    assert [record.trial for record in sweep.trial_records()] == [0, 1]
    (signals / "slow-all").unlink()
    sweep.work()
    assert sweep.status().trials["done"] == 3
    assert [sweep.trial(number).attempts for number in range(3)] == [2, 2, 1]
    assert runs_by_trial(home) == {"0": 1, "1": 1, "2": 1}


def test_workers_that_cannot_start_end_the_launch_with_their_log(
    content: Content, workers: Content
) -> None:
    content |= {"objective": "dying_objective:score", "workers": workers}
    sweep = Sweep.from_mapping(content)
    with pytest.raises(InputError) as caught:
        sweep.launch()
    assert "exit code 3" in str(caught.value)
    assert "no licence for this library" in str(caught.value)
    assert sweep.status().trials["free"] == 6
