"""Whether the database has the schema that this version of cqar needs."""

import asyncio

from cqar import errors
from cqar.storage import migrate
from cqar.storage.postgres import Pool, Session, Sql

#: Seconds after which a process starts without knowing.
_TIMEOUT = 2.0
# A role without the right to read the table must not fail, nor be refused.
_READABLE = Sql(
    "schema_readable",
    "SELECT found IS NOT NULL AS created, coalesce(has_table_privilege(found, 'SELECT'), false) AS readable"
    " FROM to_regclass('alembic_version') found",
)
_VERSION = Sql("schema_version", "SELECT version_num FROM alembic_version")


class SchemaError(errors.Unavailable):
    """The database lacks migrations of this version. `str()` names them and the command that applies them."""


async def check(pool: Pool) -> None:
    """Raise SchemaError if migrations are pending.

    Does nothing if PostgreSQL cannot be asked within 2 seconds, since processes start without it, or if the database is at a
    revision that this version does not know: older processes run on while a newer version is installed.
    """
    try:
        async with asyncio.timeout(_TIMEOUT), pool.session() as session:
            missing = await _missing(session)
    except Exception:  # noqa: BLE001 - a wrong password as an outage: health and the log report both, now and later
        return
    if missing:
        message = f"the database lacks {_named(missing)}: run `cqar migrate up`"
        raise SchemaError(message)


def _named(revisions: list[str]) -> str:
    return f"migration {revisions[0]}" if len(revisions) == 1 else f"migrations {revisions[0]} to {revisions[-1]}"


async def _missing(session: Session) -> list[str]:
    """The revisions that the database lacks, as far as this role can see."""
    known = [each.revision for each in migrate.load()]
    state = await session.row(_READABLE)
    if state is None or not state["created"]:
        return known
    if not state["readable"]:
        return []
    row = await session.row(_VERSION)
    if row is None:
        return known
    return known[known.index(row["version_num"]) + 1 :] if row["version_num"] in known else []
