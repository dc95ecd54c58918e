"""Send the messages of a segment to MLflow, such that sending them twice does not show.

MLflow drops a metric whose key, step, time and value it has; params that are set already are left
out here; tags, status and artifacts are written over; a data set is linked to a run once.

Of an attempt that a later one at its phase has followed, only metrics with a time of the storage
are sent: that row was written while the attempt held its trial.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlruns_config.client import connect
from mlruns_config.dataset import DatasetInfo
from mlruns_config.failures import SENDING_ERRORS, Failure, judge
from mlruns_config.names import TAG_IMAGES
from mlruns_config.outbox.batches import batches, metric_entities, param_entities, tag_entities
from mlruns_config.outbox.messages import Message, RunReference, merged
from mlruns_config.outbox.pictures import FOLDER, picture_files
from mlruns_config.outbox.rejected import set_aside
from mlruns_config.outbox.runs import RunFinder
from mlruns_config.settings import TrackingSettings
from spaces.redact import redact

if TYPE_CHECKING:
    from mlflow.entities import Param, Run

_logger = logging.getLogger(__name__)
_FILES = ("artifact", "picture")


class Delivery:
    """A connection to MLflow and what it knows about the runs of one spool."""

    def __init__(
        self,
        settings: TrackingSettings,
        spool_folder: Path,
        on_run: Callable[[str, str], None] | None,
    ):
        self._settings = settings
        self._spool_folder = spool_folder
        self._client = connect(settings)
        # Beside the spools of the other workers, so that all of them share it.
        lock_path = spool_folder.parent / "runs.lock"
        self._runs = RunFinder(self._client, settings, lock_path, on_run)
        self._strict = False

    def send(self, messages: Iterable[Message], *, strict: bool) -> None:
        """Send all, in order within each run.

        Args:
            messages: Of any runs and kinds.
            strict: Set aside what fails doubtfully too, as it has done so before.

        Raises:
            MlflowException: If MLflow failed in a way that may pass; what was sent may be sent
                again.
            OSError: The same.
        """
        self._strict = strict
        for (_, is_upload), groups in groupby(merged(messages), _run_and_way):
            # Not under the lock of the runs, as an upload may take long; nothing but a later
            # attempt's own file of the same name could come between, and that one comes after a
            # whole trial.
            with nullcontext() if is_upload else self._runs.locked():
                for group in groups:
                    self._guarded(group[0].run, group[0].kind, group, partial(self._send, group))

    def answers(self) -> bool:
        """Say whether MLflow answers a plain question, database included."""
        try:
            self._client.search_experiments(max_results=1)
        except SENDING_ERRORS:
            return False
        return True

    def _send(self, group: list[Message]) -> None:
        run, kind = group[0].run, group[0].kind
        if kind == "metrics":
            self._send_metrics(run, group)
        elif kind in _FILES:
            is_held = self._runs.is_held(run)
            for message in group:
                send = partial(self._send_file, message, is_held=is_held)
                self._guarded(run, kind, message, send)
        else:
            with self._runs.holding(run) as found:
                if found is not None:
                    self._send_held(found, group)
                elif kind != "open":
                    self._log_left_out(run, kind)

    def _send_metrics(self, run: RunReference, group: list[Message]) -> None:
        if not all(message.body["stored"] for message in group) and not self._runs.is_held(run):
            group = [message for message in group if message.body["stored"]]
        self._log_batches(run, "metrics", metric_entities(group))

    def _send_held(self, found: "Run", group: list[Message]) -> None:
        """Send what only the attempt that holds the run may say."""
        run, kind = group[0].run, group[0].kind
        if kind == "tags":
            self._log_batches(run, kind, tag_entities(group))
        elif kind == "params":
            self._log_batches(run, kind, _new_params(found, param_entities(group)))
        elif kind == "dataset":
            for message in group:
                self._guarded(run, kind, message, partial(self._send_dataset, message))
        elif kind == "finish":
            for message in group:
                self._runs.end(found, run, message.body["status"], message.time_ms)

    def _send_dataset(self, message: Message) -> None:
        info = DatasetInfo(**{**message.body, "classes": tuple(message.body["classes"])})
        self._client.log_inputs(self._runs.run_id(message.run), [info.to_input()])

    def _send_file(self, message: Message, *, is_held: bool) -> None:
        copy = self._spool_folder / message.body["file"]
        if not copy.exists():
            return  # It was sent before a crash: the copy goes when MLflow has it.
        if not is_held:
            self._log_left_out(message.run, message.kind)
        elif message.kind == "picture":
            self._log_picture(message, copy)
        else:
            run_id = self._runs.run_id(message.run)
            self._client.log_artifact(run_id, copy, message.body["folder"] or None)
        copy.unlink()
        copy.parent.rmdir()

    def _log_picture(self, message: Message, copy: Path) -> None:
        run_id = self._runs.run_id(message.run)
        with picture_files(copy, message) as files:
            for file in files:
                self._client.log_artifact(run_id, file, FOLDER)
        # The UI looks for pictures only in runs that have this.
        self._client.set_tag(run_id, TAG_IMAGES, "True")

    def _log_left_out(self, run: RunReference, kind: str) -> None:
        _logger.info(
            "a later attempt has begun at %s: %s of attempt %d left out", run.key, kind, run.attempt
        )

    def _log_batches(self, run: RunReference, kind: str, entities: Sequence[Any]) -> None:
        for batch in batches(entities, kind):
            self._log_halving(run, kind, batch)

    def _log_halving(self, run: RunReference, kind: str, batch: list[Any]) -> None:
        """Send a batch; of one that is refused, find the entities that are at fault."""
        try:
            self._client.log_batch(self._runs.run_id(run), **{kind: batch})
        except SENDING_ERRORS as error:
            if len(batch) == 1 or not self._refused(run, error) or not self._is_active(run):
                self._give_up(run, kind, [dict(entity) for entity in batch], error)
                return
            middle = len(batch) // 2
            self._log_halving(run, kind, batch[:middle])
            self._log_halving(run, kind, batch[middle:])

    def _is_active(self, run: RunReference) -> bool:
        found = self._client.get_run(self._runs.run_id(run))
        return bool(found.info.lifecycle_stage == "active")

    def _guarded(
        self, run: RunReference, kind: str, content: Any, send: Callable[[], None]
    ) -> None:
        try:
            send()
        except SENDING_ERRORS as error:
            self._give_up(run, kind, content, error)

    def _refused(self, run: RunReference, error: BaseException) -> bool:
        """Say whether the value is at fault; of a run that is gone, forget its id."""
        failure = judge(error)
        if failure is Failure.RUN_GONE:
            self._runs.forget(run)
        return failure is Failure.REFUSED or (self._strict and failure is not Failure.WAIT)

    def _give_up(self, run: RunReference, kind: str, content: Any, error: BaseException) -> None:
        """Set it aside if it is at fault itself, otherwise raise the error again."""
        if not self._refused(run, error):
            raise error
        reason = redact(str(error), self._settings.uri)[:2000]
        set_aside(self._spool_folder, kind, run.key, content, reason)


def _run_and_way(group: list[Message]) -> tuple[RunReference, bool]:
    return group[0].run, group[0].kind in _FILES


def _new_params(found: "Run", params: "list[Param]") -> "list[Param]":
    """Leave out params that the run has: an earlier attempt, or this one before a crash."""
    known = found.data.params
    for param in params:
        if known.get(param.key, param.value) != param.value:
            _logger.warning(
                "param %s of run %s stays %r", param.key, found.info.run_id, known[param.key][:100]
            )
    return [param for param in params if param.key not in known]
