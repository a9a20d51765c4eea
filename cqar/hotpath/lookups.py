"""The lookup core: request bytes in, answer bytes out. What stands ready is `ready`'s; the rest is derived, after a fill."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from cqar import answers, config, derive, errors, parts, tasks, telemetry
from cqar.answers import LOOKUPS, Lookup
from cqar.cache import Cache, Part
from cqar.entities import kind_of
from cqar.hotpath.feed import Feed
from cqar.hotpath.freshness import Freshness, marks
from cqar.hotpath.ready import Answers
from cqar.parts import Missing, Stored
from cqar.serve import Metadata, Reply
from cqar.store import Store
from cqar.tier import Tier

_log = telemetry.logger("lookups")

#: Of the cache's bytes, one part in so many is for ready answers.
ANSWERS_SHARE = 3
#: Parts that one answer may bring before PostgreSQL is asked for it as a whole: more than the longest chain of parts.
_TRIES = 16
#: Trailing metadata that says where an answer came from beyond the memory of the worker.
_FROM_REDIS: Metadata = (("cqar-source", "redis"),)
_FROM_DATABASE: Metadata = (("cqar-source", "database"),)


class Filled(NamedTuple):
    """What a fill brought: rows by part key, the history and the snap they were read at, and where from."""

    history: str
    snap: int
    rows: Mapping[str, Sequence[Stored]]
    source: Metadata


class _View:
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
        if part is not None and not part.rows and not self._fresh:
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


class Core:
    """Answers lookups from a cache that a feed keeps right. Belongs to one event loop."""

    def __init__(self, cache: Cache, feed: Feed, store: Store, tier: Tier, settings: config.Settings) -> None:
        self._cache = cache
        self._feed = feed
        self._store = store
        self._tier = tier
        self.freshness = Freshness(feed, settings.coherence)
        self._min_revision_wait = settings.coherence.min_revision_wait
        self._max_fills = settings.hotpath.max_fills
        size = settings.hotpath.cache_bytes // ANSWERS_SHARE
        self.answers = Answers(cache, self.freshness, tuple(LOOKUPS), entries=settings.hotpath.cache_entries, size=size)
        self._fills: dict[str, asyncio.Task[Filled]] = {}
        self._offers: set[asyncio.Task[None]] = set()
        #: ready answers given, by method
        self.answered = dict.fromkeys(LOOKUPS, 0)
        #: lookups that no ready answer was there for, by method
        self.resolved = dict.fromkeys(LOOKUPS, 0)
        #: parts that such lookups found in memory, found nowhere in it, and found and did not find in Redis, by kind
        self.found, self.missed = Counter[str](), Counter[str]()
        self.adopted, self.unadopted = Counter[str](), Counter[str]()

    def count(self, method: str, many: int) -> None:
        """So many ready answers were given."""
        self.answered[method] += many

    @property
    def hits(self) -> int:
        """Ready answers given."""
        return sum(self.answered.values())

    @property
    def filling(self) -> int:
        """Fills that are under way."""
        return len(self._fills)

    # ---- after a while ---------------------------------------------------------------------------------------------

    async def resolve(self, method: str, data: bytes, *, strict: bool = False) -> Reply:
        """The answer by cache, Redis and PostgreSQL, by the ladder of freshness. Raises errors of `cqar.errors`.

        `strict`: an answer that is not fresh is Unavailable instead.
        """
        lookup = LOOKUPS[method]
        self.resolved[method] += 1
        request = answers.parse(lookup, data)
        self.answers.drop(method, data)
        least = answers.min_revision(request)
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
        return await self._from_database(lookup, request) if strict else _marked(reply, self.freshness.age())

    async def _from_parts(self, method: str, lookup: Lookup, request: Any, data: bytes) -> Reply | None:
        """The answer by parts; None where only PostgreSQL may say so, or what is brought is of another history."""
        brought: dict[str, Filled] = {}
        source: Metadata = ()
        for _ in range(_TRIES):
            view = _View(self._cache, brought, fresh=self.freshness.fresh())
            try:
                derived = lookup.derive(view.get, request, derive.now_us())
            except Missing as missing:
                self.missed[kind_of(missing.key)] += 1
                filled = await self._known_absent(missing.key) or await self._fill(missing.key)
                if filled.history != self._cache.history:
                    return None
                brought.update(dict.fromkeys(filled.rows, filled))
                source = _FROM_DATABASE if _FROM_DATABASE in (source, filled.source) else filled.source
                continue
            if derived.none and not self.freshness.fresh():
                return None
            self.found.update(map(kind_of, view.used))
            derived.response.revision = view.revision
            body: bytes = derived.response.SerializeToString()
            if view.whole and not derived.none:
                self.answers.keep(method, data, request, body, tuple(view.used.values()), derived.good_until)
            return Reply(body, source)
        return None

    async def _from_database(self, lookup: Lookup, request: Any) -> Reply:
        """The answer by PostgreSQL's word alone, of one snapshot. Raises Unavailable where it is down."""
        async with self._store.snapshot() as session:
            derived, snap = await answers.from_database(session, lookup, request)
        derived.response.revision = snap
        return Reply(derived.response.SerializeToString(), _FROM_DATABASE)

    async def part(self, key: str) -> tuple[Sequence[Stored], Part | None]:
        """The rows under a key by cache or fill, and the part of the cache that has them, if it does. Raises as `resolve`."""
        found = self._held(key)
        if found is not None:
            return found.rows, found
        filled = await self._known_absent(key) or await self._fill(key)
        found = self._held(key)
        return (filled.rows[key], None) if found is None else (found.rows, found)

    async def part_now(self, key: str) -> Sequence[Stored]:
        """The rows under a key by PostgreSQL's word alone. Raises Unavailable."""
        async with self._store.session() as session:
            _, found = await parts.read(session, key)
        return found[key]

    def _held(self, key: str) -> Part | None:
        """The cache's part, unless its emptiness is not to be believed."""
        found = self._cache.get(key, time.monotonic())
        return found if found is not None and (found.rows or self.freshness.fresh()) else None

    async def _known_absent(self, key: str) -> Filled | None:
        """Nothing, where all there is of its kind is here, as of a look into PostgreSQL that began after the question.

        However many unknown names are asked for, they share the looks, which are a few hundred a second at most.
        """
        cache = self._cache
        if not cache.absent(key) or not await self._feed.looked(self._min_revision_wait) or not cache.absent(key):
            return None
        return Filled(cache.history, cache.applied, {key: ()}, ())

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
        cache, history = self._cache, self._cache.history
        adopted = await self._tier.get(history, key)
        if (
            (adopted is not None and adopted.rows is not None)
            and (adopted.rows or self.freshness.fresh())
            and await self._reached(adopted.snap)
            and (history == cache.history and cache.admissible(key, adopted.snap))
            and cache.epoch != self._feed.forked
        ):
            self.adopted[kind_of(key)] += 1
            rows = {key: adopted.rows}
            cache.admit(adopted.snap, rows, time.monotonic())
            return Filled(history, adopted.snap, rows, _FROM_REDIS)
        self.unadopted[kind_of(key)] += 1
        async with self._store.session() as session:
            head, found = await parts.read(session, key)
        if head.history != cache.history:
            self._feed.probe()
            return Filled(head.history, head.snap, found, _FROM_DATABASE)
        cache.admit(head.snap, found, time.monotonic())
        offer = asyncio.create_task(self._tier.put(head.history, [(head.snap, found)]), name=f"offer {key}")
        self._offers.add(offer)
        offer.add_done_callback(self._offers.discard)
        await self._reached(head.snap)
        return Filled(head.history, head.snap, found, _FROM_DATABASE)

    async def _reached(self, snap: int) -> bool:
        """Whether all up to the snap is applied, now or in a moment: what was read there can then be taken."""
        return await self._feed.wait_applied(snap, self._min_revision_wait)

    async def close(self) -> None:
        """Let go of fills and offers under way."""
        await tasks.end(*self._fills.values(), *self._offers)


def _marked(reply: Reply, age: float) -> Reply:
    """The answer with the marks of a worker that is cut off."""
    marked = marks(age)
    return Reply(reply.body + marked.message, (*marked.trailing, *reply.trailing))
