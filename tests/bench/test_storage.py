"""The benchmark of the storage: its arithmetic by hand, what it fills in, and its small form."""

import json
import threading
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import optuna
import pytest
from sqlalchemy import create_engine, text

from bench.storage import measure
from bench.storing.document import as_text, ratios
from bench.storing.filling import RandomPoint, fill_study
from bench.storing.fleet import Cost, load_of, mean_wait_ms, served, simulate
from bench.storing.objective import value_of
from bench.storing.racing import Race, summary
from bench.storing.sizes import SMALL, THOUSAND, Fleet
from bench.storing.statements import Statements
from bench.storing.timing import costs_of
from bench.storing.trial_clock import replaced
from search.study.study import suggest
from spaces.default_space import DEFAULT
from spaces.params import TrialParams

COSTS = {
    "trial": Cost(statements=100, transactions=50, client_ms=60, server_ms=30),
    "epoch": Cost(statements=6, transactions=3, client_ms=2, server_ms=1),
    "beat": Cost(statements=4, transactions=4, client_ms=3, server_ms=2),
}


def test_a_thousand_workers_begin_and_report_and_beat_so_often() -> None:
    assert THOUSAND.rates == pytest.approx({"trial": 1000 / 60, "epoch": 1000 / 3, "beat": 100.0})


def test_the_load_of_a_fleet_is_the_sum_of_what_its_doings_cost() -> None:
    load = load_of(THOUSAND, COSTS, cores=4)
    assert load.statements_per_s == pytest.approx(100 * 1000 / 60 + 6 * 1000 / 3 + 4 * 100)
    assert load.transactions_per_s == pytest.approx(2233.333, rel=1e-6)
    # 0.5 + 1/3 + 0.2 seconds of a core in each second.
    assert load.cores == pytest.approx(1.0333333, rel=1e-6)
    assert load.share == pytest.approx(0.2583333, rel=1e-6)
    assert load.share_by_kind == pytest.approx({"trial": 0.125, "epoch": 1 / 12, "beat": 0.05})
    # 1033.33 ms for 2233.33 transactions on 4 cores: 0.11567 ms each.
    assert load.wait_ms == pytest.approx(0.2583333 * 0.1156716 / (2 * 0.7416667), rel=1e-5)
    assert load.workers_at_most == 2709
    assert load_of(THOUSAND, COSTS, cores=1).wait_ms is None


def test_calls_wait_for_those_before_them() -> None:
    calls = [(0.0, 2.0), (1.0, 2.0), (1.5, 1.0), (9.0, 1.0)]
    assert served(calls, cores=1) == [0.0, 1.0, 2.5, 0.0]
    assert served(calls, cores=2) == [0.0, 0.0, 0.5, 0.0]


def test_random_calls_of_equal_length_wait_as_long_as_the_formula_says() -> None:
    moments = np.cumsum(np.random.default_rng(0).exponential(1 / 0.6, 200_000))
    waits = served([(float(moment), 1.0) for moment in moments], cores=1)
    # 0.6 x 1000 / (2 x 0.4)
    assert mean_wait_ms(0.6, 1000.0) == pytest.approx(750.0)
    assert 1000 * np.mean(waits) == pytest.approx(750.0, rel=0.05)


def test_a_simulated_fleet_keeps_a_server_as_busy_as_was_computed() -> None:
    fleet = Fleet(workers=100, trial_s=60.0, epochs=20, beat_s=10.0)
    found = simulate(fleet, COSTS, cores=1, seconds=600.0)
    # A tenth of 1.0333 cores; phases are random, so some calls fall behind the end.
    assert found.share == pytest.approx(0.10333, rel=0.02)
    assert 0 < found.mean_wait_ms < found.p95_wait_ms < found.longest_wait_ms < 1000


def test_a_trial_an_epoch_and_a_beat_cost_what_differs_between_the_counts() -> None:
    def counts(statements: float, server_ms: float, heartbeat: float) -> dict[str, Any]:
        return {
            "statements": statements,
            "transactions": statements / 2,
            "client_ms": 2 * statements,
            "server_ms": server_ms,
            "heartbeat": heartbeat,
        }

    costs = costs_of(
        counts(40.0, 30.0, 0.0),
        # A beat of 4 statements came meanwhile, which took the server 3 ms.
        counts(200.0, 103.0, 4.0),
        counts(800.0, 406.0, 8.0),
        beats=10,
        trials=2,
        epochs=20,
    )
    assert costs["beat"] == Cost(4.0, 2.0, 8.0, 3.0)
    assert costs["trial"] == Cost(100.0, 50.0, 200.0, 50.0)
    assert costs["epoch"] == Cost(15.0, 7.5, 30.0, 7.5)


def test_statements_are_counted_by_thread_and_those_of_other_databases_are_not(
    tmp_path: Path,
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/counted.db")
    other = create_engine(f"sqlite:///{tmp_path}/other.db")

    def ask(times: int) -> None:
        with engine.begin() as connection, other.begin() as elsewhere:
            for _ in range(times):
                connection.execute(text("SELECT 1"))
                elsewhere.execute(text("SELECT 2"))

    with Statements(engine.url).watching() as counted:
        ask(3)
        beating = threading.Thread(target=ask, args=(5,), name="heartbeat")
        beating.start()
        beating.join()
    ask(7)
    assert counted.of_all_but("heartbeat")[:2] == (3.0, 1.0)
    assert counted.statements["heartbeat"] == 5
    assert counted.texts == {"SELECT 1": 8}
    assert counted.client_ms["heartbeat"] > 0


def test_trials_that_are_filled_in_are_to_optuna_as_if_it_had_run_them(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/study.db"
    study = optuna.create_study(storage=url, study_name="filled", direction="maximize")
    points = [RandomPoint(DEFAULT, Random(seed)) for seed in range(12)]
    with create_engine(url).begin() as connection:
        fill_study(connection, "filled", points)
    for number, trial in enumerate(study.trials):
        assert trial.state.name == "COMPLETE"
        assert trial.number == number
        assert set(trial.params) == {label for label, _, _ in points[number].drawn}
        assert trial.value == pytest.approx(value_of(points[number].params))
    # Its sampler goes on from them, with the same distributions.
    asked = study.ask()
    DEFAULT.draw(lambda dimension: suggest(asked, dimension))
    assert asked.number == 12
    for label, found in asked.distributions.items():
        others = [t.distributions[label] for t in study.trials[:12] if label in t.distributions]
        assert all(other == found for other in others)


def test_the_value_of_a_point_is_highest_where_it_is_told_to_be() -> None:
    best = TrialParams(backbone="any", dropout=0.2, learning_rate=1e-3)
    assert value_of(best) == 1.0
    assert value_of(best.model_copy(update={"dropout": 0.5})) == pytest.approx(0.7)
    assert value_of(best.model_copy(update={"learning_rate": 1e-2})) == pytest.approx(0.9)


def test_the_clock_of_a_race_runs_from_the_start_to_the_last_trial_of_any_worker() -> None:
    def answer(began_s: float, ended_s: list[float], errors: dict[str, int]) -> dict[str, Any]:
        took = {"ended_s": ended_s, "service_ms": [100.0] * len(ended_s)}
        return {"began_s": began_s, **took, "errors": errors, "conflicts": {}, "warnings": {}}

    locked = {"database is locked": 2, "disk I/O error": 1}
    found = summary(
        Race("ours", 5, 2, has_mlflow=False),
        [answer(10.1, [11.0, 12.0, 14.0], locked), answer(10.0, [11.5, 13.0], {})],
    )
    assert (found["trials"], found["seconds"], found["trials_per_s"]) == (5, 4.0, 1.25)
    assert (found["locked"], found["errors"]) == (2, locked)
    assert found["trial_ms"] == {"median": 100.0, "p95": 100.0}


def test_ratios_are_ours_over_plain() -> None:
    rates = {"ours": 9.0, "plain": 10.0, "ours_mlflow": 4.0, "plain_mlflow": 5.0}
    found = ratios({name: {"trials_per_s": rate} for name, rate in rates.items()})
    assert found == {"alone": 0.9, "mlflow": 0.8}


def test_what_was_replaced_is_put_back() -> None:
    class Owner:
        name = "kept"

    with replaced(Owner, "name", str.upper):
        assert Owner.name == "KEPT"
    assert Owner.name == "kept"


@pytest.mark.acceptance
def test_the_small_form_runs_every_trial_once_without_an_error(tmp_path: Path) -> None:
    document = json.loads(json.dumps(measure(SMALL, tmp_path)))
    for kind, races in document["races"].items():
        for name, race in races.items():
            assert race["trials"] == race["found"]["told"] == race["found"]["study"] == SMALL.trials
            assert race["errors"] == race["warnings"] == {}
            assert race["trials_per_s"] == pytest.approx(SMALL.trials / race["seconds"])
            assert not race["has_tensorflow"]
            runs = SMALL.trials if name.endswith("mlflow") else 0
            assert race["found"]["runs"] + race["found"]["unsent"] >= runs
            if name.startswith("ours"):
                assert race["found"]["done"] == SMALL.trials
                assert race["found"]["attempts"] == 1
                assert race["found"]["numbers_are_exact"]
        rates = {name: race["trials_per_s"] for name, race in races.items()}
        ratio = document["ratio"][kind]
        assert ratio["alone"] == pytest.approx(rates["ours"] / rates["plain"])
        for by_trials in document["trial_ms"][kind].values():
            assert set(by_trials) == {str(trials) for trials in SMALL.studies}
            assert all(ms["trials"] == SMALL.timed_trials for ms in by_trials.values())
    assert document["our_errors"] == document["errors"] == 0
    for fleet in document["fleet"]:
        costs = {kind: Cost(**cost) for kind, cost in fleet["costs"].items()}
        assert costs["trial"].statements > costs["epoch"].statements > 0
        assert costs["beat"].statements == pytest.approx(4, abs=1)
        load = load_of(THOUSAND, costs, cores=fleet["cores"])
        assert fleet["load"]["transactions_per_s"] == pytest.approx(load.transactions_per_s)
    assert "errors 0" in as_text(document)
