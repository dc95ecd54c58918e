"""What all tests share: a quiet TensorFlow, no outside storage, the ``shared`` marker."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import psycopg  # noqa: F401  (before TensorFlow, see the package ``search``)
import pytest
from hypothesis import settings

from bench.disturbances.small_disk import CannotMountError, SmallDisk, mounted

SHARED = Path(__file__).parents[1].parent / "shared"

# Before the first import of tensorflow, which reads these once. The same number of threads on
# every machine gives the same sums.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "2")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
# A developer's own storage and servers are never written to by a test.
for name in [*os.environ]:
    if name.startswith("FOLDSWEEP_") or name == "MLFLOW_TRACKING_URI":
        os.environ.pop(name, None)
# How long an example takes says more about what else the machine does.
settings.register_profile("foldsweep", deadline=None)
settings.load_profile("foldsweep")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A file system of a megabyte; skips with the reason where none can be mounted."""
    try:
        with mounted(tmp_path / "disk") as disk:
            yield disk
    except CannotMountError as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what a test logs that is no Unicode: processes of pytest-xdist cannot say it."""
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip the tests marked ``shared`` where the real images and weights are not there."""
    if SHARED.is_dir():
        return
    skip = pytest.mark.skip(reason="the real images and weights are not in ../shared")
    for item in items:
        if "shared" in item.keywords:
            item.add_marker(skip)
