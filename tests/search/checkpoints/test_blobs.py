"""Files in a folder and in an object store: whole or not at all, and never outside."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from search.checkpoints.blobs import Blobs
from spaces.errors import DiskFullError, InputError
from tests.objectives.full_disk import largest_file_bytes


@pytest.fixture(params=["folder", "file URL", "object store"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    urls: dict[str, Callable[[], str]] = {
        "folder": lambda: str(tmp_path / "blobs of mine"),
        "file URL": lambda: f"file://{tmp_path}/blobs",
        "object store": lambda: f"memory://{uuid.uuid4().hex}/blobs",
    }
    return urls[request.param]()


def test_what_was_written_is_read_by_another(url: str) -> None:
    with Blobs(url).writing("sweep/0-head/a.npz") as file:
        file.write(b"first")
    with Blobs(url).reading("sweep/0-head/a.npz") as path:
        assert path.read_bytes() == b"first"
    assert Blobs(url).uri("sweep/0-head/a.npz").endswith("/sweep/0-head/a.npz")


def test_what_is_interrupted_leaves_nothing(url: str) -> None:
    blobs = Blobs(url)

    def write_half() -> None:
        with blobs.writing("sweep/a") as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    with pytest.raises(FileNotFoundError), blobs.reading("sweep/a") as path:
        path.read_bytes()


def test_a_folder_goes_with_all_that_is_in_it(url: str) -> None:
    blobs = Blobs(url)
    for name in ("sweep/0-head/a", "sweep/0-head/b", "sweep/1-head/a"):
        with blobs.writing(name) as file:
            file.write(b"x")
    blobs.remove("sweep/0-head/a")
    blobs.remove("sweep/0-head")
    blobs.remove("sweep/0-head")
    for name in ("sweep/0-head/a", "sweep/0-head/b"):
        with pytest.raises(FileNotFoundError), blobs.reading(name) as path:
            path.read_bytes()
    with blobs.reading("sweep/1-head/a") as path:
        assert path.read_bytes() == b"x"


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "a/../../b", "", "a//b", "a\x00"])
def test_no_name_leads_outside(url: str, name: str) -> None:
    for use in (Blobs(url).uri, Blobs(url).remove):
        with pytest.raises(InputError, match="is no name of a checkpoint"):
            use(name)


@pytest.mark.parametrize("url", ["nosuch://bucket/folder"])
def test_a_store_that_cannot_be_reached_says_which_variable_to_set(url: str) -> None:
    with pytest.raises(InputError, match=r"nosuch.*FOLDSWEEP_CHECKPOINTS"):
        Blobs(url)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    with (
        largest_file_bytes(1_000_000),
        pytest.raises(DiskFullError),
        Blobs(str(tmp_path)).writing("sweep/a") as file,
    ):
        file.write(bytes(2_000_000))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
