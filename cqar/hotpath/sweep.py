"""The audit sweep: it rereads cached parts from PostgreSQL, a few at a time, and compares them.

A cached part is true at max(applied, its snap). If no change of it is known since the revision of the rereading, both must
be equal. A part that differs is counted, logged and replaced. A cache that knows absences must also have every part that
PostgreSQL has rows for, or know that it lacks that part; the sweep reads the keys of all rows to see that.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence

from prometheus_client.metrics_core import Metric

from cqar import errors, tasks
from cqar.hotpath.cache import Cache
from cqar.hotpath.feed import Feed
from cqar.hotpath.part import Part
from cqar.model import part_kinds
from cqar.model.entities import BY_NAME
from cqar.model.parts import Stored, by_kind
from cqar.observability import logs
from cqar.observability.metrics import counter
from cqar.storage import parts
from cqar.storage.postgres import Pool

_log = logs.logger("sweep")

#: Parts read at once: few, because lookups wait while their rows are decoded.
_AT_ONCE = 25
#: Keys read at once to find parts that are missing.
_KEYS_AT_ONCE = 250
#: Expired absences that are removed before a read, at most.
_MAX_EXPIRED = 1_000
#: Seconds between two reads.
_INTERVAL = 0.25
#: Seconds that a read waits until its snap is applied.
_APPLY_TIMEOUT = 1.0


class Sweep:
    """Compares the cache of a worker with PostgreSQL, continuously."""

    def __init__(self, cache: Cache, feed: Feed, pool: Pool) -> None:
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self._due: list[str] = []
        #: the kinds whose keys are still to be read, the next one last, and the names in the last key of that one
        self._kinds: list[str] = []
        self._after: Sequence[str] = ()
        self._task: asyncio.Task[None] | None = None
        #: parts compared, and parts found wrong
        self.compared = 0
        self.mismatches = 0

    def start(self) -> None:
        """Start, in the background."""
        self._task = asyncio.create_task(self._run(), name="sweep")

    async def stop(self) -> None:
        """Stop."""
        await tasks.end(self._task)

    def collect(self) -> Iterator[Metric]:
        """Its metrics."""
        yield counter("cqar_cache_audit_compared", "Cached parts compared with PostgreSQL", (), {(): self.compared})
        yield counter("cqar_cache_audit_mismatch", "Cached parts found wrong", (), {(): self.mismatches})

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_INTERVAL)
            try:
                await self.compare_next()
                await self.find_missing()
            except errors.CqarError:
                pass  # the feed logs outages
            except Exception:  # noqa: BLE001 - any failure is retried
                _log.exception("sweep_failed")

    async def compare_next(self) -> None:
        """Compare the next parts; after the last, start over. Raises Unavailable."""
        cache = self._cache
        cache.expire(time.monotonic(), _MAX_EXPIRED)
        if not self._due:
            self._due = cache.keys()
        keys = [key for key in self._due[-_AT_ONCE:] if cache.peek(key) is not None]
        del self._due[-_AT_ONCE:]
        history, starts = cache.history, cache.starts
        async with self._pool.session() as session:
            reads = [await parts.read_rows(session, *some) for some in by_kind(keys).values()]
        for head, found in reads:
            if head.history != history or not await self._feed.wait_applied(head.snap, _APPLY_TIMEOUT):
                continue
            if cache.starts != starts or cache.history != history:
                return
            for key, rows in found.items():
                self._compare(key, head.snap, rows)

    async def find_missing(self) -> None:
        """Look for the next keys that have rows and are not cached; after the last, start over. Raises Unavailable."""
        cache = self._cache
        history, starts, complete = cache.history, cache.starts, cache.complete
        if not complete:
            return
        if not self._kinds:
            self._kinds = sorted(complete)
        kind = part_kinds.BY_NAME[self._kinds[-1]]
        after = self._after or [""] * kind.arity
        async with self._pool.session() as session:
            head, keys = await parts.next_keys(session, kind, after, _KEYS_AT_ONCE)
        if head.history != history or not await self._feed.wait_applied(head.snap, _APPLY_TIMEOUT):
            return
        if cache.starts != starts or cache.history != history:
            return
        if len(keys) < _KEYS_AT_ONCE:
            self._kinds.pop()
        self._after = kind.names(keys[-1]) if len(keys) == _KEYS_AT_ONCE else ()
        for key in keys:
            if cache.absent(key) and cache.current(key, head.snap):
                self.mismatches += 1
                _log.error("audit_mismatch", key=key, snap=head.snap, part_snap=None, applied=cache.applied)
                cache.lost(key)

    def _compare(self, key: str, snap: int, rows: Sequence[Stored]) -> None:
        cache, now = self._cache, time.monotonic()
        part = cache.peek(key)
        if part is None or part.expires <= now or not cache.admissible(key, snap):
            return
        self.compared += 1
        if _same(part, rows):
            return
        self.mismatches += 1
        _log.error("audit_mismatch", key=key, snap=snap, part_snap=part.snap, applied=cache.applied)
        cache.admit(snap, {key: rows}, now)


def _same(part: Part, rows: Sequence[Stored]) -> bool:
    """Whether the part holds these rows, in any order. The entries of a map may be encoded in any order, too."""
    cached, read = _by_row(part.rows), _by_row(rows)
    if cached.keys() != read.keys():
        return False
    return all(
        each.deleted == read[ident].deleted and (each.value == read[ident].value or _parsed(each) == _parsed(read[ident]))
        for ident, each in cached.items()
    )


def _by_row(rows: Sequence[Stored]) -> Mapping[tuple[str, str], Stored]:
    return {(each.entity, each.row_id): each for each in rows}


def _parsed(row: Stored) -> object:
    return BY_NAME[row.entity].message.FromString(row.value)
