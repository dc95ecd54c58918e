"""What Python holds and databases do not take is cleaned where it enters, on every database."""

import math

from search.storage.columns import clean_json, clean_text
from search.storage.storage import Storage
from tests.search.small_sweep import claim, enter_sweep

NUL, HALF = "a\x00b", "a\ud800b"


def test_texts_lose_what_no_database_stores() -> None:
    assert clean_text(NUL) == "ab"
    assert clean_text(HALF) == "a?b"
    assert clean_text("ä€😀") == "ä€😀"


def test_documents_are_cleaned_at_every_depth_and_in_their_keys() -> None:
    document = {NUL: [1, math.nan, {"x": (math.inf, HALF, True, None)}]}
    assert clean_json(document) == {"ab": [1, None, {"x": [None, "a?b", True, None]}]}


def test_a_trial_of_odd_numbers_and_texts_is_stored_and_read(storage: Storage) -> None:
    row = enter_sweep(storage)
    slots = storage.slots(row.id)
    slot = claim(slots)
    slots.assign_trial(slot, 0)
    slots.note_params(slot, {"learning_rate": math.nan, "policy": NUL})
    detail = {"fold_scores": [0.5, math.inf], NUL: HALF}
    ended = slots.finish(slot, "failed", score=math.nan, detail=detail, reason=f"{NUL} {HALF}")
    assert (ended.score, ended.reason) == (None, "ab a?b")
    assert ended.detail == {"fold_scores": [0.5, None], "ab": "a?b"}
    assert slots.one(slot.number).params == {"learning_rate": None, "policy": "ab"}


def test_a_device_of_any_name_joins_and_says_what_it_does(storage: Storage) -> None:
    workers = storage.workers(enter_sweep(storage).id)
    workers.join("w", "gpu:" + "GPU-0123456789," * 40, 40.0)
    workers.note_progress("w", {"score": math.nan, "stage": NUL})
    (worker,) = workers.all()
    assert worker.device.startswith("gpu:GPU-0123456789,")
    assert len(worker.device) == 100
    assert worker.progress == {"score": None, "stage": "ab"}
