"""A process under attack, as an attacker sees it, and the shapes that attacks have."""

import asyncio
import contextlib
import functools
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.attacks.wire import settings
from tests.lane.peer import PREFACE

#: What the nth turn of a flood sends.
Turn = Callable[["Target", int], bytes]
#: Bytes that a flood sends at once, at least.
_AT_ONCE = 20_000
_NOTHING = settings()
#: Connections of a flood in a short form of its attack.
_FEW = 4
#: Seconds between two attempts to connect, and between two looks at a connection that the attacker does not read.
_RETRY = 0.05
_LOOK = 0.25


class Paths(NamedTuple):
    """The methods that attacks call, and requests for them."""

    #: answered by the worker, from its cache
    cached: str = "/cqc.services.v1.AssetRegistry/GetVenue"
    request: bytes = b"\n\7binance"
    #: a batch of names, and passed on to admin
    batch: str = "/cqar.v1.Resolver/ResolveVenueSymbols"
    passed_on: str = "/cqc.services.v1.AssetRegistry/ListVenues"
    #: passed on to admin, with requests of up to 16 MB
    large: str = "/cqar.v1.Registry/Apply"
    #: needs no key and does not end
    watch: str = "/grpc.health.v1.Health/Watch"


class Line:
    """A connection of an attacker."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        #: whether the process has closed it
        self.over = False

    async def send(self, data: bytes | bytearray) -> None:
        """Send."""
        self._writer.write(data)
        try:
            await self._writer.drain()
        except OSError:
            self.over = True

    async def drain(self) -> None:
        """Read until the process closes the connection."""
        with contextlib.suppress(OSError):
            while await self._reader.read(1 << 16):
                pass
        self.over = True

    async def until_closed(self, ping: bytes) -> None:
        """Read nothing, and send a ping now and then until the connection is closed."""
        while not self.over:
            await asyncio.sleep(_LOOK)
            await self.send(ping)
            self.over |= self._writer.transport.is_closing()

    def abort(self) -> None:
        """Close at once."""
        self._writer.transport.abort()


@dataclass
class Target:
    """A process under attack. Attacks count their connections."""

    port: int
    http_port: int = 0
    paths: Paths = field(default_factory=Paths)
    #: the `authorization` of a reader
    key: str = ""
    #: whether the gRPC port speaks TLS
    tls: bool = False
    #: the share of connections that attacks with very many of them open
    scale: float = 1.0
    opened: int = 0
    #: connections that the process closed
    closed: int = 0

    @property
    def keyed(self) -> tuple[tuple[str, str], ...]:
        """The header fields of a caller with a key."""
        return (("authorization", self.key),) if self.key else ()

    @contextlib.asynccontextmanager
    async def line(self, port: int | None = None, *, source: str = "127.0.0.1") -> AsyncIterator[Line]:
        """A connection that is counted, and aborted at the end. `source`: its address. Raises OSError."""
        tls = unverified() if self.tls and port is None else None
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port or self.port, ssl=tls, local_addr=(source, 0), limit=1 << 20
        )
        line = Line(reader, writer)
        self.opened += 1
        try:
            yield line
        finally:
            self.closed += line.over
            line.abort()

    async def repeat(self, attack: Callable[[], Awaitable[None]], times: int = 1) -> None:
        """Attack again and again, `times` in parallel. Connections that are refused are tried again."""

        async def one() -> None:
            while True:
                try:
                    await attack()
                except OSError:
                    await asyncio.sleep(_RETRY)

        async with asyncio.TaskGroup() as group:
            for _ in range(times):
                group.create_task(one())


class Attack(NamedTuple):
    """An attack, which goes on until it is cancelled."""

    run: Callable[[Target], Awaitable[None]]
    #: whether the process has to close its connections; otherwise they only have to be harmless
    closes: bool = True
    #: seconds after which the process has to have closed some
    lasts: float = 0.0
    #: the processes that it is for
    places: tuple[str, ...] = ("lane", "grpcio")
    #: bytes that the process may grow by
    growth: int = 64 << 20
    tls: bool = False


@functools.cache
def unverified() -> ssl.SSLContext:
    """TLS that trusts every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def flood(
    target: Target, turn: Turn, *, greeting: bytes = _NOTHING, turns: int = 1 << 20, connections: int = 4, reads: bool = True
) -> None:
    """Repeat a turn on a connection until it is closed or has had its turns, then wait for its end; then on the next one."""

    async def once() -> None:
        async with target.line() as line:
            await line.send(PREFACE + greeting)
            await _pour(target, line, turn, turns, reads=reads)

    await target.repeat(once, connections if target.scale == 1 else min(connections, _FEW))


async def _pour(target: Target, line: Line, turn: Turn, turns: int, *, reads: bool) -> None:
    reading = asyncio.create_task(line.drain() if reads else line.until_closed(_NOTHING))
    try:
        at = 0
        while at < turns and not line.over:
            data = bytearray()
            while at < turns and len(data) < _AT_ONCE:
                data += turn(target, at)
                at += 1
            await line.send(data)
            await asyncio.sleep(0)
        await asyncio.wait([reading])
    finally:
        reading.cancel()


async def hold(
    target: Target, count: int, start: bytes, *, again: bytes = b"", every: float = 1.0, port: int | None = None
) -> None:
    """Hold `count` connections: send `start` on each, then `again` now and then. One that is closed is replaced.

    Their addresses differ, so that the limit per address does not end the attack.
    """
    places = iter(range(1 << 30))

    async def once() -> None:
        place = next(places)
        async with target.line(port, source=f"127.0.1.{1 + place // 900 % 250}") as line:
            reading = asyncio.create_task(line.drain())
            try:
                await line.send(start)
                while not line.over:
                    await asyncio.wait([reading], timeout=every if again else None)
                    if again and not line.over:
                        await line.send(again)
            finally:
                reading.cancel()

    await target.repeat(once, max(1, round(count * target.scale)))
