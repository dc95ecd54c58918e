"""Looks at a holdout are counted by the images that they saw; on SQLite and on PostgreSQL."""

import numpy as np
import pytest
from sqlalchemy import create_engine, select

from search.storage.promotions import ContentIds, Promotions
from search.storage.storage import Storage
from search.storage.tables import promotions
from tests.search.small_sweep import enter_sweep

LARGEST = 2**64 - 1


@pytest.fixture
def book(storage: Storage) -> Promotions:
    return storage.promotions


@pytest.fixture
def sweep_ids(storage: Storage) -> tuple[str, str]:
    return enter_sweep(storage, "one").id, enter_sweep(storage, "another").id


def _ids(*numbers: int) -> ContentIds:
    return np.array(numbers, dtype=np.uint64)


def _look(book: Promotions, ids: ContentIds, sweep_id: str) -> str:
    return book.look(sweep_id, 3, ids, model="cells", alias="champion", run_id="r")


def test_a_look_counts_for_every_holdout_that_shares_an_image_with_it(
    book: Promotions, sweep_ids: tuple[str, str]
) -> None:
    _look(book, _ids(1, 2, 3), sweep_ids[0])
    _look(book, _ids(3, LARGEST), sweep_ids[1])
    assert book.count(_ids(1, 2, 3)) == 2
    assert book.count(_ids(2, 1)) == 1
    # One row came, one went: it is the same holdout all the same.
    assert book.count(_ids(2, 3, 4)) == 2
    assert book.count(_ids(LARGEST)) == 1
    assert book.count(_ids(4, 5)) == 0
    assert book.count(_ids()) == 0


def test_ids_are_stored_little_endian_and_ascending_each_once(
    book: Promotions, storage: Storage, sweep_ids: tuple[str, str]
) -> None:
    _look(book, _ids(258, 1, 258), sweep_ids[0])
    engine = create_engine(storage.url)
    with engine.connect() as connection:
        stored = connection.execute(select(promotions.c.content_ids)).scalar_one()
    engine.dispose()
    assert bytes(stored) == bytes([1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])
    assert [look.ids.tolist() for look in book.all()] == [[1, 258]]


def test_what_became_of_a_look_is_noted_in_its_row_alone(
    book: Promotions, sweep_ids: tuple[str, str]
) -> None:
    first, second = _look(book, _ids(1), sweep_ids[0]), _look(book, _ids(2), sweep_ids[0])
    book.note(second, passed=True, forced=False, reason="better", scores={"clean": 0.9})
    book.note_alias(second, 4)
    looks = {look.id: look for look in book.all()}
    one, other = looks[first], looks[second]
    assert (one.passed, one.reason, one.scores, one.aliased_at) == (None, None, None, None)
    assert (other.passed, other.reason, other.scores) == (True, "better", {"clean": 0.9})
    assert other.version == 4
    assert other.aliased_at is not None
    assert other.looked_at <= other.aliased_at
