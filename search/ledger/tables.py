"""The tables of the ledger, beside Optuna's in the same database."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
"""Every table in it is made when the storage is first used."""

sweeps = Table(
    "foldsweep_sweeps",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("file", Text, nullable=False),  # the sweep file, every default filled in
    Column("fingerprint", String(64), nullable=False),
    Column("fold_hash", String(64), nullable=False),
    Column("created_at", Float, nullable=False),  # seconds since 1970, as all times here
)

# A slot is one trial of the budget. Its number says nothing; `trial_number` is what people see.
slots = Table(
    "foldsweep_slots",
    metadata,
    Column("sweep_id", ForeignKey(sweeps.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("state", String(8), nullable=False, default="free"),
    Column("worker_id", String(100)),
    Column("attempt", Integer, nullable=False, default=0),  # the fencing token of every write
    Column("losses", Integer, nullable=False, default=0),  # attempts whose worker died
    Column("trial_number", Integer),
    Column("trial_id", Integer),
    Column("run_id", String(64)),
    Column("params", JSON),
    Column("head_score", Float),
    Column("finetuned", Boolean),
    Column("score", Float),
    Column("clean", Float),
    Column("shifted", Float),
    Column("detail", JSON),  # fold scores, epochs, metrics
    Column("reason", Text),
    Column("told", Boolean, nullable=False, default=False),  # whether Optuna knows the outcome
    Column("started_at", Float),
    Column("ended_at", Float),
    Column("device_s", Float, nullable=False, default=0.0),  # over all attempts
    UniqueConstraint("sweep_id", "trial_number"),
)

workers = Table(
    "foldsweep_workers",
    metadata,
    Column("id", String(100), primary_key=True),
    Column("sweep_id", ForeignKey(sweeps.c.id), nullable=False, index=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("pid_started_at", Float, nullable=False),  # tells a process from a later one of its pid
    Column("device", String(100), nullable=False),
    Column("gpus", Float, nullable=False, default=0.0),
    Column("state", String(8), nullable=False, default="live"),
    Column("started_at", Float, nullable=False),
    Column("last_seen", Float, nullable=False),
    Column("progress", JSON),
)
