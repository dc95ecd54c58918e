"""Exactly one run of MLflow for each key, in the hands of the latest attempt at each phase."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock
from mlflow.exceptions import MlflowException

from mlruns_config.client import find_or_create_experiment
from mlruns_config.names import TAG_ATTEMPT, TAG_FINETUNE_ATTEMPT, TAG_KEY
from mlruns_config.outbox.messages import Phase, RunReference
from mlruns_config.settings import TrackingSettings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_ATTEMPT_TAGS: dict[Phase, str] = {"head": TAG_ATTEMPT, "finetune": TAG_FINETUNE_ATTEMPT}
"""In the order of the phases."""
_logger = logging.getLogger(__name__)


class RunFinder:
    """Knows the run of each key, and finds or creates it the first time.

    Args:
        client: Of an MLflow that has answered.
        settings: Of the same MLflow.
        lock_path: Shared by all who may write to the same runs from this machine.
        on_run: Told key and run id when a run is new here.
    """

    def __init__(
        self,
        client: "MlflowClient",
        settings: TrackingSettings,
        lock_path: Path,
        on_run: Callable[[str, str], None] | None,
    ):
        self._client = client
        self._settings = settings
        self._lock = FileLock(lock_path)
        self._on_run = on_run
        self._known: dict[str, str] = {}
        self._seen: tuple[RunReference, Run] | None = None

    def run_id(self, run: RunReference) -> str:
        """Give the id of the run; ``on_run`` hears of it when it is new here."""
        if run.key not in self._known:
            # Without the lock, two processes that open the same key at once would both find none.
            with self._lock:
                run_id = self._given(run) or self._tagged_or_new(run)
            if self._on_run is not None:
                self._on_run(run.key, run_id)
            self._known[run.key] = run_id
        return self._known[run.key]

    def forget(self, run: RunReference) -> None:
        """Look it up again next time: MLflow says that it is not there."""
        self._known.pop(run.key, None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep all others from all runs during the block, which looks at each run only once."""
        with self._lock:
            try:
                yield
            finally:
                if self._lock.lock_counter == 1:
                    self._seen = None

    @contextmanager
    def holding(self, run: RunReference) -> Iterator["Run | None"]:
        """Keep other attempts from the run while the block writes to it.

        The first message of an attempt takes the run over and sets it to RUNNING, if no later phase
        has begun.

        Yields:
            The run as it was when it was looked at, or None if a later attempt has it: then
            nothing may be written.
        """
        with self.locked():
            if self._seen is None or self._seen[0] != run:
                self._seen = (run, self._look(run))
            found = self._seen[1]
            yield found if _attempt(found, run.phase) <= run.attempt else None

    def is_held(self, run: RunReference) -> bool:
        """Say whether no later attempt has begun, taking the run over if need be."""
        with self.holding(run) as found:
            return found is not None

    def end(self, found: "Run", run: RunReference, status: str, time_ms: int) -> None:
        """Set the last status of an attempt that holds the run, if no later phase has begun."""
        if _is_followed(found, run.phase):
            return
        run_id = found.info.run_id
        if status == "SCHEDULED":
            self._client.update_run(run_id, status=status)  # It goes on later: no time of end.
        else:
            self._client.set_terminated(run_id, status=status, end_time=time_ms)

    def _look(self, run: RunReference) -> "Run":
        """Read the run, which loads all that it has; take it over if it is an earlier attempt's."""
        found = self._client.get_run(self.run_id(run))
        if _attempt(found, run.phase) < run.attempt:
            self._take_over(found, run)
        return found

    def _take_over(self, found: "Run", run: RunReference) -> None:
        # In this order: after a crash in between, the next try comes here again.
        if found.info.status != "RUNNING" and not _is_followed(found, run.phase):
            self._client.update_run(found.info.run_id, status="RUNNING")
        self._client.set_tag(found.info.run_id, _ATTEMPT_TAGS[run.phase], str(run.attempt))

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
        tags = {TAG_KEY: run.key, _ATTEMPT_TAGS[run.phase]: str(run.attempt)}
        made = self._client.create_run(experiment_id, run.began_ms, tags, run_name=run.name)
        return str(made.info.run_id)


def _attempt(run: "Run", phase: Phase) -> int:
    return int(run.data.tags.get(_ATTEMPT_TAGS[phase], "-1"))


def _is_followed(found: "Run", phase: Phase) -> bool:
    """Say whether a later phase than this one has begun."""
    phases = list(_ATTEMPT_TAGS)
    later = phases[phases.index(phase) + 1 :]
    return any(_ATTEMPT_TAGS[each] in found.data.tags for each in later)
