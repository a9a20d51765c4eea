"""Helpers for tests with processes: a small registry, admins and workers, and waiting for a condition."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from cqar import clock, config
from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.hotpath.app import Hotpath
from tests.client import Client

#: Seconds between probes that do not come.
_NEVER = 3_600.0
#: Seconds that a process may take to stop at the end of a test.
_STOP_SECONDS = 15.0


class Listed(NamedTuple):
    """The ids of a listing and of its entities."""

    base: str
    quote: str
    symbol: str
    venue: str
    text: str


async def listed(registry: Client, name: str = "BTC", venue: str = "binance") -> Listed:
    """Register an asset, a USDT, their spot symbol, a venue and a listing."""
    base = await registry.call("CreateAsset", symbol=name, name=f"{name} coin", asset_type=assets.ASSET_TYPE_NATIVE)
    quote = await registry.call("CreateAsset", symbol="USDT", name="Tether", asset_type=assets.ASSET_TYPE_ERC20)
    symbol = await registry.call(
        "CreateSymbol",
        symbol_type=markets.SYMBOL_TYPE_SPOT,
        base_asset_id=base.asset.asset_id,
        quote_asset_id=quote.asset.asset_id,
        tick_size=0.5,
    )
    await registry.call("CreateVenue", name=venue, venue_type=venues.VENUE_TYPE_CEX)
    await registry.call(
        "CreateVenueSymbol", venue_id=venue, symbol_id=symbol.symbol.symbol_id, venue_symbol=f"{name}USDT", taker_fee=0.001
    )
    return Listed(base.asset.asset_id, quote.asset.asset_id, symbol.symbol.symbol_id, venue, f"{name}USDT")


async def found(client: Client, at: Listed, **fields: Any) -> Any:
    """The listing, resolved."""
    return await client.call("GetVenueSymbol", venue_id=at.venue, venue_symbol=at.text, **fields)


async def ticked(registry: Client, at: Listed, tick: str) -> int:
    """Set the symbol's tick size; the revision of the change."""
    return int((await registry.call("UpdateSymbol", symbol_id=at.symbol, tick_size_decimal=tick)).revision)


def move_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Set the clock of this process forward, for validity times. PostgreSQL and what expires by the lease do not follow."""
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() + round(seconds * 1_000_000))


async def own_call(client: Client, method: str, **fields: Any) -> Any:
    """A call of cqar.v1.Registry."""
    request = getattr(registry_pb2, f"{method}Request")(**fields)
    data, _ = await client.raw(f"/cqar.v1.Registry/{method}", request.SerializeToString())
    return getattr(registry_pb2, f"{method}Response").FromString(data)


async def eventually(check: Callable[[], bool | Awaitable[bool]], seconds: float = 60) -> None:
    """Wait until the check is true. The timeout is generous, for busy machines."""
    async with asyncio.timeout(seconds):
        while True:
            result = check()
            if result if isinstance(result, bool) else await result:
                return
            await asyncio.sleep(0.01)


def changed(settings: config.Settings, **sections: dict[str, Any]) -> config.Settings:
    """The settings with some values of some sections replaced."""
    replace = msgspec.structs.replace
    return replace(settings, **{name: replace(getattr(settings, name), **values) for name, values in sections.items()})


@asynccontextmanager
async def admin_of(settings: config.Settings) -> AsyncIterator[Admin]:
    """A running admin."""
    process = Admin(settings)
    try:
        await process.start()
        yield process
    finally:
        await process.stop()


@asynccontextmanager
async def worker_of(settings: config.Settings, admin_port: int = 1, *, loaded: bool = True) -> AsyncIterator[Hotpath]:
    """A running worker, loaded unless `loaded` is false."""
    process = Hotpath(changed(settings, hotpath={"admin_address": f"127.0.0.1:{admin_port}"}))
    try:
        await process.start()
        if loaded:
            await eventually(lambda: process.feed.loaded)
        yield process
    finally:
        await process.stop()


async def without_periodic_probes(worker: Hotpath) -> None:
    """Return after the last periodic probe of a worker, whether it succeeds or not: from then on it probes only on demand."""
    feed, probe_and_apply = worker.feed, worker.feed._probe_and_apply
    if feed._interval == _NEVER:
        return
    await worker.sweep.stop()  # it demands probes
    ended = asyncio.Event()

    async def last() -> None:
        # Not before: after a probe that fails, the feed waits for its interval, whatever is demanded.
        feed._interval = _NEVER
        try:
            await probe_and_apply()
        finally:
            ended.set()

    # The probe under way may be followed by one more, of which this is the end.
    feed._probe_and_apply = last  # type: ignore[method-assign]
    feed.probe()
    async with asyncio.timeout(60):
        await ended.wait()
    feed._probe_and_apply = probe_and_apply  # type: ignore[method-assign]


def let_through(process: Hotpath, passes: Callable[[], bool]) -> list[bytes]:
    """Deliver messages of changes to a worker only while `passes` returns true. The list has all messages, delivered or not."""
    arrived: list[bytes] = []
    client = process._bus._client
    assert client is not None

    async def received(message: Any) -> None:
        arrived.append(message.data)
        if passes():
            process.feed._received(message.data)

    for subscription in client._subs.values():
        if subscription.subject.startswith("cqar.changes."):
            subscription._cb = received
    return arrived


class Reads:
    """Records reads of parts from PostgreSQL, with a gate that delays their results."""

    def __init__(self) -> None:
        #: the keys of each read
        self.made: list[tuple[str, ...]] = []
        self.open = asyncio.Event()
        self.open.set()
        #: set when a read has reached the gate
        self.arrived = asyncio.Event()

    @property
    def keys(self) -> list[str]:
        """All keys that were read."""
        return [key for each in self.made for key in each]

    def of(self, read: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        """A read that is recorded."""

        async def reading(session: Any, *keys: str) -> Any:
            self.made.append(keys)
            result = await read(session, *keys)
            self.arrived.set()
            await self.open.wait()
            return result

        return reading


class Process:
    """`cqar admin` or `cqar hotpath` as a child process, which can be killed."""

    def __init__(self, name: str, settings: config.Settings, **variables: str) -> None:
        own = {
            "CQAR_DATABASE_URL": settings.database.url,
            "CQAR_REDIS_URL": settings.redis.url,
            "CQAR_NATS_URL": settings.nats.url,
            "CQAR_LOG_FORMAT": "json",
            "CQAR_HOTPATH_WORKERS": "1",
            **{f"CQAR_{each}PORT": "0" for each in ("ADMIN_", "ADMIN_HTTP_", "HOTPATH_", "HOTPATH_HTTP_", "METRICS_")},
        }
        kept = {key: value for key, value in os.environ.items() if not key.startswith("CQAR_")}
        self._process = subprocess.Popen(self._command(name), env=kept | own | variables, stderr=subprocess.PIPE, text=True)
        self.log: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _command(self, name: str) -> list[str]:
        return [sys.executable, "-m", "cqar", name]

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log.append(json.loads(line) if line.startswith("{") else {"event": line})

    def said(self, event: str) -> dict[str, Any] | None:
        """The first log line of an event, or None."""
        return next((line for line in list(self.log) if line["event"] == event), None)

    async def says(self, event: str) -> dict[str, Any]:
        """Wait until it has logged the event."""
        await eventually(lambda: self.said(event) is not None or self._process.poll() is not None, 60)
        line = self.said(event)
        assert line is not None, self.log
        return line

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait for its end; the exit code."""
        await eventually(lambda: self._process.poll() is not None, 60)
        self._reader.join()
        return int(self._process.returncode)

    def close(self) -> None:
        """Stop it, kill it if it does not stop soon, and release everything."""
        # A killed process writes no coverage data.
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()


@contextmanager
def process_of(name: str, settings: config.Settings, **variables: str) -> Iterator[Process]:
    """A running process, stopped at the end."""
    process = Process(name, settings, **variables)
    try:
        yield process
    finally:
        process.close()
