"""A home is made, known again, or refused; and its locks are those of the machine."""

import json
import multiprocessing
import time
from itertools import pairwise
from pathlib import Path

import pytest

from search.home import FORMAT, claim_home, machine_lock
from spaces.errors import InputError, UnavailableError
from tests.search.forked_process import forks


def test_a_new_home_is_made_and_known_again(tmp_path: Path) -> None:
    home = tmp_path / "some" / "home"
    claim_home(home)
    (home / "sweeps").mkdir()
    claim_home(home)
    assert [json.loads(path.read_text()) for path in home.glob("*.json")] == [{"format": FORMAT}]


def test_a_folder_with_files_of_other_programs_can_become_a_home(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    claim_home(tmp_path)
    claim_home(tmp_path)


@pytest.mark.parametrize("folder", ["sweeps", "data", "store"])
def test_a_home_of_before_is_refused_and_left_alone(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir()
    for _ in range(2):
        with pytest.raises(InputError, match=r"before its first release.*FOLDSWEEP_HOME"):
            claim_home(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [folder]


@pytest.mark.parametrize("content", ['{"format": 9}', "{}", "[]", "", "\x00\x01", "null"])
def test_a_home_of_another_format_is_refused(tmp_path: Path, content: str) -> None:
    claim_home(tmp_path)
    (marker,) = tmp_path.glob("*.json")
    marker.write_text(content)
    with pytest.raises(InputError, match=f"this foldsweep's is {FORMAT}"):
        claim_home(tmp_path)
    assert marker.read_text() == content


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(UnavailableError, match=r"the home .*file/home cannot be used"):
        claim_home(tmp_path / "file" / "home")


def hold(home: Path, held_s: "multiprocessing.Queue[tuple[float, float]]") -> None:
    with machine_lock(home, "sweep-tissue"):
        began_s = time.monotonic()
        time.sleep(0.2)
        held_s.put((began_s, time.monotonic()))


def test_one_process_of_a_machine_at_a_time_holds_a_lock(tmp_path: Path) -> None:
    held_s: multiprocessing.Queue[tuple[float, float]] = forks.Queue()
    processes = [forks.Process(target=hold, args=(tmp_path, held_s)) for _ in range(3)]
    for process in processes:
        process.start()
    spans = sorted(held_s.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(timeout=60)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
