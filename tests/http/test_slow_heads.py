"""HTTP connections are bounded, and time out until a request has arrived."""

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
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

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text="here")

    application.router.add_get("/", answer)
    http = Http(None)
    yield await http.listen("127.0.0.1", 0, application)
    await http.close()


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


async def test_connections_over_the_limit_are_closed(port: int) -> None:
    several = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    for reader, writer in several:
        writer.write(_REQUEST)
        assert b"here" in await reader.readuntil(b"here")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await rest(reader) == b""
    for _, each in (*several, (reader, writer)):
        each.close()


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
