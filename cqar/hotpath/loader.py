"""Loading parts that a worker's cache lacks from Redis or PostgreSQL, and the parts that one derivation sees."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from cqar import config, errors, tasks
from cqar.hotpath.cache import Cache
from cqar.hotpath.feed import Feed
from cqar.hotpath.freshness import Freshness
from cqar.hotpath.part import Part
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Head, Missing, Stored, by_kind
from cqar.observability import tracing
from cqar.server.statuses import Metadata
from cqar.storage import parts
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

#: Parts that are admitted, or offered to Redis, between two turns of other tasks.
_AT_ONCE = 100
#: Trailing metadata of responses that did not come from the worker's memory alone.
_FROM_REDIS: Metadata = (("cqar-source", "redis"),)
FROM_DATABASE: Metadata = (("cqar-source", "database"),)


class Loaded(NamedTuple):
    """Parts that were loaded: rows by key, the history and snap at which they were read, and their source."""

    history: str
    #: `Cache.starts` when the load began: a restored copy may have the same history
    starts: int
    snap: int
    rows: Mapping[str, Sequence[Stored]]
    source: Metadata


class LoadedParts(dict[str, Loaded]):
    """What was loaded for one response, by part key."""

    def __init__(self) -> None:
        super().__init__()
        self.source: Metadata = ()

    def add(self, loaded: Loaded) -> None:
        """Add what was loaded. If anything came from PostgreSQL, the source of the response is PostgreSQL."""
        self.update(dict.fromkeys(loaded.rows, loaded))
        self.source = FROM_DATABASE if FROM_DATABASE in (self.source, loaded.source) else loaded.source


class PartsView:
    """The parts that one derivation sees: those of the cache and, if it has none or older ones, those loaded for it."""

    def __init__(self, cache: Cache, loaded: Mapping[str, Loaded], *, fresh: bool) -> None:
        self._cache = cache
        self._loaded = loaded
        self._fresh = fresh
        self._now = time.monotonic()
        self.used: dict[str, Part] = {}
        #: whether all parts came from the cache
        self.all_cached = True
        self._revision: int | None = None

    @property
    def revision(self) -> int:
        """The response contains every change up to this revision."""
        return self._cache.applied if self._revision is None else self._revision

    def get(self, key: str) -> Sequence[Stored]:
        """The rows of a part. Raises Missing."""
        cache = self._cache
        part = cache.get(key, self._now)
        if part is not None and part.absent and not self._fresh:
            part = None  # while a worker is cut off, only PostgreSQL may say that a part has no rows
        loaded = self._loaded.get(key)
        if loaded is not None and _current(cache, key, loaded) and (part is None or loaded.snap > cache.applied):
            self.all_cached = False
            self._limit(max(cache.applied, loaded.snap))
            return loaded.rows[key]
        if part is None:
            raise Missing(key)
        self._limit(cache.applied)
        self.used[key] = part
        return part.rows

    def _limit(self, revision: int) -> None:
        self._revision = revision if self._revision is None else min(self._revision, revision)


def same_history(cache: Cache, loaded: Loaded) -> bool:
    """Whether what was loaded is of the history that the cache follows, and was since it last started over."""
    return loaded.history == cache.history and loaded.starts == cache.starts


def _current(cache: Cache, key: str, loaded: Loaded) -> bool:
    """Whether the loaded part is of the cache's history and has not changed since it was read."""
    return same_history(cache, loaded) and cache.current(key, loaded.snap)


class Loader:
    """Loads parts that the cache lacks; concurrent callers share a load. Belongs to one event loop."""

    def __init__(
        self, cache: Cache, feed: Feed, pool: Pool, redis_cache: RedisCache, freshness: Freshness, settings: config.Settings
    ) -> None:
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self._redis_cache = redis_cache
        self._freshness = freshness
        self._apply_timeout = settings.coherence.min_revision_wait
        self._max_running = settings.hotpath.max_fills
        #: the task that loads a part, by its key: one task may load many parts
        self._by_key: dict[str, asyncio.Task[Loaded]] = {}
        self._running: set[asyncio.Task[Loaded]] = set()
        self._offers: set[asyncio.Task[None]] = set()
        #: parts that were found in Redis, and parts that were not, by kind
        self.redis_hits, self.redis_misses = Counter[str](), Counter[str]()

    def __len__(self) -> int:
        """The number of loads under way."""
        return len(self._running)

    async def close(self) -> None:
        """Cancel loads and offers under way."""
        await tasks.end(*self._running, *self._offers)

    # ---- one part --------------------------------------------------------------------------------------------------

    async def load(self, key: str) -> Loaded:
        """The part under `key` and the parts that responses about it need. Raises Unavailable, Exhausted."""
        absent = await self._confirmed_absent([key])
        if absent is not None and key in absent.rows:
            return absent
        return await asyncio.shield(self._by_key.get(key) or self._begin([key], partial(self._load_one, key)))

    def _begin(self, keys: Sequence[str], load: Callable[[], Coroutine[Any, Any, Loaded]]) -> asyncio.Task[Loaded]:
        """Load `keys` once; concurrent callers share the task (single flight). Raises Exhausted."""
        if len(self._running) >= self._max_running:
            msg = f"{self._max_running} fills are under way; retry in a moment"
            raise errors.Exhausted(msg)
        task = asyncio.create_task(_traced(keys, load), name=f"fill {keys[0]}")
        self._running.add(task)
        self._by_key.update(dict.fromkeys(keys, task))
        task.add_done_callback(lambda done: self._ended(keys, done))
        return task

    def _ended(self, keys: Sequence[str], task: asyncio.Task[Loaded]) -> None:
        self._running.discard(task)
        for key in keys:
            del self._by_key[key]
        if not task.cancelled():
            task.exception()  # callers have it; retrieved here in case all of them have gone

    async def _load_one(self, key: str) -> Loaded:
        """From Redis if its value is provably right, else from PostgreSQL."""
        loaded = await self._adopt(key)
        if loaded is not None:
            self.redis_hits[kind_of(key)] += 1
            self._cache.admit(loaded.snap, loaded.rows, time.monotonic())
            return loaded
        self.redis_misses[kind_of(key)] += 1
        loaded = await self._read(key)
        if same_history(self._cache, loaded):
            self._cache.admit(loaded.snap, loaded.rows, time.monotonic())
            await self._wait_applied(loaded.snap)
        return loaded

    async def _adopt(self, key: str) -> Loaded | None:
        """The part in Redis, if it is provably right: admissible, of this history, and not of a fork of it."""
        cache, history, starts = self._cache, self._cache.history, self._cache.starts
        value = await self._redis_cache.get(history, key)
        if value is None or value.rows is None:
            return None
        if not value.rows and not self._freshness.fresh():
            return None
        if not await self._wait_applied(value.snap):
            return None
        adopted = Loaded(history, starts, value.snap, {key: value.rows}, _FROM_REDIS)
        if not same_history(cache, adopted) or not cache.admissible(key, value.snap) or cache.epoch == self._feed.forked:
            return None
        return adopted

    async def _read(self, *keys: str) -> Loaded:
        """Parts from PostgreSQL, offered to Redis too if they are of this history. Raises Unavailable."""
        starts = self._cache.starts
        async with self._pool.session() as session:
            head, found = await parts.read(session, *keys)
        if head.history == self._cache.history:
            self._offer(head, found)
        else:
            self._feed.probe()
        return Loaded(head.history, starts, head.snap, found, FROM_DATABASE)

    async def _wait_applied(self, snap: int) -> bool:
        """Whether everything up to the snap is applied, now or in a moment: the cache then admits what was read there."""
        return await self._feed.wait_applied(snap, self._apply_timeout)

    def _offer(self, head: Head, found: Mapping[str, Sequence[Stored]]) -> None:
        """Offer parts to Redis, in the background."""
        offer = asyncio.create_task(self._put(head, found), name="offer")
        self._offers.add(offer)
        offer.add_done_callback(self._offers.discard)

    async def _put(self, head: Head, found: Mapping[str, Sequence[Stored]]) -> None:
        async for keys in tasks.in_turns(list(found), _AT_ONCE):
            await self._redis_cache.put(head.history, [(head.snap, {key: found[key] for key in keys})])

    # ---- many parts ------------------------------------------------------------------------------------------------

    async def load_many(self, keys: Collection[str]) -> list[Loaded]:
        """The parts under `keys` as `load` does, with one read of PostgreSQL per kind. Raises Unavailable, Exhausted."""
        absent = await self._confirmed_absent(keys)
        absent_rows = absent.rows if absent is not None else {}
        if absent is not None:
            await self._admit(absent)
        waiting = {self._by_key[key] for key in keys if key in self._by_key}
        rest = [key for key in keys if key not in absent_rows and key not in self._by_key]
        for some in by_kind(rest).values():
            one = len(some) == 1
            waiting.add(self._begin(some, partial(self._load_one, some[0]) if one else partial(self._load_kind, some)))
        loaded = await asyncio.gather(*map(asyncio.shield, waiting))
        return [*loaded, *([absent] if absent is not None else [])]

    async def _load_kind(self, keys: Sequence[str]) -> Loaded:
        """From PostgreSQL, at one snap; admitted in turns, so that lookups do not wait for it."""
        self.redis_misses.update(map(kind_of, keys))
        loaded = await self._read(*keys)
        if same_history(self._cache, loaded) and await self._wait_applied(loaded.snap):
            await self._admit(loaded)
        return loaded

    async def _admit(self, loaded: Loaded) -> None:
        """Admit parts to the cache, in turns."""
        async for some in tasks.in_turns(list(loaded.rows), _AT_ONCE):
            if not same_history(self._cache, loaded):
                return
            self._cache.admit(loaded.snap, {key: loaded.rows[key] for key in some}, time.monotonic())

    # ---- absences --------------------------------------------------------------------------------------------------

    async def _confirmed_absent(self, keys: Collection[str]) -> Loaded | None:
        """Empty parts for the keys that a complete cache lacks, confirmed by a database probe that begins now.

        All concurrent callers share probes, of which there are at most a few hundred a second.
        """
        cache = self._cache
        absent = [key for key in keys if cache.absent(key)]
        if not absent or not await self._feed.wait_probed(self._apply_timeout):
            return None
        found = {key: () for key in absent if cache.absent(key)}
        return Loaded(cache.history, cache.starts, cache.applied, found, ())


async def _traced(keys: Sequence[str], load: Callable[[], Coroutine[Any, Any, Loaded]]) -> Loaded:
    """Load parts in a span of the call that asked first."""
    with tracing.inside("fill", attributes={"cqar.part": kind_of(keys[0]), "cqar.parts": len(keys)}):
        return await load()
