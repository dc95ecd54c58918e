"""The digest of our own source, by which a launcher knows a machine with another foldsweep."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from search.joining import refuse_other_code
from search.workers.provenance import code_digest
from spaces.errors import InputError

ROOT = Path(__file__).parents[3]
PACKAGES = ("mlruns_config", "objectives", "search", "spaces")
DIGEST = "from search.workers.provenance import code_digest; print(code_digest())"


def digest_in(root: Path) -> dict[str, str]:
    printed = subprocess.run(
        [sys.executable, "-c", DIGEST], cwd=root, env={}, capture_output=True, text=True, check=True
    ).stdout
    return dict(re.findall(r"(\w+):(\w+)", printed))


def replace_a_character(copy: Path) -> None:
    file = copy / "objectives" / "records.py"
    file.write_text(file.read_text().replace("a", "b", 1))


def rename_a_file(copy: Path) -> None:
    (copy / "objectives" / "records.py").rename(copy / "objectives" / "record.py")


def add_a_file(copy: Path) -> None:
    (copy / "objectives" / "further.py").touch()


@pytest.mark.slow
@pytest.mark.parametrize("change", [replace_a_character, rename_a_file, add_a_file])
def test_a_copy_has_the_same_digest_until_a_line_of_it_differs(
    change: Callable[[Path], object], tmp_path: Path
) -> None:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package)
    (tmp_path / "search" / "notes.txt").write_text("no source")
    here, before = digest_in(ROOT), digest_in(tmp_path)
    assert before == here
    assert set(here) == set(PACKAGES)
    change(tmp_path)
    after = digest_in(tmp_path)
    assert {name for name in PACKAGES if after[name] != here[name]} == {"objectives"}


def test_the_packages_that_differ_are_named() -> None:
    refuse_other_code(code_digest())
    other = re.sub(r"(search|spaces):\w+", r"\1:0123456789abcdef", code_digest())
    with pytest.raises(InputError, match=r"the code of search, spaces differs\. Install the same"):
        refuse_other_code(other)
