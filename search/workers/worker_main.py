"""The process of one worker, ``python -m search.workers.worker_main``, as it is launched."""

import argparse
import logging
import sys
from pathlib import Path

from search.opening import open_or_create
from search.settings import RuntimeSettings
from search.sweep_file.sweep_file import load_sweep_file
from search.workers.device import Device, set_up_gpus
from search.workers.interruption import EXIT_INTERRUPTED, orderly_interruption
from search.workers.worker import run_worker
from spaces.errors import FoldsweepError

EXIT_INPUT = 2


def main() -> int:
    """Run one worker; gives the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--gpu-ids", default="")
    parser.add_argument("--gpus", type=float, default=0.0)
    parser.add_argument("--launcher-pid", type=int)
    options = parser.parse_args()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    ids = tuple(part for part in options.gpu_ids.split(",") if part)
    try:
        with orderly_interruption():
            _work(options.file, Device(ids, options.gpus), options.launcher_pid)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except FoldsweepError as error:
        logging.getLogger("foldsweep").error("%s", error)
        return EXIT_INPUT
    return 0


def _work(path: Path, device: Device, launcher_pid: int | None) -> None:
    opened = open_or_create(load_sweep_file(path), RuntimeSettings.from_environment(), joining=True)
    if device.gpu_ids:
        set_up_gpus()
    run_worker(opened, device, launcher_pid=launcher_pid)


if __name__ == "__main__":
    sys.exit(main())
