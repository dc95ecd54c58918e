import uuid
from pathlib import Path

import numpy as np
import pytest

from objectives.store.array_store import ArrayStore, ArrayWriter, Freed, Key
from search.disk_space import free_space
from search.settings import RuntimeSettings
from search.storage.records import CheckpointRow
from search.storage.storage import Storage, open_storage
from search.sweep_file.sweep_file import check_sweep
from tests.search.small_sweep import claim, enter_sweep


@pytest.fixture
def settings(tmp_path: Path) -> RuntimeSettings:
    return RuntimeSettings(home=tmp_path / "home")


@pytest.fixture
def storage(settings: RuntimeSettings) -> Storage:
    return open_storage(settings.storage_url)


def add_sweep(storage: Storage, name: str, *, seed: int = 0, done: bool) -> str:
    content = {"sweep": name, "data": {"path": "x.npz"}, "search": {"seed": seed}}
    file = check_sweep({**content, "budget": {"trials": 1}}).as_written()
    row = enter_sweep(storage, name, file=file, fingerprint=f"data of {name}", trials=1)
    if done:
        slot = claim(storage.slots(row.id))
        storage.slots(row.id).assign_trial(slot, 0)
        storage.slots(row.id).finish(slot, "done", score=0.5)
    return row.id


def add_view(settings: RuntimeSettings, sweep: str, *, seed: int = 0, image_px: int = 96) -> Key:
    key: Key = {
        "data": f"data of {sweep}",
        "image_px": image_px,
        "seed": seed,
        "id": str(uuid.uuid4()),
    }

    def produce(writer: ArrayWriter) -> None:
        writer.create("images", (1000,), np.uint8)[:] = 7

    store_of(settings).get(key, produce)
    return key


def store_of(settings: RuntimeSettings) -> ArrayStore:
    return ArrayStore(settings.home / "store", max_bytes=settings.store_bytes)


def test_views_of_finished_sweeps_go_and_those_of_unfinished_stay(
    storage: Storage, settings: RuntimeSettings
) -> None:
    add_sweep(storage, "old", done=True)
    add_sweep(storage, "new", seed=3, done=False)
    gone = [
        add_view(settings, "old"),
        add_view(settings, "deleted"),
        add_view(settings, "new", seed=4),
        add_view(settings, "new", image_px=32),
    ]
    stays = [add_view(settings, "new", seed=3), add_view(settings, "new", seed=0)]
    freed = free_space(storage, settings)
    assert freed.shared.entries == 4
    assert freed.shared.n_bytes >= 4000
    assert [store_of(settings).has(key) for key in gone] == [False] * 4
    assert [store_of(settings).has(key) for key in stays] == [True] * 2


def test_images_of_unfinished_sweeps_stay_whatever_files_they_come_from(
    storage: Storage, settings: RuntimeSettings
) -> None:
    add_sweep(storage, "old", done=True)
    add_sweep(storage, "new", seed=3, done=False)
    keys = [
        {"kind": "images", "source": "of some files", "image_px": image_px, "format": 2}
        for image_px in (96, 32)
    ]
    for key in keys:
        store_of(settings).get(key, lambda writer: writer.create("images", (9,), "u1").fill(7))
    free_space(storage, settings)
    assert [store_of(settings).has(key) for key in keys] == [True, False]


def test_a_dry_run_says_the_same_and_removes_nothing(
    storage: Storage, settings: RuntimeSettings
) -> None:
    add_sweep(storage, "old", done=True)
    key = add_view(settings, "old")
    files = settings.sweep_folder("old") / "trials" / "0"
    files.mkdir(parents=True)
    (files / "curve.png").write_bytes(b"x" * 100)
    announced = free_space(storage, settings, dry_run=True)
    assert store_of(settings).has(key)
    assert (files / "curve.png").exists()
    done = free_space(storage, settings)
    assert (announced.shared, announced.checkpoints) == (done.shared, done.checkpoints)
    assert (done.checkpoints.entries, done.checkpoints.n_bytes) == (1, 100)
    assert not files.exists()
    assert free_space(storage, settings).shared.entries == 0


def test_files_of_trials_that_have_not_ended_stay(
    storage: Storage, settings: RuntimeSettings
) -> None:
    add_sweep(storage, "new", done=False)
    files = settings.sweep_folder("new") / "trials" / "0"
    files.mkdir(parents=True)
    assert free_space(storage, settings).checkpoints.entries == 0
    assert files.exists()


def write_file(path: Path, n_bytes: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * n_bytes)
    return path


def finetuned(storage: Storage, settings: RuntimeSettings) -> tuple[str, Path]:
    """Enter a sweep of two heads, of which the first was fine-tuned; gives its id and files."""
    content = {"sweep": "tuned", "data": {"path": "x.npz"}, "budget": {"trials": 2}}
    row = enter_sweep(storage, "tuned", file=check_sweep(content).as_written(), trials=2)
    slots = storage.slots(row.id)
    for trial in (0, 1):
        slot = claim(slots, "w")
        slots.assign_trial(slot, trial)
        slots.finish(slot, "done", score=0.5, goes_on=True)
        write_file(settings.sweep_folder("tuned") / "trials" / str(trial) / "heads.npz")
    tuning = slots.claim_finetuning("w", lambda worthy, begun: 0)
    assert tuning is not None
    slots.finish(tuning, "done", score=0.6)
    return row.id, write_file(settings.sweep_folder("tuned") / "trials" / "0-finetune" / "a.npz")


def test_files_of_a_fine_tuning_go_when_its_sweep_has_ended_and_nobody_races_it_any_more(
    storage: Storage, settings: RuntimeSettings
) -> None:
    sweep_id, files = finetuned(storage, settings)
    slots = storage.slots(sweep_id)
    other = slots.claim_finetuning("w", lambda worthy, begun: 1)
    assert other is not None
    # Fine-tuning of trial 1 runs: its heads and whom it races against stay.
    assert free_space(storage, settings).checkpoints.entries == 1
    trials = settings.sweep_folder("tuned") / "trials"
    assert {path.name for path in trials.iterdir()} == {"1", "0-finetune"}
    slots.finish(other, "done", score=0.4)
    assert free_space(storage, settings).checkpoints.entries == 2
    assert not files.exists()


def test_large_states_stay_while_their_phase_runs_or_a_row_names_them(
    storage: Storage, settings: RuntimeSettings
) -> None:
    sweep_id = add_sweep(storage, "new", done=False)
    slots = storage.slots(sweep_id)
    slot = claim(slots, "w")
    slots.assign_trial(slot, 0)
    folder = settings.home / "checkpoints" / sweep_id / "0-head"
    named, loose = write_file(folder / "named.npz"), write_file(folder / "loose.npz", 70)
    row = CheckpointRow("part", "head", 0, 0, 0.0, "f" * 64, 100, uri=named.as_uri())
    storage.checkpoints(sweep_id).save(slot, [row])
    assert free_space(storage, settings).blobs == Freed()
    slots.give_back("w")
    assert free_space(storage, settings, dry_run=True).blobs == Freed(1, 70)
    assert free_space(storage, settings).blobs == Freed(1, 70)
    assert (named.exists(), loose.exists()) == (True, False)
    slots.finish(claim(slots, "w"), "done", score=0.5)
    assert free_space(storage, settings).blobs == Freed(1, 100)
    assert not (settings.home / "checkpoints" / sweep_id).exists()


def test_states_of_sweeps_that_are_not_in_the_storage_go_from_the_home_alone(
    storage: Storage, settings: RuntimeSettings, tmp_path: Path
) -> None:
    unknown = f"{uuid.uuid4()}/3-finetune/a.npz"
    own = write_file(settings.home / "checkpoints" / unknown)
    foreign = write_file(settings.home / "checkpoints" / "notes" / "mine.txt")
    shared = write_file(tmp_path / "shared" / unknown)
    elsewhere = RuntimeSettings(home=settings.home, checkpoints=str(tmp_path / "shared"))
    assert free_space(storage, elsewhere).blobs == Freed()
    assert free_space(storage, settings).blobs == Freed(1, 100)
    assert (own.exists(), foreign.exists(), shared.exists()) == (False, True, True)


def test_a_cap_frees_the_least_recently_used_that_a_sweep_still_needs(
    storage: Storage, settings: RuntimeSettings
) -> None:
    add_sweep(storage, "new", done=False)
    keys = [add_view(settings, "new") for _ in range(3)]
    for key in (keys[1], keys[2], keys[0]):  # In the order of their last use.
        store_of(settings).peek(key)
    sizes = [entry.n_bytes for entry in store_of(settings).entries()]
    free_space(storage, settings, max_bytes=sum(sizes) - 1)
    assert [store_of(settings).has(key) for key in keys] == [True, False, True]


def test_what_is_being_read_stays(storage: Storage, settings: RuntimeSettings) -> None:
    key = add_view(settings, "deleted")
    arrays = store_of(settings).peek(key)
    assert arrays is not None
    assert free_space(storage, settings).shared.entries == 0
    assert int(arrays["images"][0]) == 7


def test_a_home_without_views_has_nothing_to_free(
    storage: Storage, settings: RuntimeSettings
) -> None:
    assert free_space(storage, settings, max_bytes=0).shared.entries == 0
    assert not (settings.home / "store").exists()
