"""What a run of ``bench/storage.py`` says, put together from what was measured."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from bench.storing.fleet import Cost, load_of, simulate
from bench.storing.sizes import THOUSAND, Fleet, StorageSize
from spaces.machine import usable_cores

Races = Mapping[str, Mapping[str, Any]]
"""By ``ours``, ``plain``, ``ours_mlflow`` and ``plain_mlflow``."""
HOW = {
    "races": "trials of an objective that computes nothing, by worker processes that are all ready "
    "when the clock starts; it stops when the last trial was told. ours: run_worker on a sweep of "
    "the default space. plain: ask, suggest_*, tell on the same space with the same sampler, in "
    "an empty database of the same kind and settings",
    "mlflow": "ours: the outbox spools and its thread sends to an MLflow on SQLite meanwhile; "
    "unsent: messages that waited when the workers had left. plain: MLflow's client, one run a "
    "trial, which the trial waits for",
    "trial_ms": "one worker, from the claim until Optuna was told, the objective left out; plain: "
    "from ask until told. The trials that the study holds already were written by inserts",
    "fleet": "server_ms is the processor time of the server's processes, client_ms what the worker "
    "waits for answers; both measured with that many trials and living workers in the tables, "
    "which were written by inserts. The load is their sum at the fleet's rates; wait_ms is that "
    "of M/D/1; simulated: every worker as regular as a clock, from a random moment on",
}


def storage_document(
    races: Mapping[str, Races], timed: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Give the figures of the races and of single trials.

    Args:
        races: By kind of database.
        timed: Milliseconds by kind of database, side, and trials in the study.
    """
    return {
        "ratio": {kind: ratios(of_kind) for kind, of_kind in races.items()},
        "errors": sum(_errors(race) for of_kind in races.values() for race in of_kind.values()),
        "our_errors": sum(
            _errors(race)
            for of_kind in races.values()
            for name, race in of_kind.items()
            if name.startswith("ours")
        ),
        "races": races,
        "trial_ms": timed,
        "how": HOW,
    }


def ratios(races: Races) -> dict[str, float]:
    """Divide our trials a second by plain Optuna's, without MLflow and with it."""
    rate = {name: race["trials_per_s"] for name, race in races.items()}
    return {
        "alone": rate["ours"] / rate["plain"],
        "mlflow": rate["ours_mlflow"] / rate["plain_mlflow"],
    }


def _errors(race: Mapping[str, Any]) -> int:
    return sum(race["errors"].values())


def fleet_document(
    counted: Mapping[str, Any], races: Races, size: StorageSize, fleet: Fleet = THOUSAND
) -> dict[str, Any]:
    """Say what a fleet would ask of a server such as this machine is.

    Args:
        counted: What a trial, an epoch and a beat cost.
        races: On PostgreSQL, for the connections of a worker.
        size: How long is simulated.
        fleet: How many workers do what how often.
    """
    costs = {kind: Cost(**cost) for kind, cost in counted["costs"].items()}
    cores = usable_cores()
    race = races["ours_mlflow"]
    connections = race["connections"] / race["workers"]
    return {
        **counted,
        "fleet": asdict(fleet),
        "cores": cores,
        "load": asdict(load_of(fleet, costs, cores=cores)),
        "simulated": asdict(simulate(fleet, costs, cores=cores, seconds=size.simulated_s)),
        "connections_of_a_worker": connections,
        "connections": round(connections * fleet.workers),
    }


def as_text(document: Mapping[str, Any]) -> str:
    """Write the main figures for people."""
    lines = []
    for kind, races in document["races"].items():
        for name, race in races.items():
            lines.append(f"{kind} {name:13} {race['trials_per_s']:8.1f} trials/s")
        for name, ratio in document["ratio"][kind].items():
            lines.append(f"{kind} ratio {name:7} {ratio:8.2f}")
        for side, by_trials in document["trial_ms"][kind].items():
            shown = ", ".join(f"{n} trials {ms['p95']:.0f} ms" for n, ms in by_trials.items())
            lines.append(f"{kind} {side} 95 % of trials within: {shown}")
    lines.append(f"errors {document['errors']}, of them ours {document['our_errors']}")
    for each in document["fleet"]:
        load = each["load"]
        lines.append(
            f"{each['fleet']['workers']} workers, {each['trials']} trials: "
            f"{load['transactions_per_s']:.0f} transactions/s, {load['cores']:.1f} cores, "
            f"{each['connections']} connections"
        )
    return "\n".join(lines)
