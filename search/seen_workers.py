"""The workers of a sweep as people see them: who they are, where, and what they are doing."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.storage.records import Slot, WorkerRow

NOTHING: Mapping[str, Any] = {
    "trial": None,
    "phase": None,
    "stage": None,
    "epoch": None,
    "folds": {},
    "score": None,
    "backbone": None,
    "policy": None,
    "making": None,
    "shared": None,
    "waiting": None,
}


def worker_documents(live: Sequence[WorkerRow], slots: Sequence[Slot]) -> list[dict[str, Any]]:
    """Say of each worker what it is and what it is doing.

    Args:
        live: Those that are to be shown.
        slots: All of the sweep.
    """
    held = {slot.worker_id: slot for slot in slots if slot.state == "running"}
    return [
        {"id": row.id, "host": row.host, "device": row.device, **NOTHING, **_doing(row, held)}
        for row in live
    ]


def _doing(row: WorkerRow, held: Mapping[str | None, Slot]) -> Mapping[str, Any]:
    """Take the trial from its slot: what the worker said last may be about an earlier one."""
    slot, said = held.get(row.id), row.progress or {}
    if slot is None:
        return {"waiting": said.get("waiting")}
    params = slot.params or {}
    known = {
        "trial": slot.trial,
        "phase": slot.phase,
        "backbone": params.get("backbone"),
        "policy": params.get("policy"),
    }
    is_about_it = said.get("trial") == slot.trial and said.get("phase", slot.phase) == slot.phase
    return {**said, **known} if is_about_it else known
