"""Exactly one run of MLflow for each key."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from mlflow.exceptions import MlflowException

from mlruns_config.client import find_or_create_experiment
from mlruns_config.names import TAG_KEY, TAG_OPENED_MS
from mlruns_config.outbox.messages import RunReference
from mlruns_config.settings import TrackingSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_logger = logging.getLogger(__name__)


class RunFinder:
    """Knows the run of each key, and finds or creates it the first time."""

    def __init__(
        self,
        client: "MlflowClient",
        settings: TrackingSettings,
        lock_path: Path,
        on_run: Callable[[str, str], None] | None,
    ):
        self._client = client
        self._settings = settings
        self._lock_path = lock_path
        self._on_run = on_run
        self._known: dict[str, str] = {}
        self._made: set[tuple[str, int]] = set()
        """Runs made here, with the attempt they were made for: MLflow has them as RUNNING."""

    def run_id(self, run: RunReference) -> str:
        """Give the id of the run; ``on_run`` hears of it when it is new here."""
        if run.key not in self._known:
            # Without the lock, two processes that open the same key at once would both find none.
            with FileLock(self._lock_path):
                run_id = self._given(run) or self._tagged_or_new(run)
            if self._on_run is not None:
                self._on_run(run.key, run_id)
            self._known[run.key] = run_id
        return self._known[run.key]

    def forget(self, run: RunReference) -> None:
        """Look it up again next time: MLflow says that it is not there."""
        self._known.pop(run.key, None)

    def begin(self, run: RunReference) -> None:
        """Set the run to RUNNING, unless a later attempt at the trial has taken it over."""
        run_id = self.run_id(run)
        if (run_id, run.opened_ms) in self._made:
            return
        found = self._client.get_run(run_id)
        if _opened_ms(found) > run.opened_ms:
            return
        self._client.set_tag(run_id, TAG_OPENED_MS, str(run.opened_ms))
        if found.info.status != "RUNNING":
            self._client.update_run(run_id, status="RUNNING")

    def end(self, run: RunReference, status: str, time_ms: int) -> None:
        """End the run, unless a later attempt at the trial has taken it over."""
        run_id = self.run_id(run)
        if _opened_ms(self._client.get_run(run_id)) > run.opened_ms:
            _logger.info("run %s goes on with a later attempt: status %s left out", run_id, status)
            return
        self._client.set_terminated(run_id, status=status, end_time=time_ms)

    def _given(self, run: RunReference) -> str | None:
        if run.run_id is None:
            return None
        try:
            found = self._client.get_run(run.run_id)
        except MlflowException as error:
            if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                raise
            _logger.warning("MLflow has no run %s of %s: looking by key", run.run_id, run.key)
            return None
        if found.info.lifecycle_stage != "active":
            return None
        if found.data.tags.get(TAG_KEY) != run.key:
            self._client.set_tag(run.run_id, TAG_KEY, run.key)
        return run.run_id

    def _tagged_or_new(self, run: RunReference) -> str:
        experiment_id = find_or_create_experiment(self._client, self._settings, run.experiment)
        found = self._client.search_runs(
            [experiment_id],
            filter_string=f"tags.`{TAG_KEY}` = '{run.key}'",
            max_results=1,
            order_by=["attributes.start_time ASC"],
        )
        if found:
            return str(found[0].info.run_id)
        tags = {TAG_KEY: run.key, TAG_OPENED_MS: str(run.opened_ms)}
        made = self._client.create_run(experiment_id, run.opened_ms, tags, run_name=run.name)
        self._made.add((made.info.run_id, run.opened_ms))
        return str(made.info.run_id)


def _opened_ms(run: "Run") -> int:
    return int(run.data.tags.get(TAG_OPENED_MS, "0"))
