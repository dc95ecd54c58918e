"""Which storages can be opened, and what is said of those that cannot."""

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
