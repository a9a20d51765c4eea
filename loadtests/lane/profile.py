"""Measure a connection without sockets, by replaying what clients send.

`python -m loadtests.lane.profile` prints microseconds of processor time per call, the minimum of several rounds.
"""

import asyncio
import random
import struct
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice

import uvloop

from cqar.lane import frames
from cqar.lane.connection import Connection
from cqar.lane.hpack import Decoder, HeaderCache
from cqar.lane.routing import ROUTING_FIELDS
from cqar.lane.server import Lane
from cqar.lane.service import Service
from loadtests.lane.serve import KEYS, PATH, Metrics, Symbols, calls, request
from loadtests.scripts import CLIENTS, body

_CALLS = 20_000
_A_READ = 32
_ROUNDS = 5


class _Nowhere(asyncio.Transport):
    """A transport that drops all writes."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Drop the data."""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing."""

    def can_write_eof(self) -> bool:
        """Return False."""
        return False

    def close(self) -> None:
        """Do nothing."""


def _least(play: Callable[[], None]) -> float:
    """Return microseconds of processor time per call, the minimum of several rounds."""
    best = float("inf")
    for _ in range(_ROUNDS):
        start = time.process_time()
        play()
        best = min(best, time.process_time() - start)
    return best / _CALLS * 1e6


def _headers(client: str) -> Iterator[bytes]:
    return islice(CLIENTS[client][0](random.Random(1), calls()), _CALLS)  # noqa: S311 - the same in every run


def _reads(client: str) -> list[bytes]:
    """Return what a client with 32 streams sends, by read."""
    calls = []
    for at, head in enumerate(_headers(client)):
        sent = bytearray(head + body(request(at * 7919 % KEYS)))
        place = 0
        while place < len(sent):
            struct.pack_into(">I", sent, place + 5, 2 * at + 1)
            place += 9 + int.from_bytes(sent[place : place + 3], "big")
        calls.append(bytes(sent))
    return [b"".join(calls[at : at + _A_READ]) for at in range(0, _CALLS, _A_READ)]


def _serve(client: str, *, cached: bool = True) -> float:
    reads = _reads(client)
    greeting = frames.PREFACE + frames.settings({}) + frames.window_update(0, 1 << 30)
    lane = Lane(Service(methods={PATH: Symbols(KEYS if cached else 0)}, observer=Metrics()))

    def play() -> None:
        connection = Connection(lane)
        connection.connection_made(_Nowhere())
        connection.data_received(greeting)
        for read in reads:
            connection.data_received(read)

    return _least(play)


def _decode(client: str) -> float:
    blocks = [head[9 : 9 + int.from_bytes(head[:3], "big")] for head in _headers(client)]
    memory = HeaderCache(ROUTING_FIELDS)

    def play() -> None:
        decode = Decoder(memory).decode
        for block in blocks:
            decode(block)

    return _least(play)


async def _main() -> None:
    for client in CLIENTS:
        whole, header = _serve(client), _decode(client)
        sys.stdout.write(f"{client:16} {whole:6.2f} us a call without sockets; decoding all header blocks {header:6.2f} us\n")
        sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(_main())
