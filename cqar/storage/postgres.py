"""PostgreSQL: the pool, sessions and transactions. asyncpg lives here, and its errors end here.

A broken constraint tells its own error: it is named `<table>__<request field>__<rule>` (see migrations/).
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import asyncpg
from asyncpg.connect_utils import SessionAttribute

from cqar import config, errors
from cqar.model.entities import ALL
from cqar.model.entity import Row
from cqar.observability import tracing
from cqar.observability.metrics import Durations, timed

#: Of the spans of statements.
_SYSTEM = {"db.system.name": "postgresql"}
_ENTITY_OF_TABLE = {each.table: each.name for each in ALL}


class Sql(NamedTuple):
    """A statement: its name, for metrics and tests, and its text, which never changes."""

    name: str
    text: str

    @property
    def kind(self) -> str:
        """The name without what tells the variants of a statement apart, of which there are many."""
        return self.name.partition("[")[0]


class Session:
    """One connection of the pool, lent for a while."""

    def __init__(self, connection: Any, queries: Durations) -> None:
        self._connection = connection
        self._queries = queries

    async def rows(self, sql: Sql, *values: object) -> list[Row]:
        """All rows of the statement. A broken constraint is its own error at once: its caller may know a better name."""
        try:
            with timed(self._queries, sql.kind), tracing.inside(sql.kind, "CLIENT", _SYSTEM):
                rows: list[Row] = await self._connection.fetch(sql.text, *values)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise _violation(error) from error
        return rows

    async def row(self, sql: Sql, *values: object) -> Row | None:
        """The first row of the statement, or None; constraints as in `rows`."""
        try:
            with timed(self._queries, sql.kind), tracing.inside(sql.kind, "CLIENT", _SYSTEM):
                row: Row | None = await self._connection.fetchrow(sql.text, *values)
        except asyncpg.IntegrityConstraintViolationError as error:
            raise _violation(error) from error
        return row

    async def pages(self, sql: Sql, at_once: int, *values: object) -> AsyncIterator[list[Row]]:
        """All rows of the statement, so many at once: for more of them than memory is to hold. In a transaction only."""
        cursor = await self._connection.cursor(sql.text, *values)
        while True:
            with timed(self._queries, sql.kind), tracing.inside(sql.kind, "CLIENT", _SYSTEM):
                rows: list[Row] = await cursor.fetch(at_once)
            if not rows:
                return
            yield rows

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Within a transaction: what is done inside is undone by an exception, what was done before stays."""
        with translated():
            async with self._connection.transaction():
                yield


class Pool:
    """The registry's database. Sessions from a bounded pool; an outage is `Unavailable`.

    `queries`: where the durations of statements are observed, by their kinds.
    """

    def __init__(
        self, database: config.Database, *, statement_timeout: float, name: str, queries: Durations | None = None
    ) -> None:
        self.name = name
        self._database = database
        self._queries = Durations() if queries is None else queries
        milliseconds = {
            "statement_timeout": statement_timeout,
            "lock_timeout": database.lock_timeout,
            "idle_in_transaction_session_timeout": database.idle_timeout,
        }
        self._settings = {setting: str(round(seconds * 1000)) for setting, seconds in milliseconds.items()}
        self._settings["application_name"] = name
        self._settings["timezone"] = "UTC"
        self._command_timeout = statement_timeout + database.lock_timeout
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None

    async def open(self) -> None:
        """Make the pool. Connections come with use, so a database that is down does not stop the start."""
        with translated():
            self._pool = await asyncpg.create_pool(
                self._database.url,
                min_size=0,
                max_size=self._database.pool_max,
                timeout=self._database.connect_timeout,
                command_timeout=self._command_timeout,
                server_settings=self._settings,
                target_session_attrs=SessionAttribute.read_write,
            )

    async def close(self) -> None:
        """Close the pool; connections that do not come back in 5 s are cut."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    def usage(self) -> Mapping[str, int]:
        """Connections by state: `used`, `idle`, and `limit`, how many there may be."""
        size, idle = (0, 0) if self._pool is None else (self._pool.get_size(), self._pool.get_idle_size())
        return {"used": size - idle, "idle": idle, "limit": self._database.pool_max}

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A session without a transaction, for reads."""
        with translated():
            async with self._acquired() as connection:
                yield Session(connection, self._queries)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A session in a transaction: committed at the end, rolled back by an exception or a cancellation."""
        with translated():
            async with self._acquired() as connection, connection.transaction():
                yield Session(connection, self._queries)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Session]:
        """A session whose reads all see the same committed state."""
        with translated():
            async with self._acquired() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
                yield Session(connection, self._queries)

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[Any]:
        if self._pool is None:
            raise errors.Unavailable(_DOWN)
        try:
            async with self._pool.acquire(timeout=self._database.acquire_timeout) as connection:
                yield connection
        except asyncpg.ReadOnlySQLTransactionError:
            # The pool still talks to the old primary after a failover.
            await self._pool.expire_connections()
            raise


_DOWN = "the database is unavailable; retry later"
_BUSY = "the database did not respond in time; retry later"
_RACE = "conflict with a concurrent write; read again and retry"


@contextmanager
def translated() -> Iterator[None]:
    """Turn what asyncpg raises inside into errors of `cqar.errors`."""
    try:
        yield
    except errors.CqarError:
        raise
    except asyncpg.IntegrityConstraintViolationError as error:
        raise _violation(error) from error
    except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError, asyncpg.LockNotAvailableError) as error:
        raise errors.Aborted(_RACE) from error
    except (asyncpg.QueryCanceledError, asyncpg.TooManyConnectionsError) as error:
        raise errors.Unavailable(_BUSY) from error
    except _OUTAGES as error:
        if _is_bug(error):
            raise
        raise errors.Unavailable(_DOWN) from error


def _is_bug(error: Exception) -> bool:
    """An argument that does not fit its statement is an InterfaceError too: a bug, no outage."""
    return isinstance(error, ValueError) and not isinstance(error, asyncpg.ClientConfigurationError)


_OUTAGES = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,
    asyncpg.TargetServerAttributeNotMatched,
    OSError,
    TimeoutError,
)


#: What is taken where it is more than the field alone.
TAKEN = {
    "symbols__base_asset_id": "a symbol with the same base, quote, settlement, type, expiry, strike and option type exists",
    "venue_symbols__venue_symbol": "a listing of the same type with this venue_symbol overlaps in time at this venue",
    "venue_assets__asset_id": "the venue already lists this asset",
    "relationships__target_asset_id": "a relationship of this type between these assets exists",
    "asset_group_members__asset_id": "the asset is already a member of the group",
    "deployments__contract_address": "another deployment on this chain has this address",
    "deployments__is_canonical": "another deployment of the asset on this chain is canonical",
    "asset_identifiers__external_id": "the asset already has this external_id for this source",
    "asset_identifiers__is_primary": "another identifier of the asset is primary for this source",
    "symbol_identifiers__external_id": "the symbol already has this external_id for this source",
    "symbol_identifiers__is_primary": "another identifier of the symbol is primary for this source",
}


def _violation(error: asyncpg.IntegrityConstraintViolationError) -> Exception:
    """The error that a constraint's name tells; the driver's own error (a bug) where it tells none."""
    details: Any = error
    table, _, rest = (details.constraint_name or "").partition("__")
    field, _, rule = rest.partition("__")
    kind = _ENTITY_OF_TABLE.get(table, table)
    if not rule:
        return error
    if isinstance(error, asyncpg.UniqueViolationError | asyncpg.ExclusionViolationError):
        return errors.AlreadyExists(kind, field, TAKEN.get(f"{table}__{field}", f"its {field} is already used"))
    if isinstance(error, asyncpg.ForeignKeyViolationError):
        return errors.Precondition("REFERENCE", kind, f"{field} does not exist, or is still referenced")
    return errors.Invalid(field, rule.upper(), f"violates the rule {rule!r} of {kind}")
