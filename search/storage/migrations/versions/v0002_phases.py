"""A slot for each phase of a trial: fine-tuning has one of its own.

A trial that an earlier foldsweep has fine-tuned to a better score becomes two slots: the score of
its heads, and what it found in the end. The learning rate of fine-tuning was a share of the first;
heads read the last feature map alone.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_JSON = sa.JSON(none_as_null=True)
_OLD_FACTOR, _OLD_FRACTION, _OLD_RATE = 0.1, 0.3, 1e-3
Row = dict[str, Any]


def upgrade() -> None:
    """Make the tables anew, with what was in them."""
    slots, phases, epochs = (
        _rows(name) for name in ("foldsweep_slots", "foldsweep_phases", "foldsweep_epochs")
    )
    for name in ("foldsweep_epochs", "foldsweep_phases", "foldsweep_slots"):
        op.drop_table(name)
    made = [slot for old in slots for slot in _phases_of(old, phases)]
    _insert(_make_slots(), made)
    finetuned = {(s["sweep_id"], s["number"]) for s in made if s["phase"] == "finetune"}
    _insert(_make_epochs(), [_epoch(row, finetuned) for row in epochs])


def _rows(name: str) -> list[Row]:
    """Read a table as it was."""
    table = sa.Table(name, sa.MetaData(), autoload_with=op.get_bind())
    return [dict(row._mapping) for row in op.get_bind().execute(sa.select(table))]


def _insert(table: sa.Table, rows: list[Row]) -> None:
    if rows:
        op.get_bind().execute(table.insert(), rows)


def _is_entry(phase: Mapping[str, Any]) -> bool:
    """Say whether a phase was heads that went on to fine-tuning."""
    return phase["stage"] == "head" and bool(phase["goes_on"])


def _phases_of(slot: Row, phases: list[Row]) -> list[Row]:
    """Give the slots that an old one becomes."""
    mine = (p for p in phases if (p["sweep_id"], p["number"]) == (slot["sweep_id"], slot["number"]))
    entry = next(filter(_is_entry, mine), None)
    head = {**slot, "phase": "head", "study_trial": slot["trial"], "goes_on": False}
    head["params"] = _params(slot["params"])
    if entry is None or slot["state"] != "done" or (slot["score"] or 0.0) <= entry["score"]:
        return [head]
    finetuned = {**head, "phase": "finetune", "study_trial": None}
    epochs = (slot["detail"] or {}).get("epochs") or {}
    of_heads: Row = {
        "score": entry["score"],
        "clean": None,
        "shifted": None,
        "detail": {"epochs": {"head": epochs.get("head", 0)}},
        "goes_on": True,
        "reason": None,
        "ended_at": entry["ended_at"],
        "device_s": 0.0,
    }
    return [head | of_heads, finetuned]


def _params(params: Row | None) -> Row | None:
    if params is None:
        return None
    rate = params.get("learning_rate", _OLD_RATE) * params.get("finetune_lr_factor", _OLD_FACTOR)
    own = {"finetune_fraction": _OLD_FRACTION, "features": "last", **params}
    own["finetune_learning_rate"] = rate
    return {name: value for name, value in own.items() if name != "finetune_lr_factor"}


def _epoch(row: Row, finetuned: set[tuple[str, int]]) -> Row:
    second = row["stage"] == "finetune" and (row["sweep_id"], row["number"]) in finetuned
    return {**row, "phase": "finetune" if second else "head"}


def _make_slots() -> sa.Table:
    return op.create_table(
        "foldsweep_slots",
        sa.Column(
            "sweep_id", sa.String(36), sa.ForeignKey("foldsweep_sweeps.id"), primary_key=True
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("phase", sa.String(8), primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("worker_id", sa.String(100)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("trial", sa.Integer),
        sa.Column("study_trial", sa.Integer),
        sa.Column("run_id", sa.String(64)),
        sa.Column("params", _JSON),
        sa.Column("score", sa.Double),
        sa.Column("clean", sa.Double),
        sa.Column("shifted", sa.Double),
        sa.Column("detail", _JSON),
        sa.Column("goes_on", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("spooled", sa.String(8)),
        sa.Column("began_at", sa.Double),
        sa.Column("claimed_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("device_s", sa.Double, nullable=False),
        sa.UniqueConstraint("sweep_id", "phase", "trial"),
        sa.UniqueConstraint("sweep_id", "phase", "study_trial"),
    )


def _make_epochs() -> sa.Table:
    return op.create_table(
        "foldsweep_epochs",
        sa.Column("sweep_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("phase", sa.String(8), primary_key=True),
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("folds", sa.String(100), primary_key=True),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("scores", _JSON, nullable=False),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id", "number", "phase"],
            ["foldsweep_slots.sweep_id", "foldsweep_slots.number", "foldsweep_slots.phase"],
        ),
    )
