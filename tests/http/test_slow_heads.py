"""HTTP connections are bounded, and time out until a request has arrived."""

import asyncio
import contextlib
import resource
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
from aiohttp import web

from cqar.server import descriptors, process
from cqar.server.process import Http

_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(process, "_HEAD_TIMEOUT", 0.3)
    monkeypatch.setattr(process, "_KEEPALIVE_TIMEOUT", 0.6)
    monkeypatch.setattr(process, "_HTTP_CONNECTIONS", 3)
    application = web.Application()
    application.router.add_get("/", answered)
    http = Http(None)
    yield await http.listen("127.0.0.1", 0, application)
    await http.close()


async def answered(_request: web.Request) -> web.Response:
    """Answer a request."""
    return web.Response(text="here")


async def rest(reader: asyncio.StreamReader) -> bytes:
    """Return what arrives until the connection is closed."""
    async with asyncio.timeout(20):
        return await reader.read()


@pytest.mark.parametrize("start", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_connection_without_a_request_is_closed(port: int, start: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(start)
    assert await rest(reader) == b""
    writer.close()


async def test_a_connection_without_a_next_request_is_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_REQUEST)
    assert b"here" in await reader.readuntil(b"here")
    writer.write(_REQUEST[:-2])
    assert await rest(reader) == b""
    writer.close()


class Wire(asyncio.Transport):
    """A connection that says whether the server still receives."""

    receives = True

    def pause_reading(self) -> None:
        self.receives = False

    def is_closing(self) -> bool:
        return False

    def write(self, data: Any) -> None:
        pass

    def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"GET /" + b"z" * 10_000, id="line"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 10_000, id="field"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000, id="fields"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="colon"),
    ],
)
async def test_nothing_is_received_after_a_malformed_head(head: bytes) -> None:
    runner = web.AppRunner(web.Application())
    await runner.setup()
    connection, wire = process._Acceptor(runner.server, None)(), Wire()
    connection.connection_made(wire)
    # The answer is not sent yet: a reader that goes on would queue an error with its bytes for each read.
    connection.data_received(head)
    assert not wire.receives
    await runner.cleanup()


async def test_connections_over_the_limit_are_closed(port: int) -> None:
    several = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for reader, writer in several:
        writer.write(_REQUEST)
        assert b"here" in await reader.readuntil(b"here")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await rest(reader) == b""
    for _, each in (*several, (reader, writer)):
        each.close()


class Secure:
    """An identity of this machine."""

    def __init__(self) -> None:
        self._authority = trustme.CA()

    def context(self, *_protocols: str) -> ssl.SSLContext:
        """The context of a server."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("localhost").configure_cert(made)
        return made

    def client(self) -> ssl.SSLContext:
        """The context of a client."""
        made = ssl.create_default_context()
        self._authority.configure_trust(made)
        return made


async def test_half_open_handshakes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_HTTP_CONNECTIONS", 12)
    identity: Any = Secure()
    http, application = Http(identity), web.Application()
    application.router.add_get("/", answered)
    port = await http.listen("127.0.0.1", 0, application)
    half = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    for reader, _ in half[:17]:
        with contextlib.suppress(ConnectionError):
            assert await rest(reader) == b""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=identity.client(), server_hostname="localhost")
    writer.write(_REQUEST)
    assert b"here" in await reader.readuntil(b"here")
    [closed] = [each.samples for each in http.collect()]
    # One more made room for the good one.
    assert [(each.labels, each.value) for each in closed] == [({"reason": "handshakes"}, 18)]
    for _, each in (*half, (reader, writer)):
        each.close()
    await http.close()


async def test_a_handshake_that_is_not_completed_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "_HEAD_TIMEOUT", 0.2)
    identity: Any = Secure()
    http = Http(identity)
    port = await http.listen("127.0.0.1", 0, web.Application())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        assert await rest(reader) == b""
    writer.close()
    await http.close()


@pytest.mark.parametrize(("soft", "connections"), [(100, 50), (1_024, 768), (65_536, 10_000)])
def test_connections_leave_descriptors_for_everything_else(
    monkeypatch: pytest.MonkeyPatch, soft: int, connections: int
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (soft, soft))
    assert descriptors.connections(10_000) == connections


def test_the_soft_limit_of_descriptors_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1_024, 4_096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _what: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _what, to: limits.append(to))
    assert descriptors.raise_limit() == 4_096
    assert limits[-1] == (4_096, 4_096)
