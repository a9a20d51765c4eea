"""Fills: parts that the cache of a worker does not have are brought from Redis or PostgreSQL, and what a derivation sees."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from cqar import config, errors, tasks
from cqar.hotpath.cache import Cache, Part
from cqar.hotpath.feed import Feed
from cqar.hotpath.freshness import Freshness
from cqar.model.cache_keys import kind_of
from cqar.model.parts import Head, Missing, Stored, by_kind
from cqar.observability import tracing
from cqar.server.statuses import Metadata
from cqar.storage import parts
from cqar.storage.postgres import Pool
from cqar.storage.redis import RedisCache

#: Parts that are kept, or offered to Redis, at once.
_AT_ONCE = 100
#: Trailing metadata that says where an answer came from beyond the memory of the worker.
_FROM_REDIS: Metadata = (("cqar-source", "redis"),)
FROM_DATABASE: Metadata = (("cqar-source", "database"),)


class Filled(NamedTuple):
    """What a fill brought: rows by part key, the history and the snap they were read at, and where from."""

    history: str
    snap: int
    rows: Mapping[str, Sequence[Stored]]
    source: Metadata


class Brought(dict[str, Filled]):
    """What fills have brought for one answer, by part key."""

    def __init__(self) -> None:
        super().__init__()
        #: where from
        self.source: Metadata = ()

    def add(self, filled: Filled) -> None:
        """A fill has come. What is of PostgreSQL in part is of PostgreSQL."""
        self.update(dict.fromkeys(filled.rows, filled))
        self.source = FROM_DATABASE if FROM_DATABASE in (self.source, filled.source) else filled.source


class View:
    """The parts that one derivation sees: the cache's, and where it has none or older ones, those brought for it."""

    def __init__(self, cache: Cache, brought: Mapping[str, Filled], *, fresh: bool) -> None:
        self._cache = cache
        self._brought = brought
        self._fresh = fresh
        self._now = time.monotonic()
        self.used: dict[str, Part] = {}
        #: whether all parts were the cache's
        self.whole = True
        #: every change up to it is in the parts
        self._revision: int | None = None

    @property
    def revision(self) -> int:
        """Every change up to it is in the answer."""
        return self._cache.applied if self._revision is None else self._revision

    def get(self, key: str) -> Sequence[Stored]:
        """The rows of a part. Raises Missing."""
        cache = self._cache
        part = cache.get(key, self._now)
        if part is not None and part.absent and not self._fresh:
            part = None  # only PostgreSQL may say so while the worker is cut off
        filled = self._brought.get(key)
        if filled is not None and cache.current(key, filled.snap) and (part is None or filled.snap > cache.applied):
            self.whole = False
            self._reaches(max(cache.applied, filled.snap))
            return filled.rows[key]
        if part is None:
            raise Missing(key)
        self._reaches(cache.applied)
        self.used[key] = part
        return part.rows

    def _reaches(self, revision: int) -> None:
        self._revision = revision if self._revision is None else min(self._revision, revision)


class Fills:
    """Brings parts that the cache does not have, each once however many wait for it. Belongs to one event loop."""

    def __init__(
        self, cache: Cache, feed: Feed, pool: Pool, tier: RedisCache, freshness: Freshness, settings: config.Settings
    ) -> None:
        self._cache = cache
        self._feed = feed
        self._pool = pool
        self._tier = tier
        self._freshness = freshness
        self._patience = settings.coherence.min_revision_wait
        self._most = settings.hotpath.max_fills
        #: what brings a part, by its key: one task may bring many
        self._by_key: dict[str, asyncio.Task[Filled]] = {}
        self._running: set[asyncio.Task[Filled]] = set()
        self._offers: set[asyncio.Task[None]] = set()
        #: parts that Redis had, and had not, by kind
        self.adopted, self.unadopted = Counter[str](), Counter[str]()

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._running)

    async def close(self) -> None:
        """Let go of fills and offers under way."""
        await tasks.end(*self._running, *self._offers)

    # ---- one part --------------------------------------------------------------------------------------------------

    async def bring(self, key: str) -> Filled:
        """The part under the key with those that answers about it are made of. Raises Unavailable, Exhausted."""
        known = await self._known_absent([key])
        if known is not None and key in known.rows:
            return known
        return await asyncio.shield(self._by_key.get(key) or self._begin([key], partial(self._one, key)))

    def _begin(self, keys: Sequence[str], bring: Callable[[], Coroutine[Any, Any, Filled]]) -> asyncio.Task[Filled]:
        """Have the parts brought, for whoever asks for any of them meanwhile. Raises Exhausted."""
        if len(self._running) >= self._most:
            msg = f"{self._most} fills are under way; retry in a moment"
            raise errors.Exhausted(msg)
        task = asyncio.create_task(_traced(keys, bring), name=f"fill {keys[0]}")
        self._running.add(task)
        self._by_key.update(dict.fromkeys(keys, task))
        task.add_done_callback(lambda done: self._ended(keys, done))
        return task

    def _ended(self, keys: Sequence[str], task: asyncio.Task[Filled]) -> None:
        self._running.discard(task)
        for key in keys:
            del self._by_key[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody may have

    async def _one(self, key: str) -> Filled:
        """By Redis where what it has is proven right, else by PostgreSQL."""
        cache, history = self._cache, self._cache.history
        adopted = await self._tier.get(history, key)
        if (
            (adopted is not None and adopted.rows is not None)
            and (adopted.rows or self._freshness.fresh())
            and await self._reached(adopted.snap)
            and (history == cache.history and cache.admissible(key, adopted.snap))
            and cache.epoch != self._feed.forked
        ):
            self.adopted[kind_of(key)] += 1
            rows = {key: adopted.rows}
            cache.admit(adopted.snap, rows, time.monotonic())
            return Filled(history, adopted.snap, rows, _FROM_REDIS)
        self.unadopted[kind_of(key)] += 1
        async with self._pool.session() as session:
            head, found = await parts.read(session, key)
        if head.history != cache.history:
            self._feed.probe()
            return Filled(head.history, head.snap, found, FROM_DATABASE)
        cache.admit(head.snap, found, time.monotonic())
        self._offer(head, found)
        await self._reached(head.snap)
        return Filled(head.history, head.snap, found, FROM_DATABASE)

    async def _reached(self, snap: int) -> bool:
        """Whether all up to the snap is applied, now or in a moment: what was read there can then be taken."""
        return await self._feed.wait_applied(snap, self._patience)

    def _offer(self, head: Head, found: Mapping[str, Sequence[Stored]]) -> None:
        """Offer what was read to Redis, in the background."""
        offer = asyncio.create_task(self._put(head, found), name="offer")
        self._offers.add(offer)
        offer.add_done_callback(self._offers.discard)

    async def _put(self, head: Head, found: Mapping[str, Sequence[Stored]]) -> None:
        async for keys in tasks.in_turns(list(found), _AT_ONCE):
            await self._tier.put(head.history, [(head.snap, {key: found[key] for key in keys})])

    # ---- many parts ------------------------------------------------------------------------------------------------

    async def bring_all(self, keys: Collection[str]) -> list[Filled]:
        """The parts under the keys as `bring`, in one read of PostgreSQL for all of a kind. Raises Unavailable, Exhausted."""
        known = await self._known_absent(keys)
        absent = known.rows if known is not None else {}
        if known is not None:
            await self._keep(known)
        waiting = {self._by_key[key] for key in keys if key in self._by_key}
        rest = [key for key in keys if key not in absent and key not in self._by_key]
        for some in by_kind(rest).values():
            waiting.add(self._begin(some, partial(self._one, some[0]) if len(some) == 1 else partial(self._many, some)))
        brought = await asyncio.gather(*map(asyncio.shield, waiting))
        return [*brought, *([known] if known is not None else [])]

    async def _many(self, keys: Sequence[str]) -> Filled:
        """By PostgreSQL, at one snap; kept in turns, so that lookups do not wait for it."""
        self.unadopted.update(map(kind_of, keys))
        cache = self._cache
        async with self._pool.session() as session:
            head, found = await parts.read(session, *keys)
        brought = Filled(head.history, head.snap, found, FROM_DATABASE)
        if head.history != cache.history:
            self._feed.probe()
            return brought
        if await self._reached(head.snap):
            await self._keep(brought)
        self._offer(head, found)
        return brought

    async def _keep(self, brought: Filled) -> None:
        """Have the cache take what was brought, in turns."""
        async for some in tasks.in_turns(list(brought.rows), _AT_ONCE):
            if self._cache.history != brought.history:
                return
            self._cache.admit(brought.snap, {key: brought.rows[key] for key in some}, time.monotonic())

    # ---- nothing ---------------------------------------------------------------------------------------------------

    async def _known_absent(self, keys: Collection[str]) -> Filled | None:
        """What is not there of the keys, where all there is of its kind is here, as of a look into PostgreSQL that began now.

        However many unknown names are asked for, they share the looks, which are a few hundred a second at most.
        """
        cache = self._cache
        absent = [key for key in keys if cache.absent(key)]
        if not absent or not await self._feed.looked(self._patience):
            return None
        return Filled(cache.history, cache.applied, {key: () for key in absent if cache.absent(key)}, ())


async def _traced(keys: Sequence[str], bring: Callable[[], Coroutine[Any, Any, Filled]]) -> Filled:
    """Bring the parts, as a part of the call that asked first."""
    with tracing.inside("fill", attributes={"cqar.part": kind_of(keys[0]), "cqar.parts": len(keys)}):
        return await bring()
