"""The tables of each version: made, compared, read by the present code, or refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from objectives.splits import splits_from_bytes
from search.status import read_status, trial_records
from search.storage.records import Budget
from search.storage.schema import VERSION, VERSION_TABLE
from search.storage.storage import Storage, open_storage
from search.storage.tables import metadata
from search.storage_url import parse_storage_url
from search.sweep_file.stored import stored_file
from search.trial_detail import TrialFindings
from spaces.errors import InputError
from tests.search.small_sweep import enter_sweep

DATABASES = sorted(Path(__file__).with_name("databases").glob("*.sql"))
MIGRATIONS = Path(__file__).parents[3] / "search" / "storage" / "migrations" / "versions"


def execute(url: str, *statements: str) -> None:
    engine = create_engine(parse_storage_url(url))
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def test_the_migrated_tables_are_those_of_the_one_file_that_lists_them(storage: Storage) -> None:
    engine = create_engine(storage.url)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "include_name": lambda name, kind, _parents: (
                    kind != "table" or str(name).startswith("foldsweep_")
                ),
            },
        )
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == VERSION
    engine.dispose()


def test_opening_again_changes_nothing(storage: Storage, storage_url: str) -> None:
    row = enter_sweep(storage)
    again = open_storage(storage_url)
    assert again.sweeps.find("tissue") == row
    again.close()


def test_there_is_a_stored_database_of_every_version() -> None:
    versions = {path.name[1:5] for path in MIGRATIONS.glob("v[0-9]*.py")}
    assert {path.stem for path in DATABASES} == versions
    assert max(versions) == VERSION


@pytest.fixture(params=DATABASES, ids=[path.stem for path in DATABASES])
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    """A database that an earlier or the present version has left, opened by this one."""
    path = tmp_path / "foldsweep.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(request.param.read_text())
    return open_storage(f"sqlite:///{path}")


def test_the_sweep_of_a_stored_database_is_read(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    assert row.budget == Budget(3)
    file = stored_file(row)
    assert (file.sweep, file.train.head_epochs, file.validation.folds) == ("tiny", 2, 2)
    splits = splits_from_bytes(row.splits)
    assert splits.fold_hash == row.fold_hash
    assert sorted({*splits.rows.tolist(), *splits.holdout_rows.tolist()}) == list(range(24))


def test_the_status_and_the_leaderboard_of_a_stored_database_are_read(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    status = read_status(stored, row)
    assert (status.state, status.trials["done"], status.workers) == ("done", 3, [])
    # As they stand in the file, to four digits.
    scores = [(entry["trial"], round(entry["score"], 4)) for entry in status.leaderboard]
    assert scores == [(0, 0.669), (1, 0.5663), (2, 0.5111)]
    slots = stored.slots(row.id)
    records = trial_records(slots.all(), slots.phases())
    assert [record.stages for record in records] == [{"head": 2}] * 3
    assert [TrialFindings.of(slot).fold_scores[0] for slot in slots.all()] == [
        record.score for record in records
    ]
    assert [(epoch.step, round(epoch.mean, 4)) for epoch in slots.epochs(0)] == [
        (0, 0.451),
        (1, 0.674),
    ]
    assert [(record.head_score, record.finetuned) for record in records] == [
        (records[0].score, True),
        (records[1].score, False),
        (records[2].score, False),
    ]
    assert [worker.state for worker in stored.workers(row.id).all()] == ["left"]


def test_the_phases_of_a_stored_database_are_read(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    phases = stored.slots(row.id).phases()
    # As they stand in the file.
    assert [(p.number, p.stage, round(p.score, 4), p.goes_on, p.ended_at) for p in phases] == [
        (0, "head", 0.669, True, 1795559738.27),
        (1, "head", 0.5663, False, 1795559738.84),
        (2, "head", 0.5111, False, 1795559739.51),
    ]


def test_the_promotions_of_a_stored_database_are_read(stored: Storage) -> None:
    (look,) = stored.promotions.all()
    assert (look.trial, look.model, look.alias, look.version) == (1, "tiny", "champion", 1)
    assert (look.passed, look.forced, look.reason) == (True, False, "no champion yet")
    assert look.ids.tolist() == [1, 2, 3]
    assert stored.promotions.count(look.ids[:1]) == 1


def test_the_study_of_a_stored_database_agrees_with_its_slots(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    study_id = stored.optuna.get_study_id_from_name("tiny")
    trials = stored.optuna.get_all_trials(study_id)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    slots = stored.slots(row.id).all()
    assert [trial.value for trial in trials] == [slot.score for slot in slots]


def test_a_stored_sweep_can_be_given_more_trials(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    stored.sweeps.change_budget(row.id, {"trials": 5})
    assert stored.slots(row.id).counts()["free"] == 2
    slot = stored.slots(row.id).claim("w")
    assert slot is not None
    assert (slot.number, slot.trial) == (3, None)


def test_a_database_of_before_the_first_version_is_refused_and_left_alone(
    storage_url: str, tmp_path: Path
) -> None:
    (tmp_path / "storage").mkdir(exist_ok=True)
    execute(storage_url, "CREATE TABLE foldsweep_sweeps (id VARCHAR(36), race BOOLEAN)")
    with pytest.raises(InputError, match=r"before its first release.*FOLDSWEEP_STORAGE_URL\.$"):
        open_storage(storage_url)
    execute(storage_url, "INSERT INTO foldsweep_sweeps (id, race) VALUES ('a', false)")
    with pytest.raises(InputError, match="before its first release"):
        open_storage(storage_url)


def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    storage: Storage, storage_url: str
) -> None:
    execute(storage_url, f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(InputError, match=f"has the schema 9999, which is newer .*{VERSION}: use"):
        open_storage(storage_url)
    assert storage.sweeps.names() == []
