"""Joining a sweep: nothing is audited or drawn again, and no lock of the database is held."""

import shutil
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import create_engine, text, update

from objectives.data import load_source, prepare
from objectives.records import ImageArray
from objectives.stopping.scoring_version import SCORING_VERSION
from objectives.store.array_store import ArrayStore
from search.creation import create_or_resume
from search.home import claim_home
from search.joining import join, refuse_changes, refuse_other_versions
from search.launch_notes import launch_notes
from search.open_sweep import OpenSweep
from search.preparation import STORE_FOLDER
from search.settings import RuntimeSettings
from search.storage.tables import sweeps
from search.sweep import Sweep
from search.sweep_file.sweep_file import check_sweep
from spaces.errors import InputError
from spaces.policies import parse_policy
from tests.search.conftest import empty_database
from tests.search.workers.worker_processes import WorkerProcess, created, started

ADVISORY = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
    "AND state <> 'idle' AND pid <> pg_backend_pid()"
)


class SlowImages:
    """Images that another process of the machine is in the middle of preparing."""

    def __init__(self, path: Path, image_px: int, home: Path) -> None:
        self._source = load_source(path)
        self._image_px = image_px
        self._store = ArrayStore(home / STORE_FOLDER, max_bytes=10**9)
        self.has_begun = threading.Event()
        self.may_end = threading.Event()

    def prepare(self) -> None:
        read = self._source.read

        def slowly(row: int) -> ImageArray:
            self.has_begun.set()
            assert self.may_end.wait(60)
            return read(row)

        self._source.read = slowly  # type: ignore[method-assign]
        prepare(self._source, self._image_px, self._store)


def opened(content: Mapping[str, Any], settings: RuntimeSettings) -> OpenSweep:
    return create_or_resume(check_sweep(content), settings)


def arrays(found: OpenSweep) -> dict[str, Any]:
    return {name: np.asarray(value).tolist() for name, value in vars(found.prepared.splits).items()}


@pytest.mark.slow
def test_while_one_machine_prepares_its_images_the_others_join(
    content: dict[str, Any], postgres_url: str, tmp_path: Path
) -> None:
    url = empty_database(postgres_url)
    homes = [RuntimeSettings(home=tmp_path / f"home-{i}", storage_url=url) for i in range(3)]
    first = opened(content, homes[0])
    claim_home(homes[1].home)
    slow = SlowImages(Path(content["data"]["path"]), content["data"]["image_px"], homes[1].home)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with ThreadPoolExecutor(2) as pool:
        preparing = pool.submit(slow.prepare)
        try:
            assert slow.has_begun.wait(30)
            waits = pool.submit(join, first.file, homes[1])
            with pytest.raises(TimeoutError):
                waits.result(timeout=1.0)
            with engine.connect() as connection:
                assert connection.scalar(text(ADVISORY)) == 0
                assert connection.scalar(text(BUSY)) == 0
            quick = join(first.file, homes[2])
            assert not waits.done()
        finally:
            slow.may_end.set()
        preparing.result(timeout=60)
        waited = waits.result(timeout=60)
    engine.dispose()
    assert arrays(first) == arrays(quick) == arrays(waited)


@pytest.mark.acceptance
def test_workers_of_three_machines_that_start_at_once_share_the_budget(
    content: dict[str, Any], postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", empty_database(postgres_url))
    sweep, file = created({**content, "budget": {"trials": 12}}, tmp_path)
    homes = [{"FOLDSWEEP_HOME": str(tmp_path / f"machine-{i}")} for i in range(3)]
    workers = [WorkerProcess(file, environment=home) for home in homes]
    with started(*workers):
        assert [worker.end() for worker in workers] == [0, 0, 0], workers[0].log
    assert sweep.status().trials["done"] == 12
    assert [record.attempts for record in sweep.trial_records()] == [1] * 12


def test_rows_folds_groups_and_holdout_come_from_the_storage_alone(
    content: dict[str, Any], home: Path, tmp_path: Path
) -> None:
    excluded = tmp_path / "excluded.txt"
    excluded.write_text("3\n17\n")
    settings = RuntimeSettings(home=home)
    own = {**content, "data": {**content["data"], "exclude": str(excluded), "holdout": 0.3}}
    first = opened(own, settings)
    assert not {3, 17} & {*first.prepared.splits.rows.tolist()}
    # What a new sweep would need to draw them is not there any more.
    excluded.unlink()
    shutil.rmtree(first.folder / "audit")
    joined = join(check_sweep(own), settings)
    assert arrays(joined) == arrays(first)
    assert not (first.folder / "audit").exists()


def test_other_images_are_refused(content: dict[str, Any], home: Path, tmp_path: Path) -> None:
    settings = RuntimeSettings(home=home)
    opened(content, settings)
    arrays_of = dict(np.load(content["data"]["path"]))
    arrays_of["images"][5] = 0
    np.savez(tmp_path / "other.npz", **arrays_of)
    other = {**content, "data": {**content["data"], "path": str(tmp_path / "other.npz")}}
    with pytest.raises(InputError, match=r"other\.npz is not the data that the sweep 'tiny' began"):
        join(check_sweep(other), settings)


def test_other_versions_are_refused_by_name(content: dict[str, Any], home: Path) -> None:
    row = opened(content, RuntimeSettings(home=home)).row
    refuse_other_versions(row)
    older = replace(row, versions={**row.versions, "keras": "3.0.0", "torch": "2.0"})
    with pytest.raises(InputError) as caught:
        refuse_other_versions(older)
    assert f"keras {row.versions['keras']} instead of 3.0.0" in str(caught.value)
    assert "torch none instead of 2.0" in str(caught.value)
    assert "numpy" not in str(caught.value)


def test_whoever_joins_knows_the_operations_that_the_user_wrote(
    content: dict[str, Any], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "joined_stains.py").write_text(
        "def darker(image, strength, generator):\n    return image // 2\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    own = "none|joined_stains:darker@high"
    own_content = {**content, "space": {**content["space"], "policy": ["flip", own]}}
    settings = RuntimeSettings(home=home)
    opened(own_content, settings)
    # As in the process of a worker, which has created nothing.
    monkeypatch.setattr("spaces.policies._LOADED", {})
    with pytest.raises(InputError, match="was not loaded"):
        parse_policy(own)
    join(check_sweep(own_content), settings)
    assert [path.name for path in parse_policy(own).paths] == ["none", "joined_stains:darker@high"]


def test_auto_is_chosen_by_the_hardware_where_the_sweep_is_created_and_kept(
    content: dict[str, Any], home: Path
) -> None:
    content["space"] = {"backbone": "small_cnn", "policy": ["none", "flip"]}
    with_gpu = RuntimeSettings(home=home, visible_gpus="0")
    without = RuntimeSettings(home=home, visible_gpus="-1")
    first = opened(content, with_gpu)
    assert first.file.space == {"base": "default", **content["space"]}
    for later in (opened(content, without), join(check_sweep(content), without)):
        assert later.file.space == first.file.space
        note, *_ = launch_notes(check_sweep(content), later)
        assert note.startswith("space: auto is default in this sweep")
    assert "space" not in " ".join(launch_notes(first.file, first))
    left_alone = {"sweep": "cpu", "workers": {"gpus_per_worker": 0}}
    assert opened({**content, **left_alone}, with_gpu).file.space["base"] == "small"  # type: ignore[index]
    assert opened({**content, "sweep": "none"}, without).file.space["base"] == "small"  # type: ignore[index]
    changed = {**content["space"], "base": "small"}
    with pytest.raises(InputError, match=r"space\.base: default -> small"):
        opened({**content, "space": changed}, with_gpu)


def test_a_space_that_was_narrowed_before_there_was_auto_goes_on_with_its_base(
    content: dict[str, Any], home: Path
) -> None:
    settings = RuntimeSettings(home=home)
    narrowed = {"backbone": "small_cnn", "policy": "none"}
    first = opened({**content, "space": {"base": "default", **narrowed}}, settings)
    older = replace(first.row, file=first.row.file.replace("  base: default\n", ""))
    assert older.file != first.row.file
    merged = refuse_changes(older, check_sweep({**content, "space": narrowed}))
    assert merged.space == first.file.space


def test_classes_of_which_few_images_are_held_out_are_named(
    content: dict[str, Any], home: Path
) -> None:
    found = opened(content, RuntimeSettings(home=home))
    data, splits = found.prepared.data, found.prepared.splits
    counts = np.bincount(data.labels[splits.holdout_rows], minlength=3)
    assert 0 < counts.sum() < 30
    shown = ", ".join(
        f"{name} ({count or 'none'})"
        for name, count in zip(data.class_names, counts.tolist(), strict=True)
    )
    [note] = launch_notes(found.file, found)
    assert note.startswith(f"few images are held out of {shown}: ")


def test_a_sweep_of_older_scoring_rules_is_joined_but_gets_no_trials(
    content: dict[str, Any], home: Path
) -> None:
    """As one that was made before the version of the rules was kept."""
    settings = RuntimeSettings(home=home)
    row = opened(content, settings).row
    rules = {name: text for name, text in row.versions.items() if "rules" not in name}
    assert len(rules) == len(row.versions) - 1
    engine = create_engine(settings.storage_url)
    with engine.begin() as connection:
        connection.execute(update(sweeps).values(versions=rules))
    engine.dispose()
    joined = join(check_sweep(content), settings)
    refused = (
        f"version 1 of the scoring rules, and this foldsweep scores by version {SCORING_VERSION}"
    )
    with pytest.raises(InputError, match=refused):
        refuse_other_versions(joined.row)
    with pytest.raises(InputError, match=refused):
        opened({**content, "train": {"head_epochs": 9}}, settings)
    with pytest.raises(InputError, match=refused):
        Sweep.from_mapping(content).enqueue({"dropout": 0.1})
    assert Sweep.open("tiny").status().trials["free"] == 6


@pytest.mark.slow
def test_a_sweep_whose_name_is_that_of_anothers_lock_lives_beside_it(
    content: dict[str, Any],
) -> None:
    sweeps = [Sweep.from_mapping({**content, "sweep": name}) for name in ("zoo", "zoo.lock")]
    for sweep in sweeps:
        sweep.work()
    assert [sweep.status().trials["done"] for sweep in sweeps] == [6, 6]
    assert len({record.run_id for sweep in sweeps for record in sweep.trial_records()}) == 12


@pytest.mark.slow
def test_a_file_that_leaves_keys_out_goes_on_with_the_sweeps_own_values(
    content: dict[str, Any],
) -> None:
    """As after an update with other defaults: what a sweep was made with counts."""
    own = {
        **content,
        "search": {"sampler": "random", "pruner": "none", "burst": 3, "seed": 11},
        "train": {"head_epochs": 3, "finetune_epochs": 0, "patience": 2},
        "budget": {"trials": 2},
    }
    Sweep.from_mapping(own).work()
    short = {key: own[key] for key in ("sweep", "data", "objective", "budget")}
    short["data"] = {"path": content["data"]["path"]}
    short["budget"] = {"trials": 4}
    resumed = create_or_resume(check_sweep(short), RuntimeSettings.from_environment())
    assert resumed.file.train.head_epochs == 3
    assert (resumed.file.search.seed, resumed.file.search.burst) == (11, 3)
    assert resumed.file.data.image_px == content["data"]["image_px"]
    assert resumed.file.objective == content["objective"]
    sweep = Sweep.from_mapping(short)
    sweep.work()
    assert sweep.status().trials["done"] == 4
    assert [record.stages for record in sweep.trial_records()] == [{"head": 3}] * 4


def test_a_key_that_differs_from_the_sweeps_is_still_refused(content: dict[str, Any]) -> None:
    opened(content, RuntimeSettings.from_environment())
    other = {"sweep": "tiny", "data": content["data"], "train": {"head_epochs": 9}}
    with pytest.raises(InputError, match=r"train\.head_epochs: 4 -> 9"):
        opened(other, RuntimeSettings.from_environment())
