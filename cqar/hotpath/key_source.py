"""API keys for a worker: parts of its cache, which the feed keeps up to date."""

import asyncio
import time

import msgspec

from cqar import config, tasks
from cqar.auth.authority import Authority, KeyRecord, Source
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.hotpath.engine import Engine
from cqar.hotpath.feed import Feed
from cqar.model import cache_keys, events
from cqar.storage.nats import EventBus

#: Seconds between two reports to admin of the keys that were used.
_REPORT_INTERVAL = 20.0
#: Concurrent lookups of keys: guessed ids must not take the fills and the sessions of callers with a key.
_LOOKUPS = 8
_MINUTE = 60
_encoder = msgspec.msgpack.Encoder()


class CachedKeySource(Source):
    """Looks keys up in the cache of a worker, which is trusted for as long as stale responses are served."""

    def __init__(self, engine: Engine, feed: Feed, bus: EventBus, coherence: config.Coherence) -> None:
        self._engine = engine
        self._feed = feed
        self._bus = bus
        self._detached = coherence.detached_serve
        self._lookups = asyncio.Semaphore(_LOOKUPS)
        self._authority: Authority | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, authority: Authority | None) -> None:
        """Report to admin which keys are used, in the background."""
        self._authority = authority
        self._task = asyncio.create_task(self._run(), name="keys-used")

    async def stop(self) -> None:
        """Report once more, and stop."""
        await tasks.end(self._task)
        await self.report_used()

    def trusted(self) -> bool:
        """Whether the worker is fresh enough for its cached keys to count."""
        return time.monotonic() - self._feed.fresh_as_of <= self._detached

    async def find(self, key_id: str) -> KeyRecord:
        """The key from the cache or PostgreSQL; from PostgreSQL alone if the worker has been cut off for too long."""
        key = cache_keys.api_key_key(key_id)
        async with self._lookups:
            if self.trusted():
                rows, part = await self._engine.part(key)
            else:
                rows, part = await self._engine.part_from_database(key), None
        return KeyRecord(pb.ApiKey.FromString(rows[0].value) if rows else None, part)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_INTERVAL)
            await self.report_used()

    async def report_used(self) -> None:
        """Report to admin which keys were used since the last report, to the minute. NATS may lose a report."""
        if self._authority is None or not self._bus.up:
            return
        used = self._authority.take_used()
        if used:
            minute = int(time.time()) // _MINUTE * _MINUTE
            await self._bus.nudge(events.KEYS_USED, _encoder.encode(dict.fromkeys(used, minute)))
