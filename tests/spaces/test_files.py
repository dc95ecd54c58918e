"""Whole files or none, on a real file system, and on a full one where one may be mounted."""

import errno
import os
from pathlib import Path

import pytest

from bench.disturbances.small_disk import SmallDisk
from spaces.errors import DiskFullError
from spaces.files import disk_full_is_unavailable, replacing, sync_file, sync_folder


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "made" / "splits.npz"
    with replacing(path) as file:
        file.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def write_half(path: Path) -> None:
    with replacing(path) as file:
        file.write(b"half")
        raise KeyError("a bug of the caller")


def test_a_writer_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "splits.npz"
    path.write_bytes(b"old")
    with pytest.raises(KeyError):
        write_half(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_name_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "entry"
    with replacing(path) as first, replacing(path) as second:
        first.write(b"first")
        second.write(b"second")
    assert path.read_bytes() == b"first"  # The block inside ends first, so this one is the later.
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_keeps_the_old_file_and_frees_what_was_written(small_disk: SmallDisk) -> None:
    path = small_disk.folder / "splits.npz"
    path.write_bytes(b"old")
    small_disk.fill(but=8192)
    with pytest.raises(DiskFullError, match=r"splits\.npz is written"), replacing(path) as file:
        file.write(os.urandom(200_000))
    assert path.read_bytes() == b"old"
    assert sorted(small_disk.folder.iterdir()) == [small_disk.ballast, path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_quota_and_size_limits_count_as_a_full_disk(number: int) -> None:
    with (
        pytest.raises(DiskFullError, match="views are kept") as full,
        disk_full_is_unavailable("views are kept"),
    ):
        raise OSError(number, os.strerror(number))
    assert os.strerror(number) in str(full.value)


def test_other_errors_of_the_system_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), disk_full_is_unavailable("views are kept"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_what_is_not_there_cannot_be_waited_for(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    sync_file(tmp_path / "file")
    sync_folder(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_file(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "missing")
