"""Why a trial failed, in a sentence; and when a sweep should not go on."""

import pytest

from search.storage.records import SlotState
from search.storage.storage import Storage
from search.workers.trial_failures import MAX_FAILURES_IN_A_ROW, reason_of, reason_to_halt
from spaces.errors import TrialError
from tests.search.small_sweep import claim, enter_sweep


def test_reasons_of_failures_are_one_line_without_passwords() -> None:
    class ResourceExhaustedError(Exception):
        """Named as TensorFlow's."""

    assert reason_of(TrialError("the loss became nan")) == "the loss became nan"
    assert "out of memory" in reason_of(MemoryError())
    assert "batch_size" in reason_of(ResourceExhaustedError("OOM when allocating"))
    text = reason_of(ValueError("bad\nURL postgresql://me:secret77@host/db"))
    assert text.startswith("ValueError: bad URL postgresql://me:***@host/db")
    assert len(reason_of(ValueError("x" * 9999))) <= 1000


@pytest.mark.parametrize(
    ("states", "halts"),
    [
        (["failed"] * 5, True),
        (["failed"] * 4, False),
        (["done", *["failed"] * 5], True),
        (["failed"] * 4 + ["pruned", "failed"], False),
        (["failed"] * 5 + ["done"], False),
    ],
)
def test_a_sweep_halts_when_all_its_latest_trials_failed(
    storage: Storage, states: list[SlotState], *, halts: bool
) -> None:
    row = enter_sweep(storage, trials=9)
    slots = storage.slots(row.id)
    for state in states:
        slots.finish(claim(slots), state, reason="no memory.")
    reason = reason_to_halt(row, slots)
    assert (reason is not None) is halts
    if halts:
        assert f"last {MAX_FAILURES_IN_A_ROW} trials all failed" in str(reason)
        assert "no memory." in str(reason)


def test_failures_of_before_the_last_launch_do_not_halt_a_sweep(storage: Storage) -> None:
    row = enter_sweep(storage, trials=9)
    slots = storage.slots(row.id)
    for _ in range(MAX_FAILURES_IN_A_ROW):
        slots.finish(claim(slots), "failed", reason="no memory.")
    storage.sweeps.resume(row.id, "file", versions={}, limits={})
    resumed = storage.sweeps.find(row.name)
    assert resumed is not None
    assert reason_to_halt(resumed, slots) is None
