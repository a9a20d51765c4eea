"""PostgreSQL: the pool, sessions and transactions. Translates asyncpg's errors.

A violated constraint determines its error by its name, `<table>__<request field>__<rule>` (see migrations/).
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

#: Attributes of the spans of statements.
_SYSTEM = {"db.system.name": "postgresql"}
_ENTITY_OF_TABLE = {each.table: each.name for each in ALL}


class Sql(NamedTuple):
    """A statement: its name, for metrics and tests, and its text, which is static."""

    name: str
    text: str

    @property
    def kind(self) -> str:
        """The name without the suffix that distinguishes variants of a statement."""
        return self.name.partition("[")[0]


class Session:
    """A connection of the pool."""

    def __init__(self, connection: Any, queries: Durations) -> None:
        self._connection = connection
        self._queries = queries

    async def rows(self, sql: Sql, *values: object) -> list[Row]:
        """All rows of the statement. A violated constraint is translated here, so that the caller can refine the error."""
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
        """All rows of the statement, `at_once` at a time, for results larger than memory. In a transaction only."""
        cursor = await self._connection.cursor(sql.text, *values)
        while True:
            with timed(self._queries, sql.kind), tracing.inside(sql.kind, "CLIENT", _SYSTEM):
                rows: list[Row] = await cursor.fetch(at_once)
            if not rows:
                return
            yield rows

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """A savepoint in a transaction: an exception undoes the body and nothing before it."""
        with translated():
            async with self._connection.transaction():
                yield


class Pool:
    """A bounded pool of sessions of the registry's database. An outage is `Unavailable`.

    `queries`: where the durations of statements are observed, by kind.
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
        """Create the pool. Connections are opened on use, so a database that is down does not prevent the start."""
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
        """Close the pool. Connections not returned within 5 s are terminated."""
        if self._pool is None:
            return
        pool, self._pool = self._pool, None
        try:
            async with asyncio.timeout(5):
                await pool.close()
        except TimeoutError:
            pool.terminate()

    def usage(self) -> Mapping[str, int]:
        """Connections by state: `used`, `idle`, and their `limit`."""
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
        """A read-only session whose reads all see the same committed state."""
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
            # After a failover, the pool may still be connected to the old primary.
            await self._pool.expire_connections()
            raise


_DOWN = "the database is unavailable; retry later"
_BUSY = "the database did not respond in time; retry later"
_RACE = "conflict with a concurrent write; read again and retry"


@contextmanager
def translated() -> Iterator[None]:
    """Translate errors of asyncpg in the body to errors of `cqar.errors`."""
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
    """Whether it is a bug: an argument that does not match its statement is an InterfaceError too."""
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


#: Descriptions of unique constraints on more than the field alone.
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
    """The error that a constraint's name determines; the driver's own error, a bug, for other names."""
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
