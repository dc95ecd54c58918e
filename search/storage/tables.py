"""All tables of foldsweep, beside Optuna's in the same database.

Times are in seconds since 1970 by the database's clock. A change here needs a migration
(`search/storage/migrations`); a test compares the two.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from search.storage.columns import CleanFloat, CleanJson, CleanText

metadata = MetaData()

sweeps = Table(
    "foldsweep_sweeps",
    metadata,
    Column("id", CleanText(36), primary_key=True),
    Column("name", CleanText(100), nullable=False, unique=True),
    Column("file", CleanText(), nullable=False),  # the sweep file, every default filled in
    Column("fingerprint", CleanText(64), nullable=False),  # of the data
    Column("fold_hash", CleanText(64), nullable=False),
    Column("splits", LargeBinary, nullable=False),  # rows, folds, groups and holdout, as .npz
    Column("versions", CleanJson, nullable=False),  # of libraries and scoring rules
    Column("trials", Integer, nullable=False),  # the budget
    Column("hours", CleanFloat),
    Column("gpu_hours", CleanFloat),
    Column("money", CleanFloat),
    Column("gpu_hour_price", CleanFloat),
    Column("stop", Integer, nullable=False, default=0),  # 1: in good order, 2: at once
    Column("created_at", CleanFloat, nullable=False),
    Column("resumed_at", CleanFloat, nullable=False),  # failures of before do not end it
)

# A slot is one phase of one trial of the budget: every trial has a head, some are fine-tuned.
# Its number, the same in both phases, says nothing; `trial` is what people see.
slots = Table(
    "foldsweep_slots",
    metadata,
    Column("sweep_id", ForeignKey(sweeps.c.id), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("phase", CleanText(8), primary_key=True, default="head"),
    Column("state", CleanText(8), nullable=False, default="free"),
    Column("worker_id", CleanText(100)),
    Column("attempt", Integer, nullable=False, default=0),  # the fencing token of every write
    Column("losses", Integer, nullable=False, default=0),  # attempts whose worker died or crashed
    Column("in_vain", Integer, nullable=False, default=0),  # losses since a state was last kept
    Column("trial", Integer),  # Optuna's number in the study of heads
    Column("study_trial", Integer),  # Optuna's number in the study of the phase
    Column("run_id", CleanText(64)),  # MLflow's
    Column("params", CleanJson),
    Column("score", CleanFloat),
    Column("clean", CleanFloat),
    Column("shifted", CleanFloat),
    Column("detail", CleanJson),  # fold scores, epochs, metrics
    Column("goes_on", Boolean, nullable=False, default=False),  # whether it may be fine-tuned
    Column("reason", CleanText()),
    Column("told", Boolean, nullable=False, default=False),  # whether Optuna knows the outcome
    Column("spooled", CleanText(8)),  # the state that MLflow was last told, or is about to be
    Column("began_at", CleanFloat),  # the trial's first attempt
    Column("claimed_at", CleanFloat),  # its present attempt
    Column("ended_at", CleanFloat),
    Column("device_s", CleanFloat, nullable=False, default=0.0),  # over all attempts
    UniqueConstraint("sweep_id", "phase", "trial"),
    UniqueConstraint("sweep_id", "phase", "study_trial"),
)

# One row an epoch, written before anybody else hears of it.
epochs = Table(
    "foldsweep_epochs",
    metadata,
    Column("sweep_id", CleanText(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("phase", CleanText(8), primary_key=True),
    Column("stage", CleanText(16), primary_key=True),
    Column("epoch", Integer, primary_key=True),
    Column("folds", CleanText(100), primary_key=True),  # those that ran in it: "0,1,2,3,4"
    Column("step", Integer, nullable=False),  # where it stands on the charts
    Column("attempt", Integer, nullable=False),
    Column("scores", CleanJson, nullable=False),  # by fold
    Column("mean", CleanFloat, nullable=False),
    Column("recorded_ms", BigInteger, nullable=False),  # since 1970
    ForeignKeyConstraint(
        ["sweep_id", "number", "phase"], [slots.c.sweep_id, slots.c.number, slots.c.phase]
    ),
)

# The parts of the state from which a phase can be gone on with, and the heads that phases left.
# A part is a file of arrays: here if it is small, else at its URI.
checkpoints = Table(
    "foldsweep_checkpoints",
    metadata,
    Column("sweep_id", CleanText(36), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("phase", CleanText(8), primary_key=True),
    Column("part", CleanText(32), primary_key=True),
    Column("attempt", Integer, nullable=False),
    Column("stage", CleanText(16), nullable=False),
    Column("epoch", Integer, nullable=False),  # the last one that is in it
    Column("version", Integer, nullable=False),  # of the part: equal ones are equal arrays
    Column("seconds", CleanFloat, nullable=False),  # that it took to come so far
    Column("sha256", CleanText(64), nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("uri", CleanText()),
    Column("content", LargeBinary),
    ForeignKeyConstraint(
        ["sweep_id", "number", "phase"], [slots.c.sweep_id, slots.c.number, slots.c.phase]
    ),
)

workers = Table(
    "foldsweep_workers",
    metadata,
    Column("id", CleanText(100), primary_key=True),
    Column("sweep_id", ForeignKey(sweeps.c.id), nullable=False, index=True),
    Column("host", CleanText(255), nullable=False),
    Column("machine", CleanText(200), nullable=False),  # boot and PID namespace, see `search.pids`
    Column("pid", Integer, nullable=False),
    Column("pid_started_at", CleanFloat, nullable=False),  # tells a process from a later one
    Column("device", CleanText(100), nullable=False),
    Column("gpus", CleanFloat, nullable=False, default=0.0),
    Column("state", CleanText(8), nullable=False, default="live"),
    Column("beat", BigInteger, nullable=False, default=0),  # counts up while it lives
    Column("joined_at", CleanFloat, nullable=False),
    Column("seen_at", CleanFloat, nullable=False),
    Column("progress", CleanJson),
)

promotions = Table(
    "foldsweep_promotions",
    metadata,
    Column("id", CleanText(36), primary_key=True),
    Column("sweep_id", ForeignKey(sweeps.c.id), nullable=False, index=True),
    Column("trial", Integer, nullable=False),
    Column("content_ids", LargeBinary, nullable=False),  # of the held-out images looked at
    Column("model", CleanText(256), nullable=False),
    Column("alias", CleanText(256), nullable=False),
    Column("run_id", CleanText(64)),
    Column("looked_at", CleanFloat, nullable=False),
    Column("passed", Boolean),  # null: the process ended before the gate answered
    Column("forced", Boolean, nullable=False, default=False),
    Column("reason", CleanText()),
    Column("scores", CleanJson),
    Column("version", Integer),
    Column("aliased_at", CleanFloat),
)
