"""What a worker is doing, as others read it in its row."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from objectives.sharing import SharingCounts
from search.storage.storage import Storage
from search.storage.workers import Workers
from search.workers.doing import Doing
from tests.search.small_sweep import enter_sweep, join


class Row:
    """The row of one worker, and its ``Doing``."""

    def __init__(self, storage: Storage) -> None:
        sweep_id = enter_sweep(storage).id
        join(storage, sweep_id, "w")
        self.workers = storage.workers(sweep_id)
        self.doing = Doing(self.workers, "w")

    def read(self) -> Mapping[str, Any] | None:
        (row,) = self.workers.all()
        return row.progress


def test_what_is_made_and_shared_is_stored_with_a_beat_before_the_first_epoch(
    storage: Storage,
) -> None:
    row = Row(storage)
    counts = SharingCounts(features_made=2, views_reused=1)
    row.doing.begin(3, "head")
    row.doing.hear_counts(counts)
    with counts.note_making("features of small_cnn: flip@high, view 2"):
        row.doing.tell()
        made = row.read()
    assert made is not None
    assert (made["trial"], made["phase"]) == (3, "head")
    assert made["making"] == "features of small_cnn: flip@high, view 2"
    assert made["shared"] == {
        "views": {"made": 0, "reused": 1, "streamed": 0},
        "features": {"made": 2, "reused": 0, "streamed": 0},
    }
    row.doing.tell()
    after = row.read()
    assert after is not None
    assert after["making"] is None


def test_an_epoch_is_stored_at_once_and_is_gone_with_its_trial(storage: Storage) -> None:
    row = Row(storage)
    row.doing.begin(3, "finetune")
    row.doing.change({"trial": 3, "stage": "finetune", "epoch": 0})
    assert row.read() == {"trial": 3, "phase": "finetune", "stage": "finetune", "epoch": 0}
    row.doing.begin(4, "head")
    row.doing.tell()
    assert row.read() == {"trial": 4, "phase": "head"}
    row.doing.end()
    row.doing.tell()
    assert row.read() is None


def test_what_has_not_changed_is_not_stored_again(storage: Storage) -> None:
    row = Row(storage)
    row.doing.begin(3, "head")
    row.doing.tell()
    row.workers.note_progress("w", {"trial": "of somebody else"})
    row.doing.tell()
    assert row.read() == {"trial": "of somebody else"}


def test_several_counts_of_one_phase_are_summed(storage: Storage) -> None:
    row = Row(storage)
    row.doing.begin(3, "finetune")
    row.doing.hear_counts(SharingCounts(features_made=2))
    row.doing.hear_counts(SharingCounts(features_made=3, features_reused=1))
    row.doing.tell()
    found = row.read()
    assert found is not None
    assert found["shared"]["features"] == {"made": 5, "reused": 1, "streamed": 0}


def test_a_beat_does_not_wait_for_a_call_that_the_storage_does_not_answer() -> None:
    class Silent(Workers):
        """Answers when it is told to."""

        def __init__(self) -> None:
            self.answers = threading.Event()
            self.told: list[Any] = []

        def note_progress(self, worker_id: str, progress: Mapping[str, Any] | None) -> None:
            self.told.append(progress)
            self.answers.wait(30)

    workers = Silent()
    doing = Doing(workers, "w")
    trial = threading.Thread(target=doing.change, args=({"epoch": 0},))
    trial.start()
    while not workers.told:
        time.sleep(0.001)
    doing.begin(1, "head")
    doing.tell()
    assert workers.told == [{"epoch": 0}]
    workers.answers.set()
    trial.join()
    doing.tell()
    assert workers.told == [{"epoch": 0}, {"trial": 1, "phase": "head"}]
