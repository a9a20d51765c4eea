"""The registry."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Create the registry."""
    op.get_context().impl.static_output((SQL / "0001_registry.up.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop the registry and all that is in it."""
    op.get_context().impl.static_output((SQL / "0001_registry.down.sql").read_text(encoding="utf-8"))
