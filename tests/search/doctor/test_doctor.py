"""What disagrees is found, mended as far as it can be, and then nothing is found any more."""

import json
import subprocess
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from optuna.trial import TrialState, create_trial
from sqlalchemy import create_engine, text, update

from mlruns_config.names import TAG_KEY
from mlruns_config.settings import TrackingSettings
from objectives.store.array_store import ArrayStore
from search.cli.app import main
from search.doctor.examination import Report
from search.storage.records import CheckpointRow, Slot
from search.storage.storage import open_storage
from search.storage.tables import slots, workers
from search.study.study import SLOT_ATTRIBUTE
from search.sweep import Sweep
from search.workers.run_record import RunRecord
from tests.mlruns_config.mlflow_server import free_port
from tests.search.known_sweep import WORKER, KnownSweep

pytestmark = pytest.mark.slow

CURVES = ("head/score", "head/score_fold_0", "head/score_fold_1")
EACH_ONCE = {curve: Counter(range(2)) for curve in CURVES}


@pytest.fixture
def known(home: Path, storage_url: str, monkeypatch: pytest.MonkeyPatch) -> KnownSweep:
    """The sweep ``tiny``: one trial done, everywhere."""
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    known = KnownSweep()
    known.run()
    return known


@pytest.fixture
def on_sqlite(home: Path) -> KnownSweep:
    """The same where the kind of database says nothing."""
    known = KnownSweep()
    known.run()
    return known


def unreachable() -> TrackingSettings:
    """Name an MLflow that nobody serves."""
    return TrackingSettings(f"http://127.0.0.1:{free_port()}", None)


def examined(*, fix: bool = False) -> Report:
    return Sweep.open("tiny").doctor(fix=fix)


def beside_living(known: KnownSweep) -> Report:
    """Mend what there is to mend while the worker ``live`` beats."""
    known.stored.workers.beat("live")
    return examined(fix=True)


def found() -> Counter[str]:
    return Counter(finding.kind for finding in examined().findings)


def assert_mended(kinds: Counter[str] | dict[str, int]) -> None:
    """See that these are found, mended, and found no more."""
    assert found() == Counter(kinds)
    report = examined(fix=True)
    assert report.left == 0
    assert set(kinds) <= {finding.kind for finding in report.findings}
    assert examined().findings == []


def change(known: KnownSweep, table: Any, where: Any, **values: Any) -> None:
    engine = create_engine(open_storage(known.settings.storage_url).url)
    with engine.begin() as connection:
        assert connection.execute(update(table).where(where).values(**values)).rowcount
    engine.dispose()


def enter_dead(known: KnownSweep, worker: str) -> None:
    """Enter a worker of this machine whose process was killed."""
    process = subprocess.Popen(["true"])
    known.stored.workers.join(worker, "cpu", 0.0)
    change(known, workers, workers.c.id == worker, pid=process.pid)
    process.wait()


def steps(known: KnownSweep, trial: int = 0) -> dict[str, Counter[int]]:
    """Ask MLflow for the steps of each curve of a trial."""
    key = f"{known.stored.row.id}/{trial}"
    (run,) = [run for run in known.runs() if run.key == key]
    history = known.client().get_metric_history
    return {curve: Counter(point.step for point in history(run.run_id, curve)) for curve in CURVES}


def test_nothing_is_found_where_everything_agrees(
    on_sqlite: KnownSweep, capfd: pytest.CaptureFixture[str]
) -> None:
    on_sqlite.claim()
    on_sqlite.stored.slots.give_back(WORKER)
    on_sqlite.stored.study().enqueue({"dropout": 0.25})
    assert examined().findings == []
    with pytest.raises(SystemExit) as left:
        main(["doctor"])
    assert left.value.code == 0
    out = capfd.readouterr().out
    assert out.splitlines() == ["1 sweeps examined, schema 0003.", "Everything agrees."]


def test_the_trial_of_a_killed_worker_is_freed_and_waits_in_mlflow(known: KnownSweep) -> None:
    enter_dead(known, "dead")
    slot = known.begin("dead")
    assert found() == {"dead worker": 1, "lost trial": 1}
    assert known.slot(slot.number) == slot
    report = examined(fix=True)
    assert report.left == 0
    freed = known.slot(slot.number)
    assert (freed.state, freed.losses, freed.trial) == ("free", 1, 1)
    statuses = {run.key.rpartition("/")[2]: run.status for run in known.runs()}
    assert statuses == {"0": "FINISHED", "1": "SCHEDULED"}
    assert examined().findings == []


def test_a_beat_that_stands_still_for_a_lease_is_told_from_one_that_goes_on(
    known: KnownSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDSWEEP_LEASE_S", "2")
    book = known.stored.workers
    for name in ("silent", "slow"):
        book.join(name, "cpu", 0.0)
        change(known, workers, workers.c.id == name, machine="another", seen_at=1.0)
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.1):
            book.beat("slow")

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        (finding,) = examined(fix=True).findings
    finally:
        ended.set()
        thread.join()
    assert "worker silent on" in finding.what
    states = {row.id: row.state for row in book.all()}
    assert (states["silent"], states["slow"]) == ("lost", "live")


def test_what_a_living_worker_is_doing_is_left_alone(known: KnownSweep) -> None:
    known.stored.workers.join("live", "cpu", 0.0)
    slot = known.claim("live")
    outbox = known.outbox(unreachable(), worker="live")
    record = RunRecord.open(known.stored, outbox, slot)
    record.begin("live", "cpu")
    known.record(slot)
    record.log_epochs()
    before = known.slot(slot.number)
    assert beside_living(known).findings == []
    assert known.slot(slot.number) == before
    # It has ended the trial, and is about to say so.
    ended = known.finish(before)
    assert beside_living(known).findings == []
    # It has said so, and MLflow does not answer.
    record.end(ended, known.stored.trial_folder(ended))
    known.stored.study().tell(ended)
    assert beside_living(known).findings == []
    assert [run.key for run in known.runs()] == [f"{known.stored.row.id}/0"]
    outbox.close(0.1)


def test_an_ending_that_only_the_storage_knows_is_said_to_optuna_and_mlflow(
    known: KnownSweep,
) -> None:
    slot = known.begin()
    known.finish(slot, score=0.75)
    assert_mended({"ending that the study does not know": 1, "ending that MLflow does not know": 1})
    assert known.stored.study().optuna_study.best_value == 0.75
    run = next(run for run in known.runs() if run.key.endswith("/1"))
    assert run.status == "FINISHED"
    assert known.client().get_run(run.run_id).data.metrics["score"] == 0.75


def test_an_ending_that_the_study_has_lost_is_told_again(on_sqlite: KnownSweep) -> None:
    slot = on_sqlite.begin()
    on_sqlite.finish(slot)
    on_sqlite.stored.slots.mark_told(slot)
    on_sqlite.stored.slots.note_spooled(slot, "done")
    assert found()["ending that the study does not know"] == 1
    assert examined(fix=True).left == 0
    assert examined().findings == []
    states = [trial.state for trial in on_sqlite.stored.study().optuna_study.trials]
    assert states == [TrialState.COMPLETE] * 2


def test_another_outcome_in_the_study_is_told_and_cannot_be_mended(on_sqlite: KnownSweep) -> None:
    change(on_sqlite, slots, slots.c.trial == 0, score=0.625)
    (finding,) = examined(fix=True).findings
    assert (finding.kind, finding.mended) == ("other outcome in the study", False)
    assert finding.what == "the storage has it as done with 0.625, Optuna as done with 0.5"
    assert finding.where == "tiny, trial 0"


def orphan(known: KnownSweep, slot: int | None) -> None:
    """Leave a trial in the study as a death between making it and noting its number does."""
    optuna_storage = known.stored.storage.optuna
    study = known.stored.study().optuna_study
    attributes = {} if slot is None else {SLOT_ATTRIBUTE: slot}
    carrying = create_trial(state=TrialState.RUNNING, user_attrs=attributes)
    optuna_storage.create_new_trial(study._study_id, template_trial=carrying)


def test_trials_that_no_slot_has_are_given_up_in_the_study(known: KnownSweep) -> None:
    orphan(known, 1)
    orphan(known, 0)
    orphan(known, None)
    assert_mended({"unused trial number": 3})
    states = [trial.state for trial in known.stored.study().optuna_study.trials]
    assert states == [TrialState.COMPLETE, *[TrialState.FAIL] * 3]
    assert known.claim().trial == 4


def test_a_trial_that_the_next_worker_goes_on_with_is_left_to_it(known: KnownSweep) -> None:
    orphan(known, 1)
    known.stored.workers.join("live", "cpu", 0.0)
    assert beside_living(known).findings == []
    assert known.claim("live").trial == 1


def test_what_a_dead_process_left_to_be_sent_is_sent(on_sqlite: KnownSweep) -> None:
    slot = on_sqlite.claim()
    outbox = on_sqlite.outbox(unreachable())
    record = RunRecord.open(on_sqlite.stored, outbox, slot)
    record.begin(WORKER, "cpu")
    on_sqlite.record(slot)
    record.log_epochs()
    ended = on_sqlite.finish(slot)
    record.end(ended, on_sqlite.stored.trial_folder(slot))
    on_sqlite.stored.study().tell(ended)
    assert not outbox.close(0.1)
    assert_mended({"spool of nobody": 1})
    assert steps(on_sqlite, 1) == EACH_ONCE
    assert on_sqlite.slot(slot.number).run_id is not None


def test_a_spool_stays_a_finding_where_mlflow_does_not_answer(
    on_sqlite: KnownSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = on_sqlite.claim()
    nobody = unreachable()
    outbox = on_sqlite.outbox(nobody)
    RunRecord.open(on_sqlite.stored, outbox, slot).begin(WORKER, "cpu")
    on_sqlite.stored.slots.give_back(WORKER)
    on_sqlite.stored.slots.note_spooled(slot, "free")
    outbox.close(0.1)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", nobody.uri)
    report = examined(fix=True)
    kinds = [finding.kind for finding in report.findings]
    assert kinds == ["spool of nobody", "MLflow does not answer"]
    assert report.left == 2


def test_a_run_that_was_deleted_is_written_again_from_the_storage(known: KnownSweep) -> None:
    (run,) = known.runs()
    before = known.client().get_run(run.run_id).data
    known.client().delete_run(run.run_id)
    assert_mended({"trial without a run": 1})
    (again,) = known.runs()
    assert again.run_id != run.run_id
    assert known.slot(0).run_id == again.run_id
    assert (again.status, steps(known)) == ("FINISHED", EACH_ONCE)
    data = known.client().get_run(again.run_id).data
    assert data.params == before.params
    assert data.metrics["score"] == before.metrics["score"]


def test_runs_of_no_trial_go_and_those_of_others_stay(on_sqlite: KnownSweep) -> None:
    client = on_sqlite.client()
    experiment = client.get_experiment_by_name("tiny").experiment_id
    mine = on_sqlite.stored.row.id
    for key in (f"{mine}/7", f"{mine}/0", "another sweep/0"):
        client.create_run(experiment, tags={TAG_KEY: key})
    client.create_run(experiment)
    kept = on_sqlite.slot(0).run_id
    assert_mended({"run without a trial": 2})
    assert [run.run_id for run in on_sqlite.runs()] == [kept]
    assert len(client.search_runs([experiment])) == 3


def test_a_run_in_another_state_is_brought_to_that_of_its_trial(on_sqlite: KnownSweep) -> None:
    (run,) = on_sqlite.runs()
    on_sqlite.client().update_run(run.run_id, status="RUNNING")
    change(on_sqlite, slots, slots.c.trial == 0, run_id=None)
    assert_mended({"other state in MLflow": 1, "run that the storage does not know": 1})
    assert on_sqlite.runs()[0].status == "FINISHED"
    assert on_sqlite.slot(0).run_id == run.run_id


def test_epochs_that_are_missing_are_sent_once(on_sqlite: KnownSweep) -> None:
    on_sqlite.run(logged=False)
    assert_mended({"epochs that MLflow does not have": 1})
    assert steps(on_sqlite, 1) == EACH_ONCE


def test_epochs_that_are_doubled_are_told_and_what_is_advised_mends_them(
    on_sqlite: KnownSweep,
) -> None:
    (run,) = on_sqlite.runs()
    on_sqlite.client().log_metric(run.run_id, "head/score", 0.5, timestamp=1, step=1)
    (finding,) = examined(fix=True).findings
    assert (finding.kind, finding.mended) == ("epochs that MLflow has twice", False)
    assert finding.what == "1 points of its curves are doubled: head/score at step 1"
    assert f"delete run {run.run_id}" in finding.remedy
    on_sqlite.client().delete_run(run.run_id)
    assert_mended({"trial without a run": 1})


def test_an_experiment_that_was_deleted_is_said(on_sqlite: KnownSweep) -> None:
    client = on_sqlite.client()
    client.delete_experiment(client.get_experiment_by_name("tiny").experiment_id)
    (finding,) = examined(fix=True).findings
    assert (finding.kind, finding.mended) == ("deleted experiment", False)
    assert "mlflow experiments restore" in finding.remedy


def keep_state(known: KnownSweep, slot: Slot, path: Path) -> None:
    row = CheckpointRow("part", "head", 0, 0, 0.0, "f" * 64, 100, uri=path.as_uri())
    known.stored.checkpoints.save(slot, [row])


def test_checkpoints_without_their_file_and_files_without_a_row_go(known: KnownSweep) -> None:
    slot = known.begin()
    place = ("checkpoints", known.stored.row.id, f"{slot.number}-head")
    kept = known.file(*place, "kept.npz")
    keep_state(known, slot, kept)
    # While it runs, its files may be ahead of its rows.
    loose = known.file(*place, "loose.npz")
    known.stored.workers.join("live", "cpu", 0.0)
    change(known, slots, slots.c.number == slot.number, worker_id="live")
    assert beside_living(known).findings == []
    known.stored.slots.give_back("live")
    known.stored.slots.note_spooled(slot, "free")
    known.stored.workers.leave("live")
    assert found()["checkpoint without a row"] == 1
    examined(fix=True)
    assert (kept.exists(), loose.exists()) == (True, False)
    kept.unlink()
    assert_mended({"checkpoint without its file": 1})
    assert known.stored.checkpoints.of(slot) == []


def test_states_of_phases_that_have_ended_go(on_sqlite: KnownSweep) -> None:
    slot = on_sqlite.begin()
    place = ("checkpoints", on_sqlite.stored.row.id, f"{slot.number}-head")
    path = on_sqlite.file(*place, "a.npz")
    keep_state(on_sqlite, slot, path)
    # As the third loss does.
    reason = "its worker was killed"
    change(on_sqlite, slots, slots.c.number == slot.number, state="failed", reason=reason)
    examined(fix=True)
    assert examined().findings == []
    assert on_sqlite.stored.checkpoints.of(slot) == []
    assert not path.exists()


@pytest.fixture
def store(on_sqlite: KnownSweep) -> ArrayStore:
    """The store of the home, with one entry."""
    folder = on_sqlite.settings.home / "store"
    opened = ArrayStore(folder, max_bytes=on_sqlite.settings.store_bytes)
    opened.get({"id": 1}, lambda writer: writer.create("images", (1000,), np.uint8).fill(7))
    return opened


def test_half_made_and_damaged_views_go_and_those_in_the_making_stay(
    on_sqlite: KnownSweep, store: ArrayStore
) -> None:
    assert examined().findings == []
    half_made = on_sqlite.file("store", "work", f"{'a' * 64}-12345678", "images.npy")
    (entry,) = (on_sqlite.settings.home / "store" / "entries").iterdir()
    with (entry / "images.npy").open("r+b") as file:
        file.seek(500)
        file.write(b"\x00")
    assert_mended({"half-made views": 1, "damaged entry": 1})
    assert not half_made.exists()
    assert store.peek({"id": 1}) is None

    def produce(writer: Any) -> None:
        writer.create("images", (1000,), np.uint8).fill(7)
        assert examined(fix=True).findings == []

    assert int(store.get({"id": 2}, produce)["images"][0]) == 7


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["doctor", *words])
    return int(left.value.code or 0)


def test_the_command_says_what_is_left_with_its_exit_code(
    on_sqlite: KnownSweep, capfd: pytest.CaptureFixture[str]
) -> None:
    (run,) = on_sqlite.runs()
    on_sqlite.client().update_run(run.run_id, status="RUNNING")
    lost = on_sqlite.file("checkpoints", f"{'0' * 8}-{'0' * 27}", "0-head", "a.npz")
    assert command("--json") == 1
    document = json.loads(capfd.readouterr().out)
    assert (document["schema"], document["sweeps"], document["left"]) == ("0003", ["tiny"], 2)
    assert [set(finding) for finding in document["findings"]] == [
        {"kind", "what", "where", "mended", "remedy"}
    ] * 2
    assert command() == 1
    answer = capfd.readouterr()
    assert "checkpoint of no sweep" in answer.out
    assert answer.out.count("no: run foldsweep") == 2
    assert "2 of 2 findings are left to mend." in answer.err
    assert command("--fix") == 0
    assert "checkpoint of no sweep" in capfd.readouterr().out
    assert not lost.exists()
    assert command("tiny") == 0
    assert capfd.readouterr().out.endswith("Everything agrees.\n")
    assert command("tissue") == 2


@pytest.mark.parametrize(("version", "word"), [("0002", "older"), ("9999", "newer")])
def test_tables_of_another_version_are_said_and_stay(
    known: KnownSweep, capfd: pytest.CaptureFixture[str], version: str, word: str
) -> None:
    engine = create_engine(open_storage(known.settings.storage_url).url)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE foldsweep_schema SET version_num = '{version}'"))
    assert command("--fix", "--json") == 1
    (finding,) = json.loads(capfd.readouterr().out)["findings"]
    assert finding["kind"] == "schema of another version"
    assert f"the schema {version}, {word} than this foldsweep's 0003" in finding["what"]
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM foldsweep_schema")) == version
    engine.dispose()


def test_a_home_of_another_format_is_said(on_sqlite: KnownSweep) -> None:
    on_sqlite.settings.home.joinpath("foldsweep-home.json").write_text('{"format": 9}')
    (finding,) = examined(fix=True).findings
    assert (finding.kind, finding.mended) == ("home of another format", False)
    assert "has the format 9" in finding.what


def test_it_takes_no_longer_than_the_storage_where_all_beats_are_fresh(
    on_sqlite: KnownSweep,
) -> None:
    on_sqlite.stored.workers.join("live", "cpu", 0.0)
    change(on_sqlite, workers, workers.c.id == "live", machine="another")
    began_s = time.monotonic()
    assert examined().findings == []
    assert time.monotonic() - began_s < on_sqlite.settings.lease_s / 2
