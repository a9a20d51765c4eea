"""Attacks on HTTP ports: admin's API, and health and metrics of every process."""

import asyncio
import gzip
from functools import partial

from tests.attacks.target import Attack, Line, Target, hold

_PLACES = ("lane", "admin")
_BOMB = gzip.compress(bytes(64 << 20), mtime=0)
_CHUNK = b"1;" + b"x" * 40 + b"\r\na\r\n"


def requested(verb: str, path: str, *fields: str, data: bytes = b"") -> bytes:
    """A request."""
    return "\r\n".join((f"{verb} {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", "")).encode() + data


def smuggled(inner: bytes) -> dict[str, bytes]:
    """Requests whose end is ambiguous, with a second request where some parsers see one."""
    chunked, size = "Transfer-Encoding: chunked", f"Content-Length: {len(inner) + 5}"
    hidden = b"0\r\n\r\n" + inner
    return {
        "length and chunked": requested("POST", "/nowhere", size, chunked, data=hidden),
        "chunked and length": requested("POST", "/nowhere", chunked, size, data=hidden),
        "two lengths": requested("POST", "/nowhere", "Content-Length: 0", f"Content-Length: {len(inner)}", data=inner),
        "a list of lengths": requested("POST", "/nowhere", f"Content-Length: 0, {len(inner)}", data=inner),
        "a signed length": requested("POST", "/nowhere", f"Content-Length: +{len(inner)}", data=inner),
        "a length in hexadecimal": requested("POST", "/nowhere", f"Content-Length: 0x{len(inner):x}", data=inner),
        "a length with an underscore": requested("POST", "/nowhere", "Content-Length: 1_0", data=inner),
        "an unknown coding": requested("POST", "/nowhere", "Transfer-Encoding: xchunked", size, data=hidden),
        "chunked twice": requested("POST", "/nowhere", "Transfer-Encoding: chunked, chunked", size, data=hidden),
        "chunked before identity": requested("POST", "/nowhere", "Transfer-Encoding: chunked, identity", size, data=hidden),
        "a space before the colon": requested("POST", "/nowhere", "Transfer-Encoding : chunked", size, data=hidden),
        "a vertical tab": requested("POST", "/nowhere", "Transfer-Encoding: \x0bchunked", size, data=hidden),
        "a folded field": requested(
            "POST", "/nowhere", "X: y\r\n Transfer-Encoding: chunked", size, "\tContent-Length: 0", data=hidden
        ),
        "a line feed alone": b"POST /nowhere HTTP/1.1\nHost: x\nTransfer-Encoding: chunked\nContent-Length: 99\n\n" + hidden,
        "a carriage return alone": requested("POST", "/nowhere", "X: y\rTransfer-Encoding: chunked", size, data=hidden),
        "a null byte": requested("POST", "/nowhere", "X: y\0", size, chunked, data=hidden),
        "a chunk size with a sign": requested("POST", "/nowhere", chunked, data=b"+0\r\n\r\n" + inner),
        "a chunk size with a prefix": requested("POST", "/nowhere", chunked, data=b"0x0\r\n\r\n" + inner),
        "a chunk ended by a line feed": requested("POST", "/nowhere", chunked, data=b"1\na\n0\n\n" + inner),
        "a chunk longer than its size": requested("POST", "/nowhere", chunked, data=b"1\r\nabc\r\n0\r\n\r\n" + inner),
        "an unknown coding alone": requested("POST", "/nowhere", "Transfer-Encoding: xchunked", data=hidden),
        "gzip alone": requested("POST", "/nowhere", "Transfer-Encoding: gzip", data=hidden),
        "a coding after chunked": requested("POST", "/nowhere", chunked, "Transfer-Encoding: gzip", data=hidden),
        "a coding with a parameter": requested("POST", "/nowhere", "Transfer-Encoding: chunked;a=b", data=hidden),
        "an empty length": requested("POST", "/nowhere", "Content-Length:", data=inner),
        "a length with a space": requested("POST", "/nowhere", "Content-Length: 1 0", data=inner),
        "a length of a name with a space": requested("POST", "/nowhere", f"Content-Length : {len(inner)}", data=inner),
        "a length without a colon": requested("POST", "/nowhere", f"Content-Length {len(inner)}", data=inner),
        "a carriage return in an extension": requested("POST", "/nowhere", chunked, data=b"0;a\rb\r\n\r\n" + inner),
        "a line feed in an extension": requested("POST", "/nowhere", chunked, data=b"0;a\nb\r\n\r\n" + inner),
        "an empty chunk size": requested("POST", "/nowhere", chunked, data=b"\r\n\r\n" + inner),
        "a chunk size with a space": requested("POST", "/nowhere", chunked, data=b" 0\r\n\r\n" + inner),
        "a huge chunk size": requested("POST", "/nowhere", chunked, data=b"1" + b"0" * 16 + b"\r\n\r\n" + inner),
        "HTTP/1.0 and chunked": b"POST /nowhere HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + hidden,
    }


async def _send(target: Target, data: bytes, again: bytes = b"") -> None:
    """Send on a connection, then `again` until it is closed."""
    async with target.line(target.http_port) as line:
        reading = asyncio.create_task(line.drain())
        try:
            await line.send(data)
            while again and not line.over:
                await line.send(again)
                await asyncio.sleep(0)
            await asyncio.wait([reading])
        finally:
            reading.cancel()


async def _repeated(target: Target, data: bytes, again: bytes = b"", times: int = 8) -> None:
    await target.repeat(lambda: _send(target, data, again), times)


async def _smuggling(target: Target) -> None:
    requests = list(smuggled(requested("GET", "/health/live")).values())
    turn = iter(range(1 << 30))
    await target.repeat(lambda: _send(target, requests[next(turn) % len(requests)]), 8)


async def _pipelined(target: Target, request: bytes) -> None:
    """Send requests without reading the responses."""

    async def once() -> None:
        async with target.line(target.http_port) as line:
            while not line.over:
                await line.send(request * 100)

    await target.repeat(once, 8)


async def _asked(line: Line, request: bytes) -> None:
    while not line.over:
        await line.send(request)
        await asyncio.sleep(0.01)


async def _scrapes(target: Target, path: str) -> None:
    """Ask for an expensive page on as many connections as there may be."""

    async def once() -> None:
        async with target.line(target.http_port) as line:
            reading = asyncio.create_task(line.drain())
            try:
                await _asked(line, requested("GET", path))
            finally:
                reading.cancel()

    await target.repeat(once, max(8, round(200 * target.scale)))


def _attack(data: bytes, again: bytes = b"") -> Attack:
    return Attack(partial(_repeated, data=data, again=again), places=_PLACES)


_GZIPPED = requested("POST", "/nowhere", "Content-Encoding: gzip", f"Content-Length: {len(_BOMB)}", data=_BOMB)
_ENDLESS = requested("POST", "/nowhere", "Content-Length: 99999999999")
_CHUNKED = requested("POST", "/nowhere", "Transfer-Encoding: chunked")
_JSON = b'{"metadata":' + b'{"a":[' * 20_000
_NESTED = requested("POST", "/v1/assets", "Content-Type: application/json", f"Content-Length: {len(_JSON)}", data=_JSON)


async def _held(target: Target, start: bytes, again: bytes) -> None:
    await hold(target, 300, start, again=again, port=target.http_port)


HTTP: dict[str, Attack] = {
    "http-gzip": _attack(_GZIPPED),
    "http-endless-body": _attack(_ENDLESS, bytes(64 << 10)),
    "http-small-chunks": _attack(_CHUNKED, _CHUNK * 1_000),
    "http-endless-head": _attack(b"GET / HTTP/1.1\r\n", b"X-Y: " + b"z" * 1_000 + b"\r\n"),
    "http-endless-line": _attack(b"GET /", b"z" * 10_000),
    "http-nested-json": Attack(partial(_repeated, data=_NESTED), closes=False, places=("admin",)),
    "http-smuggling": Attack(_smuggling, places=_PLACES),
    "http-slow-heads": Attack(partial(_held, start=b"GET / HTTP/1.1\r\n", again=b"X: y\r\n"), lasts=13, places=_PLACES),
    "http-idle": Attack(partial(_held, start=b"", again=b""), lasts=13, places=_PLACES),
    "http-pipelined": Attack(partial(_pipelined, request=requested("GET", "/health/live")), closes=False, places=_PLACES),
    "http-scrapes": Attack(partial(_scrapes, path="/metrics"), closes=False, places=_PLACES),
    "http-probes": Attack(partial(_scrapes, path="/health/ready"), closes=False, places=_PLACES),
}
