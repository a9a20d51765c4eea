"""Attacks: memory stays bounded, the connection ends, and other connections are served."""

import asyncio
import socket
import zlib
from collections.abc import Callable

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from cqar.lane.grpc import StaleMarks, framed
from cqar.lane.limits import LeakyBucket, Limits
from tests.lane.peer import Peer, check_alive, connected, fields
from tests.lane.running import CACHED, GET, RunningLane, running_lane, until

CALM, CANCEL, REFUSED = 11, 8, 7
#: The frames that an attacker sends in the nth iteration.
Turn = Callable[[Peer, int], list[Frame | bytes]]


def _stream(at: int) -> int:
    return 2 * at + 1


FLOODS: dict[str, Turn] = {
    "resets of calls that wait": lambda peer, at: [peer.call(_stream(at), b"wait"), RstStreamFrame(_stream(at), CANCEL)],
    "resets of incomplete requests": lambda peer, at: [peer.header(_stream(at)), RstStreamFrame(_stream(at), CANCEL)],
    "settings": lambda _peer, _at: [SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 70_000})],
    "acknowledgements": lambda _peer, _at: [SettingsFrame(0, flags=["ACK"]), PingFrame(0, b"12345678", flags=["ACK"])],
    "pings": lambda _peer, _at: [PingFrame(0, b"12345678")],
    "priorities": lambda _peer, at: [PriorityFrame(_stream(at), depends_on=0)],
    "unknown frames": lambda _peer, _at: [b"\0\0\0\xbb\0\0\0\0\0"],
    "empty DATA": lambda peer, at: [*([peer.header(1)] if not at else []), peer.data(1, b"")],
    "window updates by 0": lambda peer, at: [
        peer.header(_stream(at)),
        b"\0\0\4\x08\0" + _stream(at).to_bytes(4, "big") + bytes(4),
    ],
    "malformed requests": lambda peer, at: [peer.header(_stream(at), fields(without=":path"), end=True)],
    "DATA on closed streams": lambda peer, at: [*([peer.call(1)] if not at else []), peer.data(1, b"x")],
    "streams over the limit": lambda peer, at: [peer.header(_stream(at))],
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_ends_its_connection_and_frees_its_resources(running: RunningLane, name: str) -> None:
    async with connected(running.port) as peer, connected(running.port) as other:
        turn = FLOODS[name]

        async def pour() -> None:
            for start in range(0, 100_000, 200):
                if not peer.over:
                    await peer.send(*(frame for at in range(start, start + 200) for frame in turn(peer, at)))
                    await asyncio.sleep(0)

        pouring = asyncio.create_task(pour())
        assert await peer.ending() == CALM
        await pouring
        await other.send(other.call(1))
        assert (await other.response(1)).data == framed(b"s")
    await until(running.empty)


@pytest.mark.parametrize("message", [b"short", b"else"])
async def test_control_frames_around_every_call_are_not_a_flood(running: RunningLane, message: bytes) -> None:
    """As sent by grpc-go and grpcio."""
    async with connected(running.port) as peer:
        for start in range(0, 6_000, 500):
            for at in range(start, start + 500):
                number = _stream(at)
                await peer.send(peer.header(number), WindowUpdateFrame(number, 5), WindowUpdateFrame(0, 20))
                await peer.send(peer.data(number, framed(message), end=True), PingFrame(0, b"%08d" % at))
            for at in range(start, start + 500):
                assert (await peer.response(_stream(at))).status == "0"
    assert not running.recorder.ends


async def test_pings_on_an_idle_connection_are_limited() -> None:
    async with running_lane(Limits(min_ping_interval=3_600.0)) as running, connected(running.port) as peer:
        for number in range(1, 20, 2):
            await peer.send(PingFrame(0, b"12345678"), peer.call(number, b"longest"), PingFrame(0, b"12345678"))
            await peer.send(WindowUpdateFrame(0, 1 << 20), WindowUpdateFrame(number, 1 << 20))
            assert (await peer.response(number)).status == "0"
        await peer.send(*[PingFrame(0, b"12345678")] * 10)
        assert await peer.ending() == CALM
        assert peer.goaways[-1].additional_data == b"too_many_pings"
    async with running_lane(Limits(min_ping_interval=0.05)) as running, connected(running.port) as peer:
        for _ in range(5):
            await peer.sync()
            await asyncio.sleep(0.06)
        await check_alive(peer)


async def test_an_endless_header_block_ends_the_connection(running: RunningLane) -> None:
    for size, count in ((1, 30), (16_000, 6)):
        async with connected(running.port) as peer:
            await peer.send(HeadersFrame(1, b"\x83"), *(ContinuationFrame(1, b"\0" * size) for _ in range(count)))
            assert await peer.ending() == CALM


async def test_a_header_list_over_16_kib_is_refused(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        much = [(f"x-{number}", "y" * 1_900) for number in range(10)]
        block = peer.encoder.encode(fields(GET, *much), huffman=False)
        await peer.send(HeadersFrame(1, block[:16_000]), ContinuationFrame(1, block[16_000:], flags=["END_HEADERS"]))
        await peer.send(peer.data(1, framed(b"metadata"), end=True))
        assert (await peer.response(1)).status == "8"
        await peer.send(peer.call(3))
        assert (await peer.response(3)).status == "0"


async def test_a_decompression_bomb_is_refused() -> None:
    async with running_lane(Limits(request=100_000)) as running, connected(running.port) as peer:
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(bytes(50_000_000)) + packer.flush()
        message = b"\1" + len(bomb).to_bytes(4, "big") + bomb
        await peer.send(peer.header(1, fields(GET, ("grpc-encoding", "gzip"))))
        parts = [message[at : at + 16_000] for at in range(0, len(message), 16_000)]
        await peer.send(*(peer.data(1, part) for part in parts), peer.data(1, b"", end=True))
        assert (await peer.response(1)).status == "8"


async def test_a_message_over_the_limit_is_refused_by_its_prefix(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.header(1), peer.data(1, b"\0\xff\xff\xff\xff" + b"x" * 100))
        assert (await peer.response(1)).status == "8"
        await peer.sync()
        assert peer.responses[1].reset == 0


async def test_unread_responses_are_bounded(running: RunningLane) -> None:
    """With windows of 0, queued bytes are bounded, and no further responses are computed."""
    async with connected(running.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as peer:
        for at in range(40):
            await peer.send(peer.call(_stream(at), b"size 1000000"))
        await until(lambda: len(running.phonebook.contexts) >= 9)
        await peer.sync()
        assert running.lane.state.usage.queued <= 10 << 20
        assert len(running.phonebook.contexts) <= 10
        # Cached responses are referenced, so that all of them may be queued.
        await peer.send(*(peer.call(_stream(at), b"longest") for at in range(40, 140)))
        await peer.sync()
        assert running.lane.state.usage.queued <= 10 << 20
        assert all(peer.responses[_stream(at)].headers[0][":status"] == "200" for at in range(40, 140))
        assert not any(peer.responses[_stream(at)].ended for at in range(40, 140))
        # With stale marks each is a copy, and one has room.
        running.marks.append(StaleMarks(b"!", (("mark", "1"),)))
        await peer.send(peer.call(_stream(140), b"longest"), peer.call(_stream(141), b"longest"))
        await peer.sync()
        assert peer.responses[_stream(140)].headers
        assert _stream(141) not in peer.responses
        running.marks.clear()
        await peer.send(WindowUpdateFrame(0, 1 << 30), SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}))
        for at in range(142):
            assert (await peer.response(_stream(at))).status == "0"
        assert len(peer.responses[_stream(39)].data) == 1_000_005
    await until(running.empty)


async def test_unread_responses_that_are_built_per_call_are_bounded(running: RunningLane) -> None:
    """As responses of batches are."""
    running.phonebook.zero_copy = False
    async with connected(running.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as peer:
        await peer.send(*(peer.call(_stream(at), b"longest") for at in range(100)))
        await peer.sync()
        assert 7 << 20 < running.lane.state.usage.queued <= 8 << 20
        await peer.send(WindowUpdateFrame(0, 1 << 30), SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}))
        for at in range(100):
            assert (await peer.response(_stream(at))).status == "0"
    await until(running.empty)


async def test_unread_responses_of_all_connections_are_bounded() -> None:
    unread = {SettingsFrame.INITIAL_WINDOW_SIZE: 0}
    async with running_lane(Limits(queued=1_000, all_queued=20_000)) as running:
        async with connected(running.port, unread) as peer, connected(running.port, unread) as other:
            await peer.send(peer.call(1, b"size 19000"))
            await until(lambda: running.lane.state.usage.queued)
            await other.send(other.call(1, b"size 500"))
            await other.sync()
            await other.send(other.call(3, b"size 3000"))
            assert (await other.response(3)).status == "8"
            await peer.send(WindowUpdateFrame(1, 1 << 20))
            assert (await peer.response(1)).status == "0"
            await other.send(other.call(5, b"size 3000"), WindowUpdateFrame(1, 1 << 20), WindowUpdateFrame(5, 1 << 20))
            assert (await other.response(5)).status == "0"
        await until(running.empty)


async def test_responses_to_one_read_are_written_a_megabyte_at_a_time(running: RunningLane) -> None:
    running.phonebook.cached[framed(b"huge")] = running.phonebook.cached[framed(b"longest")]
    async with connected(running.port, {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1}) as peer:
        await peer.send(WindowUpdateFrame(0, (1 << 31) - 1 - 65_535))
        await peer.sync()
        (connection,) = running.lane.connections
        most = 0
        written = connection.transport.write

        def write(data: bytes) -> None:
            nonlocal most
            most = max(most, len(data))
            written(data)

        connection.transport = _Spy(connection.transport, write)  # type: ignore[assignment]
        await peer.send(b"".join(peer.call(_stream(at), b"longest") for at in range(500)))
        for at in range(500):
            assert (await peer.response(_stream(at))).data == framed(CACHED[b"longest"])
        assert most < 2 << 20


class _Spy:
    """A transport with a replaced `write`."""

    def __init__(self, transport: asyncio.Transport, write: Callable[[bytes], None]) -> None:
        self._transport = transport
        self.write = write

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


async def test_reading_pauses_while_the_peer_does_not_read() -> None:
    async with running_lane(Limits(stall_timeout=0)) as running:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.setblocking(False)  # noqa: FBT003 - the API of sockets
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", running.port))
            peer = Peer(asyncio.StreamReader(), None)  # type: ignore[arg-type]
            window = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
            start = (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + window.serialize() + WindowUpdateFrame(0, (1 << 31) - 70_000).serialize()
            )
            calls = b"".join(peer.call(_stream(at), b"longest") for at in range(300))
            await loop.sock_sendall(sock, start + calls)
            await until(lambda: any(each.sender.write_paused for each in running.lane.connections))
            (connection,) = running.lane.connections
            assert not connection.transport.is_reading()
            assert connection.transport.get_write_buffer_size() < 4 << 20
            running.lane.tick()
            await until(lambda: not running.lane.connections)
        assert running.empty()


async def test_connections_over_the_limit_get_goaway() -> None:
    async with running_lane(Limits(connections=2)) as running, connected(running.port) as one, connected(running.port) as two:
        for peer in (one, two):
            await peer.send(peer.call(1))
            await peer.response(1)
        async with connected(running.port) as three:
            assert await three.ending() == CALM
        await one.send(one.call(3))
        assert (await one.response(3)).status == "0"
        await two.close()
        await until(lambda: len(running.lane.connections) == 1)
        async with connected(running.port) as four:
            await four.send(four.call(1))
            assert (await four.response(1)).status == "0"


async def test_streams_over_the_limit_get_refused_stream() -> None:
    async with running_lane(Limits(streams=5)) as running, connected(running.port) as peer:
        await peer.send(*(peer.header(number) for number in range(1, 15, 2)))
        assert (await peer.response(11)).reset == REFUSED
        assert (await peer.response(13)).reset == REFUSED
        await peer.send(*(peer.data(number, framed(b"short"), end=True) for number in range(1, 11, 2)))
        for number in range(1, 11, 2):
            assert (await peer.response(number)).data == framed(b"s")
        await peer.send(peer.call(21))
        assert (await peer.response(21)).status == "0"


async def test_connections_share_the_limit_of_streams() -> None:
    async with running_lane(Limits(all_streams=20)) as running, connected(running.port) as one, connected(running.port) as two:
        await one.send(*(one.header(number) for number in range(1, 60, 2)))
        await one.sync()
        running.lane.tick()
        await two.send(*(two.header(number) for number in range(1, 60, 2)))
        await two.sync()
        assert sum(response.reset == REFUSED for response in two.responses.values()) == 20


async def test_calls_of_all_connections_are_limited() -> None:
    async with running_lane(Limits(all_calls=3)) as running, connected(running.port) as one, connected(running.port) as two:
        await one.send(one.call(1, b"wait"), one.call(3, b"wait"))
        await until(lambda: running.phonebook.waiting == 2)
        await two.send(two.call(1, b"wait"), two.call(3, b"wait"))
        assert (await two.response(3)).status == "8"


async def test_incomplete_requests_of_all_connections_are_bounded() -> None:
    async with (
        running_lane(Limits(buffered=100_000)) as running,
        connected(running.port) as one,
        connected(running.port) as two,
    ):
        part = b"\0\0\1\0\0" + b"x" * 16_000
        await one.send(*(frame for number in range(1, 12, 2) for frame in (one.header(number), one.data(number, part))))
        await one.sync()
        await two.send(two.header(1), two.data(1, part))
        assert (await two.response(1)).status == "8"
        assert running.lane.state.usage.buffered <= 100_000


def test_a_leaky_bucket_overflows_on_a_flood_only() -> None:
    bucket = LeakyBucket(10, 10, 0.0)
    assert not any(bucket.add(1, 0.0) for _ in range(10))
    assert bucket.add(1, 0.0)
    assert not bucket.add(5, 1.0)
    bucket.drain(100)
    assert bucket.level == 0
    assert not any(bucket.add(1, float(now)) for now in range(1, 1_000))
