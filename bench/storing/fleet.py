"""What many workers ask of one server: on paper, and simulated."""

import heapq
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bench.storing.sizes import Fleet

BEARABLE = 0.7
"""Share of a server above which queues grow fast: at 0.7 a call waits 1.2 times what it takes."""


@dataclass(frozen=True)
class Cost:
    """What one trial, epoch or beat asks of the database."""

    statements: float
    transactions: float
    client_ms: float
    """That the worker waits for answers, on an idle machine."""
    server_ms: float
    """Of one core of the server."""


@dataclass(frozen=True)
class Load:
    """What a fleet asks of a server in a second."""

    statements_per_s: float
    transactions_per_s: float
    cores: float
    """Of the server that are busy all the time."""
    share: float
    """Of all the server's cores."""
    share_by_kind: Mapping[str, float]
    wait_ms: float | None
    """Mean of a transaction's wait before it is begun; None where the queue grows without end."""
    workers_at_most: int
    """At the same cost a call, with the server busy to ``BEARABLE``."""


def load_of(fleet: Fleet, costs: Mapping[str, Cost], *, cores: int) -> Load:
    """Put the load of a fleet together from what each of its doings costs.

    The server is taken for one queue, as fast as all its cores: M/D/1, an open queue of one server
    with random arrivals and equal service times.

    Args:
        fleet: How often each is done.
        costs: Of ``trial``, ``epoch`` and ``beat``.
        cores: Of the server.
    """
    rates = fleet.rates
    busy = {kind: rates[kind] * cost.server_ms / 1000 for kind, cost in costs.items()}
    transactions = sum(rates[kind] * cost.transactions for kind, cost in costs.items())
    share = sum(busy.values()) / cores
    service_ms = 1000 * sum(busy.values()) / transactions / cores
    return Load(
        statements_per_s=sum(rates[kind] * cost.statements for kind, cost in costs.items()),
        transactions_per_s=transactions,
        cores=sum(busy.values()),
        share=share,
        share_by_kind={kind: seconds / cores for kind, seconds in busy.items()},
        wait_ms=mean_wait_ms(share, service_ms),
        workers_at_most=math.floor(fleet.workers * BEARABLE / share),
    )


def mean_wait_ms(share: float, service_ms: float) -> float | None:
    """Give the mean wait in M/D/1; None if the server cannot keep up.

    Source: Pollaczek-Khinchine with equal service times, share x service / (2 (1 - share)).
    """
    return None if share >= 1 else share * service_ms / (2 * (1 - share))


@dataclass(frozen=True)
class Simulated:
    """Waits in a simulated fleet."""

    share: float
    mean_wait_ms: float
    p95_wait_ms: float
    longest_wait_ms: float


def simulate(
    fleet: Fleet, costs: Mapping[str, Cost], *, cores: int, seconds: float, seed: int = 0
) -> Simulated:
    """Let each worker do its trials, epochs and beats at their times, and others' calls wait.

    Every worker begins at a random moment and is as regular as a clock from then on. A trial's
    bookkeeping, an epoch's or a beat's is one piece of work of one core: first come, first served.

    Args:
        fleet: How often each is done.
        costs: Of ``trial``, ``epoch`` and ``beat``.
        cores: Of the server.
        seconds: How long.
        seed: Of the moments.
    """
    generator = np.random.default_rng(seed)
    every_s = {
        "trial": fleet.trial_s,
        "epoch": fleet.trial_s / fleet.epochs,
        "beat": fleet.beat_s,
    }
    arrivals: list[tuple[float, float]] = []
    for kind, cost in costs.items():
        phases = generator.uniform(0, every_s[kind], fleet.workers)
        for begun in np.arange(0, seconds, every_s[kind]):
            moments = (phases + begun)[phases + begun < seconds]
            arrivals += [(float(moment), cost.server_ms / 1000) for moment in moments]
    waits = served(sorted(arrivals), cores=cores)
    busy_s = sum(service_s for _, service_s in arrivals)
    return Simulated(
        share=busy_s / cores / seconds,
        mean_wait_ms=1000 * float(np.mean(waits)),
        p95_wait_ms=1000 * float(np.percentile(waits, 95)),
        longest_wait_ms=1000 * float(np.max(waits)),
    )


def served(arrivals: Sequence[tuple[float, float]], *, cores: int) -> list[float]:
    """Serve calls in the order in which they come.

    Args:
        arrivals: Moment and service time of each, in seconds, in order.
        cores: How many are served at a time.

    Returns:
        How long each waited before it was begun, in seconds.
    """
    free_at = [0.0] * cores
    waits = []
    for moment, service_s in arrivals:
        begun = max(moment, heapq.heappop(free_at))
        heapq.heappush(free_at, begun + service_s)
        waits.append(begun - moment)
    return waits
