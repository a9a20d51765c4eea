"""A client with a key: looks a venue up all the time, and remembers the longest wait."""

import asyncio
import time

import hpack
import uvloop

from cqar.lane.grpc import framed
from tests.lane.peer import connected, fields

_GET = "/cqc.services.v1.AssetRegistry/GetVenue"
#: Seconds between two lookups.
_PAUSE = 0.005


async def _look_up(port: int, token: str, message: bytes, seconds: float) -> float:
    longest, end = 0.0, time.monotonic() + seconds
    header = [*fields(_GET), ("authorization", token)]
    async with connected(port) as peer:
        number = 1
        while time.monotonic() < end:
            began = time.monotonic()
            block = peer.encoder.encode([hpack.NeverIndexedHeaderTuple(*each) for each in header])
            await peer.send(peer.header(number, block=block), peer.data(number, framed(message), end=True))
            response = await peer.response(number)
            assert response.status == "0", response
            if number > 1:  # the first call has the key verified
                longest = max(longest, time.monotonic() - began)
            number += 2
            await asyncio.sleep(_PAUSE)
    return longest


def longest_wait(port: int, token: str, message: bytes, seconds: float) -> float:
    """Call for some seconds. Returns the longest wait in seconds."""
    return uvloop.run(_look_up(port, token, message, seconds))
