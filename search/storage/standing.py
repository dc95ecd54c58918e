"""How far the trials of a sweep are."""

from collections import Counter

from sqlalchemy import Connection, select

from search.storage.records import FINISHED, Standing
from search.storage.tables import slots

STATES = ("free", "running", *FINISHED)


def read_standing(connection: Connection, sweep_id: str) -> Standing:
    """Read all that decides what is run next, without what trials have found.

    Args:
        connection: In a transaction.
        sweep_id: The sweep.
    """
    names = ("number", "phase", "state", "score", "goes_on", "worker_id")
    query = select(*(slots.c[name] for name in names)).where(slots.c.sweep_id == sweep_id)
    rows = connection.execute(query).all()
    found = Counter((row.phase, row.state) for row in rows)
    heads = [row for row in rows if row.phase == "head"]
    running = [row for row in rows if row.state == "running"]
    done = [row for row in heads if row.state == "done" and row.score is not None]
    return Standing(
        heads={state: found["head", state] for state in STATES},
        finetunings={state: found["finetune", state] for state in STATES},
        scores={row.number: row.score for row in done},
        worthy={row.number: row.score for row in done if row.goes_on},
        begun=frozenset(row.number for row in rows if row.phase == "finetune"),
        holders=frozenset(row.worker_id for row in running if row.worker_id is not None),
    )
