"""The attacks on HTTP ports, in short: connections are closed, ambiguous requests refused, and callers served."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from cqar.observability import health
from cqar.server import process
from cqar.server.process import Http
from tests.attacks.http import HTTP, requested, smuggled
from tests.attacks.target import Target

_PLACES = 64
_LIVE = requested("GET", "/health/live")
#: Seconds that an attack lasts which only has to be harmless.
_SHORT = 0.5


@pytest.fixture
def seen() -> list[str]:
    """The paths that handlers were called with."""
    return []


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch, seen: list[str]) -> AsyncIterator[int]:
    """A port with health only, such as a worker's, and with short timeouts."""
    monkeypatch.setattr(process, "_HEAD_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "_KEEPALIVE_TIMEOUT", 0.5)
    monkeypatch.setattr(process, "_HTTP_CONNECTIONS", _PLACES)

    @web.middleware
    async def noted(request: web.Request, handler: Handler) -> web.StreamResponse:
        seen.append(request.path)
        return await handler(request)

    application, http = web.Application(middlewares=[noted]), Http(None)
    application.router.add_get("/health/live", health.live)
    application.router.add_get("/health/ready", health.live)
    application.router.add_get("/metrics", health.live)
    yield await http.listen("127.0.0.1", 0, application)
    await http.close()


async def _answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(_LIVE)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    assert await reader.readuntil(b"}") == b'{"status": "ok"}'


@pytest.mark.parametrize("name", [name for name, attack in HTTP.items() if "lane" in attack.places])
async def test_an_attack_is_bounded_and_closed(name: str, port: int) -> None:
    attack, loop = HTTP[name], asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await _answered(reader, writer)
    target = Target(port, port, scale=0.1)
    task = asyncio.ensure_future(attack.run(target))
    end = loop.time() + _SHORT
    try:
        async with asyncio.timeout(60):
            while not (target.closed if attack.closes else target.opened and loop.time() > end):
                await _answered(reader, writer)
                await asyncio.sleep(0.01)
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.wait([task])
    writer.close()
    await writer.wait_closed()


async def test_connections_of_an_attack_are_bounded(port: int) -> None:
    """Those over the limit are closed at once."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3 * _PLACES)]
    waiting = {asyncio.ensure_future(reader.read()) for reader, _ in lines}
    async with asyncio.timeout(30):
        while sum(each.done() for each in waiting) < 2 * _PLACES:
            await asyncio.wait([each for each in waiting if not each.done()], return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait(waiting)  # the others when their heads are late
    for _, writer in lines:
        writer.close()


@pytest.mark.parametrize("name", smuggled(b""))
async def test_a_request_whose_end_is_ambiguous_is_refused(name: str, port: int, seen: list[str]) -> None:
    """It gets one response, and the connection is closed, so nothing after it counts as a request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(smuggled(requested("GET", "/health/live"))[name])
    got = b""
    async with asyncio.timeout(30):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65_536):
                got += data
    assert got.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert len(re.findall(rb"^HTTP/1", got, re.MULTILINE)) == 1
    assert not seen
    writer.close()


async def test_an_unambiguous_request_is_followed_by_the_next(port: int, seen: list[str]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(requested("GET", "/health/live", "Content-Length: 3", data=b"abc") + _LIVE)
    writer.write(requested("GET", "/health/live", "Transfer-Encoding: chunked", data=b"1;a=b\r\nx\r\n0\r\n\r\n") + _LIVE)
    got = b""
    async with asyncio.timeout(30):
        while got.count(b"HTTP/1.1 200") < 4:
            got += await reader.read(65_536)
    assert seen == ["/health/live"] * 4
    writer.close()
