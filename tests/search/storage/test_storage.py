"""Which storages can be opened, and what is said of those that cannot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.storage.storage import open_storage
from spaces.errors import InputError, UnavailableError
from tests.search.forked_process import forks


@pytest.mark.slow
def test_processes_that_open_a_new_storage_at_once_all_succeed(storage_url: str) -> None:
    processes = [forks.Process(target=open_storage, args=(storage_url,)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def test_closing_a_storage_leaves_one_file_that_can_be_copied(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/foldsweep.db")
    # Optuna has connections of its own.
    assert storage.optuna.get_all_studies() == []
    assert (tmp_path / "foldsweep.db-wal").exists()
    storage.close()
    assert [path.name for path in tmp_path.glob("foldsweep.db*")] == ["foldsweep.db"]


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("nonsense", InputError),
        ("mysql://sweeper:secret77@host/db", InputError),
        ("sqlite://", InputError),
        ("sqlite:///:memory:", InputError),
        ("postgresql://sweeper:sec@ret77@127.0.0.1:1/db", InputError),
        ("postgresql://sweeper:secret77@127.0.0.1:1/db", UnavailableError),
        ("postgres://sweeper:secret77@127.0.0.1:1/db", UnavailableError),
    ],
)
def test_a_storage_that_cannot_be_used_is_named_without_its_password(
    url: str, error: type[Exception]
) -> None:
    with pytest.raises(error) as caught:
        open_storage(url)
    assert "secret77" not in str(caught.value)
    assert "ret77" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("these are my notes, not a database, and longer than a header of SQLite" * 9)
    with pytest.raises(InputError, match=r"notes\.db is not a database"):
        open_storage(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("first", "url", "is_refused"),
    [
        ("tensorflow", "postgresql://me@db.example/foldsweep?sslmode=require", True),
        ("tensorflow", "postgresql://me@db.example/foldsweep", True),
        ("tensorflow", "postgresql://me@db.example/foldsweep?sslmode=disable", False),
        ("tensorflow", "postgresql:///foldsweep?host=/run/postgresql", False),
        ("any_other_module", "postgresql://me@db.example/foldsweep?sslmode=require", False),
    ],
)
def test_where_tensorflow_came_first_no_encrypted_connection_crashes_the_process(
    first: str, url: str, *, is_refused: bool
) -> None:
    # A module of that name is enough: the real one would crash where this one is refused.
    code = (
        "import sys, types\n"
        f"sys.modules[{first!r}] = types.ModuleType({first!r})\n"
        "from search.storage.postgresql import connecting\n"
        "from search.storage_url import parse_storage_url\n"
        f"connecting(parse_storage_url({url!r}))\n"
    )
    command = [sys.executable, "-c", code]
    environment = {name: value for name, value in os.environ.items() if name != "PGSSLMODE"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode != 0) == is_refused, done.stderr
    assert ("Import search first" in done.stderr) == is_refused
