"""The feed of a worker: changes in the order of their revisions, and how fresh the worker is.

NATS brings changes within milliseconds and may lose any of them; PostgreSQL is asked every quarter of a second for what
came after the last one applied, and at once where a gap shows. Only such a look renews the lease: every commit that was
acknowledged before it began is then visible here. Where PostgreSQL cannot be reached from here, admin looks.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple, TypeVar

import msgspec

from cqar import config, errors, tasks
from cqar.hotpath.cache import Cache
from cqar.model import events, part_kinds
from cqar.observability import logs
from cqar.replication import probe
from cqar.replication.probe import ProbeResult
from cqar.storage import parts
from cqar.storage.nats import EventBus
from cqar.storage.postgres import Pool, Sql

_log = logs.logger("feed")

_BATCH = 1_000
_RECENT = Sql(
    "recent_changes",
    f"SELECT h.epoch::text AS epoch, h.seq AS head, {parts.HISTORY}, o.revision, o.event_id::text AS event_id,"
    " o.keys || o.left_keys AS keys"
    " FROM head h LEFT JOIN outbox o ON o.revision > h.seq - $1 ORDER BY o.revision",
)
#: Rows and parts that are loaded at once: few enough that answers do not wait for them.
_AT_ONCE = 250
#: Seconds that what was loaded waits for the changes up to it; what comes too early then waits in the cache.
_PATIENCE = 5.0
#: Seconds after which a look into PostgreSQL is not waited for, if admin can look.
_PROMPT = 0.25
#: Seconds between the beginnings of two looks, at least, however many ask for one.
_SPACING = 0.002
#: Seconds that a worker which serves already is left alone before it loads its rows again.
_REST = 2.0

T = TypeVar("T")


class _Asked(NamedTuple):
    """When a look began, and what was applied then: the revision, and the event id of its change."""

    began: float
    after: int
    last: str | None


class _Seen(NamedTuple):
    """What a look has seen, and how many changes it shows at most."""

    asked: _Asked
    look: ProbeResult
    most: int


class Feed:
    """Keeps a cache up to date. `start` begins, in the background; nothing here stops for a dependency that is down."""

    def __init__(self, cache: Cache, pool: Pool, bus: EventBus, coherence: config.Coherence, hotpath: config.Hotpath) -> None:
        self._cache = cache
        self._pool = pool
        self._bus = bus
        self._interval = coherence.probe_interval
        self._entries = hotpath.cache_entries
        self._preloads = hotpath.preload
        self._recent = hotpath.recent_changes
        self._wake = asyncio.Event()
        self._waiters: dict[asyncio.Future[None], int] = {}
        #: who waits for a look that begins after a time
        self._lookers: dict[asyncio.Future[None], float] = {}
        self._task: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        #: the look into PostgreSQL that is under way, or the last one
        self._looking: tuple[_Asked, asyncio.Task[ProbeResult]] | None = None
        #: the start of the cache since which its rows are loaded
        self._loads = 0
        #: monotonic seconds; every commit acknowledged before it is visible here
        self.fresh_as_of = float("-inf")
        #: set once the cache has been loaded
        self.ready = asyncio.Event()
        #: the head as last heard of
        self.head = 0
        #: the epoch in which two histories were seen: until there is another, what Redis has may be of either
        self.forked: str | None = None
        self.gaps = 0
        self.resyncs = 0
        #: looks that went through admin
        self.detours = 0
        bus.listen(f"{events.CHANGES}>", self._received)

    def start(self) -> None:
        """Load the cache and keep it up to date, in the background."""
        self._task = asyncio.create_task(self._keep(), name="feed")

    async def stop(self) -> None:
        """Stop following; waiters are let go."""
        await tasks.end(self._task, self._loading)
        if self._looking is not None:
            await tasks.end(self._looking[1])
        for waiter in (*self._waiters, *self._lookers):
            waiter.cancel()

    @property
    def loaded(self) -> bool:
        """Whether the cache has been loaded once."""
        return self.ready.is_set()

    @property
    def repairing(self) -> bool:
        """Whether something is missing: the first load, or changes that are known of and not applied."""
        return not self.loaded or self.head > self._cache.applied

    def age(self) -> float:
        """Seconds since the last look that found everything applied."""
        return time.monotonic() - self.fresh_as_of

    def probe(self) -> None:
        """Look into PostgreSQL now, not only at the next turn."""
        self._wake.set()

    async def wait_applied(self, revision: int, seconds: float) -> bool:
        """Wait until the revision is applied, looking for it at once; False where it is not in time."""
        return self._cache.applied >= revision or await self._waited(self._waiters, revision, seconds)

    async def looked(self, seconds: float) -> bool:
        """Wait for a look that begins from now on and finds everything applied; False where there is none in time."""
        return await self._waited(self._lookers, time.monotonic(), seconds)

    async def _waited(self, waiters: dict[asyncio.Future[None], T], what: T, seconds: float) -> bool:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters[waiter] = what
        self.probe()
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            del waiters[waiter]
        return True

    # ---- changes ---------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        """A message of NATS: applied if it is the next, else a reason to look."""
        try:
            change = events.decode(data)
        except msgspec.DecodeError:
            _log.warning("change_unreadable", size=len(data))
            return
        if not self._cache.starts:
            return
        known = change.epoch == self._cache.epoch
        if known:
            self.head = max(self.head, change.revision)
        if not known or not self._cache.apply(change, time.monotonic()):
            self.gaps += 1
            self.probe()
            return
        _release(self._waiters, self._cache.applied)

    # ---- looks -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        failing = False
        while True:
            self._wake.clear()
            began = time.monotonic()
            try:
                if not self._cache.starts:
                    await self._begin(self._recent)
                await self._look()
                self._load()
                if failing:
                    _log.info("database_back", applied=self._cache.applied)
                failing = False
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                if not failing:
                    self._lost(error)
                failing = True
            try:
                async with asyncio.timeout(self._interval):
                    # While the database is down, being woken does not hammer it.
                    await (asyncio.Event() if failing else self._wake).wait()
                    await asyncio.sleep(began + _SPACING - time.monotonic())
            except TimeoutError:
                pass

    @staticmethod
    def _lost(error: Exception) -> None:
        if isinstance(error, errors.CqarError):
            _log.warning("database_lost", error=str(error))
        else:
            _log.error("feed_failed", exc_info=error)

    async def _look(self) -> None:
        """Apply what PostgreSQL has beyond what is applied; then the lease is as of the time before the look."""
        cache = self._cache
        while True:
            (began, after, last), look, most = await self._seen()
            self.head = look.head
            # Compared with what was applied when the look began: messages go on arriving while it is under way.
            continues = look.epoch == cache.epoch and look.head >= after and (look.head == after or bool(look.changes))
            # An older copy that has meanwhile counted further than what was applied here is told by its other event.
            same = look.head >= after and (last is None or look.last in {None, last})
            if look.epoch == cache.epoch and not same:
                self.forked = look.epoch
            continues = continues and same
            if continues:
                cache.turned(look.history)
            now = time.monotonic()
            if not continues or not all(cache.apply(change, now) for change in look.changes):
                await self._resync(look.epoch, look.head)
                continue
            _release(self._waiters, cache.applied)
            if len(look.changes) < most:
                self.fresh_as_of = began
                _release(self._lookers, began)
                return

    async def _seen(self) -> _Seen:
        """A look by PostgreSQL itself; through admin while that does not answer promptly. Raises Unavailable."""
        asked = _Asked(time.monotonic(), self._cache.applied, self._cache.last)
        if self._looking is None or self._looking[1].done():
            looking = asyncio.create_task(probe.read(self._pool, asked.after, _BATCH), name="look")
            looking.add_done_callback(_heard)
            self._looking = asked, looking
        theirs, looking = self._looking
        await asyncio.wait((looking,), timeout=_PROMPT if theirs is asked else 0)
        if not looking.done() or looking.exception() is not None:
            try:
                question = probe.question(self._cache.epoch, asked.after)
                look = probe.decode(await self._bus.ask(probe.SUBJECT, question, _PROMPT))
            except errors.Unavailable:
                await asyncio.wait((looking,))
            else:
                self.detours += 1
                return _Seen(asked, look, probe.MOST)
        # It may have begun before: then it says how things were then.
        return _Seen(theirs, looking.result(), _BATCH)

    async def _resync(self, epoch: str, head: int) -> None:
        """What is cached cannot be brought up to date: drop it and begin anew at the head."""
        self.resyncs += 1
        _log.warning("resync", epoch=epoch, head=head, applied=self._cache.applied, was=self._cache.epoch)
        await self._begin(1)

    async def _begin(self, most: int) -> None:
        """Start the cache at the head, with the recent changes, at most so many, as far back as none is missing.

        What was read since is then known to be right, or not to be. With many of them, at a start, what Redis has from before
        can be adopted; a cache that begins anew is to be back soon, and finds little in Redis that is of its history.
        """
        async with self._pool.session() as session:
            rows = await session.rows(_RECENT, most)
        if not rows:
            raise errors.Unavailable(parts.NO_HEAD)
        head, epoch = rows[0]["head"], rows[0]["epoch"]
        floor = head
        for row in reversed(rows):
            if row["revision"] != floor:
                break
            floor -= 1
        recent = [(row["revision"], row["keys"]) for row in rows if row["revision"] is not None and row["revision"] > floor]
        last = rows[-1]["event_id"] if rows[-1]["revision"] == head else None
        self._cache.start(epoch, head, recent, floor, last)
        self._cache.turned(rows[0]["history"])
        _log.info("started", epoch=epoch, applied=head, recent=len(recent))

    def _load(self) -> None:
        """See to it that the rows are loaded since the cache began, beside the looks: those keep the lease."""
        if self._loads == self._cache.starts:
            return
        if not self._preloads:
            self._loads = self._cache.starts
            self.ready.set()
        elif self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._preload(), name="preload")

    async def _preload(self) -> None:
        """Load the rows themselves, a few at a time; changes go on being applied meanwhile."""
        cache, starts = self._cache, self._cache.starts
        if self.loaded:
            # What is asked for now comes first, and after a restore the cache may begin anew once more.
            await asyncio.sleep(_REST)
        if cache.starts != starts:
            return
        try:
            cache.follow(part_kinds.names(lambda kind: kind.preloaded))
            async with self._pool.snapshot() as session:
                everything = await parts.read_all(session, self._entries, _AT_ONCE)
            head, whole = everything.head, everything.whole
            await self.wait_applied(head.snap, _PATIENCE)
            async for keys in tasks.in_turns(list(everything.found), _AT_ONCE):
                if cache.starts != starts or cache.history != head.history or cache.full:
                    whole = False
                    break
                cache.admit(head.snap, everything.take(keys), time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._lost(error)
            return
        if cache.starts == starts:
            if not whole:
                cache.follow(())
            whole = whole and cache.completed(head.snap)
            self._loads = starts
            self.ready.set()
            _log.info("loaded", parts=len(cache), applied=cache.applied, whole=whole)


def _heard(looking: asyncio.Task[ProbeResult]) -> None:
    """Take note of what a look ended with, which nobody may be waiting for any more."""
    if not looking.cancelled():
        looking.exception()


def _release(waiters: Mapping[asyncio.Future[None], float], reached: float) -> None:
    """Let those go whose revision, or time, is reached."""
    for waiter, what in waiters.items():
        if what <= reached and not waiter.done():
            waiter.set_result(None)
