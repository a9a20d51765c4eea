"""The feed of a worker: it applies changes in the order of their revisions and knows how fresh the worker is.

NATS delivers changes within milliseconds and may lose any of them. A probe reads the changes after the last one applied
from PostgreSQL, every quarter of a second and at once when a gap shows. Only a probe renews the lease: every commit
acknowledged before the probe began is then visible here. If PostgreSQL is out of reach, admin probes for the worker.
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
from cqar.storage.parts import Preloaded
from cqar.storage.postgres import Pool, Sql

_log = logs.logger("feed")

#: Changes that one probe reads at most.
_MAX_CHANGES = 1_000
_RECENT = Sql(
    "recent_changes",
    f"SELECT h.epoch::text AS epoch, h.seq AS head, {parts.HISTORY}, o.revision, o.event_id::text AS event_id,"
    " o.keys || o.left_keys AS keys"
    " FROM head h LEFT JOIN outbox o ON o.revision > h.seq - $1 ORDER BY o.revision",
)
#: Rows and parts that are loaded between two turns of other tasks: few enough that lookups do not wait for them.
_AT_ONCE = 250
#: Seconds that preloaded parts wait until their snap is applied, before the worker reports ready without them.
_APPLY_TIMEOUT = 5.0
#: Seconds that a probe waits for PostgreSQL before it asks admin, and that admin may take.
_PROBE_TIMEOUT = 0.25
#: Seconds between the beginnings of two probes at least, however many callers request one.
_MIN_INTERVAL = 0.002
#: Seconds before a worker that already serves preloads again.
_RELOAD_DELAY = 2.0

T = TypeVar("T")


class _ProbeStart(NamedTuple):
    """When a probe began, and what was applied then: the revision and the event id of its change."""

    began: float
    after: int
    last_event_id: str | None


class _Probed(NamedTuple):
    """The result of a probe, and how many changes it can hold."""

    start: _ProbeStart
    result: ProbeResult
    max_changes: int


class Feed:
    """Keeps a cache up to date, in the background. It keeps trying while a dependency is down."""

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
        #: callers that wait for a probe which begins after a time
        self._probe_waiters: dict[asyncio.Future[None], float] = {}
        self._task: asyncio.Task[None] | None = None
        self._loading: asyncio.Task[None] | None = None
        #: the probe of PostgreSQL that is under way, or the last one
        self._probing: tuple[_ProbeStart, asyncio.Task[ProbeResult]] | None = None
        #: the value of `cache.starts` for which the rows are loaded
        self._loaded_start = 0
        #: monotonic seconds; every commit acknowledged before it is visible here
        self.fresh_as_of = float("-inf")
        #: set once the cache has been preloaded
        self.ready = asyncio.Event()
        #: the latest revision seen, applied or not
        self.head = 0
        #: an epoch that two histories share: until there is a new one, parts in Redis may be of either
        self.forked: str | None = None
        self.gaps = 0
        self.resyncs = 0
        self.probes_through_admin = 0
        bus.listen(f"{events.CHANGES}>", self._received)

    def start(self) -> None:
        """Start to load the cache and keep it up to date, in the background."""
        self._task = asyncio.create_task(self._run(), name="feed")

    async def stop(self) -> None:
        """Stop, and cancel all waiters."""
        await tasks.end(self._task, self._loading)
        if self._probing is not None:
            await tasks.end(self._probing[1])
        for waiter in (*self._waiters, *self._probe_waiters):
            waiter.cancel()

    @property
    def loaded(self) -> bool:
        """Whether the cache has been preloaded."""
        return self.ready.is_set()

    @property
    def repairing(self) -> bool:
        """Whether the first load is unfinished, or changes are known that are not applied."""
        return not self.loaded or self.head > self._cache.applied

    def age(self) -> float:
        """Seconds since the beginning of the last probe that found everything applied."""
        return time.monotonic() - self.fresh_as_of

    def probe(self) -> None:
        """Request a probe now instead of at the next interval."""
        self._wake.set()

    async def wait_applied(self, revision: int, seconds: float) -> bool:
        """Probe and wait until the revision is applied; False if that takes too long."""
        return self._cache.applied >= revision or await self._wait(self._waiters, revision, seconds)

    async def wait_probed(self, seconds: float) -> bool:
        """Wait for a probe that begins after this call and finds everything applied; False if that takes too long."""
        return await self._wait(self._probe_waiters, time.monotonic(), seconds)

    async def _wait(self, waiters: dict[asyncio.Future[None], T], target: T, seconds: float) -> bool:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiters[waiter] = target
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
        """A message from NATS: apply it if it is the next change, else probe."""
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

    # ---- probes ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        failing = False
        while True:
            self._wake.clear()
            began = time.monotonic()
            try:
                if not self._cache.starts:
                    await self._begin(self._recent)
                await self._probe_and_apply()
                self._ensure_preloaded()
                if failing:
                    _log.info("database_back", applied=self._cache.applied)
                failing = False
            except Exception as error:  # noqa: BLE001 - any failure is retried
                if not failing:
                    self._log_failure(error)
                failing = True
            try:
                async with asyncio.timeout(self._interval):
                    # While the database is down, requests for a probe do not add load.
                    await (asyncio.Event() if failing else self._wake).wait()
                    await asyncio.sleep(began + _MIN_INTERVAL - time.monotonic())
            except TimeoutError:
                pass

    @staticmethod
    def _log_failure(error: Exception) -> None:
        if isinstance(error, errors.CqarError):
            _log.warning("database_lost", error=str(error))
        else:
            _log.error("feed_failed", exc_info=error)

    async def _probe_and_apply(self) -> None:
        """Apply the changes that a probe finds until none is left; the lease then counts from the probe's beginning."""
        cache = self._cache
        while True:
            (began, after, last_event_id), result, max_changes = await self._probe()
            self.head = result.head
            # Compared with what was applied when the probe began: messages arrive while it is under way.
            continues = result.epoch == cache.epoch and result.head >= after and (result.head == after or bool(result.changes))
            # An older copy that has since reached a higher revision has another event at this one.
            same = result.head >= after and (last_event_id is None or result.last in {None, last_event_id})
            if result.epoch == cache.epoch and not same:
                self.forked = result.epoch
            continues = continues and same
            if continues:
                cache.set_history(result.history)
            now = time.monotonic()
            if not continues or not all(cache.apply(change, now) for change in result.changes):
                await self._resync(result.epoch, result.head)
                continue
            _release(self._waiters, cache.applied)
            if len(result.changes) < max_changes:
                self.fresh_as_of = began
                _release(self._probe_waiters, began)
                return

    async def _probe(self) -> _Probed:
        """Probe PostgreSQL, or through admin if PostgreSQL does not answer promptly. Raises Unavailable."""
        start = _ProbeStart(time.monotonic(), self._cache.applied, self._cache.last_event_id)
        if self._probing is None or self._probing[1].done():
            task = asyncio.create_task(probe.read(self._pool, start.after, _MAX_CHANGES), name="probe")
            task.add_done_callback(_retrieve)
            self._probing = start, task
        task_start, task = self._probing
        await asyncio.wait((task,), timeout=_PROBE_TIMEOUT if task_start is start else 0)
        if not task.done() or task.exception() is not None:
            try:
                question = probe.question(self._cache.epoch, start.after)
                result = probe.decode(await self._bus.ask(probe.SUBJECT, question, _PROBE_TIMEOUT))
            except errors.Unavailable:
                await asyncio.wait((task,))
            else:
                self.probes_through_admin += 1
                return _Probed(start, result, probe.MOST)
        # The task may have begun at an earlier call; its result is as of then.
        return _Probed(task_start, task.result(), _MAX_CHANGES)

    async def _resync(self, epoch: str, head: int) -> None:
        """Drop a cache that cannot be brought up to date, and start over at the head."""
        self.resyncs += 1
        _log.warning("resync", epoch=epoch, head=head, applied=self._cache.applied, was=self._cache.epoch)
        await self._begin(1)

    async def _begin(self, max_changes: int) -> None:
        """Start the cache at the head, with at most `max_changes` recent changes, as far back as none is missing.

        Parts read since the oldest of them can be judged. At the start of a process many are read, so that older parts in
        Redis can be adopted; a resync reads few, because it must be quick and Redis has little of the new history.
        """
        async with self._pool.session() as session:
            rows = await session.rows(_RECENT, max_changes)
        if not rows:
            raise errors.Unavailable(parts.NO_HEAD)
        head, epoch = rows[0]["head"], rows[0]["epoch"]
        floor = head
        for row in reversed(rows):
            if row["revision"] != floor:
                break
            floor -= 1
        recent = [(row["revision"], row["keys"]) for row in rows if row["revision"] is not None and row["revision"] > floor]
        last_event_id = rows[-1]["event_id"] if rows[-1]["revision"] == head else None
        self._cache.start(epoch, head, recent, floor, last_event_id)
        self._cache.set_history(rows[0]["history"])
        _log.info("started", epoch=epoch, applied=head, recent=len(recent))

    def _ensure_preloaded(self) -> None:
        """Preload the rows once per start of the cache, beside the probes, which keep the lease."""
        if self._loaded_start == self._cache.starts:
            return
        if not self._preloads:
            self._loaded_start = self._cache.starts
            self.ready.set()
        elif self._loading is None or self._loading.done():
            self._loading = asyncio.create_task(self._preload(), name="preload")

    async def _preload(self) -> None:
        """Load all rows, a few at a time, while changes are applied."""
        cache, starts = self._cache, self._cache.starts
        if self.loaded:
            # Lookups come first now, and after a restore the cache may start over once more.
            await asyncio.sleep(_RELOAD_DELAY)
        if cache.starts != starts:
            return
        try:
            cache.follow(part_kinds.names(lambda kind: kind.preloaded))
            async with self._pool.snapshot() as session:
                preloaded = await parts.read_all(session, self._entries, _AT_ONCE)
            head = preloaded.head
            whole = await self._admit(preloaded, starts) and preloaded.whole
        except Exception as error:  # noqa: BLE001 - any failure is retried
            self._log_failure(error)
            return
        # After a change of history the next probe starts over.
        if cache.starts == starts and cache.history == head.history:
            if not whole:
                cache.follow(())
            whole = whole and cache.completed(head.snap)
            self._loaded_start = starts
            self.ready.set()
            _log.info("loaded", parts=len(cache), applied=cache.applied, whole=whole)

    async def _admit(self, preloaded: Preloaded, starts: int) -> bool:
        """Admit preloaded parts once their snap is applied, a few at a time; returns whether all of them were admitted."""
        cache, head = self._cache, preloaded.head

        def follows() -> bool:
            return cache.starts == starts and cache.history == head.history

        # Before, they would have to wait in the cache, which has room for few.
        while follows() and not await self.wait_applied(head.snap, _APPLY_TIMEOUT):
            _log.warning("preload_waits", snap=head.snap, applied=cache.applied)
            self.ready.set()
        async for keys in tasks.in_turns(list(preloaded.found), _AT_ONCE):
            if not follows() or cache.full:
                return False
            cache.admit(head.snap, preloaded.take(keys), time.monotonic())
        return True


def _retrieve(task: asyncio.Task[ProbeResult]) -> None:
    """Retrieve the exception of a probe that no caller may be waiting for any more."""
    if not task.cancelled():
        task.exception()


def _release(waiters: Mapping[asyncio.Future[None], float], reached: float) -> None:
    """Wake the waiters whose revision, or time, is reached."""
    for waiter, target in waiters.items():
        if target <= reached and not waiter.done():
            waiter.set_result(None)
