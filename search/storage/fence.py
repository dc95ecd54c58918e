"""Every write about a trial carries its attempt, and one that carries an old one is refused."""

from sqlalchemy import ColumnElement, Connection, select

from objectives.records import Phase
from search.storage.columns import now_s
from search.storage.records import Slot, SlotLostError
from search.storage.tables import slots


def this_slot(sweep_id: str, number: int, phase: Phase) -> ColumnElement[bool]:
    """Name one slot."""
    mine = slots.c.sweep_id == sweep_id
    return mine & (slots.c.number == number) & (slots.c.phase == phase)


def held(slot: Slot) -> ColumnElement[bool]:
    """Name a slot, as long as it still is this attempt's."""
    this = this_slot(slot.sweep_id, slot.number, slot.phase)
    return this & (slots.c.state == "running") & (slots.c.attempt == slot.attempt)


def lock_held(connection: Connection, slot: Slot) -> float:
    """Keep others from taking a slot until the transaction ends.

    Returns:
        The database's present time, in seconds since 1970.

    Raises:
        SlotLostError: If another worker has taken it over.
    """
    query = select(now_s()).where(held(slot)).with_for_update()
    now = connection.scalar(query)
    if now is None:
        raise lost(slot)
    return float(now)


def lost(slot: Slot) -> SlotLostError:
    """Give the error of an attempt that comes too late."""
    return SlotLostError(
        f"trial {slot.trial} was taken over by another worker (this was attempt {slot.attempt})"
    )
