"""How busy the machine is during a run: CPU, memory, disk, network, GPU."""

import logging
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

import psutil

from mlruns_config.names import SYSTEM_PREFIX
from mlruns_config.outbox.outbox import RunSpool
from mlruns_config.settings import prepare_mlflow_environment
from spaces.errors import UnavailableError
from spaces.periodic import Periodic

if TYPE_CHECKING:
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor

_logger = logging.getLogger(__name__)


class SystemMetrics:
    """Samples MLflow's own monitors into a run, under the names that MLflow's UI expects.

    MLflow's ready-made thread asks the server before every sample and ends with the first failure;
    this one only writes to the spool. Use it as a context manager around an attempt at the trial.

    Args:
        run: Where the samples go.
        first_step: Seconds since the trial first began: the steps are such seconds, so that those
            of a later attempt follow those of an earlier one.
        is_held: Asked before each sample; False ends the sampling, as the trial is another's.
        interval_s: Between two samples.
    """

    def __init__(
        self,
        run: RunSpool,
        *,
        first_step: int = 0,
        is_held: Callable[[], bool] = lambda: True,
        interval_s: float = 10.0,
    ):
        self._monitors = _monitors()
        self._run = run
        self._first_step = first_step
        self._is_held = is_held
        self._began_s = 0.0
        self._next_step = first_step
        self._thread = Periodic(
            self._sample, every_s=interval_s, name="system-metrics", at_once=True
        )

    def __enter__(self) -> "SystemMetrics":
        """Start sampling."""
        self._began_s = time.monotonic()
        self._thread.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sampling, so that nothing follows the end of the run."""
        self._thread.__exit__(kind, error, trace)

    def _sample(self) -> bool:
        """Write one sample; True if it was the last."""
        if not self._is_held():
            return True
        elapsed_s = int(time.monotonic() - self._began_s)
        step = max(self._first_step + elapsed_s, self._next_step)
        try:
            self._run.metrics(_read(self._monitors), step)
        except (OSError, RuntimeError, psutil.Error, UnavailableError) as error:
            _logger.warning("no more system metrics for this run: %s", error)
            return True
        self._next_step = step + 1
        return False


def _monitors() -> "list[BaseMetricsMonitor]":
    prepare_mlflow_environment()
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors = []
    for monitor in (CPUMonitor, DiskMonitor, NetworkMonitor, GPUMonitor):
        try:
            monitors.append(monitor())
        except (ImportError, RuntimeError, OSError, AttributeError) as error:
            # No GPU, no driver, or a container without a network.
            _logger.debug("no %s here: %s", monitor.__name__, error)
    return monitors


def _read(monitors: "list[BaseMetricsMonitor]") -> dict[str, float]:
    values: dict[str, float] = {}
    for monitor in monitors:
        monitor.collect_metrics()
        values |= {SYSTEM_PREFIX + name: v for name, v in monitor.aggregate_metrics().items()}
        monitor.clear_metrics()
    return values
