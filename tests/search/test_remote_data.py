"""Data named by a URL: copied once a machine, anew when it has changed, and clear errors."""

from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from search.cli.audit import command
from search.creation import create_or_resume
from search.remote_data import local_data
from search.sweep import Sweep
from spaces.errors import InputError, UnavailableError


@pytest.fixture
def store() -> Any:
    """An object store in this process's memory, emptied."""
    files = fsspec.filesystem("memory")
    files.store.clear()
    return files


def test_a_file_is_copied_once_and_again_when_it_has_changed(store: Any, tmp_path: Path) -> None:
    store.pipe_file("/bucket/cells.npz", b"first")
    copy = local_data("memory://bucket/cells.npz", tmp_path)
    assert (copy.name, copy.read_bytes()) == ("cells.npz", b"first")
    before = copy.stat().st_mtime_ns
    assert local_data("memory://bucket/cells.npz", tmp_path) == copy
    assert copy.stat().st_mtime_ns == before
    store.pipe_file("/bucket/cells.npz", b"second one")
    other = local_data("memory://bucket/cells.npz", tmp_path)
    assert other != copy
    assert other.read_bytes() == b"second one"


def test_a_folder_is_copied_with_all_that_is_in_it(store: Any, tmp_path: Path) -> None:
    for name in ("red/a.png", "red/b.png", "blue/c.png"):
        store.pipe_file(f"/bucket/images/{name}", name.encode())
    copy = local_data("memory://bucket/images/", tmp_path)
    found = {str(p.relative_to(copy)): p.read_bytes().decode() for p in copy.rglob("*.png")}
    assert found == {name: name for name in ("red/a.png", "red/b.png", "blue/c.png")}


def test_a_path_is_given_back(tmp_path: Path) -> None:
    assert local_data(tmp_path / "cells.npz", tmp_path) == tmp_path / "cells.npz"


@pytest.mark.parametrize(
    ("url", "error", "says"),
    [
        ("memory://bucket/none.npz", InputError, "there is nothing at memory://bucket/none.npz"),
        ("nosuch://bucket/a.npz", InputError, "cannot be reached"),
        ("http://127.0.0.1:9/a.npz", (InputError, UnavailableError), "127.0.0.1:9/a.npz"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(
    url: str, error: type[Exception], says: str, store: Any, tmp_path: Path
) -> None:
    with pytest.raises(error, match=says):
        local_data(url, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix == ".npz"] == []


@pytest.mark.slow
def test_a_sweep_runs_on_data_from_a_store(
    content: dict[str, Any], home: Path, images_path: Path, store: Any
) -> None:
    store.pipe_file("/bucket/cells.npz", images_path.read_bytes())
    remote = {**content["data"], "path": "memory://bucket/cells.npz"}
    own = {**content, "data": remote, "budget": {"trials": 1}}
    sweep = Sweep.from_mapping(own)
    opened = create_or_resume(sweep.file, sweep.settings)
    assert opened.dataset().source == "memory://bucket/cells.npz"
    assert opened.dataset().name == "cells"
    sweep.work()
    assert sweep.status().trials["done"] == 1
    # The same images from a path are the same data.
    again = Sweep.from_mapping({**own, "data": content["data"], "budget": {"trials": 2}})
    again.work()
    assert np.isfinite(again.trial(0).score or np.nan)


def test_an_image_folder_from_a_store_is_audited(store: Any, tmp_path: Path, home: Path) -> None:
    for number in range(4):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.full((8, 8, 3), 60 * number, np.uint8)).save(path)
        store.pipe_file(f"/bucket/images/{number % 2}/{number}.png", path.read_bytes())
    answer = CliRunner().invoke(command, ["memory://bucket/images", "--json"])
    assert answer.exit_code == 0, answer.output
    assert '"images": 4' in answer.stdout
