"""The attacks of the bench on a lane, in short: its bounds hold, it closes their connections, and callers are served."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cqar.lane.grpc import RpcError, framed
from cqar.lane.limits import Limits
from cqar.lane.service import Context
from tests.attacks.table import ATTACKS
from tests.attacks.target import Attack, Paths, Target
from tests.lane.peer import Peer, connected, fields
from tests.lane.running import GET, OTHER, RunningLane, backend, running_lane, until
from tests.tls.processes import Authority

_UPSTREAM = "/test.Upstream/Unary"
_PATHS = Paths(cached=GET, request=b"long", batch=OTHER, passed_on=_UPSTREAM, large=_UPSTREAM, watch="/test.Upstream/Watch")
_KEY, _OTHER_KEY = "Bearer good", "Bearer better"
_MEBI = 1 << 20
#: Much lower than in production, so that short attacks reach them.
LIMITS = Limits(
    connections=150,
    flood_rate=0,
    buffered=4 * _MEBI,
    connection_buffered=_MEBI,
    stranger_calls=100,
    stranger_bytes=_MEBI,
    queued=_MEBI,
    all_queued=4 * _MEBI,
    cached=65_536,
    all_cached=_MEBI,
    preface_timeout=0.5,
    frame_timeout=0.5,
    stall_timeout=0.5,
)
#: What a single read may hold beyond a limit, before it is checked.
_SLACK = 300_000
#: Seconds that an attack lasts which only has to be harmless.
_SHORT = 0.5


class _Keys:
    """A gate that knows two keys."""

    def proven(self, principal: Any) -> bool:
        return f"Bearer {principal}" in (_KEY, _OTHER_KEY)

    def public(self, path: str) -> bool:
        return path == _PATHS.watch

    def check(self, context: Context) -> None:
        if not context.principal:
            raise RpcError(16, "no key")

    async def prove(self, context: Context) -> str:
        await asyncio.sleep(0.05)
        raise RpcError(16, f"invalid key {context.principal[:9]}")


def check_bounds(running: RunningLane) -> None:
    state = running.lane.state
    usage, strangers, limits = state.usage, state.strangers, state.limits
    assert usage.connections <= limits.connections + 17  # those get a GOAWAY
    assert usage.calls <= limits.all_calls
    assert usage.buffered <= limits.buffered + _SLACK
    assert usage.cached <= limits.all_cached
    assert strangers.calls <= limits.stranger_calls
    assert strangers.public <= limits.public_calls
    assert strangers.bytes <= limits.stranger_bytes + _SLACK
    for connection in running.lane.connections:
        assert len(connection.streams.live) + len(connection.streams.pending) <= limits.streams
        assert connection.requests.cache.size <= limits.cached
        assert connection.streams.bucket.level <= limits.flood + 3_000


async def _check_served(peer: Peer, number: int) -> None:
    await peer.send(peer.call(number, b"short", fields(GET, ("authorization", _OTHER_KEY))))
    response = await peer.response(number)
    assert (response.data, response.status) == (framed(b"s"), "0")


async def _run(running: RunningLane, target: Target, attack: Attack, other: Peer) -> None:
    """Attack until a connection has been closed, or for a moment. Bounds are checked, and a caller is served all the time."""
    number, end = 1, asyncio.get_running_loop().time() + _SHORT
    while not (target.closed if attack.closes else target.opened and asyncio.get_running_loop().time() > end):
        running.lane.tick()
        check_bounds(running)
        await _check_served(other, number)
        number += 2
        await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def attacking(target: Target, attack: Attack) -> AsyncIterator[None]:
    """An attack that goes on meanwhile."""
    task = asyncio.ensure_future(attack.run(target))
    try:
        yield
    finally:
        assert not task.done(), task
        task.cancel()
        await asyncio.wait([task])


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if "lane" in attack.places and name[:4] != "http"])
async def test_an_attack_is_bounded_and_closed(name: str, tmp_path: Path) -> None:
    attack, tls = ATTACKS[name], None
    if attack.tls:
        pair = Authority(tmp_path).issue("server")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*pair)
        tls.set_alpn_protocols(["h2"])
    async with (
        backend() as (_, channel),
        running_lane(LIMITS, gate=_Keys(), upstream=channel, tls=tls) as running,
        contextlib.AsyncExitStack() as stack,
    ):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        trusting.set_alpn_protocols(["h2"])
        other = await stack.enter_async_context(connected(running.port, tls=trusting if tls else None))
        target = Target(running.port, paths=_PATHS, key=_KEY, tls=attack.tls, scale=0.02)
        async with asyncio.timeout(60), attacking(target, attack):
            await _run(running, target, attack, other)
        await until(running.empty, 30)
