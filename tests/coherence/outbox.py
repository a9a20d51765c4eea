"""The checks past the links: the stream holds every row of the outbox once and in order, and snaps in Redis only rise."""

import asyncio
import contextlib
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import nats.errors
import nats.js.errors
import redis.exceptions
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.model import events
from cqar.model.events import CHANGES_STREAM
from tests.coherence.history import History
from tests.coherence.stack import Stack, Target

_OUTBOX = "SELECT o.revision, o.event_id::text AS event_id, o.entity, o.row_id, o.value FROM outbox o WHERE o.revision > $1"


class Outbox:
    """Follows the outbox, the stream and Redis past all links."""

    def __init__(self, stack: Stack, history: History) -> None:
        self._stack = stack
        self._history = history
        self._names = {("venue_symbol" if t.kind == "listing" else t.kind, t.row_id): t.key for t in stack.targets}
        #: revision -> event id, of the present history
        self._rows: dict[int, str] = {}
        self._collected = 0
        #: the last message of the stream that was checked
        self._sequence = 0
        #: epoch -> the last revision in the stream
        self._streamed: dict[str, int] = {}
        self._snaps: dict[bytes, bytes] = {}
        self._watches = True
        self.messages = 0

    # ---- the outbox ------------------------------------------------------------------------------------------------

    async def collect(self) -> None:
        """Read new rows, and check that no revision is missing."""
        for row in await self._stack.ask(f"{_OUTBOX} ORDER BY o.revision", self._collected):
            if row["revision"] != self._collected + 1:
                self._history.breach("gap", f"revision {row['revision']} comes after {self._collected} in the outbox")
            self._collected = row["revision"]
            self._rows[row["revision"]] = row["event_id"]
            key = self._names.get((row["entity"], row["row_id"]))
            if key is not None and row["value"] is not None:
                self._history.committed(key, _version(row["entity"], row["value"]))

    async def versions(self) -> dict[str, int]:
        """The version of each key in PostgreSQL."""
        found = {}
        for target in self._stack.targets:
            found[target.key] = await self._present(target)
        return found

    async def _present(self, target: Target) -> int:
        sql = {
            "asset": "SELECT description AS version FROM assets WHERE asset_id = $1",
            "symbol": "SELECT tick_size AS version FROM symbols WHERE symbol_id = $1",
            "listing": "SELECT min_notional AS version FROM venue_symbols WHERE listing_id = $1",
        }[target.kind]
        rows = await self._stack.ask(sql, target.row_id)
        return int(Decimal(rows[0]["version"] or 0))

    def restored(self) -> None:
        """Note that the database is an older copy, whose revisions continue from its own head."""
        self._rows.clear()
        self._collected = 0

    # ---- the stream ------------------------------------------------------------------------------------------------

    def purged(self) -> None:
        """Note that the stream was emptied."""
        self._sequence = 0
        self._streamed.clear()

    async def follow(self) -> None:
        """Read new messages: every revision once, in order, each equal to the outbox's change."""
        await self.collect()
        async with self._stack.nats_client() as client:
            for message in await self._messages(client.jetstream()):
                self.messages += 1
                self._follows(events.decode(message.data))

    async def _messages(self, stream: Any) -> list[Any]:
        found: list[Any] = []
        try:
            last = (await stream.stream_info(CHANGES_STREAM)).state.last_seq
            if last <= self._sequence:
                return found
            config = ConsumerConfig(
                deliver_policy=DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=self._sequence + 1, ack_policy=AckPolicy.NONE
            )
            pull = await stream.pull_subscribe(f"{events.CHANGES}>", stream=CHANGES_STREAM, config=config)
            while self._sequence < last:
                for message in await pull.fetch(500, timeout=2):
                    found.append(message)
                    self._sequence = message.metadata.sequence.stream
        except (nats.js.errors.NotFoundError, nats.errors.TimeoutError):
            pass
        return found

    def _follows(self, change: events.Change) -> None:
        last = self._streamed.get(change.epoch)
        if last is not None and change.revision != last + 1:
            self._history.breach("stream", f"{change.epoch}:{change.revision} comes after {last} in the stream")
        self._streamed[change.epoch] = change.revision

    async def settled(self, patience: float = 10.0) -> None:
        """Wait until the stream ends with the head, and check that it is the outbox's change."""
        rows: list[Any] = []
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while True:
                    await self.follow()
                    rows = await self._stack.ask("SELECT epoch::text AS epoch, seq FROM head")
                    if self._streamed.get(rows[0]["epoch"]) == rows[0]["seq"]:
                        return
                    await asyncio.sleep(0.1)
        self._history.breach("stream", f"the head is {rows and dict(rows[0])} and the stream ends with {self._streamed}")

    # ---- Redis -----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def flushing(self) -> Iterator[None]:
        """Redis may lose its content inside this context."""
        self._watches = False
        try:
            yield
        finally:
            self._snaps.clear()
            self._watches = True

    async def keep_watching(self) -> None:
        """Check continuously that no snap in Redis goes back."""
        while True:
            with contextlib.suppress(redis.exceptions.RedisError, OSError, TimeoutError):
                async with self._stack.redis_client() as client:
                    for key in [key async for key in client.scan_iter(count=500)][:500]:
                        snaps = self._snaps
                        before = snaps.get(key, b"")
                        snap = await client.getrange(key, 0, 16)
                        if self._watches and before == snaps.get(key, b"") and snap:
                            if snap < before:
                                self._history.breach("Redis", f"{key!r} went from {before!r} to {snap!r}")
                            snaps[key] = snap
            await asyncio.sleep(0.25)


def _version(entity: str, value: bytes) -> int:
    match entity:
        case "asset":
            return int(assets.Asset.FromString(value).description or 0)
        case "symbol":
            return int(Decimal(markets.Symbol.FromString(value).tick_size_decimal or "0"))
        case _:
            return int(Decimal(venues.VenueSymbol.FromString(value).min_notional_decimal or "0"))
