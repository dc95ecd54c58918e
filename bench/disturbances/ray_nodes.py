"""Nodes of a Ray cluster that are processes of this machine, on loopback alone."""

import os
import secrets
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

# Ray takes 127.0.0.1 for the machine's outer address on Linux. macOS has no other loopback.
LOOPBACK = "127.0.0.1" if sys.platform == "darwin" else "127.0.0.2"
NICENESS = "RAY_worker_niceness"
"""By default Ray's workers give way to all else on a machine: beside other tests they starved."""


def keep_to_ourselves() -> None:
    """Let this process and its children reach no Ray but their own, and nobody else reach it.

    Before the first import of ray. The token is made here, so none is written to anybody's home.
    """
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ[NICENESS] = "0"
    os.environ.pop("RAY_ADDRESS", None)


class RayNodes:
    """A cluster whose nodes can be killed.

    Args:
        environment: Variables that the nodes have besides this process's.
        options: Of the first node, as of :func:`ray.cluster_utils.Cluster.add_node`.
    """

    def __init__(self, environment: Mapping[str, str], **options: Any) -> None:
        from ray._private.utils import get_ray_address_file
        from ray.cluster_utils import Cluster

        # A cluster for tests writes its address there, and does not make the folder.
        Path(get_ray_address_file(None)).parent.mkdir(parents=True, exist_ok=True)
        self._environment = environment
        # Sockets lie in it, whose paths must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="fs-ray-", ignore_cleanup_errors=True)
        self._cluster = Cluster()
        self.add_node(
            include_dashboard=False, temp_dir=self._folder.name, **{"num_cpus": 2, **options}
        )

    @property
    def address(self) -> str:
        """The cluster's, as ``workers.address`` takes it."""
        return str(self._cluster.address)

    def add_node(self, **options: Any) -> Any:
        """Add a node; it sees as many GPUs as it is said to have."""
        gpu_ids = ",".join(map(str, range(options.get("num_gpus", 0))))
        variables = {**self._environment, "CUDA_VISIBLE_DEVICES": gpu_ids or "-1"}
        with patch.dict(os.environ, variables):
            return self._cluster.add_node(node_ip_address=LOOPBACK, **options)

    def kill_node(self, node: Any) -> None:
        """Kill a node's processes; nothing of them runs its end."""
        self._cluster.remove_node(node, allow_graceful=False)
        self._cluster.wait_for_nodes()

    def stop(self) -> None:
        """End all nodes."""
        self._cluster.shutdown()
        self._folder.cleanup()

    def workers(self, **others: Any) -> dict[str, Any]:
        """Give the section of a sweep file."""
        section = {"engine": "ray", "address": self.address, "gpus_per_worker": 0}
        return {**section, **others}


def started_nodes(environment: Mapping[str, str], **options: Any) -> RayNodes:
    """Start a cluster; Ray gives a first node 30 s, which a busy machine may take for itself."""
    for attempts_left in (2, 1, 0):
        try:
            return RayNodes(environment, **options)
        except Exception as error:
            if not attempts_left or "timed out during startup" not in str(error):
                raise
    raise AssertionError("unreachable")
