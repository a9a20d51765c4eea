"""The load: writers that increment versions, readers on every worker, and the check that all workers agree."""

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

import asyncpg
import grpc.aio

from cqar import tasks
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from tests.client import SERVICE
from tests.coherence.history import History, Read
from tests.coherence.stack import Process, Stack, Target, now

_OWN = "/cqar.v1.Registry/"
_TABLES = {"asset": ("assets", "asset_id"), "symbol": ("symbols", "symbol_id"), "listing": ("venue_symbols", "listing_id")}
#: Errors of a read of PostgreSQL; the internal one if it is cancelled while its connection closes.
_NO_ROW = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
#: Seconds a read and a write may take.
_READ, _WRITE = 3.0, 4.0


class Seen(NamedTuple):
    """The versions in one response, by key."""

    versions: dict[str, int]
    marked: bool


class Load:
    """Writes and reads until it is stopped."""

    def __init__(self, stack: Stack, history: History, seed: int, *, writes: float = 60.0, reads: float = 250.0) -> None:
        self._stack = stack
        self._history = history
        self._random = random.Random(seed)  # noqa: S311 - not a secret: a load must be repeatable
        self._tasks: list[asyncio.Task[None]] = []
        self._writes = writes
        #: reads per second of each worker
        self.reads = reads
        self._revisions: dict[str, int] = {}
        self._may_write = asyncio.Event()
        self._may_write.set()
        self._writing = 0
        self._by_listing = {each.key: each.key.replace("listing", "symbol") for each in stack.targets if each.kind == "listing"}
        #: nanoseconds from the acknowledgement of a write to the first read that showed it
        self.visibility: list[int] = []
        self.written = 0
        self.refused = 0

    async def start(self, writers: int = 4, readers: int = 2) -> None:
        """Begin."""
        shares = [self._stack.targets[at::writers] for at in range(writers)]
        self._tasks = [asyncio.create_task(self._keep_writing(share, writers)) for share in shares]
        for worker in self._stack.workers:
            for at in range(readers):
                self._tasks.append(asyncio.create_task(self._keep_reading(worker, at, readers)))

    async def stop(self) -> None:
        """Stop. Raises the error of a task that failed."""
        await tasks.end(*self._tasks)
        for task in self._tasks:
            if not task.cancelled():
                task.result()

    @contextlib.asynccontextmanager
    async def paused(self) -> Any:
        """No write is in progress inside this context."""
        self._may_write.clear()
        while self._writing:  # noqa: ASYNC110 - counted, not signalled
            await asyncio.sleep(0.005)
        try:
            yield
        finally:
            self._revisions.clear()
            self._may_write.set()

    # ---- writes ----------------------------------------------------------------------------------------------------

    async def _keep_writing(self, targets: list[Target], writers: int) -> None:
        while True:
            await self._may_write.wait()
            self._writing += 1
            try:
                await self.write(self._random.choice(targets))
            finally:
                self._writing -= 1
            await asyncio.sleep(self._random.expovariate(self._writes / writers))

    async def write(self, target: Target) -> bool:
        """Write the next version of a target. Returns whether it was acknowledged."""
        client = self._stack.client(self._random.choice(self._stack.admins))
        try:
            if target.key not in self._revisions:
                self._revisions[target.key] = await self._revision(target)
            # Of two concurrent writes, the row's revision accepts one.
            version = self._history.attempt(target.key)
            path, request = _update(target, version, self._revisions[target.key])
            _, trailing = await client.raw(path, request.SerializeToString(), deadline=_WRITE)
        except (grpc.aio.AioRpcError, *_NO_ROW):
            # The outcome is unknown; the row's revision shows it and prevents a later commit.
            self._revisions.pop(target.key, None)
            self.refused += 1
            await asyncio.sleep(0.02)
            return False
        self._history.acknowledged(target.key, version, now())
        self._revisions[target.key] = int(trailing["cqar-revision"])
        self.written += 1
        return True

    async def _revision(self, target: Target) -> int:
        table, key = _TABLES[target.kind]
        rows = await self._stack.ask(f"SELECT revision FROM {table} WHERE {key} = $1", target.row_id)
        return int(rows[0]["revision"])

    async def watch_visibility(self, seconds: float) -> None:
        """Write and measure the time until each worker shows it, without faults."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            target = self._random.choice(self._stack.targets)
            if not await self.write(target):
                continue
            acknowledged, version = now(), self._history.newest(target.key)
            await asyncio.gather(*(self._until_seen(each, target, version, acknowledged) for each in self._stack.workers))

    async def _until_seen(self, worker: Process, target: Target, version: int, acknowledged: int) -> None:
        while True:
            seen = await self.read(worker, target)
            if seen.versions[target.key] >= version:
                self.visibility.append(now() - acknowledged)
                return

    # ---- reads -----------------------------------------------------------------------------------------------------

    async def _keep_reading(self, worker: Process, at: int, readers: int) -> None:
        # One reader per worker reads a listing and its symbol, so that their order is known.
        mine = [each for each in self._stack.targets if int(each.key.partition(":")[2]) % readers == at]
        while True:
            target = self._random.choice(mine)
            start, life = now(), worker.life
            try:
                seen = await self.read(worker, target)
            except grpc.aio.AioRpcError as error:
                self._history.failed()
                if error.code() == grpc.StatusCode.NOT_FOUND:
                    self._history.breach("vanished", f"{worker.name} says that there is no {target}")
                elif error.code() == grpc.StatusCode.INTERNAL:
                    self._history.breach("internal", f"{worker.name}: {error.details()}")
                await asyncio.sleep(0.01)
                continue
            if life == worker.life:
                end = now()
                for key, version in seen.versions.items():
                    self._history.read(Read(worker.name, life, key, start, end, version, seen.marked))
            await asyncio.sleep(readers / self.reads)

    async def read(self, worker: Process, target: Target) -> Seen:
        """Send a request to a worker. Raises AioRpcError."""
        method, request = _question(target, self._stack.venue)
        data, trailing = await self._stack.client(worker).raw(SERVICE + method, request.SerializeToString(), deadline=_READ)
        answer = getattr(pb, f"{method}Response").FromString(data)
        if answer.stale != (trailing.get("cqar-stale") == "true"):
            self._history.breach("marks", f"{worker.name}: message and metadata disagree on whether it is stale")
        if target.kind == "asset":
            return Seen({target.key: int(answer.asset.description or 0)}, answer.stale)
        versions = {self._by_listing.get(target.key, target.key): _number(answer.symbol.tick_size_decimal)}
        if target.kind == "listing":
            versions[target.key] = _number(answer.venue_symbol.min_notional_decimal)
        return Seen(versions, answer.stale)

    # ---- agreement -------------------------------------------------------------------------------------------------

    async def converged(self, patience: float, *, besides: Callable[[Process], bool] = lambda _each: False) -> float | None:
        """Seconds until every worker shows everything acknowledged by now, unmarked; None if that takes too long."""
        start = time.monotonic()
        wanted = {each.key: self._history.newest(each.key) for each in self._stack.targets}
        try:
            async with asyncio.timeout(patience):
                await asyncio.gather(*(self._agrees(each, wanted) for each in self._stack.workers if not besides(each)))
        except TimeoutError:
            return None
        return time.monotonic() - start

    async def _agrees(self, worker: Process, wanted: dict[str, int]) -> None:
        for target in self._stack.targets:
            while True:
                with contextlib.suppress(grpc.aio.AioRpcError):
                    seen = await self.read(worker, target)
                    if not seen.marked and all(seen.versions[key] >= wanted[key] for key in seen.versions):
                        break
                await asyncio.sleep(0.01)


def _number(text: str) -> int:
    return int(Decimal(text or "0"))


def _update(target: Target, version: int, revision: int) -> tuple[str, Any]:
    text = str(version)
    match target.kind:
        case "asset":
            request: Any = pb.UpdateAssetRequest(asset_id=target.row_id, description=text)
            path = f"{SERVICE}UpdateAsset"
        case "symbol":
            request = pb.UpdateSymbolRequest(symbol_id=target.row_id, tick_size_decimal=text)
            path = f"{SERVICE}UpdateSymbol"
        case _:
            request = registry_pb2.UpdateVenueSymbolRequest(listing_id=target.row_id, min_notional_decimal=text)
            path = f"{_OWN}UpdateVenueSymbol"
    request.expected_revision = revision
    return path, request


def _question(target: Target, venue: str) -> tuple[str, Any]:
    match target.kind:
        case "asset":
            return "GetAsset", pb.GetAssetRequest(asset_id=target.row_id)
        case "symbol":
            return "GetSymbol", pb.GetSymbolRequest(symbol_id=target.row_id)
        case _:
            return "GetVenueSymbol", pb.GetVenueSymbolRequest(venue_id=venue, venue_symbol=target.text)
