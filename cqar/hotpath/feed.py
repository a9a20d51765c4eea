"""The feed of a worker: changes in the order of their revisions, and how fresh the worker is.

NATS brings changes within milliseconds and may lose any of them; PostgreSQL is asked every quarter of a second for what
came after the last one applied, and at once where a gap shows. Only such a look renews the lease: every commit that was
acknowledged before it began is then visible here.
"""

import asyncio
import time

import msgspec

from cqar import config, errors, events, outbox, parts, telemetry
from cqar.bus import Bus
from cqar.cache import Cache
from cqar.store import Sql, Store

_log = telemetry.logger("feed")

_BATCH = 1_000
_RECENT = Sql(
    "recent_changes",
    "SELECT o.revision, o.keys || o.left_keys AS keys FROM outbox o, head h WHERE o.revision > h.seq - $1"
    " ORDER BY o.revision",
)
STATEMENTS = (_RECENT,)


class Feed:
    """Keeps a cache up to date. `start` begins, in the background; nothing here stops for a dependency that is down."""

    def __init__(
        self, cache: Cache, store: Store, bus: Bus, coherence: config.Coherence, hotpath: config.Hotpath
    ) -> None:
        self._cache = cache
        self._store = store
        self._interval = coherence.probe_interval
        self._hotpath = hotpath
        self._wake = asyncio.Event()
        self._waiters: list[tuple[int, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        #: monotonic seconds; every commit acknowledged before it is visible here
        self.fresh_as_of = float("-inf")
        #: whether the cache has been loaded once
        self.loaded = False
        self.gaps = 0
        self.resyncs = 0
        bus.listen(f"{events.CHANGES}>", self._received)

    def start(self) -> None:
        """Load the cache and keep it up to date, in the background."""
        self._task = asyncio.create_task(self._keep(), name="feed")

    async def stop(self) -> None:
        """Stop following; waiters are let go."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for _, waiter in self._waiters:
            waiter.cancel()

    def age(self) -> float:
        """Seconds since the last look that found everything applied."""
        return time.monotonic() - self.fresh_as_of

    def probe(self) -> None:
        """Look into PostgreSQL now, not only at the next turn."""
        self._wake.set()

    async def wait_applied(self, revision: int, seconds: float) -> bool:
        """Wait until the revision is applied, looking for it at once; False where it is not in time."""
        if self._cache.applied >= revision:
            return True
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((revision, waiter))
        self.probe()
        try:
            async with asyncio.timeout(seconds):
                await waiter
        except TimeoutError:
            return False
        finally:
            self._waiters = [each for each in self._waiters if each[1] is not waiter]
        return True

    # ---- changes ---------------------------------------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        """A message of NATS: applied if it is the next, else a reason to look."""
        try:
            change = events.decode(data)
        except msgspec.DecodeError:
            _log.warning("change_unreadable", size=len(data))
            return
        if not self.loaded:
            return
        if change.epoch != self._cache.epoch or not self._cache.apply(change, time.monotonic()):
            self.gaps += 1
            self.probe()
            return
        self._let_go()

    def _let_go(self) -> None:
        if self._waiters:
            for revision, waiter in self._waiters:
                if revision <= self._cache.applied and not waiter.done():
                    waiter.set_result(None)

    # ---- looks -----------------------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        failing = False
        while True:
            self._wake.clear()
            try:
                if not self.loaded:
                    await self._load()
                await self._look()
                if failing:
                    _log.info("database_back", applied=self._cache.applied)
                failing = False
            except errors.CqarError as error:
                if not failing:
                    _log.warning("database_lost", error=str(error))
                failing = True
            except Exception:
                _log.exception("feed_failed")
                failing = True
            try:
                async with asyncio.timeout(self._interval):
                    # While the database is down, being woken does not hammer it.
                    await (asyncio.Event() if failing else self._wake).wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """Apply what PostgreSQL has beyond what is applied; then the lease is as of the time before the look."""
        cache = self._cache
        while True:
            began = time.monotonic()
            async with self._store.session() as session:
                rows = await session.rows(outbox.CHANGES, cache.applied, _BATCH)
            if not rows:
                raise errors.Unavailable(parts.NO_HEAD)
            head, epoch = rows[0]["head"], rows[0]["epoch"]
            changes = [outbox.change_of(row) for row in rows if row["revision"] is not None]
            pruned = not changes and head > cache.applied
            if epoch != cache.epoch or head < cache.applied or pruned:
                await self._resync(epoch, head)
                continue
            now = time.monotonic()
            if not all(cache.apply(change, now) for change in changes):
                await self._resync(epoch, head)
                continue
            self._let_go()
            if len(changes) < _BATCH:
                self.fresh_as_of = began
                return

    async def _resync(self, epoch: str, head: int) -> None:
        """What is cached cannot be brought up to date: begin anew at the head."""
        self.resyncs += 1
        _log.warning("resync", epoch=epoch, head=head, applied=self._cache.applied, was=self._cache.epoch)
        await self._load()

    async def _load(self) -> None:
        """Load the recent changes, so that fills that were read before now are admitted, and the rows themselves."""
        cache = self._cache
        limit = self._hotpath.cache_entries if self._hotpath.preload else 0
        async with self._store.snapshot() as session:
            head, found = await parts.read_all(session, limit)
            recent = await session.rows(_RECENT, self._hotpath.recent_changes)
        floor = recent[0]["revision"] - 1 if recent else head.snap
        cache.start(head.epoch, head.snap, [(row["revision"], row["keys"]) for row in recent], floor)
        cache.admit(head.snap, found, time.monotonic())
        self.loaded = True
        _log.info("loaded", parts=len(cache), applied=cache.applied, recent=len(recent))
