"""The process of one worker, ``python -m search.workers.worker_main``, as it is launched."""

import argparse
import logging
import sys
from pathlib import Path

from search.cli.quiet_tensorflow import quiet_tensorflow
from search.joining import join, refuse_other_code, refuse_other_versions
from search.settings import RuntimeSettings
from search.storage.workers import new_worker_id
from search.sweep_file.sweep_file import load_sweep_file
from search.workers.claim import claim_device, claims_folder
from search.workers.device import Device, set_up_gpus
from search.workers.interruption import leave_interrupted, orderly_interruption
from search.workers.memory import start_anew
from search.workers.worker import run_worker
from spaces.errors import FoldsweepError, UnavailableError

EXIT_INPUT = 2
EXIT_UNAVAILABLE = 75
DEVICE_PATIENCE_S = 30.0
"""Longer than a worker takes to see that its launcher has gone, and to leave."""


def main() -> int:
    """Run one worker; gives the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--worker-id", default=new_worker_id())
    parser.add_argument("--gpu-ids", default="")
    parser.add_argument("--gpus", type=float, default=0.0)
    parser.add_argument("--launcher-pid", type=int)
    parser.add_argument("--code", default="")
    options = parser.parse_args()
    quiet_tensorflow()
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    ids = tuple(part for part in options.gpu_ids.split(",") if part)
    try:
        device = Device(ids, options.gpus)
        patience_s = DEVICE_PATIENCE_S if options.launcher_pid is not None else 0.0
        claim = claim_device([device], claims_folder(), patience_s=patience_s)
        with orderly_interruption(), claim:
            _work(options, device)
    except KeyboardInterrupt:
        leave_interrupted()
    except FoldsweepError as error:
        logging.getLogger("foldsweep").error("%s", error)
        return EXIT_UNAVAILABLE if isinstance(error, UnavailableError) else EXIT_INPUT
    return 0


def _work(options: argparse.Namespace, device: Device) -> None:
    if options.code:
        refuse_other_code(options.code)
    opened = join(load_sweep_file(options.file), RuntimeSettings.from_environment())
    refuse_other_versions(opened.row)
    if device.gpu_ids:
        set_up_gpus()
    run_worker(
        opened,
        device,
        worker_id=options.worker_id,
        launcher_pid=options.launcher_pid,
        replace_process=start_anew,
    )


if __name__ == "__main__":
    sys.exit(main())
