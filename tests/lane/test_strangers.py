"""Callers that have not proven who they are share a small budget, apart from that of all others."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
from hyperframe.frame import Frame, PingFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.accepting import network_of
from cqar.lane.grpc import RpcError, framed
from cqar.lane.limits import Limits
from cqar.lane.service import Context
from tests.lane.peer import PREFACE, Peer, connected, fields
from tests.lane.running import GET, backend, running_lane, until

CALM = 11
PUBLIC = "/test.Phonebook/Public"
_GOOD, _UNKNOWN = ("authorization", "Bearer good"), ("authorization", "Bearer unknown")


@dataclass
class Keys:
    """A gate with one good key. Proofs wait for `ready`."""

    ready: asyncio.Event = field(default_factory=asyncio.Event)
    proofs: int = 0
    checks: int = 0

    def proven(self, principal: Any) -> bool:
        return bool(principal == "proven")

    def public(self, path: str) -> bool:
        return path == PUBLIC

    def check(self, context: Context) -> None:
        self.checks += 1
        if not context.principal:
            raise RpcError(16, "no key")

    async def prove(self, context: Context) -> str:
        self.proofs += 1
        await self.ready.wait()
        if context.principal != "good":
            raise RpcError(16, "invalid key")
        return "proven"


@pytest.fixture
def keys() -> Keys:
    return Keys()


async def test_a_call_without_a_key_ends_with_its_headers(keys: Keys) -> None:
    async with running_lane(gate=keys) as running, connected(running.port) as peer:
        await peer.send(peer.header(1), peer.call(3), peer.data(1, framed(b"short"), end=True))
        for number in (1, 3):
            response = await peer.response(number)
            assert (response.status, response.headers[-1]["grpc-message"]) == ("16", "no key")
        assert running.empty()
        assert not keys.proofs


async def test_a_call_goes_on_once_its_caller_is_proven(keys: Keys) -> None:
    async with running_lane(gate=keys) as running, connected(running.port) as peer:
        strangers = running.lane.state.strangers
        await peer.send(peer.call(1, b"yield", fields(GET, _GOOD)))
        await peer.send(peer.header(3, fields(GET, _GOOD)), peer.data(3, framed(b"else")[:3]))
        await peer.send(peer.call(5, b"else", fields(GET, _UNKNOWN)))
        await peer.sync()
        assert (strangers.calls, running.lane.state.usage.calls) == (3, 0)
        assert not running.phonebook.contexts
        keys.ready.set()
        assert (await peer.response(1)).data == framed(b"echo of yield")
        assert (await peer.response(5)).status == "16"
        await peer.send(peer.data(3, framed(b"else")[3:], end=True))
        assert (await peer.response(3)).data == framed(b"echo of else")
        assert [context.principal for context in running.phonebook.contexts] == ["proven", "proven"]


async def test_unproven_calls_are_bounded_and_no_connection_gets_all_places(keys: Keys) -> None:
    async with (
        running_lane(Limits(stranger_calls=20), gate=keys) as running,
        connected(running.port) as many,
        connected(running.port) as other,
    ):
        await many.send(*(many.call(number, b"else", fields(GET, _UNKNOWN)) for number in range(1, 80, 2)))
        await many.sync()
        assert running.lane.state.strangers.calls == 10
        assert sum(response.ended and response.status == "8" for response in many.responses.values()) == 30
        await other.send(other.call(1, b"else", fields(GET, _GOOD)))
        await other.sync()
        keys.ready.set()
        assert (await other.response(1)).status == "0"
        assert running.lane.state.strangers.refused["calls"] == 30


async def test_bytes_of_unproven_calls_are_bounded(keys: Keys) -> None:
    async with running_lane(Limits(stranger_bytes=100_000), gate=keys) as running, connected(running.port) as peer:
        part = b"\0\0\x10\0\0" + b"x" * 16_000
        for number in range(1, 20, 2):
            await peer.send(peer.header(number, fields(GET, _UNKNOWN)), peer.data(number, part))
        await peer.sync()
        assert running.lane.state.strangers.bytes <= 100_000 // 2
        assert running.lane.state.usage.buffered == 0
        assert sum(response.ended and response.status == "8" for response in peer.responses.values()) >= 7


async def test_a_window_opens_again_for_proven_callers_only(keys: Keys) -> None:
    async with running_lane(Limits(stream_window=70_000), gate=keys) as running, connected(running.port) as peer:
        await peer.send(peer.header(1, fields(GET, _GOOD)), peer.data(1, b"\0\0\1\x11\x70absent " + b"x" * 15_993))
        await peer.send(*(peer.data(1, b"x" * 16_000) for _ in range(3)))
        await peer.sync()
        assert 1 not in peer.updates
        keys.ready.set()
        await until(lambda: running.lane.state.usage.buffered)
        await peer.sync()
        assert peer.updates[1] == 64_005
        await peer.send(peer.data(1, b"x" * 6_000, end=True))
        assert (await peer.response(1)).status == "5"


async def test_refusals_beyond_a_rate_are_brief(keys: Keys) -> None:
    async with running_lane(Limits(stranger_refusals=10), gate=keys) as running, connected(running.port) as peer:
        await peer.send(*(peer.call(number) for number in range(1, 400, 2)))
        statuses = [(await peer.response(number)).status for number in range(1, 400, 2)]
        assert set(statuses) == {"16", "8"}
        assert statuses.count("16") == len(running.recorder.calls) < 100
        assert running.lane.state.strangers.refused["rate"] == statuses.count("8")


async def test_strangers_have_a_smaller_flood_bucket(keys: Keys) -> None:
    keys.ready.set()
    pings = [PingFrame(0, b"12345678")] * 60
    async with running_lane(Limits(flood=100, stranger_flood=50, flood_rate=0), gate=keys) as running:
        for header in fields(), fields(GET, _UNKNOWN), fields(GET, _GOOD):
            async with connected(running.port) as peer:
                await peer.send(peer.call(1, b"short", header))
                status = (await peer.response(1)).status
                await peer.send(*pings)
                if status == "0":
                    await peer.sync()
                    await peer.send(*pings)
                assert await peer.ending() == CALM
        assert running.recorder.attacks == ["pings"] * 3


async def test_a_proof_that_takes_too_long_fails(keys: Keys) -> None:
    async with running_lane(Limits(proof_timeout=0.01), gate=keys) as running, connected(running.port) as peer:
        await peer.send(peer.call(1, b"else", fields(GET, _GOOD)))
        assert (await peer.response(1)).status == "4"
        await until(running.empty)


async def test_a_cancelled_call_releases_its_place(keys: Keys) -> None:
    async with running_lane(gate=keys) as running:
        async with connected(running.port) as peer:
            await peer.send(*(peer.call(number, b"else", fields(GET, _GOOD)) for number in range(1, 40, 2)))
            await until(lambda: keys.proofs)
        await until(running.empty)


async def test_incomplete_requests_of_a_connection_are_bounded() -> None:
    limits = Limits(connection_buffered=50_000)
    async with running_lane(limits) as running, connected(running.port) as one, connected(running.port) as two:
        part = b"\0\0\1\0\0" + b"x" * 16_000
        for number in range(1, 20, 2):
            await one.send(one.header(number), one.data(number, part))
        await one.sync()
        assert running.lane.state.usage.buffered <= 50_000
        await two.send(two.header(1), two.data(1, part))
        await two.sync()
        assert 1 not in two.responses


async def test_the_largest_holder_of_unread_responses_is_refused_first() -> None:
    unread = {SettingsFrame.INITIAL_WINDOW_SIZE: 0}
    hog, other = (fields(GET, ("authorization", f"Bearer {name}")) for name in ("hog", "other"))
    async with running_lane(Limits(all_queued=1_000_000)) as running, AsyncExitStack() as stack:
        usage = running.lane.state.usage
        for _ in range(4):
            peer = await stack.enter_async_context(connected(running.port, unread))
            await peer.send(*(peer.call(number, b"size 100000", hog) for number in range(1, 20, 2)))
            await peer.sync()
        await until(lambda: len(running.phonebook.contexts) == 40)
        assert 400_000 < usage.held["hog"] <= 600_000
        await peer.send(peer.call(21, b"size 100000", other))
        await until(lambda: "other" in usage.held)
        await peer.send(WindowUpdateFrame(21, 1 << 20), WindowUpdateFrame(0, 1 << 20))
        assert (await peer.response(21)).status == "0"
    await until(running.empty)


async def test_unread_responses_that_are_passed_on_are_bounded() -> None:
    unread = {SettingsFrame.INITIAL_WINDOW_SIZE: 0}
    async with backend() as (_, channel), running_lane(Limits(all_queued=1_000_000), upstream=channel) as running:
        async with connected(running.port, unread) as peer:
            for number in range(1, 80, 2):
                await peer.send(peer.header(number, fields("/test.Upstream/Unary")), *_parts(peer, number))
            refused = 0
            while refused < 30:
                await peer.step()
                refused = sum(response.ended and response.status == "8" for response in peer.responses.values())
            assert running.lane.state.usage.queued <= 600_000
        await until(running.empty)


def _parts(peer: Peer, number: int) -> Iterator[Frame]:
    data = framed(bytes(100_000))
    for at in range(0, len(data), 16_000):
        yield peer.data(number, data[at : at + 16_000], end=at + 16_000 >= len(data))


async def test_connections_of_an_address_are_limited() -> None:
    async with running_lane(Limits(address_connections=2)) as running, AsyncExitStack() as stack:
        peers = [await stack.enter_async_context(connected(running.port)) for _ in range(2)]
        for peer in peers:
            await peer.sync()
        async with connected(running.port) as third:
            assert await third.ending() == CALM
        await peers[0].send(peers[0].call(1))
        assert (await peers[0].response(1)).status == "0"
    assert not running.lane.state.usage.addresses


async def test_connections_far_over_the_limit_are_closed_at_once() -> None:
    async with running_lane(Limits(connections=1)) as running, AsyncExitStack() as stack:
        for _ in range(60):
            await stack.enter_async_context(connected(running.port))
        await until(lambda: len(running.recorder.ends) == 59)
        await until(lambda: running.lane.state.usage.connections <= 17)


async def test_a_strangers_connection_makes_room_for_a_new_one(keys: Keys) -> None:
    keys.ready.set()
    async with running_lane(Limits(connections=3), gate=keys) as running, AsyncExitStack() as stack:
        good = await stack.enter_async_context(connected(running.port))
        await good.send(good.call(1, b"else", fields(GET, _GOOD)))
        assert (await good.response(1)).status == "0"
        idle = [await stack.enter_async_context(connected(running.port)) for _ in range(2)]
        for peer in idle:
            await peer.sync()
        new = await stack.enter_async_context(connected(running.port))
        await new.send(new.call(1, b"else", fields(GET, _GOOD)))
        assert (await new.response(1)).status == "0"
        assert await idle[0].ending() is None
        await idle[1].sync()
        await good.send(good.call(3, b"else", fields(GET, _GOOD)))
        assert (await good.response(3)).status == "0"


async def test_a_connection_whose_proof_is_checked_is_closed_after_idle_ones(keys: Keys) -> None:
    async with running_lane(Limits(connections=3), gate=keys) as running, AsyncExitStack() as stack:
        busy = await stack.enter_async_context(connected(running.port))
        await busy.send(busy.call(1, b"else", fields(GET, _GOOD)))
        await busy.sync()
        idle = []
        for _ in range(4):
            idle.append(await stack.enter_async_context(connected(running.port)))
            await idle[-1].sync()
        for peer in idle[:2]:
            assert await peer.ending() is None
        keys.ready.set()
        assert (await busy.response(1)).status == "0"


@pytest.mark.parametrize(
    ("peername", "network"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("::ffff:192.0.2.7", 5, 0, 0), "192.0.2.7"),
        (("2001:db8:1:2:3::4", 5, 0, 0), "2001:db8:1:2::/64"),
        (("fe80::1%eth0", 5, 0, 2), "fe80::/64"),
        ("/run/socket", ""),
    ],
)
async def test_connections_count_by_network(peername: object, network: str) -> None:
    assert network_of(peername) == network


async def test_output_that_a_peer_does_not_read_counts_as_unread() -> None:
    """It is in the transport's buffer, where flow control does not hold it back."""
    async with running_lane(Limits(all_queued=1_000_000)) as running, connected(running.port) as good:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.setblocking(False)  # noqa: FBT003 - the API of sockets
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", running.port))
            peer = Peer(asyncio.StreamReader(), None)  # type: ignore[arg-type]
            window = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1}).serialize()
            more = WindowUpdateFrame(0, (1 << 31) - 70_000).serialize()
            calls = b"".join(peer.call(number, b"longest") for number in range(1, 400, 2))
            await loop.sock_sendall(sock, PREFACE + window + more + calls)
            await until(lambda: any(each.sender.write_paused for each in running.lane.connections))
            running.lane.tick()
            await until(lambda: len(running.lane.connections) == 1)
        await good.send(good.call(1))
        assert (await good.response(1)).status == "0"
        assert [reason for _, reason in running.recorder.ends] == ["too many unread responses"]
