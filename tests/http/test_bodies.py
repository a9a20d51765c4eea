"""Bodies that no handler reads: never decompressed, not received, and their connections closed; on every HTTP port."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from aiohttp import compression_utils, web

from cqar.observability import health
from cqar.server.process import Http
from tests.http.client import Api

PACKED = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
BOMB = gzip.compress(bytes(10_000_000))
#: Maximum bytes of a body that its sender gets rid of: the buffers of both kernels and of aiohttp.
ACCEPTED = 16 * 1024 * 1024
CHUNK = bytes(64 * 1024)


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the pieces of bodies that are decompressed."""
    sizes: list[int] = []
    inflate = compression_utils.ZLibDecompressor.decompress_sync

    def counted(self: Any, data: bytes, *args: Any, **more: Any) -> bytes:
        result = inflate(self, data, *args, **more)
        sizes.append(len(result))
        return result

    monkeypatch.setattr(compression_utils.ZLibDecompressor, "decompress_sync", counted)
    return sizes


@pytest.fixture
async def plain() -> AsyncIterator[Api]:
    """A client of a port with health only, such as a worker's or a supervisor's."""
    application, http = web.Application(), Http(None)
    application.router.add_get("/health/live", health.live)
    port = await http.listen("127.0.0.1", 0, application)
    async with Api(port) as client:
        yield client
    await http.close()


@pytest.mark.parametrize("verb", ["GET", "POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", ["/v1/assets", "/v1/venues/none", "/v1/apply", "/nowhere", "/health/live", "/"])
async def test_compressed_bodies_are_refused_and_not_decompressed(
    shared: Api, inflated: list[int], verb: str, target: str
) -> None:
    for data in (BOMB, gzip.compress(b"{}"), b"no gzip"):
        answer = await shared.send(verb, target, data=data, headers=PACKED)
        assert (answer.status, answer.headers["Accept-Encoding"]) == (415, "identity")
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.body["detail"] == "the body must not be compressed"
    assert not inflated


async def test_other_ports_refuse_compressed_bodies_too(plain: Api, inflated: list[int]) -> None:
    for verb, target in (("GET", "/health/live"), ("POST", "/health/live"), ("GET", "/nowhere")):
        assert (await plain.send(verb, target, data=BOMB, headers=PACKED)).status == 415
    assert not inflated


async def test_the_encoding_identity_is_none(shared: Api) -> None:
    asset = json.dumps({"symbol": "BTC", "name": "Bitcoin", "asset_type": "ASSET_TYPE_NATIVE"}).encode()
    for encoding in ("identity", "Identity", ""):
        headers = {**PACKED, "Content-Encoding": encoding}
        assert (await shared.send("POST", "/v1/assets", data=asset, headers=headers)).status == 201
    for encoding in ("deflate", "br", "identity, gzip", "GZIP"):
        headers = {**PACKED, "Content-Encoding": encoding}
        assert (await shared.send("POST", "/v1/assets", data=asset, headers=headers)).status == 415


async def _flood(port: int, request: bytes, headers: Mapping[str, str]) -> tuple[bytes, int]:
    """The response to a request with an endless body, and the bytes of the body accepted until the connection closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    fields = {"Host": "127.0.0.1", "Content-Length": str(2**40), **headers}
    writer.write(request + b" HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode())
    writer.write(b"\r\n")
    accepted = 0
    head = await reader.readuntil(b"\r\n\r\n")
    try:
        while accepted < 4 * ACCEPTED:
            writer.write(CHUNK)
            await writer.drain()
            accepted += len(CHUNK)
    except ConnectionError:
        pass
    finally:
        writer.close()
    return head, accepted


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
@pytest.mark.parametrize("request_line", [b"GET /nowhere", b"GET /health/live"])
async def test_an_unread_body_is_not_received(shared: Api, plain: Api, request_line: bytes, encoding: str) -> None:
    for port in (shared.port, plain.port):
        head, accepted = await _flood(port, request_line, {"Content-Encoding": encoding})
        assert b"connection: close" in head.lower()
        assert head.split()[1] in {b"404", b"405", b"415", b"200"}
        assert accepted <= ACCEPTED


async def test_a_body_that_is_too_large_is_not_received_further(shared: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    head = b"POST /v1/assets HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 90000000\r\n\r\n"
    writer.write(head + bytes(100_000))
    response = await reader.readuntil(b"\r\n\r\n")
    assert response.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in response.lower()
    assert b"RESOURCE_EXHAUSTED" in await reader.read()
    writer.close()


async def test_a_refused_request_whose_body_has_arrived_keeps_its_connection(shared: Api) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
    for _ in range(2):
        writer.write(b"GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404 ")
        assert b"connection: close" not in head.lower()
        [length] = [int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        await reader.readexactly(length)
    writer.close()
