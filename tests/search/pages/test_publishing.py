"""The run of a sweep in MLflow: one, no trial, kept by one worker, and gone with the sweep."""

from pathlib import Path
from typing import Any

import pytest

from mlruns_config.client import connect
from mlruns_config.description.run_list import TRIALS_ONLY
from mlruns_config.description.specs import Spec
from mlruns_config.description.sweep import SWEEP, SWEEP_PAGE, is_sweep_run
from mlruns_config.settings import TrackingSettings
from mlruns_config.sweep_runs import FoundRun
from search.pages import publishing
from search.pages.publishing import PageKeeper, publish_page, write_last_page
from search.sweep import Sweep
from tests.search.known_sweep import WORKER, KnownSweep
from tests.search.small_sweep import join

pytestmark = pytest.mark.slow


def publish(known: KnownSweep) -> None:
    outbox = known.outbox()
    publish_page(known.stored, outbox)
    assert outbox.close(60)


def pages(known: KnownSweep) -> list[FoundRun]:
    return [run for run in known.runs() if is_sweep_run(run.tags)]


def names(specs: tuple[Spec, ...]) -> set[str]:
    return {spec.name for spec in specs}


def test_the_run_holds_what_is_described_and_nothing_else(searched: KnownSweep) -> None:
    publish(searched)
    publish(searched)
    (page,) = pages(searched)
    client = searched.client()
    run = client.get_run(page.run_id)
    assert set(run.data.tags) == names(SWEEP.tags)
    assert set(run.data.metrics) == names(SWEEP.metrics)
    assert run.data.metrics["sweep/best_score"] == pytest.approx(0.65)
    assert run.data.metrics["sweep/trials_ended"] == 7
    assert [entry.path for entry in client.list_artifacts(page.run_id)] == [SWEEP_PAGE.name]
    # One trial is left, and nobody works on it.
    assert (run.data.tags["foldsweep.state"], run.info.status) == ("interrupted", "FINISHED")


def test_the_run_is_no_trial_for_anybody_and_is_deleted_with_the_sweep(home: Path) -> None:
    known = KnownSweep(trials=1)
    known.run()
    publish(known)
    client = known.client()
    experiment = client.get_experiment_by_name("tiny").experiment_id
    (trial,) = client.search_runs([experiment], TRIALS_ONLY)
    assert trial.data.tags["foldsweep.trial"] == "0"
    sweep = Sweep.open("tiny")
    assert len(sweep.trial_records()) == 1
    assert sweep.doctor().findings == []
    assert sweep.footprint().runs == 2
    sweep.delete()
    assert client.get_experiment_by_name("tiny") is None


def test_of_two_pages_that_were_made_at_once_one_is_left(searched: KnownSweep) -> None:
    publish(searched)
    client = searched.client()
    run = client.get_run(pages(searched)[0].run_id)
    client.create_run(run.info.experiment_id, run.info.start_time, run.data.tags)
    sweep = Sweep.open("tiny")
    found = [finding for finding in sweep.doctor(fix=True).findings if "page" in finding.what]
    assert [finding.mended for finding in found] == [True]
    assert len(pages(searched)) == 1


def test_a_later_launch_takes_the_run_over_and_has_it_running_again(searched: KnownSweep) -> None:
    publish(searched)
    stored = searched.stored
    stored.storage.sweeps.resume(stored.row.id, stored.row.file, versions={"keras": "3"}, limits={})
    join(stored.storage, stored.row.id, "living")
    publish(searched)
    (page,) = pages(searched)
    assert (page.tags["foldsweep.state"], page.status) == ("running", "RUNNING")


def test_only_the_first_of_those_that_live_keeps_the_page(
    searched: KnownSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publishing, "FIRST_AFTER_S", 0.0)
    stored = searched.stored
    join(stored.storage, stored.row.id, "first", "second")
    everyone = stored.workers.all()
    assert [row.id for row in everyone if row.state == "live"] == ["first", "second"]
    outbox = searched.outbox()
    for worker in ("second", WORKER, "stranger"):
        PageKeeper(stored, worker, outbox).update(everyone)
    assert outbox.flush(60)
    assert pages(searched) == []
    keeper = PageKeeper(stored, "first", outbox)
    keeper.update(everyone)
    assert outbox.close(60)
    assert len(pages(searched)) == 1
    # The next time is far off, and a closed outbox would say so.
    keeper.update(everyone)


def test_the_last_page_is_left_to_those_that_still_live(searched: KnownSweep) -> None:
    stored = searched.stored
    join(stored.storage, stored.row.id, "living")
    outbox = searched.outbox()
    write_last_page(stored, outbox)
    assert outbox.flush(60)
    assert pages(searched) == []
    stored.workers.leave("living")
    write_last_page(stored, outbox)
    assert outbox.close(60)
    assert len(pages(searched)) == 1


def test_whatever_is_wrong_with_the_page_costs_nothing_else(
    searched: KnownSweep, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(facts: object) -> str:
        raise ZeroDivisionError("no page today")

    monkeypatch.setattr(publishing, "sweep_page", broken)
    outbox = searched.outbox()
    write_last_page(searched.stored, outbox)
    assert outbox.close(60)
    assert "no page today" in caplog.text


def test_a_worker_leaves_the_page_of_a_sweep_that_is_done_and_a_launch_brings_it_up_to_date(
    content: dict[str, Any], home: Path
) -> None:
    Sweep.from_mapping({**content, "budget": {"trials": 2}}).work()
    assert _page_of(home) == ("done", "FINISHED", 2)
    Sweep.from_mapping({**content, "budget": {"trials": 4}}).launch()
    assert _page_of(home) == ("done", "FINISHED", 4)


def _page_of(home: Path) -> tuple[str, str, float]:
    client = connect(TrackingSettings.from_environment(home))
    experiment = client.get_experiment_by_name("tiny").experiment_id
    (run,) = client.search_runs([experiment], "tags.`foldsweep.kind` = 'sweep'")
    tags, metrics = run.data.tags, run.data.metrics
    return tags["foldsweep.state"], run.info.status, metrics["sweep/trials_ended"]
