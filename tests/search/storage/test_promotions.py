"""Looks at a holdout are counted by the images that they saw."""

import numpy as np
import pytest

from search.storage.promotions import ContentIds, Promotions
from search.storage.storage import Storage
from tests.search.small_sweep import enter_sweep

LARGEST = 2**64 - 1
SWEEPS: dict[str, str] = {}


@pytest.fixture
def book(storage: Storage) -> Promotions:
    for name in ("one", "another"):
        SWEEPS[name] = enter_sweep(storage, name).id
    return storage.promotions


def _ids(*numbers: int) -> ContentIds:
    return np.array(numbers, dtype=np.uint64)


def _look(book: Promotions, ids: ContentIds, sweep: str = "one") -> str:
    return book.look(SWEEPS[sweep], 3, ids, model="cells", alias="champion", run_id="r")


def test_a_look_counts_for_every_holdout_that_shares_an_image_with_it(book: Promotions) -> None:
    _look(book, _ids(1, 2, 3))
    _look(book, _ids(3, LARGEST), "another")
    assert book.count(_ids(1, 2, 3)) == 2
    assert book.count(_ids(2, 1)) == 1
    # One row came, one went: it is the same holdout all the same.
    assert book.count(_ids(2, 3, 4)) == 2
    assert book.count(_ids(LARGEST)) == 1
    assert book.count(_ids(4, 5)) == 0
    assert book.count(_ids()) == 0


def test_ids_are_stored_little_endian_and_ascending_each_once(
    book: Promotions,
) -> None:
    _look(book, _ids(258, 1, 258))
    (look,) = book.all()
    assert look.content_ids == bytes([1, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0, 0])
    assert list(look.ids) == [1, 258]


def test_what_became_of_a_look_is_noted_in_its_row_alone(book: Promotions) -> None:
    first, second = _look(book, _ids(1)), _look(book, _ids(2))
    book.note(second, passed=True, forced=False, reason="better", scores={"clean": 0.9})
    one, other = book.all()
    assert (one.id, one.passed, one.reason, one.scores) == (first, None, None, None)
    assert (other.id, other.passed, other.reason, other.scores) == (
        second,
        True,
        "better",
        {"clean": 0.9},
    )
