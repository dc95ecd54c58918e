"""The run of a promotion, written at once: it is useless without MLflow, so nothing is spooled."""

import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Literal

from mlruns_config.dataset import DatasetInfo
from mlruns_config.names import TAG_REASON
from mlruns_config.registry.registry import registry
from mlruns_config.settings import TrackingSettings
from spaces.errors import FoldsweepError


class PromotionRun:
    """One MLflow run in the sweep's experiment.

    Args:
        settings: Where to.
        run_id: Of a run that exists.
    """

    def __init__(self, settings: TrackingSettings, run_id: str) -> None:
        self.run_id = run_id
        self._settings = settings

    @classmethod
    def start(
        cls, settings: TrackingSettings, experiment_id: str, name: str, tags: Mapping[str, str]
    ) -> "PromotionRun":
        """Start a run under a name that a person can read in the list."""
        with registry(settings) as client:
            run = client.create_run(experiment_id, tags=dict(tags), run_name=name)
        return cls(settings, str(run.info.run_id))

    def __enter__(self) -> "PromotionRun":
        """Leave the run open until the block ends."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the run as the block ended."""
        if kind is None:
            self.finish("FINISHED")
            return
        if isinstance(error, FoldsweepError):
            self.write(tags={TAG_REASON: str(error)[:5000]})
        self.finish("KILLED" if kind is KeyboardInterrupt else "FAILED")

    def write(
        self,
        *,
        params: Mapping[str, object] | None = None,
        tags: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
        step: int = 0,
    ) -> None:
        """Write params, tags and metrics in one request."""
        with registry(self._settings) as client:
            from mlflow.entities import Metric, Param, RunTag

            now_ms = int(time.time() * 1000)
            client.log_batch(
                self.run_id,
                metrics=[
                    Metric(key, value, now_ms, step) for key, value in (metrics or {}).items()
                ],
                params=[Param(key, str(value)) for key, value in (params or {}).items()],
                tags=[RunTag(key, value) for key, value in (tags or {}).items()],
            )

    def dataset(self, info: DatasetInfo) -> None:
        """Say what the model was trained on."""
        with registry(self._settings) as client:
            client.log_inputs(self.run_id, [info.to_input()])

    def artifact(self, path: Path) -> None:
        """Keep a file with the run."""
        with registry(self._settings) as client:
            client.log_artifact(self.run_id, str(path))

    def finish(self, status: Literal["FINISHED", "FAILED", "KILLED"]) -> None:
        """End the run: ``FINISHED``, ``FAILED`` or ``KILLED``."""
        with registry(self._settings) as client:
            client.set_terminated(self.run_id, status)


def read_artifact(settings: TrackingSettings, run_id: str, name: str, folder: Path) -> Path | None:
    """Download a file of a run into a folder; None if the run has no such file."""
    if not run_id:
        return None
    with registry(settings) as client:
        if name not in [entry.path for entry in client.list_artifacts(run_id)]:
            return None
        return Path(client.download_artifacts(run_id, name, str(folder)))
