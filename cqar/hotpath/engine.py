"""The lookup engine of a worker. Serves cached responses; otherwise loads the missing parts and derives the response."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from cqar import clock, config, errors
from cqar.hotpath.cache import Cache
from cqar.hotpath.feed import Feed
from cqar.hotpath.freshness import Freshness, stale_marks, with_marks
from cqar.hotpath.loader import FROM_DATABASE, LoadedParts, Loader, PartsView, same_history
from cqar.hotpath.part import Part
from cqar.hotpath.response_cache import ResponseCache
from cqar.lookups import derive, single
from cqar.lookups.single import LOOKUPS, Lookup
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Missing, Stored
from cqar.server.rpc import Reply
from cqar.services import lookups
from cqar.storage import parts
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

#: A third of the cache's bytes is for cached responses.
RESPONSES_SHARE = 3


class Engine:
    """Answers lookups from a cache that a feed keeps up to date. Belongs to one event loop."""

    def __init__(self, cache: Cache, feed: Feed, pool: Pool, redis_cache: RedisCache, settings: config.Settings) -> None:
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self.freshness = Freshness(feed, settings.coherence)
        self.loader = Loader(cache, feed, pool, redis_cache, self.freshness, settings)
        self._min_revision_wait = settings.coherence.min_revision_wait
        entries, size = settings.hotpath.cache_entries, settings.hotpath.cache_bytes // RESPONSES_SHARE
        self.responses = ResponseCache(cache, self.freshness, tuple(LOOKUPS), entries=entries, size=size)
        #: lookups that a cached response answered, and lookups that none did, by method
        self.hits = dict.fromkeys(LOOKUPS, 0)
        self.misses = dict.fromkeys(LOOKUPS, 0)
        #: parts that derivations found in memory, and parts that had to be loaded, by kind
        self.parts_found, self.parts_missed = Counter[str](), Counter[str]()

    def count_hits(self, method: str, many: int) -> None:
        """Count lookups that cached responses answered."""
        self.hits[method] += many

    @property
    def total_hits(self) -> int:
        """Lookups of all methods that cached responses answered."""
        return sum(self.hits.values())

    # ---- misses ----------------------------------------------------------------------------------------------------

    async def resolve(self, method: str, data: bytes, *, strict: bool = False) -> Reply:
        """The response from cache, Redis or PostgreSQL, as freshness allows. Raises errors of `cqar.errors`.

        With `strict`, raises Unavailable instead of returning a response that is not fresh.
        """
        lookup = LOOKUPS[method]
        self.misses[method] += 1
        request = single.parse(lookup, data)
        self.responses.remove_expired(method, data)
        least = single.min_revision(request)
        if least > self._cache.applied and not await self._feed.wait_applied(least, self._min_revision_wait):
            return await self._from_database(lookup, request)
        if not self.freshness.serves(strict=strict):
            return await self._from_database(lookup, request)
        try:
            reply = await self._from_parts(method, lookup, request, data)
        except (errors.NotFound, errors.Ambiguous):
            # A worker that is cut off may have missed the change that decides this: ask PostgreSQL.
            if self.freshness.fresh():
                raise
            reply = None
        if reply is None:
            return await self._from_database(lookup, request)
        if self.freshness.fresh():
            return reply
        return await self._from_database(lookup, request) if strict else with_marks(reply, stale_marks(self.freshness.age()))

    async def _from_parts(self, method: str, lookup: Lookup, request: Any, data: bytes) -> Reply | None:
        """The response from parts; None if PostgreSQL must decide, or if a loaded part is of another history."""
        loaded = LoadedParts()
        for _ in range(derive.MAX_TRIES):
            view = PartsView(self._cache, loaded, fresh=self.freshness.fresh())
            try:
                derived = lookup.derive(view.get, request, clock.now())
            except Missing as missing:
                self.parts_missed[kind_of(missing.key)] += 1
                part = await self.loader.load(missing.key)
                if not same_history(self._cache, part):
                    return None
                loaded.add(part)
                continue
            if derived.absence and not self.freshness.fresh():
                return None
            self.parts_found.update(map(kind_of, view.used))
            derived.response.revision = view.revision
            body: bytes = derived.response.SerializeToString()
            if view.all_cached and not derived.absence:
                self.responses.store(method, data, request, body, tuple(view.used.values()), derived.valid_until)
            return Reply(body, loaded.source)
        return None

    async def _from_database(self, lookup: Lookup, request: Any) -> Reply:
        """The response from PostgreSQL alone, at one snapshot. Raises Unavailable."""
        async with self._pool.snapshot() as session:
            derived, snap = await lookups.from_database(session, lookup, request)
        derived.response.revision = snap
        return Reply(derived.response.SerializeToString(), FROM_DATABASE)

    # ---- parts -----------------------------------------------------------------------------------------------------

    async def part(self, key: str) -> tuple[Sequence[Stored], Part | None]:
        """The rows under a key, loaded if needed, and the cached part that holds them, if any. Raises as `Loader.load`.

        Rows that changed while they were loaded, such as a revoked API key, are loaded again.
        """
        loaded = LoadedParts()
        for _ in range(derive.MAX_TRIES):
            view = PartsView(self._cache, loaded, fresh=self.freshness.fresh())
            try:
                return view.get(key), view.used.get(key)
            except Missing:
                part = await self.loader.load(key)
            if not same_history(self._cache, part):
                break
            loaded.add(part)
        return await self.part_from_database(key), None

    async def part_from_database(self, key: str) -> Sequence[Stored]:
        """The rows under a key, from PostgreSQL alone. Raises Unavailable."""
        async with self._pool.session() as session:
            _, found = await parts.read(session, key)
        return found[key]

    async def close(self) -> None:
        """Cancel loads and drop cached responses."""
        await self.loader.close()
        self.responses.clear()
