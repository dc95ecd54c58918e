"""A deleted sweep is gone everywhere, whatever came in between; what must stay stays."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from sqlalchemy import create_engine, select

from search.cli.app import main
from search.promotion.presence import present
from search.storage.storage import open_storage
from search.storage.tables import metadata
from search.sweep import Sweep, sweep_names
from spaces.errors import InputError
from tests.search.known_sweep import KnownSweep

pytestmark = pytest.mark.slow

STEPS = 6
IMAGES = np.array([1, 2, 3], np.uint64)


@pytest.fixture
def known(home: Path, storage_url: str, monkeypatch: pytest.MonkeyPatch) -> KnownSweep:
    """The sweep ``tiny``: one trial done, one begun, with files and a checkpoint."""
    monkeypatch.setenv("FOLDSWEEP_STORAGE_URL", storage_url)
    return _known()


@pytest.fixture
def on_sqlite(home: Path) -> KnownSweep:
    """The same where the kind of database says nothing."""
    return _known()


def _known() -> KnownSweep:
    known = KnownSweep()
    known.run()
    known.claim()
    known.stored.study("finetune")
    known.file("sweeps", "tiny", "trials", "0", "curve.png")
    known.file("checkpoints", known.stored.row.id, "1-head", "a.npz")
    return known


def remains(known: KnownSweep) -> dict[str, Any]:
    """Find all that is left of a sweep, without asking what deletes it."""
    sweep_id, home = known.stored.row.id, known.settings.home
    engine = create_engine(open_storage(known.settings.storage_url).url)
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        for table in metadata.sorted_tables:
            column = table.c.id if table.name == "foldsweep_sweeps" else table.c.sweep_id
            n_rows = len(connection.execute(select(column).where(column == sweep_id)).all())
            found |= {table.name: n_rows} if n_rows else {}
    engine.dispose()
    studies = optuna.get_all_study_names(known.stored.storage.optuna)
    found |= {name: "study" for name in studies if name.partition("/")[0] == "tiny"}
    found |= {run.run_id: "run" for run in known.runs()}
    files = [*(home / "sweeps").glob("tiny/**/*"), *home.glob(f"checkpoints/{sweep_id}/**/*")]
    return found | {str(path): "file" for path in files if path.is_file()}


def test_nothing_is_left_of_a_deleted_sweep_and_all_of_another(known: KnownSweep) -> None:
    other = KnownSweep("other")
    other.run()
    kept = other.file("sweeps", "other", "trials", "0", "curve.png")
    found = Sweep.open("tiny").delete()
    assert (found.trials, found.runs, found.models, found.looks) == (2, 1, [], 0)
    assert found.n_bytes >= 200
    assert remains(known) == {}
    assert sweep_names() == ["other"]
    assert kept.exists()
    assert other.slot(0).state == "done"
    assert len(other.runs()) == 1
    assert other.stored.study().optuna_study.best_value == 0.5
    client = known.client()
    assert client.get_experiment_by_name("tiny") is None
    # MLflow can bring the runs back until `mlflow gc`.
    (retired,) = [
        e for e in client.search_experiments(view_type=2) if e.name.startswith("tiny (deleted")
    ]
    assert len(client.search_runs([retired.experiment_id], run_view_type=2)) == 1


def test_a_deletion_that_is_interrupted_after_each_step_is_finished_by_asking_again(
    known: KnownSweep,
) -> None:
    for n_steps in range(1, STEPS):
        left = n_steps

        def interrupt(step: str) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            Sweep.open("tiny").delete(on_progress=interrupt)
        assert Sweep.open("tiny").status().state == "stopped"
    steps: list[str] = []
    Sweep.open("tiny").delete(on_progress=steps.append)
    assert len(steps) == STEPS
    assert remains(known) == {}
    assert sweep_names() == []
    assert known.client().get_experiment_by_name("tiny") is None


def test_looks_at_a_holdout_stay_counted_whatever_comes_under_the_name(known: KnownSweep) -> None:
    book = known.stored.storage.promotions
    book.look(known.stored.row.id, 0, IMAGES, model="m", alias="champion", run_id="r")
    assert Sweep.open("tiny").delete().looks == 1
    assert remains(known) == {"foldsweep_promotions": 1, "foldsweep_sweeps": 1}
    assert book.count(IMAGES[:1]) == 1
    assert sweep_names() == []
    (look,) = book.all()
    assert known.stored.storage.sweeps.find(f"deleted {look.sweep_id}") is None
    again = KnownSweep()
    assert again.stored.row.id != look.sweep_id
    assert sweep_names() == ["tiny"]
    book.look(again.stored.row.id, 0, IMAGES, model="m", alias="champion", run_id="s")
    assert Sweep.open("tiny").delete().looks == 1
    assert book.count(IMAGES[:1]) == 2


def test_a_run_that_a_registered_model_comes_from_stays(on_sqlite: KnownSweep) -> None:
    on_sqlite.finish(on_sqlite.slot(1))
    on_sqlite.run(score=0.75)
    client, (first, second) = on_sqlite.client(), on_sqlite.runs()
    client.create_registered_model("digits")
    client.create_model_version(
        "digits", f"{client.get_run(first.run_id).info.artifact_uri}/m", first.run_id
    )
    found = Sweep.open("tiny").delete()
    assert (found.runs, found.kept_runs, found.models) == (1, 1, ["digits/1"])
    assert [run.run_id for run in on_sqlite.runs()] == [first.run_id]
    assert client.get_run(second.run_id).info.lifecycle_stage == "deleted"
    # The next sweep of that name has its runs beside it.
    again = KnownSweep()
    again.run()
    assert len(again.runs()) == 1
    assert again.runs()[0].run_id != first.run_id


def test_an_experiment_that_somebody_deleted_keeps_no_name_taken(on_sqlite: KnownSweep) -> None:
    client = on_sqlite.client()
    client.delete_experiment(client.get_experiment_by_name("tiny").experiment_id)
    Sweep.open("tiny").delete()
    assert client.get_experiment_by_name("tiny") is None
    again = KnownSweep()
    again.run()
    assert [run.status for run in again.runs()] == ["FINISHED"]


def test_a_sweep_that_is_worked_on_is_refused_and_stays_whole(on_sqlite: KnownSweep) -> None:
    before = remains(on_sqlite)
    on_sqlite.stored.workers.join("live", "cpu", 0.0)
    with pytest.raises(InputError, match=r"1 workers run the sweep 'tiny' on .* stop tiny'"):
        Sweep.open("tiny").delete()
    on_sqlite.stored.workers.leave("live")
    with (
        present(on_sqlite.stored.folder / "promotions"),
        pytest.raises(InputError, match="a promotion of the sweep 'tiny' is running"),
    ):
        Sweep.open("tiny").delete()
    assert on_sqlite.stored.storage.sweeps.stop_level(on_sqlite.stored.row.id) == 0
    before |= {str(path): "file" for path in (on_sqlite.stored.folder / "promotions").iterdir()}
    assert remains(on_sqlite) == before | {"foldsweep_workers": 2}


def command(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(["delete", "tiny", *words])
    return int(left.value.code or 0)


def test_the_command_asks_and_without_a_yes_nothing_goes(
    on_sqlite: KnownSweep, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    before = remains(on_sqlite)
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert command() == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "Delete tiny, 2 trials with 1 runs in MLflow and 0.00 GB on disk?" in err
    assert remains(on_sqlite) == before
    assert command("--yes", "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["sweep"], document["trials"], document["runs"]) == ("tiny", 2, 1)
    assert remains(on_sqlite) == {}


def test_a_new_sweep_of_the_same_name_is_launched_afterwards(content: dict[str, Any]) -> None:
    two = {**content, "budget": {"trials": 2}}
    first = Sweep.from_mapping(two)
    first.work()
    row = first.storage.sweeps.find("tiny")
    first.delete()
    again = Sweep.from_mapping(two)
    again.work()
    assert [record.state for record in again.trial_records()] == ["done", "done"]
    new = again.storage.sweeps.find("tiny")
    assert row is not None
    assert new is not None
    assert new.id != row.id
    assert {record.run_id is not None for record in again.trial_records()} == {True}
