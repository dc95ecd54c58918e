"""Every write about a trial carries its attempt, and one that carries an old one is refused."""

from sqlalchemy import ColumnElement, Connection, select

from objectives.records import Phase
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


def lock_held(connection: Connection, slot: Slot) -> None:
    """Keep others from taking a slot until the transaction ends.

    Raises:
        SlotLostError: If another worker has taken it over.
    """
    query = select(slots.c.number).where(held(slot)).with_for_update()
    if connection.scalar(query) is None:
        raise lost(slot)


def lost(slot: Slot) -> SlotLostError:
    """Give the error of an attempt that comes too late."""
    return SlotLostError(
        f"trial {slot.trial} was taken over by another worker (this was attempt {slot.attempt})"
    )
