"""Heads in the storage: fetched by any machine, and no more of them than may be needed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, update

from objectives.fold_heads import NAME, read_heads, write_heads
from search.checkpoints import finished_heads
from search.checkpoints.finished_heads import fetch_heads, forget_heads, store_heads
from search.storage.records import SlotLostError
from search.storage.storage import Storage
from search.storage.tables import checkpoints
from tests.search.small_sweep import claim, enter_sweep

HEADS = {0: [np.ones((2, 3)), np.zeros(3)], 1: [np.full((2, 3), 2.0), np.ones(3)]}


def test_another_machine_fetches_the_heads_that_a_trial_has_left(
    storage: Storage, tmp_path: Path
) -> None:
    row = enter_sweep(storage)
    slots, stored = storage.slots(row.id), storage.checkpoints(row.id)
    slot = claim(slots)
    write_heads(HEADS, tmp_path / "here")
    store_heads(stored, slot, tmp_path / "here")
    slot = slots.finish(slot, "done", score=0.5, goes_on=True)
    fetch_heads(stored, slot, tmp_path / "there")
    found = read_heads(tmp_path / "there")
    assert found is not None
    for fold, head in HEADS.items():
        for one, other in zip(found[fold], head, strict=True):
            np.testing.assert_array_equal(one, other)
    # What lies there already is not written again.
    (tmp_path / "there" / NAME).write_bytes(b"mine")
    fetch_heads(stored, slot, tmp_path / "there")
    assert (tmp_path / "there" / NAME).read_bytes() == b"mine"


def test_damaged_heads_are_none(storage: Storage, tmp_path: Path) -> None:
    row = enter_sweep(storage)
    stored, slot = storage.checkpoints(row.id), claim(storage.slots(row.id))
    write_heads(HEADS, tmp_path / "here")
    store_heads(stored, slot, tmp_path / "here")
    engine = create_engine(storage.url)
    with engine.begin() as connection:
        connection.execute(update(checkpoints).values(content=b"other"))
    engine.dispose()
    fetch_heads(stored, slot, tmp_path / "there")
    assert not (tmp_path / "there").exists()


def test_without_heads_there_is_nothing_to_store_or_fetch(storage: Storage, tmp_path: Path) -> None:
    row = enter_sweep(storage)
    stored, slot = storage.checkpoints(row.id), claim(storage.slots(row.id))
    store_heads(stored, slot, tmp_path)
    fetch_heads(stored, slot, tmp_path / "there")
    assert stored.heads_of(slot) is None
    assert not (tmp_path / "there").exists()


def test_a_late_worker_leaves_no_heads(storage: Storage, tmp_path: Path) -> None:
    row = enter_sweep(storage)
    stored, slot = storage.checkpoints(row.id), claim(storage.slots(row.id))
    write_heads(HEADS, tmp_path)
    with pytest.raises(SlotLostError):
        store_heads(stored, replace(slot, attempt=0), tmp_path)
    assert stored.heads_of(slot) is None


def test_the_best_are_kept(
    storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finished_heads, "LEAST_KEPT", 2)
    row = enter_sweep(storage, trials=4)
    slots, stored = storage.slots(row.id), storage.checkpoints(row.id)
    write_heads(HEADS, tmp_path)
    for score in (0.5, 0.7, 0.6, 0.4):
        slot = claim(slots)
        store_heads(stored, slot, tmp_path)
        slots.finish(slot, "done", score=score, goes_on=True)
        forget_heads(stored, slots.standing(), top=0.25)
    kept = [number for number in range(4) if stored.heads_of(slots.one(number))]
    assert kept == [1, 2]
    forget_heads(stored, slots.standing(), top=1.0)
    assert [number for number in range(4) if stored.heads_of(slots.one(number))] == [1, 2]
