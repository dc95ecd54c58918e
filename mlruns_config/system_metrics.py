"""How busy the machine is during a run: CPU, memory, disk, network, GPU."""

import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING

import psutil

from mlruns_config.names import SYSTEM_PREFIX
from mlruns_config.outbox.outbox import RunSpool
from mlruns_config.settings import prepare_mlflow_environment

if TYPE_CHECKING:
    from mlflow.system_metrics.metrics.base_metrics_monitor import BaseMetricsMonitor

_logger = logging.getLogger(__name__)


class SystemMetrics:
    """Samples MLflow's own monitors into a run, under the names that MLflow's UI expects.

    MLflow's ready-made thread asks the server before every sample and ends with the first failure;
    this one only writes to the spool. Use it as a context manager around the trial.
    """

    def __init__(self, run: RunSpool, *, interval_s: float = 10.0):
        self._monitors = _monitors()
        self._run = run
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="system-metrics", daemon=True)

    def __enter__(self) -> "SystemMetrics":
        """Start sampling."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop sampling, so that nothing follows the end of the run."""
        self._stop.set()
        self._thread.join(timeout=10.0)

    def _sample(self) -> None:
        step = 0
        while not self._stop.wait(self._interval_s if step else 0.0):
            try:
                self._run.metrics(_read(self._monitors), step)
            except (OSError, RuntimeError, psutil.Error) as error:
                _logger.warning("no more system metrics for this run: %s", error)
                return
            step += 1


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
