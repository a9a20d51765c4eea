"""The relay publishes the outbox to Redis and NATS: at least once, in order.

It has two loops, each with a cursor in PostgreSQL: changes for the caches, and the contract's events for other services. One
process at a time is the relay; each loop holds an advisory lock on its own session. A failed publication is retried.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

import msgspec

from cqar import config, errors, tasks
from cqar.model import cache_keys, events, part_kinds
from cqar.model.entity import Row
from cqar.model.parts import Stored
from cqar.observability import logs, tracing
from cqar.observability.tracing import Span, Tracer
from cqar.replication.changes import CHANGES, change_of
from cqar.replication.outbox import Outbox
from cqar.storage import parts
from cqar.storage.nats import EventBus, Fenced, Publication
from cqar.storage.postgres import Pool, Session, Sql
from cqar.storage.redis import RedisCache

_log = logs.logger("relay")

#: Rows of the outbox read per statement.
_BATCH = 500
#: Seconds between attempts to become the relay, and after a failure.
_RETRY = 0.5
#: Seconds after the start during which a failure is not logged unless the relay was connected before.
_STARTUP = 5.0
#: Seconds in which `stream_shared` is not logged again.
_REPORT_EVERY = 60.0
#: The namespace of cqar's advisory locks.
_LOCK_SPACE = 0x6371

_TRY_LOCK = Sql("relay_lock", "SELECT pg_try_advisory_lock($1, $2) AS held")
_CURSOR = Sql(
    "relay_cursor",
    "INSERT INTO relay_cursors AS r (relay, epoch, revision) SELECT $1, h.epoch, 0 FROM head h"
    " ON CONFLICT (relay) DO UPDATE SET epoch = excluded.epoch, revision = LEAST(r.revision, (SELECT h.seq FROM head h))"
    " RETURNING r.epoch::text AS epoch, r.revision, (SELECT h.seq FROM head h) AS head,"
    " COALESCE((SELECT i.registry_id::text FROM registry_identity i), '') AS registry_id",
)
_NEW_EPOCH = Sql(
    "new_epoch", "UPDATE head SET epoch = gen_random_uuid() WHERE epoch = $1::text::uuid RETURNING epoch::text AS epoch"
)
_EVENT_AT = Sql("event_at", "SELECT o.event_id::text AS event_id FROM outbox o WHERE o.revision = $1")
_ADVANCE = Sql("relay_advance", "UPDATE relay_cursors SET revision = $2 WHERE relay = $1")
#: The changes between two revisions, by entity.
_BETWEEN = Sql(
    "changes_between", "SELECT o.entity, count(*) AS many FROM outbox o WHERE o.revision > $1 AND o.revision <= $2 GROUP BY 1"
)
#: The head, and the events after revision $1, at most $2; one row without an event if there are none.
_EVENTS = Sql(
    "events_after",
    "SELECT h.seq AS head, e.* FROM head h LEFT JOIN LATERAL"
    " (SELECT o.revision, o.event_id::text AS event_id, o.event_type, o.event, o.traceparent FROM outbox o"
    " WHERE o.revision > $1 AND o.event_type IS NOT NULL ORDER BY o.revision LIMIT $2) e ON true",
)

#: Attributes of the spans of published messages.
_MESSAGING = {"messaging.system": "nats", "messaging.operation.type": "send"}
#: Kinds of parts that a change carries whole.
_SINGLE_ROW = part_kinds.names(lambda kind: kind.single_row)


class Relay:
    """Both loops of one admin process. Nothing else uses `pool`: each loop holds a session while it is the relay."""

    #: sessions that it needs at once
    SESSIONS: ClassVar[int] = 3

    def __init__(
        self,
        pool: Pool,
        bus: EventBus,
        redis_cache: RedisCache,
        coherence: config.Coherence,
        retention: config.Retention = config.Retention(),  # noqa: B008 - it never changes
        tracer: Tracer = tracing.OFF,
    ) -> None:
        self._pool = pool
        self._bus = bus
        poll = coherence.poll_interval
        self._changes = _Changes(pool, bus, poll, tracer, redis_cache)
        self._loops: tuple[_Loop, ...] = (self._changes, _Events(pool, bus, poll, tracer))
        self._tasks: list[asyncio.Task[None]] = []
        #: what the outbox holds, and its pruning
        self.outbox = Outbox(pool, coherence.outbox_keep_hours, retention, relays=len(self._loops))

    @property
    def published(self) -> Counter[str]:
        """Messages published by this process, by event type; changes for the caches as `changes.<entity>`."""
        return sum((loop.sent for loop in self._loops), Counter[str]())

    @property
    def foreign(self) -> int:
        """Times that the stream of changes ended with a change of another registry."""
        return self._changes.foreign

    @property
    def active(self) -> bool:
        """Whether this process is the relay."""
        return all(loop.active for loop in self._loops)

    def start(self) -> None:
        """Start both loops in the background."""
        self._tasks = [asyncio.create_task(loop.keep(), name=f"relay-{loop.name}") for loop in self._loops]
        self._tasks.append(asyncio.create_task(self.outbox.keep_pruned(lambda: self._changes.active), name="relay-prune"))

    async def stop(self) -> None:
        """Stop both loops. Rows not yet sent stay in the outbox for the next relay."""
        await tasks.end(*self._tasks)

    async def flush(self, seconds: float) -> bool:
        """Publish what is committed by now, within `seconds`. Returns whether everything was published.

        Returns True immediately if this process is not the relay.
        """
        polls = [loop.poll() for loop in self._loops if loop.active]
        if not polls:
            return True
        _, waiting = await asyncio.wait(polls, timeout=seconds)
        for poll in waiting:
            poll.cancel()
        return not waiting

    async def nudge(self) -> None:
        """Publish newly committed rows: poll now, or notify the process that is the relay."""
        if self.active:
            self.poll()
        else:
            await self._bus.nudge(events.NUDGE)

    def poll(self) -> None:
        """Poll the outbox now."""
        for loop in self._loops:
            loop.nudged.set()


class _Loop(ABC):
    """One loop: publishes outbox rows after its cursor and advances the cursor."""

    name: ClassVar[str]
    #: the number of its advisory lock
    number: ClassVar[int]
    sql: ClassVar[Sql]

    def __init__(self, pool: Pool, bus: EventBus, poll_interval: float, tracer: Tracer) -> None:
        self._pool = pool
        self._bus = bus
        self._poll_interval = poll_interval
        self._tracer = tracer
        self.nudged = asyncio.Event()
        self.active = False
        #: messages published, by type
        self.sent = Counter[str]()
        self._polls: list[asyncio.Future[None]] = []

    def poll(self) -> asyncio.Future[None]:
        """Poll the outbox now. The future is done when all rows found are published."""
        polled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._polls.append(polled)
        self.nudged.set()
        return polled

    def _polled(self, polls: Sequence[asyncio.Future[None]]) -> None:
        for each in polls:
            self._polls.remove(each)
            if not each.done():
                each.set_result(None)

    async def keep(self) -> None:
        """Be the relay whenever no other process is, indefinitely."""
        failing, connected, began = False, False, time.monotonic()
        while True:
            try:
                await self._bus.wait_up()
                await self._bus.ensure_streams()
                # The lock is released when the session returns to its pool or ends.
                async with self._pool.session() as session:
                    held = await session.row(_TRY_LOCK, _LOCK_SPACE, self.number)
                    failing, connected = False, True
                    if held is not None and held["held"]:
                        await self._run(session)
            except errors.CqarError as error:
                # Servers that start together with this process refuse connections at first; that is not worth a warning.
                if not failing and (connected or time.monotonic() - began > _STARTUP):
                    _log.warning("relay_interrupted", relay=self.name, error=str(error))
                    failing = True
            except Exception:  # noqa: BLE001 - whatever it is, it is tried again
                _log.exception("relay_failed", relay=self.name)
            finally:
                self.active = False
            await asyncio.sleep(_RETRY)

    async def _run(self, session: Session) -> None:
        while True:
            cursor = await session.row(_CURSOR, self.name)
            if cursor is None:
                raise errors.Unavailable(parts.NO_HEAD)
            revision = await self._resume(session, cursor)
            _log.info("relaying", relay=self.name, after=revision)
            self.active = True
            try:
                await self._follow(session, revision)
            except Fenced:
                _log.warning("relay_fenced", relay=self.name)
                await asyncio.sleep(self._poll_interval)

    async def _follow(self, session: Session, revision: int) -> None:
        while True:
            self.nudged.clear()
            polls = list(self._polls)
            read = await session.rows(self.sql, revision, _BATCH)
            if not read:
                raise errors.Unavailable(parts.NO_HEAD)
            rows = [row for row in read if row["revision"] is not None]
            if rows:
                await self._send(rows)
            # Rows that this loop does not publish count as done: the outbox is pruned up to the lower of both cursors.
            reached = read[0]["head"] if len(rows) < _BATCH else rows[-1]["revision"]
            if reached > revision:
                revision = reached
                await session.row(_ADVANCE, self.name, revision)
            self._advanced(rows)
            if len(rows) < _BATCH:
                self._polled(polls)
                await _either(self.nudged, self._poll_interval)

    async def _resume(self, session: Session, cursor: Row) -> int:
        """The revision after which to continue."""
        del session
        revision: int = cursor["revision"]
        return revision

    @contextmanager
    def _traced(self, subjects: Sequence[str], rows: Sequence[Row]) -> Iterator[Sequence[str | None]]:
        """Record the publication as a part of the trace that caused each row, if sampled.

        Yields the `traceparent` of each message.
        """
        spans: list[Span] = []
        parents: list[str | None] = []
        for subject, row in zip(subjects, rows, strict=True):
            parent: str | None = row["traceparent"]
            span = None if parent is None else self._tracer.follow(f"publish {subject}", "PRODUCER", parent, _MESSAGING)
            parents.append(parent if span is None else str(span.context))
            if span is not None:
                spans.append(span)
        failure: str | None = "not sent"
        try:
            yield parents
            failure = None
        finally:
            for each in spans:
                each.end({}, failure)

    def _advanced(self, rows: Sequence[Row]) -> None:  # noqa: B027 - events are counted one by one
        """Called when the cursor has moved past the rows sent."""

    @abstractmethod
    async def _send(self, rows: Sequence[Row]) -> None:
        """Publish rows, in order. Raises Unavailable, Fenced."""


class _Changes(_Loop):
    """Changes for the caches: to Redis, then to cqar's own stream, in which every change has one position."""

    name = "changes"
    number = 1
    sql = CHANGES

    def __init__(self, pool: Pool, bus: EventBus, poll_interval: float, tracer: Tracer, redis_cache: RedisCache) -> None:
        super().__init__(pool, bus, poll_interval, tracer)
        self._redis_cache = redis_cache
        self._last = 0
        self._registry = ""
        #: times that the stream ended with a change of another registry
        self.foreign = 0
        self._reported = float("-inf")

    async def _resume(self, session: Session, cursor: Row) -> int:
        """After the end of the stream; after the cursor if the stream is empty or ends with another history."""
        self._registry = cursor["registry_id"]
        self._last, payload, registry = await self._bus.position(events.CHANGES_STREAM)
        published = None if payload is None else _published(payload)
        if published is None:
            return await super()._resume(session, cursor)
        foreign = published.epoch != cursor["epoch"]
        row = await session.row(_EVENT_AT, published.revision)
        confirmed = row is not None and row["event_id"] == published.event_id
        if foreign and not confirmed and registry not in {"", self._registry}:
            self._report_shared(published, registry)
            return await super()._resume(session, cursor)
        if foreign and not cursor["revision"]:
            # Nothing of this registry has ever been published, so nothing can be confused.
            return await super()._resume(session, cursor)
        # The outbox of a quiet registry may have pruned the row; then the epoch decides.
        if (confirmed or (row is None and not foreign)) and published.revision <= cursor["head"]:
            await self._count_unconfirmed(session, cursor["revision"], published.revision)
            return published.revision
        # The database is an older copy: its next revisions must not be confused with those already published.
        changed = await session.row(_NEW_EPOCH, cursor["epoch"])
        epoch = changed and changed["epoch"]
        _log.error("head_went_back", head=cursor["head"], published=published.revision, epoch=epoch)
        return await super()._resume(session, cursor)

    def _report_shared(self, published: events.Change, registry: str) -> None:
        """Another registry publishes to this stream, which is a mistake in the settings of one of them."""
        self.foreign += 1
        if time.monotonic() - self._reported > _REPORT_EVERY:
            self._reported = time.monotonic()
            stream = self._bus.stream(events.CHANGES_STREAM)
            _log.error("stream_shared", stream=stream, registry=registry, epoch=published.epoch, setting="nats.prefix")

    async def _count_unconfirmed(self, session: Session, after: int, published: int) -> None:
        """Count changes that are in the stream although their acknowledgement never arrived, and advance the cursor."""
        if published > after:
            rows = await session.rows(_BETWEEN, after, published)
            await session.row(_ADVANCE, self.name, published)
            self.sent.update({f"changes.{row['entity']}": row["many"] for row in rows})

    async def _send(self, rows: Sequence[Row]) -> None:
        changes = [change_of(row) for row in rows]
        await self._redis_cache.put(rows[0]["history"], [(change.revision, _redis_parts(change)) for change in changes])
        subjects = [f"{events.CHANGES}{each.entity}" for each in changes]
        with self._traced(subjects, rows) as parents:
            messages = [
                Publication(subject, events.encode(each), f"{each.epoch}:{each.revision}", parent, self._registry)
                for subject, each, parent in zip(subjects, changes, parents, strict=True)
            ]
            self._last = await self._bus.append(events.CHANGES_STREAM, messages, self._last)

    def _advanced(self, rows: Sequence[Row]) -> None:
        # Not before the cursor has moved: until then, `_count_unconfirmed` may count them.
        self.sent.update(f"changes.{row['entity']}" for row in rows)


class _Events(_Loop):
    """The contract's events, to the stream that covers each subject, one at a time, so that a failure keeps the order."""

    name = "events"
    number = 2
    sql = _EVENTS

    async def _send(self, rows: Sequence[Row]) -> None:
        for row in rows:
            with self._traced([row["event_type"]], [row]) as [parent]:
                await self._bus.publish(Publication(row["event_type"], row["event"], row["event_id"], parent))
            self.sent[row["event_type"]] += 1


def _published(payload: bytes) -> events.Change | None:
    """The change in a message of the stream; None if another publisher's message got into it."""
    try:
        return events.decode(payload)
    except msgspec.DecodeError:
        _log.warning("stream_foreign", size=len(payload))
        return None


def _redis_parts(change: events.Change) -> dict[str, list[Stored] | None]:
    """The parts to write to Redis for a change: single-row parts with their row, tombstones for all others."""
    by_key: dict[str, list[Stored] | None] = dict.fromkeys((*change.keys, *change.left_keys))
    for key in change.keys:
        if cache_keys.kind_of(key) in _SINGLE_ROW and change.value is not None:
            by_key[key] = [Stored(change.entity, change.row_id, change.value, change.deleted)]
    return by_key


async def _either(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
