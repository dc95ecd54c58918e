"""The failed trials of a sweep, by what went wrong."""

from collections.abc import Sequence
from typing import Any

from search.storage.records import Slot


def failures_by_reason(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Put failed trials of one reason together, the reason of the latest first.

    Args:
        slots: All of a sweep.

    Returns:
        Of each reason ``reason``, ``trials`` (their numbers, the latest first) and ``latest_at``
        (in seconds since 1970, by the storage's clock).
    """
    failed = [slot for slot in slots if slot.state == "failed"]
    by_reason: dict[str, list[Slot]] = {}
    for slot in sorted(failed, key=lambda slot: slot.ended_at or 0.0, reverse=True):
        by_reason.setdefault(slot.reason or "no reason is stored", []).append(slot)
    return [
        {
            "reason": reason,
            "trials": [slot.trial for slot in same],
            "latest_at": same[0].ended_at,
        }
        for reason, same in by_reason.items()
    ]
