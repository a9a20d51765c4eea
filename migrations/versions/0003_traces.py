"""The trace that a change belongs to."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Give the outbox a column for it."""
    op.get_context().impl.static_output((SQL / "0003_traces.up.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop the column."""
    op.get_context().impl.static_output((SQL / "0003_traces.down.sql").read_text(encoding="utf-8"))
