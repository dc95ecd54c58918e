"""What this process may use of the machine it runs on."""

import os


def usable_cores() -> int:
    """Count the CPU cores that this process may run on.

    Linux knows the cores that ``taskset``, a container or a scheduler left it; macOS knows no
    such limit, and all cores count there.
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
