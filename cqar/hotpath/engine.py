"""The lookup core: request bytes in, answer bytes out. What stands ready is `ready`'s; the rest is derived, after a fill."""

import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from cqar import clock, config, errors
from cqar.hotpath.cache import Cache, Part
from cqar.hotpath.feed import Feed
from cqar.hotpath.fills import FROM_DATABASE, Brought, Fills, View
from cqar.hotpath.freshness import Freshness, marked, marks
from cqar.hotpath.response_cache import Answers
from cqar.lookups import derive, single
from cqar.lookups.single import LOOKUPS, Lookup
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Missing, Stored
from cqar.observability import logs
from cqar.server.rpc import Reply
from cqar.services import lookups
from cqar.storage import parts
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

_log = logs.logger("lookups")

#: Of the cache's bytes, one part in so many is for ready answers.
ANSWERS_SHARE = 3


class Core:
    """Answers lookups from a cache that a feed keeps right. Belongs to one event loop."""

    def __init__(self, cache: Cache, feed: Feed, pool: Pool, tier: RedisCache, settings: config.Settings) -> None:
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self.freshness = Freshness(feed, settings.coherence)
        self.fills = Fills(cache, feed, pool, tier, self.freshness, settings)
        self._min_revision_wait = settings.coherence.min_revision_wait
        size = settings.hotpath.cache_bytes // ANSWERS_SHARE
        self.answers = Answers(cache, self.freshness, tuple(LOOKUPS), entries=settings.hotpath.cache_entries, size=size)
        #: ready answers given, by method
        self.answered = dict.fromkeys(LOOKUPS, 0)
        #: lookups that no ready answer was there for, by method
        self.resolved = dict.fromkeys(LOOKUPS, 0)
        #: parts that such lookups found in memory, and found nowhere in it, by kind
        self.found, self.missed = Counter[str](), Counter[str]()

    def count(self, method: str, many: int) -> None:
        """So many ready answers were given."""
        self.answered[method] += many

    @property
    def hits(self) -> int:
        """Ready answers given."""
        return sum(self.answered.values())

    # ---- after a while ---------------------------------------------------------------------------------------------

    async def resolve(self, method: str, data: bytes, *, strict: bool = False) -> Reply:
        """The answer by cache, Redis and PostgreSQL, by the ladder of freshness. Raises errors of `cqar.errors`.

        `strict`: an answer that is not fresh is Unavailable instead.
        """
        lookup = LOOKUPS[method]
        self.resolved[method] += 1
        request = single.parse(lookup, data)
        self.answers.drop(method, data)
        least = single.min_revision(request)
        if least > self._cache.applied and not await self._feed.wait_applied(least, self._min_revision_wait):
            return await self._from_database(lookup, request)
        if not self.freshness.serves(strict=strict):
            return await self._from_database(lookup, request)
        try:
            reply = await self._from_parts(method, lookup, request, data)
        except (errors.NotFound, errors.Ambiguous):
            # A worker that is cut off may not have heard of it: only PostgreSQL may say that there is none, or several.
            if self.freshness.fresh():
                raise
            reply = None
        if reply is None:
            return await self._from_database(lookup, request)
        if self.freshness.fresh():
            return reply
        return await self._from_database(lookup, request) if strict else marked(reply, marks(self.freshness.age()))

    async def _from_parts(self, method: str, lookup: Lookup, request: Any, data: bytes) -> Reply | None:
        """The answer by parts; None where only PostgreSQL may say so, or what is brought is of another history."""
        brought = Brought()
        for _ in range(derive.TRIES):
            view = View(self._cache, brought, fresh=self.freshness.fresh())
            try:
                derived = lookup.derive(view.get, request, clock.now())
            except Missing as missing:
                self.missed[kind_of(missing.key)] += 1
                filled = await self.fills.bring(missing.key)
                if filled.history != self._cache.history:
                    return None
                brought.add(filled)
                continue
            if derived.none and not self.freshness.fresh():
                return None
            self.found.update(map(kind_of, view.used))
            derived.response.revision = view.revision
            body: bytes = derived.response.SerializeToString()
            if view.whole and not derived.none:
                self.answers.keep(method, data, request, body, tuple(view.used.values()), derived.good_until)
            return Reply(body, brought.source)
        return None

    async def _from_database(self, lookup: Lookup, request: Any) -> Reply:
        """The answer by PostgreSQL's word alone, of one snapshot. Raises Unavailable where it is down."""
        async with self._pool.snapshot() as session:
            derived, snap = await lookups.from_database(session, lookup, request)
        derived.response.revision = snap
        return Reply(derived.response.SerializeToString(), FROM_DATABASE)

    async def part(self, key: str) -> tuple[Sequence[Stored], Part | None]:
        """The rows under a key by cache or fill, and the part of the cache that has them, if it does. Raises as `resolve`."""
        found = self._held(key)
        if found is not None:
            return found.rows, found
        filled = await self.fills.bring(key)
        found = self._held(key)
        return (filled.rows[key], None) if found is None else (found.rows, found)

    async def part_now(self, key: str) -> Sequence[Stored]:
        """The rows under a key by PostgreSQL's word alone. Raises Unavailable."""
        async with self._pool.session() as session:
            _, found = await parts.read(session, key)
        return found[key]

    def _held(self, key: str) -> Part | None:
        """The cache's part, unless its emptiness is not to be believed."""
        found = self._cache.get(key, time.monotonic())
        return found if found is not None and (not found.absent or self.freshness.fresh()) else None

    async def close(self) -> None:
        """Let go of what is under way, and of what stands ready."""
        await self.fills.close()
        self.answers.clear()
