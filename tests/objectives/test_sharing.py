from objectives.records import Sharing, UseCounts
from objectives.sharing import SharingCounts, sum_of_uses


def test_what_is_made_is_the_thing_that_was_begun_last_and_has_not_ended() -> None:
    counts = SharingCounts()
    assert counts.making is None
    first, second = counts.note_making("a view"), counts.note_making("features of it")
    first.__enter__()
    second.__enter__()
    assert counts.making == "features of it"
    # Threads end in any order.
    first.__exit__(None, None, None)
    assert counts.making == "features of it"
    second.__exit__(None, None, None)
    assert counts.making is None


def test_what_failed_while_it_was_made_is_not_made_any_more() -> None:
    counts = SharingCounts()
    try:
        with counts.note_making("a view"):
            raise MemoryError
    except MemoryError:
        pass
    assert counts.making is None


def test_counts_are_equal_whatever_is_being_made() -> None:
    counts = SharingCounts(views_made=1)
    with counts.note_making("a view"):
        assert counts == SharingCounts(views_made=1)


def test_the_counts_of_a_moment_stay_as_they_were() -> None:
    counts = SharingCounts(views_made=1, features_streamed=2)
    before = counts.so_far()
    counts.views_made += 1
    assert before == Sharing(views=UseCounts(made=1), features=UseCounts(streamed=2))


def test_sums_take_kinds_and_ways_as_they_come() -> None:
    parts = [{"views": {"made": 1}}, {"views": {"made": 2, "reused": 3}}, {"features": {"made": 4}}]
    assert sum_of_uses(parts) == {"views": {"made": 3, "reused": 3}, "features": {"made": 4}}
    assert sum_of_uses([]) == {}
