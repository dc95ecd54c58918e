"""Settings, connection, tables and command lines."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mlruns_config.client import connect, ensure_experiment
from mlruns_config.server import BACKEND_VARIABLE, server_command, ui_command, ui_url
from mlruns_config.settings import URI_VARIABLE, TrackingSettings, tracking_user
from spaces.errors import InputError, UnavailableError
from tests.mlruns_config.mlflow_server import free_port

pytestmark = pytest.mark.slow


def test_without_a_variable_everything_lies_in_the_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(URI_VARIABLE, " ")
    settings = TrackingSettings.from_environment(Path("home"))
    assert settings.uri == f"sqlite:///{tmp_path}/home/mlflow.db"
    assert settings.artifact_root == f"{tmp_path}/home/mlartifacts"
    monkeypatch.setenv(URI_VARIABLE, "sqlite:///other/here.db")
    assert TrackingSettings.from_environment(Path("home")).sqlite_path == tmp_path / "other/here.db"


def test_a_server_decides_on_its_artifacts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "https://ann:s3cret@mlflow.example:8443/sub")
    settings = TrackingSettings.from_environment(Path("home"))
    assert settings.artifact_root is None
    assert settings.shown_uri == "https://ann:***@mlflow.example:8443/sub"


@pytest.mark.parametrize(
    "uri", ["postgresql://ann:s3cret@db/x", "./mlruns", "file:///mlruns", "http://", "sqlite:///"]
)
def test_an_address_of_another_kind_is_refused_without_its_password(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, uri)
    with pytest.raises(InputError, match=URI_VARIABLE) as refusal:
        TrackingSettings.from_environment(Path("home"))
    assert "s3cret" not in str(refusal.value)


def test_an_address_of_bytes_that_are_no_text_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(URI_VARIABLE, os.fsdecode(b"http://ann:s3cret@host/\xff"))
    with pytest.raises(InputError, match=f"{URI_VARIABLE}.* no text in UTF-8") as refusal:
        TrackingSettings.from_environment(Path("home"))
    assert "s3cret" not in str(refusal.value)


def test_a_dead_server_is_reported_at_once_and_without_its_password() -> None:
    settings = TrackingSettings(f"http://ann:s3cret@127.0.0.1:{free_port()}", None)
    with pytest.raises(UnavailableError, match="does not answer") as failure:
        connect(settings)
    assert "s3cret" not in str(failure.value)


@pytest.mark.parametrize(
    "uri",
    [
        "http://ann:s3cret@host:port",
        "http://ann:s3cret@host:70000",
        "http://ann:s3cret@host:0",
        "http://ann:s3cret@host:-5000",
        "http://ann:s3cret@[::1",
        "http://ann:s3cret@::1]:5000",
        "http://ann:s3cret@[no-address]:5000",
        "http://ann:s3 s3cret@host",
        "http://ann:s3cret@the host:5000",
        "http://ann:s3cret@host:50 00",
        "http://ann:s3cret@host\t:5000",
        "http://ann:s3cret@h\u00f6st:5000",
        "http://ann:s3cret@\u2100.example",
        "http://ann:s3cret@host..example",
        "http://ann:s3cret@" + 64 * "h",
        "http://ann:s3cret@",
        "http://:5000",
        "http://?ann:s3cret@host",
    ],
)
def test_an_address_that_is_no_url_is_refused_before_anything_is_asked(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(URI_VARIABLE, uri)
    with pytest.raises(InputError, match=f"(?s){URI_VARIABLE}.*no URL.*known: http") as refusal:
        TrackingSettings.from_environment(Path("home"))
    assert "s3cret" not in str(refusal.value)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    "uri",
    [
        "http://[::1]:1",
        "https://ann:p%40ss%20w@127.0.0.1:1/sub",
        f"http://{63 * 'h'}.invalid",
    ],
)
def test_an_address_that_is_a_url_is_asked(uri: str) -> None:
    with pytest.raises(UnavailableError, match="does not answer"):
        connect(TrackingSettings(uri, None))


@pytest.mark.parametrize("folder", ["what?", "50%25", "q?timeout=1", "\udc80"])
def test_a_folder_that_mlflow_could_not_find_again_is_refused(folder: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its path may hold neither") as refusal:
        TrackingSettings.from_environment(tmp_path / folder)
    assert str(refusal.value).isprintable()


def test_a_folder_may_have_any_other_name(tmp_path: Path) -> None:
    settings = TrackingSettings.from_environment(tmp_path / "h#a @b: \u00fc;[c")
    connect(settings)
    assert settings.sqlite_path.parent == tmp_path / "h#a @b: \u00fc;[c"
    assert settings.sqlite_path.stat().st_size > 0


def test_a_file_that_is_no_database_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    path.write_text("a letter, not a database, and long enough to be read as one " * 20)
    before = path.read_bytes()
    with pytest.raises(InputError, match="not an MLflow database"):
        connect(TrackingSettings(f"sqlite:///{path}", str(tmp_path)))
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(UnavailableError, match="cannot be written"):
        connect(TrackingSettings(f"sqlite:///{tmp_path}/home/mlflow.db", str(tmp_path)))


@pytest.mark.slow
def test_three_processes_that_start_together_find_one_set_of_tables(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from mlruns_config.client import ensure_experiment\n"
        "from mlruns_config.settings import TrackingSettings\n"
        "settings = TrackingSettings.from_environment(Path(sys.argv[1]))\n"
        "print(ensure_experiment(settings, 'a sweep / with a name', {'t': 'v'}))\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    ended = [process.communicate(timeout=150) for process in started]
    assert {out for out, _ in ended} == {"1\n"}, ended
    # No word about tables or migrations on a person's terminal.
    assert {errors for _, errors in ended} == {""}
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.slow
def test_a_database_of_an_older_mlflow_is_backed_up_and_brought_up_to_date(tmp_path: Path) -> None:
    import sqlalchemy
    from alembic import command
    from mlflow.store.db.utils import _get_alembic_config
    from mlflow.store.tracking.dbmodels.initial_models import Base

    uri = f"sqlite:///{tmp_path}/mlflow.db"
    engine = sqlalchemy.create_engine(uri)
    Base.metadata.create_all(engine)
    config = _get_alembic_config(uri)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        # MLflow 2.3 of 2023: all of its tables, before those of today.
        command.upgrade(config, "97727af70f4d")
        text = "INSERT INTO experiments (name, lifecycle_stage) VALUES ('old', 'active')"
        connection.execute(sqlalchemy.text(text))
    engine.dispose()
    client = connect(TrackingSettings(uri, str(tmp_path / "artifacts")))
    assert client.get_experiment_by_name("old") is not None
    with closing(sqlite3.connect(tmp_path / "mlflow.db.before-upgrade")) as backup:
        assert backup.execute("SELECT name FROM experiments").fetchall() == [("old",)]


@pytest.mark.slow
def test_a_database_of_a_newer_mlflow_is_refused(tmp_path: Path) -> None:
    settings = TrackingSettings.from_environment(tmp_path)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
        database.commit()
    with pytest.raises(InputError, match="another version of MLflow"):
        connect(settings)


@pytest.mark.slow
def test_a_deleted_experiment_is_named_with_the_way_out(tmp_path: Path) -> None:
    settings = TrackingSettings.from_environment(tmp_path)
    experiment_id = ensure_experiment(settings, "sweep", {})
    connect(settings).delete_experiment(experiment_id)
    with pytest.raises(InputError, match=f"restore --experiment-id {experiment_id}"):
        ensure_experiment(settings, "sweep", {})


def test_the_ui_command_names_the_file_and_its_artifacts(tmp_path: Path) -> None:
    settings = TrackingSettings.from_environment(tmp_path)
    command = ui_command(settings, port=5017)
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    assert command[command.index("--backend-store-uri") + 1] == settings.uri
    assert command[command.index("--default-artifact-root") + 1] == settings.artifact_root
    assert ui_url(settings, port=5017) == "http://127.0.0.1:5017"


def test_a_server_has_its_own_ui() -> None:
    settings = TrackingSettings("http://ann:s3cret@mlflow.example:5000", None)
    assert ui_url(settings) == "http://ann:***@mlflow.example:5000"
    with pytest.raises(InputError, match="nothing to start") as refusal:
        ui_command(settings)
    assert "s3cret" not in str(refusal.value)


def test_the_server_command_keeps_the_database_out_of_sight() -> None:
    command = server_command("/artifacts", host="0.0.0.0", allowed_hosts=["mlflow:5000", "a:1"])
    assert command[command.index("--allowed-hosts") + 1] == "mlflow:5000,a:1"
    assert "--backend-store-uri" not in command
    assert BACKEND_VARIABLE == "MLFLOW_BACKEND_STORE_URI"


def test_importing_the_package_does_not_import_mlflow() -> None:
    modules = "settings, names, client, outbox, dataset, server, system_metrics"
    code = f"import sys\nfrom mlruns_config import {modules}\nsys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_address_that_is_no_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(URI_VARIABLE, "http://ann:s3cret@host\udc80:5000")
    with pytest.raises(InputError, match="no text in UTF-8") as refusal:
        TrackingSettings.from_environment(Path("home"))
    assert "s3cret" not in str(refusal.value)


def test_runs_are_those_of_the_account_at_the_server_else_of_whoever_runs_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    assert tracking_user() == "ann"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", " ")
    monkeypatch.setenv("LOGNAME", "bob")
    assert tracking_user() == "bob"
