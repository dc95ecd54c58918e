"""Runs the probes, each in a process that sees one GPU or none."""

import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from search.settings import child_environment
from spaces.redact import redact

PROBE_TIMEOUT_S = 300.0
"""Most of it is TensorFlow's import and, on a new kind of GPU, the compiling of its kernels."""
_NO_GPU = "-1"


class ProbeError(Exception):
    """A probe gave no answer; the message says why, in one line."""


def run_probe(name: str, gpu_id: str | None, *arguments: str) -> dict[str, Any]:
    """Run a probe of :mod:`search.gpu_report.probes` and give its answer.

    Args:
        name: Of the probe.
        gpu_id: The only GPU that it sees; None for the CPU alone.
        arguments: Further ones of the probe.

    Raises:
        ProbeError: If it crashes, says nothing or does not end.
    """
    command = [sys.executable, "-m", "search.gpu_report.probes", name, *arguments]
    environment = child_environment({"CUDA_VISIBLE_DEVICES": gpu_id or _NO_GPU})
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise ProbeError(f"no answer after {PROBE_TIMEOUT_S:.0f} s") from None
    except OSError as error:
        raise ProbeError(f"the process could not be started: {error}") from None
    if done.returncode:
        raise ProbeError(f"exit code {done.returncode}: {_last_line(done.stderr)}")
    try:
        answer = json.loads(_last_line(done.stdout))
    except ValueError:
        raise ProbeError(f"no answer, but: {_last_line(done.stdout)}") from None
    return dict(answer)


def run_two_at_once(name: str, gpu_id: str | None) -> list[dict[str, Any]]:
    """Run a probe twice, on the same GPU; each waits for the other before it computes.

    Raises:
        ProbeError: If one of them gives no answer.
    """
    with tempfile.TemporaryDirectory(prefix="foldsweep-gpu-") as folder:
        with ThreadPoolExecutor(2) as threads:
            asked = [threads.submit(run_probe, name, gpu_id, folder) for _ in range(2)]
        return [answer.result() for answer in asked]


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return redact(lines[-1])[:500] if lines else "nothing was said"
