"""What Ray adds: nodes that die, nodes with another foldsweep, clusters that will not do."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest

from bench.disturbances.ray_nodes import LOOPBACK, RayNodes, started_nodes
from search.sweep import Sweep
from search.sweep_file.sweep_file import check_sweep
from spaces.errors import InputError, UnavailableError
from tests.mlruns_config.mlflow_server import MlflowServer
from tests.search.conftest import empty_database
from tests.search.engines.conftest import SIGNALS
from tests.search.workers.worker_processes import (
    LAUNCH,
    WorkerProcess,
    created,
    slots_of,
    started,
    workers_of,
)

Content = dict[str, Any]
HELD = Path(__file__).parents[1] / "workers"
LONG_S = 240.0
"""Ray, a launcher and a worker start one after the other, on a machine that may be busy."""


@pytest.fixture
def held(content: Content, monkeypatch: pytest.MonkeyPatch) -> Content:
    """A sweep file of one trial whose objective waits where the test wants it."""
    monkeypatch.syspath_prepend(HELD)
    return {**content, "objective": "held_objective:score", "budget": {"trials": 1}}


@pytest.fixture
def servers(
    home: Path, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """A PostgreSQL and an MLflow that workers on any machine reach."""
    folder = tmp_path / "server"
    folder.mkdir()
    mlflow = MlflowServer(folder)
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", empty_database(postgres_url))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", mlflow.settings.uri)
    try:
        mlflow.start()
        yield
    finally:
        mlflow.kill()


def wait_for(condition: Callable[[], object], timeout_s: float = LONG_S) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)


def actor_of(worker_pid: int) -> psutil.Process:
    """Give the process of the actor that holds a worker."""
    actor = psutil.Process(worker_pid).parent()
    assert actor is not None
    assert "RayHost" in actor.cmdline()[0]
    return actor


def test_without_ray_the_launch_says_what_to_install(
    content: Content, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "search.engines.ray", raising=False)
    sweep = Sweep.from_mapping({**content, "workers": {"engine": "ray"}})
    with pytest.raises(InputError, match=r"pip install 'foldsweep\[ray\]'"):
        sweep.launch()
    assert not home.exists()


@pytest.mark.parametrize("address", ["ray://head:10001", "head", "http://head:8265", "a@b:1"])
def test_an_address_that_is_no_clusters_is_refused(content: Content, address: str) -> None:
    with pytest.raises(InputError, match=r"workers\.address"):
        check_sweep({**content, "workers": {"engine": "ray", "address": address}})


@pytest.mark.slow
def test_a_cluster_that_does_not_answer_is_no_fault_of_the_file(
    content: Content, home: Path
) -> None:
    workers = {"engine": "ray", "address": f"{LOOPBACK}:1"}
    with pytest.raises(UnavailableError, match=f"{LOOPBACK}:1"):
        Sweep.from_mapping({**content, "workers": workers}).launch()
    assert not home.exists()


@pytest.mark.slow
def test_a_worker_that_no_node_could_hold_is_refused(
    content: Content, home: Path, ray_cluster: RayNodes
) -> None:
    workers = ray_cluster.workers(cpus_per_worker=64)
    with pytest.raises(InputError, match=r"asks for 64 CPUs.*they have 2 CPUs"):
        Sweep.from_mapping({**content, "workers": workers}).launch()
    assert not home.exists()


@pytest.mark.slow
def test_files_of_one_machine_are_refused_where_the_cluster_has_more(
    content: Content, home: Path, ray_cluster: RayNodes
) -> None:
    second = ray_cluster.add_node(num_cpus=1)
    sweep = Sweep.from_mapping({**content, "workers": ray_cluster.workers()})
    try:
        with pytest.raises(InputError, match=r"has 2 nodes.*SQLite.*PostgreSQL.*MLflow server"):
            sweep.launch()
    finally:
        ray_cluster.kill_node(second)
    assert not home.exists()


@pytest.mark.slow
def test_a_node_with_another_foldsweep_ends_the_launch_before_it_runs_a_trial(
    content: Content, home: Path, ray_cluster: RayNodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from search.engines import ray as engine
    from search.workers.provenance import code_digest

    # As if the launcher's had another line somewhere in these two packages.
    parts = [part.partition(":") for part in code_digest().split(",")]
    other = [
        f"{name}:{'0' * len(digest) if name in ('objectives', 'spaces') else digest}"
        for name, _, digest in parts
    ]
    monkeypatch.setattr(engine, "code_digest", lambda: ",".join(other))
    sweep = Sweep.from_mapping({**content, "workers": ray_cluster.workers()})
    with pytest.raises(InputError) as caught:
        sweep.launch()
    assert "the code of objectives, spaces differs" in str(caught.value)
    assert sweep.status().trials["free"] == 6
    assert all(slot.claims == 0 for slot in slots_of(sweep))


@pytest.mark.acceptance
def test_when_a_node_dies_its_trial_is_freed_at_once_and_another_finishes_it(
    held: Content,
    servers: None,
    home: Path,
    ray_cluster: RayNodes,
    ray_signals: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # No lease would be over in the time of this test, and no beat tells that the worker has gone.
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "60")
    homes = [tmp_path / f"node-{number}" for number in range(2)]
    nodes = [
        ray_cluster.add_node(num_cpus=3, env_vars={"FOLDSWEEP_HOME": str(folder)})
        for folder in homes
    ]
    workers = ray_cluster.workers(count=2, cpus_per_worker=3)
    sweep, file = created({**held, "budget": {"trials": 3}, "workers": workers}, tmp_path)
    (ray_signals / "hold-0-2").touch()
    launcher = WorkerProcess(file, module=LAUNCH, imported=[HELD])
    frozen: psutil.Process | None = None
    try:
        with started(launcher):
            launcher.wait_until((ray_signals / "waiting-0-2").exists, LONG_S)
            launcher.wait_until(lambda: all(s.state != "free" for s in slots_of(sweep)), LONG_S)
            (slot,) = [slot for slot in slots_of(sweep) if slot.trial == 0]
            (row,) = [row for row in workers_of(sweep) if row.id == slot.worker_id]
            # A machine that has gone takes its processes along; this one at least says nothing.
            frozen = psutil.Process(row.pid)
            raylets = {parent.pid for parent in frozen.parents()}
            (node,) = [n for n in nodes if n.all_processes["raylet"][0].process.pid in raylets]
            frozen.suspend()
            begun_s = time.monotonic()
            ray_cluster.kill_node(node)
            nodes.remove(node)
            launcher.wait_until(lambda: slots_of(sweep)[slot.number].losses == 1)
            assert time.monotonic() - begun_s < 30
            (ray_signals / "hold-0-2").unlink()
            assert launcher.end(LONG_S) == 0, launcher.log
    finally:
        if frozen is not None and frozen.is_running():
            frozen.kill()
        for node in nodes:
            ray_cluster.kill_node(node)
    assert [slot.state for slot in slots_of(sweep)] == ["done"] * 3
    assert sorted(path.name for path in ray_signals.glob("attempt-*")) == [
        "attempt-0-1",
        "attempt-0-2",
        "attempt-1-1",
        "attempt-2-1",
    ]
    assert all(list((folder / "ray" / "tiny").glob("worker-*.log")) for folder in homes)


@pytest.mark.acceptance
def test_a_worker_whose_actor_is_killed_leaves_its_trial_to_the_next(
    held: Content, home: Path, ray_cluster: RayNodes, ray_signals: Path, tmp_path: Path
) -> None:
    sweep, file = created({**held, "workers": ray_cluster.workers()}, tmp_path)
    (ray_signals / "hold-0-2").touch()
    launcher = WorkerProcess(file, module=LAUNCH, imported=[HELD])
    with started(launcher):
        launcher.wait_until((ray_signals / "waiting-0-2").exists, LONG_S)
        (row,) = workers_of(sweep)
        actor_of(row.pid).kill()
        launcher.wait_until((ray_signals / "attempt-0-2").exists, LONG_S)
        (ray_signals / "hold-0-2").unlink()
        assert launcher.end(LONG_S) == 0, launcher.log
    (slot,) = slots_of(sweep)
    assert (slot.state, slot.claims) == ("done", 2)
    # It sees at its next beat that its actor has gone.
    wait_for(lambda: not psutil.pid_exists(row.pid))


@pytest.mark.acceptance
def test_a_sweep_that_is_stopped_ends_its_workers_wherever_they_run(
    held: Content,
    home: Path,
    ray_cluster: RayNodes,
    ray_signals: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "6")
    sweep, file = created({**held, "workers": ray_cluster.workers()}, tmp_path)
    (ray_signals / "hold-0-2").touch()
    launcher = WorkerProcess(file, module=LAUNCH, imported=[HELD])
    with started(launcher):
        launcher.wait_until((ray_signals / "waiting-0-2").exists, LONG_S)
        assert sweep.stop() == 1
        assert launcher.end(LONG_S) == 0, launcher.log
    (slot,) = slots_of(sweep)
    assert (slot.state, slot.losses) == ("free", 0)
    assert (sweep.status().state, sweep.status().workers) == ("stopped", [])


@pytest.mark.acceptance
def test_workers_whose_launcher_is_killed_give_their_trials_back(
    held: Content,
    home: Path,
    ray_cluster: RayNodes,
    ray_signals: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "6")
    sweep, file = created({**held, "workers": ray_cluster.workers()}, tmp_path)
    (ray_signals / "hold-0-2").touch()
    launcher = WorkerProcess(file, module=LAUNCH, imported=[HELD])
    with started(launcher):
        launcher.wait_until((ray_signals / "waiting-0-2").exists, LONG_S)
        launcher.process.send_signal(signal.SIGKILL)
        launcher.process.wait()
        wait_for(lambda: slots_of(sweep)[0].state == "free")
    # Given back: had Ray killed the worker with its actor, this would be a loss.
    assert slots_of(sweep)[0].losses == 0
    wait_for(lambda: not psutil.pid_exists(workers_of(sweep)[0].pid))
    (ray_signals / "hold-0-2").unlink()
    assert Sweep.from_yaml(file).launch().trials["done"] == 1


@pytest.mark.acceptance
def test_a_worker_computes_on_the_gpu_that_ray_gave_its_actor(
    held: Content, home: Path, signal_folder: Path
) -> None:
    """The GPU is one that Ray alone believes in; TensorFlow then finds none and uses the CPU."""
    head = started_nodes({SIGNALS: str(signal_folder)}, num_gpus=1)
    try:
        workers = head.workers(count=2, gpus_per_worker=0.5)
        sweep = Sweep.from_mapping({**held, "budget": {"trials": 2}, "workers": workers})
        for trial in (0, 1):
            (signal_folder / f"hold-{trial}-2").touch()
        variables: list[dict[str, str]] = []

        def look() -> None:
            try:
                wait_for(lambda: len(list(signal_folder.glob("waiting-*"))) == 2, LONG_S)
                pids = [row.pid for row in workers_of(sweep)]
                variables.extend(psutil.Process(pid).environ() for pid in pids)
            finally:
                for trial in (0, 1):
                    (signal_folder / f"hold-{trial}-2").unlink()

        with ThreadPoolExecutor(1) as pool:
            watcher = pool.submit(look)
            status = sweep.launch()
            watcher.result()
    finally:
        head.stop()
    assert status.trials["done"] == 2
    assert [found["CUDA_VISIBLE_DEVICES"] for found in variables] == ["0", "0"]
    assert {(row.device, row.gpus) for row in workers_of(sweep)} == {("gpu:0", 0.5)}
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
