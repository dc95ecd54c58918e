"""Checkpoints, a sweep that is asked to stop, and budgets of money."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add a table and columns; what was there stays."""
    op.add_column("foldsweep_sweeps", sa.Column("money", sa.Double))
    op.add_column("foldsweep_sweeps", sa.Column("gpu_hour_price", sa.Double))
    stop = sa.Column("stop", sa.Integer, nullable=False, server_default="0")
    op.add_column("foldsweep_sweeps", stop)
    in_vain = sa.Column("in_vain", sa.Integer, nullable=False, server_default="0")
    op.add_column("foldsweep_slots", in_vain)
    op.execute("UPDATE foldsweep_slots SET in_vain = losses")
    op.create_table(
        "foldsweep_checkpoints",
        sa.Column("sweep_id", sa.String(36), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("phase", sa.String(8), primary_key=True),
        sa.Column("part", sa.String(32), primary_key=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("stage", sa.String(16), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("n_bytes", sa.BigInteger, nullable=False),
        sa.Column("uri", sa.Text),
        sa.Column("content", sa.LargeBinary),
        sa.ForeignKeyConstraint(
            ["sweep_id", "number", "phase"],
            ["foldsweep_slots.sweep_id", "foldsweep_slots.number", "foldsweep_slots.phase"],
        ),
    )
