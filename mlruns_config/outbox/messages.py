"""What is spooled: one JSON object a line, each complete in itself."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal["open", "params", "tags", "metrics", "dataset", "artifact", "picture", "finish"]
Phase = Literal["head", "finetune"]


@dataclass(frozen=True)
class RunReference:
    """Which run a message is for, without knowing yet which one MLflow made of it."""

    experiment: str
    key: str
    """Unique among all trials: MLflow gets one run for it."""
    name: str
    run_id: str | None
    """The run to go on with, if it was known when the message was written."""
    attempt: int
    """Counts up with each claim of the phase: a later attempt takes the run from an earlier one."""
    began_ms: int
    """When the trial first began, in milliseconds since 1970: where a new run starts."""
    phase: Phase = "head"
    """What the message is of: each phase counts its own attempts, and takes nothing from what the
    other still has to say."""


@dataclass(frozen=True)
class Message:
    """One thing to tell MLflow; every line names its run, so no line needs an earlier one."""

    run: RunReference
    kind: Kind
    body: Mapping[str, Any]
    time_ms: int

    def to_line(self) -> bytes:
        """Write it as one line of JSON, line end included."""
        return (json.dumps(asdict(self), default=str) + "\n").encode()

    @classmethod
    def from_line(cls, line: bytes) -> "Message":
        """Read a line back.

        Raises:
            ValueError: If the line is not a whole message, as after a crash while it was written.
        """
        try:
            fields = json.loads(line)
            return cls(**{**fields, "run": RunReference(**fields["run"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"not a message: {error}") from None


def merged(messages: Iterable[Message]) -> list[list[Message]]:
    """Put together what can be sent together.

    Args:
        messages: In the order in which they were written.

    Returns:
        Groups of one run and one kind. The order within a run is kept, and so is that of its kinds.
    """
    by_run: dict[RunReference, list[list[Message]]] = {}
    for message in messages:
        groups = by_run.setdefault(message.run, [])
        if groups and groups[-1][0].kind == message.kind:
            groups[-1].append(message)
        else:
            groups.append([message])
    return [group for groups in by_run.values() for group in groups]
