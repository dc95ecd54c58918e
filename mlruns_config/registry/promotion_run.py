"""The run of a promotion, written at once: it is useless without MLflow, so nothing is spooled."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Literal

from mlruns_config.dataset import DatasetInfo
from mlruns_config.names import TAG_KEY, TAG_REASON
from mlruns_config.registry.registry import registry
from mlruns_config.settings import TrackingSettings
from spaces.errors import FoldsweepError

EndStatus = Literal["FINISHED", "FAILED", "KILLED"]


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

    def finish(self, status: EndStatus) -> None:
        """End the run."""
        with registry(self._settings) as client:
            client.set_terminated(self.run_id, status)


@contextmanager
def promotion_run(
    settings: TrackingSettings,
    experiment_id: str,
    name: str,
    *,
    key: str,
    tags: Mapping[str, str],
) -> Iterator[PromotionRun]:
    """Start a run, and end it as the block ends: finished, failed or, when interrupted, killed.

    Args:
        settings: Where to.
        experiment_id: The sweep's.
        name: For people.
        key: For us: a run whose making was interrupted is found by it.
        tags: Of the run.
    """
    try:
        run = PromotionRun.start(settings, experiment_id, name, {**tags, TAG_KEY: key})
        yield run
        run.finish("FINISHED")
    except BaseException as error:
        status: EndStatus = "FAILED" if isinstance(error, Exception) else "KILLED"
        reason = str(error) if isinstance(error, FoldsweepError) else None
        # Where MLflow is away too, the person is to hear of what came first.
        with suppress(FoldsweepError):
            end_running(settings, experiment_id, key, status, reason)
        raise


def end_running(
    settings: TrackingSettings,
    experiment_id: str,
    key: str,
    status: EndStatus,
    reason: str | None = None,
) -> None:
    """End the run of a key; one that was never made, or has ended, stays as it is."""
    query = f"tags.`{TAG_KEY}` = '{key}' and attributes.status = 'RUNNING'"
    with registry(settings) as client:
        for run in client.search_runs([experiment_id], query):
            if reason is not None:
                client.set_tag(run.info.run_id, TAG_REASON, reason[:5000])
            client.set_terminated(run.info.run_id, status)


def read_artifact(settings: TrackingSettings, run_id: str, name: str, folder: Path) -> Path | None:
    """Download a file of a run into a folder; None if the run has no such file.

    Args:
        settings: Where from.
        run_id: The run; empty for one that was never made.
        name: The file's path among the run's artifacts.
        folder: Where to.
    """
    if not run_id:
        return None
    parent = PurePosixPath(name).parent.as_posix()
    with registry(settings) as client:
        listed = client.list_artifacts(run_id, None if parent == "." else parent)
        if name not in [entry.path for entry in listed]:
            return None
        return Path(client.download_artifacts(run_id, name, str(folder)))
