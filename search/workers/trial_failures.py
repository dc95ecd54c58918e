"""Why a trial failed, in a sentence; and when failures are those of the whole sweep."""

from search.storage.records import SweepRow
from search.storage.slots import Slots
from spaces.errors import FoldsweepError
from spaces.redact import redact

MAX_FAILURES_IN_A_ROW = 5
_LONGEST_REASON = 1000
_OUT_OF_MEMORY = (
    "out of memory: a smaller batch_size, image_px or backbone, or fewer workers on this machine"
)


def reason_of(error: BaseException) -> str:
    """Say in one sentence why a trial failed.

    Args:
        error: What its objective raised.
    """
    if isinstance(error, FoldsweepError):
        return redact(str(error))[:_LONGEST_REASON]
    # TensorFlow's own class, which must not be imported for this.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return _OUT_OF_MEMORY
    text = " ".join(str(error).split())
    return redact(f"{type(error).__name__}: {text}")[:_LONGEST_REASON]


def reason_to_halt(row: SweepRow, slots: Slots) -> str | None:
    """Say why a sweep should not go on: all its latest trials failed, so the next would too.

    Failures of before the sweep was last launched do not count: something was changed since.

    Args:
        row: The sweep, as it is now.
        slots: Of the sweep.
    """
    latest = slots.latest_endings(row.resumed_at, MAX_FAILURES_IN_A_ROW)
    if len(latest) < MAX_FAILURES_IN_A_ROW or any(slot.state != "failed" for slot in latest):
        return None
    return (
        f"the sweep {row.name!r} has been stopped: its last {MAX_FAILURES_IN_A_ROW} trials all "
        f"failed, the latest because of this: {latest[0].reason} The rest of the budget is kept; "
        "mend the cause and launch again."
    )
