"""The worker under attack, as an attacker sees it."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from hyperframe.frame import Frame

from tests.lane.peer import Peer, connected

#: What the nth turn of a flood sends.
Turn = Callable[[Peer, int], list[Frame | bytes]]
_TURNS = 200


@dataclass
class Target:
    """The ports of a worker, and how long to attack it. Attacks count their connections."""

    port: int
    http_port: int
    seconds: float
    opened: int = 0
    #: connections that the worker closed
    closed: int = 0
    _began: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether the attack has to end."""
        return time.monotonic() - self._began > self.seconds


class Attack(NamedTuple):
    """An attack. `closes`: whether the worker has to close its connections; otherwise they only have to be harmless."""

    run: Callable[[Target], Awaitable[None]]
    closes: bool = True


async def _drain(peer: Peer) -> None:
    with contextlib.suppress(Exception):
        while await peer.step():
            pass
    peer.over = True


async def flood(target: Target, turn: Turn, settings: dict[int, int] | None = None, turns: int = 1 << 20) -> None:
    """Repeat a turn on a connection until the worker closes it, then on the next one."""
    while not target.over:
        try:
            async with connected(target.port, settings) as peer:
                target.opened += 1
                await _pour(target, peer, turn, turns)
                target.closed += peer.over
        except OSError:
            await asyncio.sleep(0.05)


async def _pour(target: Target, peer: Peer, turn: Turn, turns: int) -> None:
    draining = asyncio.create_task(_drain(peer))
    at = 0
    while at < turns and not peer.over and not target.over:
        await peer.send(*(frame for number in range(at, at + _TURNS) for frame in turn(peer, number)))
        at += _TURNS
        await asyncio.sleep(0)
    while not peer.over and not target.over:  # noqa: ASYNC110 - the time is over without an event
        await asyncio.sleep(0.01)
    draining.cancel()
    await asyncio.wait([draining])


async def hold(target: Target, count: int, data: bytes) -> None:
    """Open connections, send the same on each, and hold them until the end."""
    writers: list[asyncio.StreamWriter] = []
    try:
        while len(writers) < count and not target.over:
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
                writers.append(writer)
                writer.write(data)
                target.opened += 1
                if not len(writers) % 200:
                    await asyncio.sleep(0.01)
                    target.closed += reader.at_eof()
        while not target.over:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.05)
    finally:
        for writer in writers:
            writer.transport.abort()
