"""When the state of a trial is kept, what of it is written, and what a later attempt gets."""

import hashlib
import logging
import pickle
from collections.abc import Callable, Mapping
from contextlib import suppress
from errno import ECONNREFUSED
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import create_engine, select, update

from objectives.checkpoints import Arrays, Part, State
from search.checkpoints import keeper
from search.checkpoints.blobs import Blobs
from search.checkpoints.keeper import TrialCheckpoints, drop_blobs, folder_of
from search.storage.records import Slot, SlotLostError
from search.storage.slots import MAX_LOSSES
from search.storage.storage import Storage
from search.storage.tables import checkpoints
from tests.search.small_sweep import claim, enter_sweep, kill

LARGE = np.arange(1_200_000, dtype=np.float32)


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Trial:
    """One trial in a storage, whose attempts keep states."""

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.storage = storage
        self.row = enter_sweep(storage)
        self.slots = storage.slots(self.row.id)
        self.blobs = Blobs(str(folder))
        self.folder = folder
        self.clock = Clock()

    def attempt(self, *, every_s: float = 0.0) -> tuple[Slot, TrialCheckpoints]:
        slot = claim(self.slots)
        stored = self.storage.checkpoints(self.row.id)
        return slot, TrialCheckpoints(stored, slot, self.blobs, every_s=every_s, clock=self.clock)

    def lose(self, slot: Slot) -> None:
        assert slot.worker_id is not None
        assert kill(self.storage, self.row, slot.worker_id) == 1

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.folder.rglob("*") if path.is_file())

    def written(self) -> dict[str, int]:
        """Give the epoch of each part that is stored."""
        rows = self.storage.checkpoints(self.row.id).of(self.slots.one(0))
        return {row.part: row.epoch for row in rows}


@pytest.fixture
def trial(storage: Storage, tmp_path: Path) -> Trial:
    return Trial(storage, tmp_path / "blobs")


def state(**parts: tuple[int, np.ndarray]) -> State:
    """Name versions and arrays of parts."""

    def reading(array: np.ndarray) -> Callable[[], Arrays]:
        return lambda: {"a": array, "scalar": np.array(3)}

    return {name: Part(version, reading(array)) for name, (version, array) in parts.items()}


def loaded(parts: Mapping[str, Arrays] | None) -> dict[str, np.ndarray]:
    assert parts is not None
    assert all(int(arrays["scalar"]) == 3 for arrays in parts.values())
    return {name: arrays["a"] for name, arrays in parts.items()}


@pytest.mark.parametrize("ends", ["killed", "given back"])
def test_a_later_attempt_gets_the_last_state_small_parts_and_large(trial: Trial, ends: str) -> None:
    slot, kept = trial.attempt()
    assert kept.load("head") is None
    trial.clock.now_s += 7
    kept.save("head", 0, state(small=(1, np.zeros(3)), large=(1, LARGE)))
    trial.clock.now_s += 5
    kept.save("head", 1, state(small=(2, np.ones(3)), large=(2, LARGE + 1)))
    # A large part lies in a file, and the one before it is gone.
    assert len(trial.files) == 1
    assert trial.files[0].parent.name == "0-head"
    if ends == "killed":
        trial.lose(slot)
    else:
        trial.slots.give_back(str(slot.worker_id))
    slot, kept = trial.attempt()
    found = loaded(kept.load("head"))
    np.testing.assert_array_equal(found["small"], np.ones(3))
    np.testing.assert_array_equal(found["large"], LARGE + 1)
    assert kept.seconds == 12
    trial.clock.now_s += 2
    kept.save("head", 2, state(small=(3, np.ones(2)), large=(2, LARGE)))
    slot = trial.slots.finish(slot, "done", score=0.5)
    assert trial.written() == {}
    drop_blobs(trial.blobs, slot)
    assert trial.files == []


def test_only_parts_that_have_changed_are_read_and_written(trial: Trial) -> None:
    _, kept = trial.attempt()
    parts = {"fold-0": (1, np.zeros(1)), "fold-1": (0, np.zeros(1))}
    kept.save("finetune", 0, state(**parts))

    def never() -> Arrays:
        raise AssertionError("it has not changed")

    kept.save("finetune", 1, {**state(**{"fold-0": (2, np.ones(1))}), "fold-1": Part(0, never)})
    assert trial.written() == {"fold-0": 1, "fold-1": 0}
    kept.save("finetune", 2, {"fold-0": Part(2, never), "fold-1": Part(0, never)})


def test_it_is_kept_again_when_the_time_has_gone_by_and_writing_takes_a_twentieth(
    trial: Trial,
) -> None:
    _, kept = trial.attempt(every_s=30)
    reads: list[float] = []

    def read() -> Arrays:
        reads.append(trial.clock.now_s)
        trial.clock.now_s += 4  # Writing takes so long.
        return {"a": np.zeros(1)}

    for epoch in range(300):
        trial.clock.now_s += 1
        kept.save("head", epoch, {"heads": Part(epoch + 1, read)})
    # Not before 30 s, then every 76 s: 4 of 80 are a twentieth.
    assert reads == [130.0, 130.0 + 80, 130.0 + 160, 130.0 + 240]


def test_after_an_outage_it_is_kept_as_often_as_before(trial: Trial) -> None:
    _, kept = trial.attempt(every_s=30)
    reads: list[float] = []

    def read() -> Arrays:
        reads.append(trial.clock.now_s)
        if len(reads) == 2:
            # The heartbeat notices too that the storage is away.
            with suppress(OSError), trial.storage.impatient():
                raise ConnectionRefusedError(ECONNREFUSED, "away")
            trial.clock.now_s += 200
        return {"a": np.zeros(1)}

    for epoch in range(100):
        trial.clock.now_s += 1
        kept.save("head", epoch, {"heads": Part(epoch + 1, read)})
    assert reads == [130.0, 160.0, 390.0]


def test_a_signal_is_reason_enough_but_not_for_what_cannot_be_written_in_time(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, kept = trial.attempt(every_s=1000)
    kept.save("head", 0, state(heads=(1, np.zeros(3))))
    assert trial.written() == {}
    kept.save("head", 0, state(heads=(1, np.zeros(3))), is_last=True)
    assert trial.written() == {"heads": 0}
    monkeypatch.setattr(keeper, "MOST_LAST_S", 0.0)
    kept.save("head", 1, state(heads=(2, np.zeros(3))), is_last=True)
    assert trial.written() == {"heads": 0}


@pytest.mark.parametrize("is_last", [False, True])
def test_whoever_was_taken_over_writes_nothing(trial: Trial, *, is_last: bool) -> None:
    slot, kept = trial.attempt()
    kept.save("head", 0, state(heads=(1, np.zeros(3))))
    trial.lose(slot)
    _, other = trial.attempt()
    other.save("head", 5, state(heads=(9, np.ones(3))))
    if is_last:
        kept.save("head", 1, state(heads=(2, np.zeros(3))), is_last=True)
    else:
        with pytest.raises(SlotLostError):
            kept.save("head", 1, state(heads=(2, np.zeros(3))))
    assert trial.written() == {"heads": 5}
    np.testing.assert_array_equal(loaded(other.load("head"))["heads"], np.ones(3))


def test_the_state_of_another_stage_is_none_of_this_one(trial: Trial) -> None:
    _, kept = trial.attempt()
    kept.save("head", 0, state(heads=(1, np.zeros(3))))
    assert kept.load("finetune") is None


def _damage(trial: Trial, how: str) -> None:
    (path,) = trial.files
    if how == "gone":
        path.unlink()
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[:1000])
    elif how == "another":
        content = bytearray(path.read_bytes())
        content[-2000] ^= 1
        path.write_bytes(content)
    else:
        engine = create_engine(trial.storage.url)
        row = {"a path": "/etc/../../passwd", "pickled": "file:///x/0.pkl", "blank": ""}[how]
        with engine.begin() as connection:
            change = update(checkpoints).where(checkpoints.c.part == "large")
            connection.execute(change.values(uri=row))
        engine.dispose()


@pytest.mark.parametrize("how", ["gone", "cut off", "another", "a path", "pickled", "blank"])
def test_what_is_out_of_reach_is_trained_again_and_that_is_said(
    trial: Trial, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    slot, kept = trial.attempt()
    kept.save("head", 0, state(large=(1, LARGE), small=(1, np.zeros(2))))
    _damage(trial, how)
    trial.lose(slot)
    _, kept = trial.attempt()
    with caplog.at_level(logging.WARNING):
        assert kept.load("head") is None
    assert "out of reach, so the stage is trained again from its beginning" in caplog.text
    assert kept.seconds == 0
    # What is kept from then on takes the place of all of it.
    kept.save("head", 0, state(large=(1, LARGE), small=(1, np.ones(2))))
    np.testing.assert_array_equal(loaded(kept.load("head"))["small"], np.ones(2))


def test_on_a_machine_with_another_folder_a_large_state_is_out_of_reach_and_a_small_one_is_not(
    trial: Trial, tmp_path: Path
) -> None:
    slot, kept = trial.attempt()
    kept.save("head", 0, state(small=(1, np.zeros(2))))
    trial.lose(slot)
    trial.blobs = Blobs(str(tmp_path / "elsewhere"))
    slot, kept = trial.attempt()
    assert loaded(kept.load("head")).keys() == {"small"}
    trial.blobs = Blobs(str(tmp_path / "blobs"))
    kept.save("head", 1, state(small=(2, LARGE)))
    trial.lose(slot)


def test_a_store_that_takes_nothing_costs_no_trial(
    trial: Trial, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    trial.blobs = Blobs(str(tmp_path / "file"))
    _, kept = trial.attempt()
    with caplog.at_level(logging.WARNING):
        kept.save("head", 0, state(large=(1, LARGE)))
    assert "the state of trial" in caplog.text
    assert trial.written() == {}


def test_a_pickle_in_the_place_of_arrays_is_not_read(trial: Trial) -> None:
    slot, kept = trial.attempt()
    kept.save("head", 0, state(small=(1, np.zeros(2))))
    engine = create_engine(trial.storage.url)
    with engine.begin() as connection:
        content = pickle.dumps({"a": np.zeros(2)})
        change = update(checkpoints).values(
            content=content, sha256=hashlib.sha256(content).hexdigest()
        )
        connection.execute(change)
        assert connection.execute(select(checkpoints.c.content)).scalars().all() == [content]
    engine.dispose()
    trial.lose(slot)
    _, kept = trial.attempt()
    assert kept.load("head") is None


def test_a_folder_of_blobs_is_named_by_sweep_slot_and_phase(trial: Trial) -> None:
    slot, _ = trial.attempt()
    assert folder_of(slot) == f"{trial.row.id}/0-head"


def test_a_trial_that_comes_forward_is_not_given_up_however_often_its_worker_dies(
    trial: Trial,
) -> None:
    for attempt in range(2 * MAX_LOSSES):
        slot, kept = trial.attempt()
        assert (slot.number, slot.losses) == (0, attempt)
        kept.save("head", attempt, state(heads=(attempt, np.zeros(1))))
        trial.lose(slot)
    for _ in range(MAX_LOSSES - 1):
        assert trial.slots.one(0).state == "free"
        trial.lose(trial.attempt()[0])
    assert trial.slots.one(0).state == "failed"
