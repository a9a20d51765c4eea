"""The callers of a worker: keys as parts of the cache, kept right by the feed, and by the same ladder as answers."""

import asyncio
import time

import msgspec

from cqar import config, tasks
from cqar.auth.authority import Authority, KeyRecord, Source
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.hotpath.engine import Core
from cqar.hotpath.feed import Feed
from cqar.model import cache_keys, events
from cqar.storage.nats import EventBus

#: Seconds between two words to admin on which keys were used.
_TELL_EVERY = 20.0
_MINUTE = 60
_encoder = msgspec.msgpack.Encoder()


class Callers(Source):
    """Looks keys up in the cache of a worker. A key that is known is believed for as long as answers are served stale."""

    def __init__(self, core: Core, feed: Feed, bus: EventBus, coherence: config.Coherence) -> None:
        self._core = core
        self._feed = feed
        self._bus = bus
        self._detached = coherence.detached_serve
        self._authority: Authority | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, authority: Authority | None) -> None:
        """Tell admin which keys are used, in the background."""
        self._authority = authority
        self._task = asyncio.create_task(self._keep(), name="keys-used")

    async def stop(self) -> None:
        """Tell once more, and end."""
        await tasks.end(self._task)
        await self.tell()

    def trusted(self) -> bool:
        """Whether the worker has heard of changes lately enough."""
        return time.monotonic() - self._feed.fresh_as_of <= self._detached

    async def find(self, key_id: str) -> KeyRecord:
        """The key by the cache, else by PostgreSQL; by PostgreSQL alone where the worker has been cut off for long."""
        key = cache_keys.api_key_key(key_id)
        if self.trusted():
            rows, part = await self._core.part(key)
        else:
            rows, part = await self._core.part_now(key), None
        return KeyRecord(pb.ApiKey.FromString(rows[0].value) if rows else None, part)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY)
            await self.tell()

    async def tell(self) -> None:
        """Tell admin which keys were used since the last time, to the minute; what NATS loses is told at the next use."""
        if self._authority is None or not self._bus.up:
            return
        used = self._authority.take_used()
        if used:
            minute = int(time.time()) // _MINUTE * _MINUTE
            await self._bus.nudge(events.KEYS_USED, _encoder.encode(dict.fromkeys(used, minute)))
