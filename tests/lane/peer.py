"""A client that sends valid and invalid frames, built on hyperframe and hpack."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import hpack
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from cqar.lane.grpc import framed
from tests.lane.running import GET

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
Fields = list[tuple[str, str]]


def fields(path: str = GET, *more: tuple[str, str], without: str = "") -> Fields:
    """Return the request headers of a call."""
    usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "lane"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ]
    return [pair for pair in usual if pair[0] != without] + list(more)


@dataclass
class Response:
    """What a stream received."""

    headers: list[dict[str, str]] = field(default_factory=list)
    data: bytes = b""
    ended: bool = False
    reset: int | None = None

    @property
    def status(self) -> str:
        return self.headers[-1].get("grpc-status", "none")


class Peer:
    """A client connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self.responses: dict[int, Response] = {}
        self.settings: dict[int, int] = {}
        self.goaways: list[GoAwayFrame] = []
        self.pongs: list[bytes] = []
        self.pings: list[bytes] = []
        self.updates: dict[int, int] = {}
        self.acknowledged = 0
        self.received = 0
        #: whether the lane has closed the connection
        self.over = False

    # ---- out -------------------------------------------------------------------------------------------------------

    async def send(self, *what: Frame | bytes) -> None:
        """Send frames or bytes in one write."""
        data = b"".join(each.serialize() if isinstance(each, Frame) else each for each in what)
        if self._writer.is_closing():
            return  # the lane has closed the connection; uvloop raises RuntimeError for a write then
        self._writer.write(data)
        with contextlib.suppress(ConnectionError):
            await self._writer.drain()

    def header(
        self, number: int, header: Fields | None = None, *, end: bool = False, block: bytes | None = None
    ) -> HeadersFrame:
        """Return HEADERS with a complete block."""
        data = self.encoder.encode(fields() if header is None else header) if block is None else block
        return HeadersFrame(number, data, flags=["END_HEADERS", *(["END_STREAM"] if end else [])])

    def call(self, number: int, message: bytes = b"short", header: Fields | None = None) -> bytes:
        """Return a complete unary call."""
        return self.header(number, header).serialize() + self.data(number, framed(message), end=True).serialize()

    @staticmethod
    def data(number: int, payload: bytes, *, end: bool = False) -> DataFrame:
        """Return DATA."""
        return DataFrame(number, payload, flags=["END_STREAM"] if end else [])

    # ---- in --------------------------------------------------------------------------------------------------------

    async def _frame(self) -> Frame | None:
        try:
            head = await self._reader.readexactly(9)
            frame, size = Frame.parse_frame_header(memoryview(head))
            frame.parse_body(memoryview(await self._reader.readexactly(size)))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.over = True
            return None
        self.received += 9 + size
        return frame

    async def step(self) -> bool:
        """Receive a frame. Returns False if the connection is closed."""
        frame = await self._frame()
        if frame is None:
            return False
        response = self.responses.setdefault(frame.stream_id, Response())
        if isinstance(frame, HeadersFrame):
            response.headers.append({str(name): str(value) for name, value in self._decoder.decode(frame.data)})
            response.ended = "END_STREAM" in frame.flags
        elif isinstance(frame, DataFrame):
            assert not response.ended
            response.data += frame.data
        elif isinstance(frame, RstStreamFrame):
            response.reset = frame.error_code
        elif isinstance(frame, GoAwayFrame):
            self.goaways.append(frame)
        elif isinstance(frame, PingFrame):
            (self.pongs if "ACK" in frame.flags else self.pings).append(frame.opaque_data)
        elif isinstance(frame, WindowUpdateFrame):
            self.updates[frame.stream_id] = self.updates.get(frame.stream_id, 0) + frame.window_increment
        elif isinstance(frame, SettingsFrame):
            if "ACK" in frame.flags:
                self.acknowledged += 1
            else:
                self.settings.update(frame.settings)
        else:
            assert not isinstance(frame, ContinuationFrame)
        return True

    async def response(self, number: int) -> Response:
        """Return the response on a stream after its end or reset."""
        async with asyncio.timeout(60):
            while not ((response := self.responses.get(number)) and (response.ended or response.reset is not None)):
                assert await self.step(), f"the connection ended: {self.goaways}"
        return response

    async def sync(self) -> None:
        """Wait until the lane has processed everything that was sent."""
        mark = b"sync%04d" % len(self.pongs)
        await self.send(PingFrame(0, mark))
        async with asyncio.timeout(60):
            while mark not in self.pongs:
                assert await self.step(), f"the connection ended: {self.goaways}"

    async def ending(self) -> int | None:
        """Wait for the end of the connection. Returns the code of the last GOAWAY, if any."""
        async with asyncio.timeout(60):
            while await self.step():
                pass
        return self.goaways[-1].error_code if self.goaways else None

    async def close(self) -> None:
        """Close the connection."""
        self._writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def connected(
    port: int, settings: dict[int, int] | None = None, *, greet: bool = True, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Peer]:
    """Connect. `greet`: whether to send the preface."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None)
    peer = Peer(reader, writer)
    if greet:
        await peer.send(PREFACE, SettingsFrame(0, settings or {}))
    try:
        yield peer
    finally:
        await peer.close()


async def check_alive(peer: Peer, number: int = 101) -> None:
    """Check that the connection still serves calls."""
    await peer.send(peer.call(number))
    response = await peer.response(number)
    assert (response.data, response.status) == (framed(b"s"), "0")


def raw(kind: int, flags: int, number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + number.to_bytes(4, "big") + payload
