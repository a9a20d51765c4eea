"""A client with a key: looks a venue up all the time, lists venues now and then, and remembers the longest wait."""

import asyncio
import contextlib
import os
import time
from dataclasses import dataclass

import uvloop

from tests.attacks.target import Paths, unverified
from tests.attacks.wire import body, head, number, update
from tests.lane.peer import Peer, connected

#: Seconds between two calls, and until a call counts as failed.
_PAUSE = 0.005
_PATIENCE = 10.0
#: One of this many calls is passed on to admin.
_PASSED_ON = 20
_PATHS = Paths()
_CALLS = {
    _PATHS.cached: b"\0" + len(_PATHS.request).to_bytes(4, "big") + _PATHS.request,
    _PATHS.passed_on: b"\0\0\0\0\0",
}


@dataclass
class Waits:
    """What a client saw: calls, those that failed, and the longest wait in seconds."""

    calls: int = 0
    failed: int = 0
    longest: float = 0.0


async def _call(peer: Peer, at: int, key: str, *, tls: bool) -> bool:
    # A worker with a certificate connects to admin by TLS, which is not what is attacked.
    path = _PATHS.passed_on if at % _PASSED_ON == _PASSED_ON - 1 and not tls else _PATHS.cached
    await peer.send(head(at, path, ("authorization", key)), body(at, _CALLS[path]))
    return (await peer.response(number(at))).status == "0"


async def _run(waits: Waits, port: int, key: str, end: float, *, tls: bool) -> None:
    async with connected(port, tls=unverified() if tls else None) as peer:
        await peer.send(update(0, (1 << 31) - 70_000))
        at = 0
        while time.monotonic() < end:
            began = time.monotonic()
            well = False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    well = await _call(peer, at, key, tls=tls)
            waits.calls += 1
            waits.failed += not well
            if at:  # the first call has the key verified
                waits.longest = max(waits.longest, time.monotonic() - began)
            peer.responses.clear()
            at += 1
            await asyncio.sleep(_PAUSE)


async def _call_for(port: int, key: str, seconds: float, *, tls: bool) -> Waits:
    waits, end = Waits(), time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            await _run(waits, port, key, end, tls=tls)
        except (OSError, AssertionError):  # its connection was closed
            waits.failed += 1
            await asyncio.sleep(_PAUSE)
    return waits


def call_for(port: int, key: str, seconds: float, core: int | None, *, tls: bool = False) -> Waits:
    """Call for some seconds, on a core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
    return uvloop.run(_call_for(port, key, seconds, tls=tls))
