"""The tables of each version: made, compared, read by the present code, or refused."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from objectives.splits import splits_from_bytes
from search.status import read_status, trial_records
from search.storage.records import Budget
from search.storage.schema import VERSION, VERSION_TABLE, migration_config
from search.storage.storage import Storage, open_storage
from search.storage.tables import metadata
from search.storage_url import parse_storage_url
from search.sweep_file.stored import stored_file
from search.trial_detail import TrialDetail, TrialFindings
from search.trial_phases import trials_of
from spaces.errors import InputError
from spaces.params import TrialParams
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
    assert status.finetuning["done"] == 1
    # As they stand in the file, to four digits.
    scores = [(row["trial"], round(row["score"], 4), row["stage"]) for row in status.leaderboard]
    assert scores == [(0, 0.669, "head"), (1, 0.5663, "head"), (2, 0.5111, "finetune")]
    slots = stored.slots(row.id)
    records = trial_records(slots.all())
    assert [record.first_score for record in records[:2]] == [r.score for r in records[:2]]
    assert records[2].first_score == 0.45
    assert [record.finetuning for record in records] == [None, None, "done"]
    assert [TrialFindings.of(trial.shown).fold_scores[0] for trial in trials_of(slots.all())] == [
        record.score for record in records
    ]
    assert [(epoch.step, round(epoch.mean, 4)) for epoch in slots.epochs(0)] == [
        (0, 0.451),
        (1, 0.674),
    ]
    assert [worker.state for worker in stored.workers(row.id).all()] == ["left"]


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
    told = [round(trial.value or 0.0, 4) for trial in trials]
    # Before the second version the study heard of what fine-tuning found.
    assert told[:2] == [0.669, 0.5663]
    assert told[2] in (0.45, 0.5111)


def test_a_stored_sweep_can_be_given_more_trials(stored: Storage) -> None:
    row = stored.sweeps.find("tiny")
    assert row is not None
    stored.sweeps.change_budget(row.id, {"trials": 5})
    assert stored.slots(row.id).counts()["free"] == 2
    slot = stored.slots(row.id).claim("w")
    assert slot is not None
    assert (slot.number, slot.trial) == (3, None)


def test_a_trial_fine_tuned_before_there_were_phases_becomes_two_on_any_database(
    storage_url: str, tmp_path: Path
) -> None:
    (tmp_path / "storage").mkdir(exist_ok=True)
    make_version(storage_url, "0001")
    params = '{"backbone": "resnet50", "learning_rate": 0.002, "finetune_lr_factor": 0.25}'
    execute(
        storage_url,
        "INSERT INTO foldsweep_sweeps (id, name, file, fingerprint, fold_hash, splits, versions,"
        " trials, created_at, resumed_at) VALUES ('s', 'old', 'file', 'f', 'h', '', '{}', 3, 1, 1)",
        *(
            "INSERT INTO foldsweep_slots (sweep_id, number, state, attempt, losses, trial, params,"
            " score, clean, detail, told, spooled, device_s, ended_at) VALUES ('s', "
            f"{number}, '{state}', 3, 1, {number}, '{params}', {score}, 0.5, "
            '\'{"epochs": {"head": 7, "finetune": 4}}\', true, \'done\', 60, 99)'
            for number, state, score in ((0, "done", 0.75), (1, "done", 0.5), (2, "free", "NULL"))
        ),
        *(
            f"INSERT INTO foldsweep_phases VALUES ('s', {number}, 'head', {score}, true, 50)"
            for number, score in ((0, 0.625), (1, 0.5625), (2, 0.5))
        ),
        *(
            "INSERT INTO foldsweep_epochs VALUES "
            f"('s', {number}, '{stage}', 0, '0,1', 0, 1, '{{}}', 0.5, 9)"
            for number, stage in ((0, "head"), (0, "finetune"), (1, "finetune"), (2, "head"))
        ),
    )
    with closing(open_storage(storage_url)) as storage:
        slots = storage.slots("s")
        heads, tuned = [slots.one(n) for n in range(3)], slots.one(0, "finetune")
        assert len(slots.all()) == 4
        assert [slot.score for slot in heads] == [0.625, 0.5, None]
        assert (tuned.score, tuned.clean, tuned.state, tuned.trial) == (0.75, 0.5, "done", 0)
        assert TrialDetail.of(heads[0]).epochs == {"head": 7}
        assert TrialDetail.of(tuned).epochs == {"head": 7, "finetune": 4}
        assert (tuned.attempt, tuned.losses, tuned.device_s, heads[0].device_s) == (3, 1, 60, 0)
        # Fine-tuned for nothing: its score is what it found in the end, as before.
        assert TrialDetail.of(heads[1]).epochs == {"head": 7, "finetune": 4}
        rates = {TrialParams.model_validate(s.params).finetune_learning_rate for s in slots.all()}
        assert rates == {0.0005}
        assert slots.standing().worthy.keys() == slots.standing().begun == {0}
        phases = [(row.number, row.stage, row.phase) for n in range(3) for row in slots.epochs(n)]
        assert sorted(phases) == [
            (0, "finetune", "finetune"),
            (0, "head", "head"),
            (1, "finetune", "head"),
            (2, "head", "head"),
        ]


def make_version(url: str, version: str) -> None:
    """Make the tables of a version."""
    engine = create_engine(parse_storage_url(url))
    with engine.begin() as connection:
        config = migration_config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)
    engine.dispose()


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
