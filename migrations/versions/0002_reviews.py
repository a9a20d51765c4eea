"""The review queue of the importers."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"

SQL = Path(__file__).parents[1] / "sql"


def upgrade() -> None:
    """Create the review queue."""
    op.get_context().impl.static_output((SQL / "0002_reviews.up.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    """Drop the review queue and all that is in it."""
    op.get_context().impl.static_output((SQL / "0002_reviews.down.sql").read_text(encoding="utf-8"))
