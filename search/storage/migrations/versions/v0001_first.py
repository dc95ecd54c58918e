"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make all tables."""
    op.create_table(
        "foldsweep_sweeps",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False, unique=True),
        sa.Column("file", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("fold_hash", sa.String(64), nullable=False),
        sa.Column("splits", sa.LargeBinary, nullable=False),
        sa.Column("versions", sa.JSON, nullable=False),
        sa.Column("trials", sa.Integer, nullable=False),
        sa.Column("hours", sa.Double),
        sa.Column("gpu_hours", sa.Double),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("resumed_at", sa.Double, nullable=False),
    )
    op.create_table(
        "foldsweep_slots",
        sa.Column(
            "sweep_id", sa.String(36), sa.ForeignKey("foldsweep_sweeps.id"), primary_key=True
        ),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("worker_id", sa.String(100)),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("trial", sa.Integer),
        sa.Column("run_id", sa.String(64)),
        sa.Column("params", sa.JSON),
        sa.Column("score", sa.Double),
        sa.Column("clean", sa.Double),
        sa.Column("shifted", sa.Double),
        sa.Column("detail", sa.JSON),
        sa.Column("reason", sa.Text),
        sa.Column("told", sa.Boolean, nullable=False),
        sa.Column("spooled", sa.String(8)),
        sa.Column("began_at", sa.Double),
        sa.Column("claimed_at", sa.Double),
        sa.Column("ended_at", sa.Double),
        sa.Column("device_s", sa.Double, nullable=False),
        sa.UniqueConstraint("sweep_id", "trial"),
    )
    op.create_table(
        "foldsweep_phases",
        sa.Column("sweep_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("goes_on", sa.Boolean, nullable=False),
        sa.Column("ended_at", sa.Double, nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id", "number"], ["foldsweep_slots.sweep_id", "foldsweep_slots.number"]
        ),
    )
    op.create_table(
        "foldsweep_epochs",
        sa.Column("sweep_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("stage", sa.String(16), primary_key=True),
        sa.Column("epoch", sa.Integer, primary_key=True),
        sa.Column("folds", sa.String(100), primary_key=True),
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("scores", sa.JSON, nullable=False),
        sa.Column("mean", sa.Double, nullable=False),
        sa.Column("recorded_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["sweep_id", "number"], ["foldsweep_slots.sweep_id", "foldsweep_slots.number"]
        ),
    )
    op.create_table(
        "foldsweep_workers",
        sa.Column("id", sa.String(100), primary_key=True),
        sa.Column(
            "sweep_id",
            sa.String(36),
            sa.ForeignKey("foldsweep_sweeps.id"),
            nullable=False,
            index=True,
        ),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("machine", sa.String(200), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("pid_started_at", sa.Double, nullable=False),
        sa.Column("device", sa.String(100), nullable=False),
        sa.Column("gpus", sa.Double, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("beat", sa.BigInteger, nullable=False),
        sa.Column("joined_at", sa.Double, nullable=False),
        sa.Column("seen_at", sa.Double, nullable=False),
        sa.Column("progress", sa.JSON),
    )
    op.create_table(
        "foldsweep_promotions",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column(
            "sweep_id",
            sa.String(36),
            sa.ForeignKey("foldsweep_sweeps.id"),
            nullable=False,
            index=True,
        ),
        sa.Column("trial", sa.Integer, nullable=False),
        sa.Column("content_ids", sa.LargeBinary, nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("alias", sa.String(256), nullable=False),
        sa.Column("run_id", sa.String(64)),
        sa.Column("looked_at", sa.Double, nullable=False),
        sa.Column("passed", sa.Boolean),
        sa.Column("forced", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("scores", sa.JSON),
        sa.Column("version", sa.Integer),
        sa.Column("aliased_at", sa.Double),
    )
