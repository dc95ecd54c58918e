"""Out-of-fold predictions as a table, from the files that trials leave."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mlruns_config.description.trial import OOF
from mlruns_config.settings import TrackingSettings
from objectives.records import Splits
from objectives.splits import hash_folds, splits_to_bytes
from search.prediction_table import predictions_of
from search.settings import RuntimeSettings
from search.storage.records import Budget
from search.storage.storage import open_storage
from search.stored_sweep import StoredSweep
from search.sweep_file.sweep_file import check_sweep
from spaces.errors import InputError
from tests.search.small_sweep import claim

NAMES = ("zebra", "ant")
LABELS = np.array([0, 1, 0, 1, 1, 0])
ROWS = np.array([0, 1, 3, 4])
FOLDS = np.array([0, 1, 0, 1])
CLEAN = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]], np.float32)


@pytest.fixture
def stored(tmp_path: Path) -> StoredSweep:
    """A sweep of two trials that are done, and one that has failed; no data, no MLflow."""
    file = check_sweep(
        {"sweep": "zoo", "data": {"path": str(tmp_path / "zoo"), "class_names": list(NAMES)}}
    )
    holdout, groups = np.array([2, 5]), np.arange(6)
    fold_hash = hash_folds(ROWS, FOLDS, holdout, groups)
    storage = open_storage(f"sqlite:///{tmp_path}/foldsweep.db")
    row = storage.sweeps.create(
        "zoo",
        file.as_written(),
        fingerprint="f" * 64,
        fold_hash=fold_hash,
        splits=splits_to_bytes(Splits(ROWS, FOLDS, holdout, groups, fold_hash)),
        versions={},
        budget=Budget(4),
    )
    book = storage.slots(row.id)
    for trial, state in enumerate(("done", "done", "failed")):
        slot = claim(book)
        book.assign_trial(slot, trial)
        book.finish(slot, state, score=0.5 if state == "done" else None)  # type: ignore[arg-type]
    settings = RuntimeSettings(home=tmp_path, storage_url=str(storage.url), store_gb=1)
    tracking = TrackingSettings(f"sqlite:///{tmp_path}/none.db", "none")
    return StoredSweep(file, settings, tracking, storage, row)


def keep(stored: StoredSweep, trial: int, **changes: Any) -> None:
    slot = next(slot for slot in stored.slots.all() if slot.trial == trial)
    path = stored.trial_folder(slot) / OOF.name
    path.parent.mkdir(parents=True)
    arrays = {
        "rows": ROWS,
        "fold_of": FOLDS,
        "labels": LABELS[ROWS],
        "class_names": np.array(NAMES),
        "clean": CLEAN,
        **changes,
    }
    np.savez(path, **arrays)


def write_pictures(folder: Path, names: tuple[str, ...] = NAMES) -> None:
    """Six pictures; rows are counted class by class, and in a class by file name."""
    for name, files in zip(names, ("abc", "xyz"), strict=True):
        (folder / name).mkdir(parents=True)
        for file in files:
            Image.new("RGB", (4, 4)).save(folder / name / f"{file}.png")


def test_a_row_has_label_fold_and_the_probabilities_of_each_class(stored: StoredSweep) -> None:
    keep(stored, 1, shifted=CLEAN[:, ::-1])
    table = predictions_of(stored, 1)
    assert table["trial"].tolist() == [1] * 4
    assert table["row"].tolist() == [0, 1, 3, 4]
    assert table["image"].tolist() == ["row 0", "row 1", "row 3", "row 4"]
    assert table["label"].tolist() == ["zebra", "ant", "ant", "ant"]
    assert table["fold"].tolist() == [0, 1, 0, 1]
    assert table["predicted"].tolist() == ["zebra", "zebra", "ant", "zebra"]
    assert table["predicted_shifted"].tolist() == ["ant", "ant", "zebra", "zebra"]
    np.testing.assert_array_equal(table[["clean.zebra", "clean.ant"]], CLEAN)
    np.testing.assert_array_equal(table[["shifted.ant", "shifted.zebra"]], CLEAN)


def test_without_a_shift_there_are_no_shifted_columns(stored: StoredSweep) -> None:
    keep(stored, 0)
    assert [name for name in map(str, predictions_of(stored, 0)) if "shifted" in name] == []


def test_all_trials_stand_below_each_other_but_those_without_predictions(
    stored: StoredSweep, caplog: pytest.LogCaptureFixture
) -> None:
    keep(stored, 1)
    with caplog.at_level(logging.WARNING):
        assert predictions_of(stored, None)["trial"].tolist() == [1] * 4
    assert "trial 0 of zoo is left out: its predictions are neither on this machine" in caplog.text
    keep(stored, 0)
    assert predictions_of(stored, None)["trial"].tolist() == [0] * 4 + [1] * 4


def test_images_have_the_names_of_their_files_where_the_data_lie(stored: StoredSweep) -> None:
    by_name = np.array([0, 0, 0, 1, 1, 1])
    in_order = ("ant", "zebra")
    keep(stored, 0, labels=by_name[ROWS], class_names=np.array(in_order))
    write_pictures(Path(str(stored.file.data.path)))
    file = stored.file.model_copy(
        update={"data": stored.file.data.model_copy(update={"class_names": None})}
    )
    found = StoredSweep(file, stored.settings, stored.tracking, stored.storage, stored.row)
    names = predictions_of(found, 0)["image"].tolist()
    assert names == ["ant/x.png", "ant/y.png", "zebra/a.png", "zebra/b.png"]


def test_data_that_hold_other_labels_give_no_names(
    stored: StoredSweep, caplog: pytest.LogCaptureFixture
) -> None:
    keep(stored, 0)
    write_pictures(Path(str(stored.file.data.path)), ("another", "kind"))
    with caplog.at_level(logging.WARNING):
        assert predictions_of(stored, 0)["image"].tolist()[0] == "row 0"
    assert "images are named by their rows" in caplog.text


@pytest.mark.parametrize(
    ("trial", "says"),
    [
        (2, "trial 2 of zoo is failed; finished are: 0, 1"),
        (9, "trial 9 of zoo does not exist; finished are: 0, 1"),
        (0, "trial 0 of zoo: its predictions are neither on this machine nor in MLflow"),
        (None, "no finished trial of zoo has predictions that are found"),
    ],
)
def test_what_is_not_there_is_refused(stored: StoredSweep, trial: int | None, says: str) -> None:
    with pytest.raises(InputError, match=says):
        predictions_of(stored, trial)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"rows": ROWS + 1}, "of other rows than the sweep's"),
        ({"labels": np.array([0, 1, 2, 0])}, "labels that are none of its classes"),
        ({"labels": np.array([0.0, 1.0, 1.0, 0.0])}, "labels that are none of its classes"),
        ({"class_names": np.array(["one"])}, "labels that are none of its classes"),
        ({"class_names": np.array("one")}, "'class_names' have shape"),
        ({"clean": CLEAN[:2]}, "'clean' have shape"),
        ({"clean": CLEAN * 0}, "4 of 4 rows have no probabilities"),
    ],
)
def test_predictions_that_are_not_whole_are_refused(
    stored: StoredSweep, changes: dict[str, Any], says: str
) -> None:
    keep(stored, 0, **changes)
    with pytest.raises(InputError, match=f"trial 0 of zoo: .*{says}"):
        predictions_of(stored, 0)
