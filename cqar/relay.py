"""The relay: what writes left in the outbox goes to Redis and NATS, at least once, in order, for ever.

Two loops with a cursor each in PostgreSQL: changes for the caches, and the contract's events for other services. One
process relays at a time, by an advisory lock held on the loop's own session. A publication that fails is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from cqar import errors, events, outbox, telemetry
from cqar.bus import Bus, Publication
from cqar.entity import Row
from cqar.parts import Stored
from cqar.store import Session, Sql, Store
from cqar.tier import Tier

_log = telemetry.logger("relay")

_BATCH = 500
#: Seconds between tries to become the relay, and after a failure.
_RETRY = 0.5
#: Of advisory locks: cqar's own number space.
_LOCK_SPACE = 0x6371

_TRY_LOCK = Sql("relay_lock", "SELECT pg_try_advisory_lock($1, $2) AS held")
_UNLOCK = Sql("relay_unlock", "SELECT pg_advisory_unlock($1, $2)")
_CURSOR = Sql(
    "relay_cursor",
    "INSERT INTO relay_cursors AS r (relay, epoch, revision) SELECT $1, h.epoch, 0 FROM head h"
    " ON CONFLICT (relay) DO UPDATE SET relay = r.relay RETURNING r.revision",
)
_ADVANCE = Sql("relay_advance", "UPDATE relay_cursors SET revision = $2 WHERE relay = $1")
_EVENTS = Sql(
    "events_after",
    "SELECT o.revision, o.event_id::text AS event_id, o.event_type, o.event FROM outbox o"
    " WHERE o.revision > $1 AND o.event_type IS NOT NULL ORDER BY o.revision LIMIT $2",
)
STATEMENTS = (_TRY_LOCK, _UNLOCK, _CURSOR, _ADVANCE, _EVENTS)

#: Kinds of parts that hold one row, which a change carries whole.
_SINGLE = frozenset({"symbol", "venue", "venue_asset", "chain"})


class Relay:
    """Both loops of one admin process."""

    def __init__(self, store: Store, bus: Bus, tier: Tier, *, poll_interval: float) -> None:
        self._store = store
        self._bus = bus
        self._tier = tier
        self._poll = poll_interval
        self._nudges = {name: asyncio.Event() for name in ("changes", "events")}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to relay, in the background."""
        loops = (("changes", 1, outbox.CHANGES, self._send_changes), ("events", 2, _EVENTS, self._send_events))
        for name, number, sql, send in loops:
            self._tasks.append(asyncio.create_task(self._keep(name, number, sql, send), name=f"relay-{name}"))

    async def stop(self) -> None:
        """Stop both loops; what is not sent stays in the outbox for the next relay."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def nudge(self) -> None:
        """Something was committed: look now."""
        for event in self._nudges.values():
            event.set()

    async def _keep(
        self, name: str, number: int, sql: Sql, send: Callable[[Sequence[Row]], Awaitable[None]]
    ) -> None:
        while True:
            try:
                await self._bus.wait_up()
                await self._bus.ensure_streams()
                async with self._store.session() as session:
                    held = await session.row(_TRY_LOCK, _LOCK_SPACE, number)
                    if held is not None and held["held"]:
                        try:
                            await self._run(session, name, sql, send)
                        finally:
                            await session.row(_UNLOCK, _LOCK_SPACE, number)
            except errors.CqarError as error:
                _log.warning("relay_interrupted", relay=name, error=str(error))
            except Exception:
                _log.exception("relay_failed", relay=name)
            await asyncio.sleep(_RETRY)

    async def _run(
        self, session: Session, name: str, sql: Sql, send: Callable[[Sequence[Row]], Awaitable[None]]
    ) -> None:
        cursor = await session.row(_CURSOR, name)
        revision = 0 if cursor is None else cursor["revision"]
        nudge = self._nudges[name]
        _log.info("relaying", relay=name, after=revision)
        while True:
            nudge.clear()
            rows = [row for row in await session.rows(sql, revision, _BATCH) if row["revision"] is not None]
            if rows:
                await send(rows)
                revision = rows[-1]["revision"]
                await session.row(_ADVANCE, name, revision)
            if len(rows) < _BATCH:
                await _either(nudge, self._poll)

    async def _send_changes(self, rows: Sequence[Row]) -> None:
        changes = [outbox.change_of(row) for row in rows]
        for change in changes:
            await self._tier.put(change.epoch, change.revision, _tier_parts(change))
        await self._bus.publish(
            [
                Publication(f"{events.CHANGES}{each.entity}", events.encode(each), f"{each.epoch}:{each.revision}")
                for each in changes
            ]
        )

    async def _send_events(self, rows: Sequence[Row]) -> None:
        await self._bus.publish([Publication(row["event_type"], row["event"], row["event_id"]) for row in rows])


def _tier_parts(change: events.Change) -> dict[str, list[Stored] | None]:
    """What Redis learns of a change: parts of one row whole, of others that they are out of date."""
    parts: dict[str, list[Stored] | None] = dict.fromkeys((*change.keys, *change.left_keys))
    for key in change.keys:
        if key.partition(":")[0] in _SINGLE and change.value is not None:
            parts[key] = [Stored(change.entity, change.row_id, change.value, change.deleted)]
    return parts


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass

