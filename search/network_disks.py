"""SQLite needs a disk of its own machine: on a network file system its locks do not hold."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import psutil

from spaces.errors import InputError

# fmt: off
NETWORK_FILE_SYSTEMS = frozenset([
    "nfs", "nfs3", "nfs4", "cifs", "smbfs", "smb2", "smb3", "afpfs", "afs", "webdav", "davfs",
    "sshfs", "ceph", "cephfs", "glusterfs", "lustre", "beegfs", "beegfs-fuse", "fhgfs", "gpfs",
    "gfs2", "ocfs2", "orangefs", "pvfs2", "panfs", "wekafs", "juicefs", "moosefs", "gcsfuse",
    "s3fs", "rclone", "vboxsf",
])
# fmt: on
"""As Linux and macOS name them, without ``fuse.``: files of other machines, or shared disks.

Not ``9p``, through which a virtual machine sees its one host. Source for locks on them:
https://www.sqlite.org/howtocorrupt.html, 2.1.
"""


class Partition(Protocol):
    """What psutil knows of a mounted file system."""

    @property
    def mountpoint(self) -> str:
        """The folder at which it begins."""

    @property
    def fstype(self) -> str:
        """Its kind."""


def refuse_network_disk(path: Path, partitions: Sequence[Partition] | None = None) -> None:
    """Refuse a SQLite file that would lie on a network file system.

    Args:
        path: The file, or where it will be.
        partitions: What is mounted, the last one on top; asked of this machine if None.

    Raises:
        InputError: With what to do instead.
    """
    mounted = psutil.disk_partitions(all=True) if partitions is None else partitions
    place = path.expanduser().resolve()
    above = [disk for disk in mounted if place.is_relative_to(disk.mountpoint)]
    if not above:
        return
    depth = max(len(Path(disk.mountpoint).parts) for disk in above)
    disk = [disk for disk in above if len(Path(disk.mountpoint).parts) == depth][-1]
    if disk.fstype.lower().removeprefix("fuse.") in NETWORK_FILE_SYSTEMS:
        raise InputError(
            f"{path} lies on {disk.mountpoint}, a network file system ({disk.fstype}), where "
            "SQLite loses data. Set FOLDSWEEP_HOME to a folder on a disk of this machine, or "
            "FOLDSWEEP_STORAGE_URL to a PostgreSQL database."
        )
