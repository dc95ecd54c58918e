"""The runs in the experiment of a sweep, to compare them with the storage or to delete them.

MLflow deletes softly: what is deleted here, ``mlflow gc`` frees with its artifacts, and until then
it can be restored.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlruns_config.names import TAG_KEY, TAG_SWEEP_ID
from mlruns_config.registry.registry import registry
from mlruns_config.settings import TrackingSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient

_PAGE = 1000
_ACTIVE = "active"


@dataclass(frozen=True)
class FoundRun:
    """One run, as MLflow lists it."""

    run_id: str
    status: str
    tags: Mapping[str, str]

    @property
    def key(self) -> str:
        """What tells runs of trials apart; empty for others."""
        return self.tags.get(TAG_KEY, "")


@dataclass(frozen=True)
class MetricPoint:
    """One value of a metric."""

    step: int
    value: float
    time_ms: int


class SweepRuns:
    """The runs of one sweep, as long as the block of :func:`open_sweep_runs` lasts.

    Args:
        client: Of an MLflow that has answered.
        experiment: The experiment's name, that of the sweep.
        sweep_id: The sweep's: an experiment may hold runs of an earlier one of that name.
    """

    def __init__(self, client: "MlflowClient", experiment: str, sweep_id: str) -> None:
        self._client = client
        self._experiment = experiment
        self._sweep_id = sweep_id

    @property
    def experiment_state(self) -> str | None:
        """``active`` or ``deleted``; None if there is no such experiment."""
        found = self._client.get_experiment_by_name(self._experiment)
        return None if found is None else str(found.lifecycle_stage)

    def all(self) -> list[FoundRun]:
        """List the runs of the sweep that are not deleted, those of promotions too."""
        return [run for run in self._active() if self._is_mine(run)]

    def points(self, run_id: str, metric: str) -> list[MetricPoint]:
        """Read every value of a metric."""
        history = self._client.get_metric_history(run_id, metric)
        return [MetricPoint(point.step, point.value, point.timestamp) for point in history]

    def versions(self, run_id: str) -> list[str]:
        """Name the versions of registered models that come from a run: ``NAME/NUMBER``."""
        found = self._client.search_model_versions(f"run_id = '{run_id}'")
        return [f"{version.name}/{version.version}" for version in found]

    def delete(self, run_ids: Sequence[str]) -> None:
        """Delete runs."""
        for run_id in run_ids:
            self._client.delete_run(run_id)

    def restore(self) -> None:
        """Bring the experiment back if somebody deleted it: its name would stay taken."""
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None and found.lifecycle_stage != _ACTIVE:
            self._client.restore_experiment(found.experiment_id)

    def retire(self) -> bool:
        """Delete the experiment under another name, if no run is left in it; its own is free then.

        Returns:
            Whether it is gone.
        """
        retired = f"{self._experiment} (deleted {self._sweep_id})"
        found = self._client.get_experiment_by_name(self._experiment)
        if found is not None and found.lifecycle_stage == _ACTIVE:
            if self._active():
                return False
            self._client.rename_experiment(found.experiment_id, retired)
        renamed = self._client.get_experiment_by_name(retired)
        if renamed is not None and renamed.lifecycle_stage == _ACTIVE:
            self._client.delete_experiment(renamed.experiment_id)
        return True

    def _active(self) -> list[FoundRun]:
        found = self._client.get_experiment_by_name(self._experiment)
        if found is None:
            return []
        runs: list[FoundRun] = []
        token: str | None = None
        while True:
            page = self._client.search_runs(
                [found.experiment_id], max_results=_PAGE, page_token=token
            )
            runs += [
                FoundRun(run.info.run_id, run.info.status, dict(run.data.tags)) for run in page
            ]
            token = page.token
            if not token:
                return runs

    def _is_mine(self, run: FoundRun) -> bool:
        named = run.tags.get(TAG_SWEEP_ID) == self._sweep_id
        return named or run.key.startswith(f"{self._sweep_id}/")


@contextmanager
def open_sweep_runs(
    settings: TrackingSettings, experiment: str, sweep_id: str
) -> Iterator[SweepRuns]:
    """Look at the runs of a sweep.

    Args:
        settings: The MLflow that has them.
        experiment: The experiment's name.
        sweep_id: The sweep's.

    Raises:
        InputError: If MLflow refuses a value.
        UnavailableError: If MLflow does not answer.
    """
    with registry(settings) as client:
        yield SweepRuns(client, experiment, sweep_id)
