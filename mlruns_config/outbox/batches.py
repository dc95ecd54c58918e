"""What MLflow takes in one request: its limits on counts, bytes and lengths."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mlruns_config.outbox.messages import Message

if TYPE_CHECKING:
    from mlflow.entities import Metric, Param, RunTag

# MLflow 3.17, mlflow/utils/validation.py.
MAX_PER_BATCH = {"metrics": 1000, "params": 100, "tags": 100}
MAX_PARAM_LENGTH = 6000
MAX_TAG_LENGTH = 8000
MAX_NAME_LENGTH = 250
# MLflow refuses a request above 1 MB; the rest is for what stands around the entities.
_MAX_BATCH_BYTES = 700_000
_CUT = "... (cut)"


def shortened(text: str, length: int) -> str:
    """Cut a text to ``length`` characters and say so at its end."""
    return text if len(text) <= length else text[: length - len(_CUT)] + _CUT


def metric_entities(messages: Iterable[Message]) -> "list[Metric]":
    """Turn metrics messages into MLflow's metrics, in order."""
    from mlflow.entities import Metric

    return [
        Metric(name, value, message.time_ms, message.body["step"])
        for message in messages
        for name, value in message.body["values"].items()
    ]


def param_entities(messages: Iterable[Message]) -> "list[Param]":
    """Turn params messages into MLflow's params; of a name that comes twice the first stays."""
    from mlflow.entities import Param

    values: dict[str, str] = {}
    for message in messages:
        for name, value in message.body.items():
            values.setdefault(name[:MAX_NAME_LENGTH], shortened(value, MAX_PARAM_LENGTH))
    return [Param(name, value) for name, value in values.items()]


def tag_entities(messages: Iterable[Message]) -> "list[RunTag]":
    """Turn tags messages into MLflow's tags; of a name that comes twice the last stays."""
    from mlflow.entities import RunTag

    values: dict[str, str] = {}
    for message in messages:
        for name, value in message.body.items():
            values[name[:MAX_NAME_LENGTH]] = shortened(value, MAX_TAG_LENGTH)
    return [RunTag(name, value) for name, value in values.items()]


def batches(entities: Sequence[Any], kind: str) -> Iterator[list[Any]]:
    """Cut entities into lists that one ``log_batch`` takes.

    Args:
        entities: Metrics, params or tags of MLflow.
        kind: ``metrics``, ``params`` or ``tags``.
    """
    batch: list[Any] = []
    n_bytes = 0
    for entity in entities:
        size = len(json.dumps(dict(entity), default=str)) + 100
        if batch and (len(batch) == MAX_PER_BATCH[kind] or n_bytes + size > _MAX_BATCH_BYTES):
            yield batch
            batch, n_bytes = [], 0
        batch.append(entity)
        n_bytes += size
    if batch:
        yield batch
