"""The lookup core: request bytes in, answer bytes out, at once where the answer stands ready, else after a fill.

A ready answer is kept under the whole request's bytes with the parts it is made of. It is valid while each of them lives
and its time has not run out; a generation compared first makes that one comparison for most hits. Transports call `hit`,
and `resolve` where there is none.
"""

import asyncio
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cqar import answers, config, errors, parts, telemetry
from cqar.answers import LOOKUPS, Lookup
from cqar.cache import Cache, Part
from cqar.hotpath.feed import Feed
from cqar.parts import Missing, Stored
from cqar.serve import Metadata, Reply
from cqar.store import Store
from cqar.tier import Tier

_log = telemetry.logger("lookups")

#: Longer requests are answered, but not kept: an honest one is far shorter.
_LONGEST_KEPT = 512


class Ready:
    """An answer that stands ready."""

    __slots__ = ("body", "good_until", "parts", "request", "seen", "table", "used")

    def __init__(self, table: dict[bytes, "Ready"], request: bytes, body: bytes, made_of: tuple[Part, ...], good_until: int) -> None:
        self.table = table
        self.request = request
        self.body = body
        self.parts = made_of
        self.good_until = good_until
        self.seen = -1
        self.used = False


class Filled(NamedTuple):
    """What a fill brought: rows by part key, and the snap they were read at."""

    snap: int
    rows: Mapping[str, Sequence[Stored]]


class Core:
    """Answers lookups from a cache that a feed keeps right. Belongs to one event loop."""

    def __init__(
        self, cache: Cache, feed: Feed, store: Store, tier: Tier, settings: config.Settings
    ) -> None:
        self._cache = cache
        self._feed = feed
        self._store = store
        self._tier = tier
        self._lease = settings.coherence.lease
        self._detached = settings.coherence.detached_serve
        self._min_revision_wait = settings.coherence.min_revision_wait
        self._max_fills = settings.hotpath.max_fills
        self._limit = settings.hotpath.cache_entries
        self._tables: dict[str, dict[bytes, Ready]] = {name: {} for name in LOOKUPS}
        self._queue: deque[Ready] = deque()
        self._kept = 0
        self._fills: dict[str, asyncio.Task[Filled]] = {}
        self._offers: set[asyncio.Task[None]] = set()
        self.hits = 0
        self.misses = 0

    # ---- at once ---------------------------------------------------------------------------------------------------

    def hit(self, method: str, request: bytes) -> bytes | None:
        """The ready answer to the request, or None where it is to be resolved. Fresh; never marked stale."""
        ready = self._tables[method].get(request)
        if ready is None or self._feed.age() > self._lease:
            return None
        if not self._valid(ready):
            return None
        ready.used = True
        self.hits += 1
        return ready.body

    def _valid(self, ready: Ready) -> bool:
        if ready.seen != self._cache.generation:
            if not all(part.live for part in ready.parts):
                self._forget(ready)
                return False
            ready.seen = self._cache.generation
        if ready.good_until <= answers.now_us():
            self._forget(ready)
            return False
        return True

    # ---- after a while ---------------------------------------------------------------------------------------------

    async def resolve(self, method: str, data: bytes) -> Reply:
        """The answer by cache, Redis and PostgreSQL, by the ladder of freshness. Raises errors of `cqar.errors`."""
        lookup = LOOKUPS[method]
        request = answers.parse(lookup, data)
        if request.HasField("min_revision") and request.min_revision > self._cache.applied:
            found = await self._feed.wait_applied(request.min_revision, self._min_revision_wait)
            if not found:
                return await self._from_database(lookup, request, request.min_revision)
        age = self._feed.age()
        if age > self._detached:
            return await self._from_database(lookup, request)
        try:
            body = await self._from_parts(method, lookup, request, data)
        except errors.NotFound:
            # A worker that is cut off may not have heard of it: only PostgreSQL may say that there is none.
            if self._feed.age() <= self._lease:
                raise
            return await self._from_database(lookup, request)
        age = self._feed.age()
        return Reply(body) if age <= self._lease else marked_stale(body, age)

    async def _from_parts(self, method: str, lookup: Lookup, request: Any, data: bytes) -> bytes:
        brought: dict[str, Sequence[Stored]] = {}
        snap = 0
        while True:
            used: dict[str, Part] = {}
            whole = True
            now = time.monotonic()

            def get(key: str) -> Sequence[Stored]:
                nonlocal whole
                part = self._cache.get(key, now)  # noqa: B023 - called within this turn of the loop only
                if part is not None:
                    used[key] = part  # noqa: B023 - the same
                    return part.rows
                if key in brought:
                    whole = False
                    return brought[key]
                raise Missing(key)

            try:
                derived = lookup.derive(get, request, answers.now_us())
            except Missing as missing:
                self.misses += 1
                filled = await self._fill(missing.key)
                brought.update(filled.rows)
                snap = max(snap, filled.snap)
                continue
            made_of = tuple(used.values())
            newest = max((part.snap for part in made_of), default=0)
            derived.response.revision = max(self._cache.applied, newest, snap)
            body: bytes = derived.response.SerializeToString()
            if whole and len(data) <= _LONGEST_KEPT and not request.HasField("min_revision") and not _asks_of_the_past(request):
                self._keep(self._tables[method], data, body, made_of, derived.good_until)
            return body

    async def _from_database(self, lookup: Lookup, request: Any, min_revision: int = 0) -> Reply:
        """The answer by PostgreSQL's word alone. Raises Unavailable where it is down."""
        async with self._store.session() as session:
            derived, snap = await answers.from_database(session, lookup, request)
        if snap < min_revision:
            description = f"revision {min_revision} is beyond the registry's, which is {snap}"
            raise errors.Precondition("MIN_REVISION", "min_revision", description)
        derived.response.revision = snap
        return Reply(derived.response.SerializeToString())

    # ---- fills -----------------------------------------------------------------------------------------------------

    async def _fill(self, key: str) -> Filled:
        """Bring the part under the key, once however many wait for it. Raises Unavailable, Exhausted."""
        task = self._fills.get(key)
        if task is None:
            if len(self._fills) >= self._max_fills:
                msg = f"{self._max_fills} fills are under way; retry in a moment"
                raise errors.Exhausted(msg)
            task = asyncio.create_task(self._bring(key), name=f"fill {key}")
            self._fills[key] = task
            task.add_done_callback(lambda done: self._filled(key, done))
        return await asyncio.shield(task)

    def _filled(self, key: str, task: asyncio.Task[Filled]) -> None:
        del self._fills[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may have

    async def _bring(self, key: str) -> Filled:
        cache = self._cache
        adopted = await self._tier.get(cache.epoch, key)
        if adopted is not None and adopted.rows is not None and cache.admissible(key, adopted.snap):
            rows = {key: adopted.rows}
            self._admit(adopted.snap, rows)
            return Filled(adopted.snap, rows)
        async with self._store.session() as session:
            head, found = await parts.read(session, key)
        if head.epoch == cache.epoch:
            self._admit(head.snap, found)
            offer = asyncio.create_task(self._tier.put(head.epoch, head.snap, found), name=f"offer {key}")
            self._offers.add(offer)
            offer.add_done_callback(self._offers.discard)
        else:
            self._feed.probe()
        return Filled(head.snap, found)

    def _admit(self, snap: int, rows: Mapping[str, Sequence[Stored]]) -> None:
        self._cache.admit(snap, rows, time.monotonic())
        if snap > self._cache.applied:
            self._feed.probe()

    async def close(self) -> None:
        """Let go of fills and offers under way."""
        tasks = [*self._fills.values(), *self._offers]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # ---- ready answers ---------------------------------------------------------------------------------------------

    def _keep(self, table: dict[bytes, Ready], request: bytes, body: bytes, made_of: tuple[Part, ...], good_until: int) -> None:
        if not all(part.live for part in made_of):
            return
        held = table.get(request)
        if held is not None:
            self._forget(held)
        ready = Ready(table, request, body, made_of, good_until)
        ready.seen = self._cache.generation
        for part in made_of:
            part.holders += 1
        table[request] = ready
        self._queue.append(ready)
        self._kept += 1
        self._evict()

    def _forget(self, ready: Ready) -> None:
        if ready.table.get(ready.request) is ready:
            del ready.table[ready.request]
            self._kept -= 1
            for part in ready.parts:
                part.holders -= 1

    def _evict(self) -> None:
        """Second chance, as for parts."""
        while self._queue and (self._kept > self._limit or len(self._queue) > 2 * self._kept + 1024):
            ready = self._queue.popleft()
            if ready.table.get(ready.request) is not ready:
                continue
            if ready.used or self._kept <= self._limit:
                ready.used = False
                self._queue.append(ready)
                if self._kept <= self._limit:
                    self._queue = deque(each for each in self._queue if each.table.get(each.request) is each)
                continue
            self._forget(ready)


def _asks_of_the_past(request: Any) -> bool:
    return "as_of" in request.DESCRIPTOR.fields_by_name and request.HasField("as_of")


def marked_stale(body: bytes, age: float) -> Reply:
    """The answer with the marks of a worker that is cut off: `stale` and `age_ms` appended, and in the trailers."""
    age_ms = min(round(age * 1_000), (1 << 62)) if age < float("inf") else 1 << 62
    tail = bytearray(b"\xc8\x0c\x01\xd0\x0c")
    rest = age_ms
    while rest > 0x7F:  # noqa: PLR2004 - the bits of a varint
        tail.append(rest & 0x7F | 0x80)
        rest >>= 7
    tail.append(rest)
    trailing: Metadata = (("cqar-stale", "true"), ("cqar-age-ms", str(age_ms)))
    return Reply(body + bytes(tail), trailing)
