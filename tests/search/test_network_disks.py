"""SQLite is refused on the file systems of a network, and on no other."""

from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from search.network_disks import refuse_network_disk
from spaces.errors import InputError


class Mount(NamedTuple):
    mountpoint: str
    fstype: str


MOUNTED = [
    Mount("/", "ext4"),
    Mount("/home", "nfs4"),
    Mount("/home/ann/scratch", "xfs"),
    Mount("/mnt/team", "cifs"),
    Mount("/mnt/far", "fuse.sshfs"),
    Mount("/mnt/cluster", "lustre"),
    Mount("/mnt/host", "9p"),
    Mount("/srv", "ext4"),
    Mount("/srv", "nfs"),
    Mount("/opt", "nfs"),
    Mount("/opt", "ext4"),
]


@pytest.mark.parametrize(
    ("path", "mountpoint", "kind"),
    [
        ("/home/ann/foldsweep-home/foldsweep.db", "/home", "nfs4"),
        ("/home/ann/scratch/../foldsweep.db", "/home", "nfs4"),
        ("/mnt/team/foldsweep.db", "/mnt/team", "cifs"),
        ("/mnt/far/a/b/foldsweep.db", "/mnt/far", r"fuse\.sshfs"),
        ("/mnt/cluster/foldsweep.db", "/mnt/cluster", "lustre"),
        ("/srv/foldsweep.db", "/srv", "nfs"),
    ],
)
def test_a_file_on_a_network_file_system_is_refused_with_what_to_do(
    path: str, mountpoint: str, kind: str
) -> None:
    with pytest.raises(InputError, match=rf"lies on {mountpoint}, .*\({kind}\)") as caught:
        refuse_network_disk(Path(path), MOUNTED)
    assert "FOLDSWEEP_HOME" in str(caught.value)
    assert "PostgreSQL" in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "/data/foldsweep.db",
        "/home/ann/scratch/foldsweep.db",
        "/homes/ann/foldsweep.db",
        "/mnt/host/foldsweep.db",
        "/opt/foldsweep.db",
    ],
)
def test_a_file_on_another_file_system_is_taken(path: str) -> None:
    refuse_network_disk(Path(path), MOUNTED)


def test_a_link_counts_where_it_leads(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "near").symlink_to(tmp_path / "far")
    with pytest.raises(InputError, match="nfs"):
        refuse_network_disk(tmp_path / "near" / "a.db", [Mount(str(tmp_path / "far"), "nfs")])


def test_this_machine_is_asked_what_is_mounted(tmp_path: Path) -> None:
    root = [disk for disk in psutil.disk_partitions(all=True) if disk.mountpoint == "/proc"]
    assert [disk.fstype for disk in root] == ["proc"]
    refuse_network_disk(Path("/proc/foldsweep.db"))
