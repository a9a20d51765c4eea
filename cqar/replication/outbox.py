"""The outbox as a table: how many rows wait or are kept, and the deletion of old ones."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from cqar import config, errors
from cqar.observability import logs
from cqar.storage.postgres import Pool, Sql

_log = logs.logger("relay")

#: Rows pruned per statement.
_PRUNED_AT_ONCE = 1_000
#: Seconds between two prunings.
_PRUNE_EVERY = 60.0

_PRUNE = Sql(
    "prune_outbox",
    "WITH oldest AS (SELECT o.revision, o.created_at FROM outbox o ORDER BY o.revision LIMIT $2), gone AS"
    " (DELETE FROM outbox o USING oldest WHERE o.revision = oldest.revision"
    " AND oldest.created_at < now() - make_interval(hours => $1)"
    " AND o.revision <= (SELECT CASE count(*) WHEN $3 THEN min(r.revision) ELSE 0 END FROM relay_cursors r) RETURNING 1)"
    " SELECT count(*) AS gone FROM gone",
)
_PRUNE_AUDIT = Sql(
    "prune_audit",
    "WITH oldest AS (SELECT a.audit_id, a.created_at FROM audit a ORDER BY a.audit_id LIMIT $2), gone AS"
    " (DELETE FROM audit a USING oldest WHERE a.audit_id = oldest.audit_id"
    " AND oldest.created_at < now() - make_interval(days => $1) RETURNING 1) SELECT count(*) AS gone FROM gone",
)
_PRUNE_KEYS = Sql(
    "prune_idempotency_keys",
    "WITH oldest AS (SELECT k.principal, k.method, k.idempotency_key FROM idempotency_keys k"
    " WHERE k.created_at < now() - make_interval(hours => $1) ORDER BY k.created_at LIMIT $2 FOR UPDATE SKIP LOCKED), gone AS"
    " (DELETE FROM idempotency_keys k USING oldest o WHERE (k.principal, k.method, k.idempotency_key) ="
    " (o.principal, o.method, o.idempotency_key) RETURNING 1) SELECT count(*) AS gone FROM gone",
)
_BACKLOG = Sql(
    "outbox_backlog",
    "SELECT r.relay, w.depth, COALESCE(EXTRACT(epoch FROM now() - w.since), 0)::float8 AS age FROM relay_cursors r,"
    " LATERAL (SELECT count(*) AS depth, min(x.created_at) AS since FROM (SELECT o.created_at FROM outbox o"
    " WHERE o.revision > r.revision AND (r.relay <> 'events' OR o.event_type IS NOT NULL) ORDER BY o.revision LIMIT $1) x) w",
)
#: The rows kept, and the age of the oldest. Only the oldest rows are ever deleted, so two lookups replace a count.
_KEPT = Sql(
    "outbox_kept",
    "SELECT COALESCE((SELECT max(o.revision) FROM outbox o) - (SELECT min(o.revision) FROM outbox o) + 1, 0) AS rows,"
    " COALESCE((SELECT EXTRACT(epoch FROM now() - o.created_at) FROM outbox o ORDER BY o.revision LIMIT 1), 0)::float8 AS age",
)
#: Waiting rows are counted up to this number.
_COUNTED = 100_000
#: Seconds between two counts.
_COUNT_EVERY = 1.0


class Backlog(NamedTuple):
    """The waiting rows of one loop: their number, up to 100,000, and the age of the oldest in seconds."""

    depth: int
    age: float


class Kept(NamedTuple):
    """The rows that the outbox retains, published or not: their number, and the age of the oldest in seconds."""

    rows: int
    age: float


class Outbox:
    """Counts and prunes the outbox. `relays` is the number of cursors that must have passed a row before it is deleted."""

    def __init__(self, pool: Pool, keep_hours: int, retention: config.Retention, *, relays: int) -> None:
        self._pool = pool
        self._keep_hours = keep_hours
        self._retention = retention
        self._relays = relays
        #: rows waiting, by loop, as of the last count; empty if the count failed
        self.backlog: Mapping[str, Backlog] = {}
        #: all rows, as of the last count; None if the count failed
        self.kept: Kept | None = None
        self._counted = float("-inf")

    async def count(self) -> None:
        """Update `backlog` and `kept`, at most once per second."""
        if time.monotonic() - self._counted < _COUNT_EVERY:
            return
        self._counted = time.monotonic()
        self.backlog, self.kept = {}, None
        try:
            async with asyncio.timeout(_COUNT_EVERY), self._pool.session() as session:
                rows = await session.rows(_BACKLOG, _COUNTED)
                kept = await session.row(_KEPT)
        except (errors.CqarError, TimeoutError):
            return
        self.kept = None if kept is None else Kept(kept["rows"], kept["age"])
        self.backlog = {row["relay"]: Backlog(row["depth"], row["age"]) for row in rows}

    async def prune(self) -> int:
        """Delete old outbox rows that all relays have published; returns how many. Raises Unavailable."""
        return await self._prune(_PRUNE, self._keep_hours, _PRUNED_AT_ONCE, self._relays)

    async def prune_history(self) -> int:
        """Delete old audit rows, unless they are kept indefinitely, and old idempotency keys; returns how many.

        Raises Unavailable.
        """
        pruned = await self._prune(_PRUNE_KEYS, self._retention.idempotency_hours, _PRUNED_AT_ONCE)
        if self._retention.audit_days:
            pruned += await self._prune(_PRUNE_AUDIT, self._retention.audit_days, _PRUNED_AT_ONCE)
        return pruned

    async def _prune(self, sql: Sql, *values: int) -> int:
        """Repeat the statement until it deletes fewer rows than its limit."""
        pruned = 0
        async with self._pool.session() as session:
            while True:
                row = await session.row(sql, *values)
                gone = 0 if row is None else row["gone"]
                pruned += gone
                if gone < _PRUNED_AT_ONCE:
                    return pruned

    async def keep_pruned(self, active: Callable[[], bool]) -> None:
        """Prune every minute while this process is the relay."""
        while True:
            await asyncio.sleep(_PRUNE_EVERY)
            if active():
                try:
                    await self.prune()
                    await self.prune_history()
                except errors.CqarError as error:
                    _log.warning("prune_interrupted", error=str(error))
