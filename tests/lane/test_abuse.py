"""What attackers try: memory stays bounded, the connection ends, and others are served on."""

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
from tests.lane.peer import Peer, connected, fields, works
from tests.lane.running import GET, READY, Served, serving, until

CALM, CANCEL, REFUSED = 11, 8, 7
#: What an attacker sends over and over: the frames of its nth turn.
Turn = Callable[[Peer, int], list[Frame | bytes]]


def _stream(at: int) -> int:
    return 2 * at + 1


FLOODS: dict[str, Turn] = {
    "resets of calls that wait": lambda peer, at: [peer.call(_stream(at), b"wait"), RstStreamFrame(_stream(at), CANCEL)],
    "resets of half requests": lambda peer, at: [peer.header(_stream(at)), RstStreamFrame(_stream(at), CANCEL)],
    "settings": lambda _peer, _at: [SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 70_000})],
    "acknowledgements": lambda _peer, _at: [SettingsFrame(0, flags=["ACK"]), PingFrame(0, b"12345678", flags=["ACK"])],
    "pings": lambda _peer, _at: [PingFrame(0, b"12345678")],
    "priorities": lambda _peer, at: [PriorityFrame(_stream(at), depends_on=0)],
    "unknown frames": lambda _peer, _at: [b"\0\0\0\xbb\0\0\0\0\0"],
    "DATA of nothing": lambda peer, at: [*([peer.header(1)] if not at else []), peer.data(1, b"")],
    "window updates of nothing": lambda peer, at: [
        peer.header(_stream(at)),
        b"\0\0\4\x08\0" + _stream(at).to_bytes(4, "big") + bytes(4),
    ],
    "malformed headers": lambda peer, at: [peer.header(_stream(at), fields(without=":path"), end=True)],
    "DATA for streams that are over": lambda peer, at: [*([peer.call(1)] if not at else []), peer.data(1, b"x")],
    "calls over the limit of streams": lambda peer, at: [peer.header(_stream(at))],
}


@pytest.mark.parametrize("name", FLOODS)
async def test_a_flood_ends_its_connection_and_leaves_nothing(served: Served, name: str) -> None:
    async with connected(served.port) as peer, connected(served.port) as other:
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
        assert (await other.answer(1)).data == framed(b"s")
    await until(served.empty)


@pytest.mark.parametrize("message", [b"short", b"else"])
async def test_pings_and_updates_around_every_call_are_no_flood(served: Served, message: bytes) -> None:
    """As grpc-go and grpcio send them."""
    async with connected(served.port) as peer:
        for start in range(0, 6_000, 500):
            for at in range(start, start + 500):
                number = _stream(at)
                await peer.send(peer.header(number), WindowUpdateFrame(number, 5), WindowUpdateFrame(0, 20))
                await peer.send(peer.data(number, framed(message), end=True), PingFrame(0, b"%08d" % at))
            for at in range(start, start + 500):
                assert (await peer.answer(_stream(at))).status == "0"
    assert not served.seen.ends


async def test_pings_on_a_connection_that_is_idle_may_be_limited() -> None:
    async with serving(Limits(min_ping_interval=3_600.0)) as served, connected(served.port) as peer:
        for number in range(1, 20, 2):
            await peer.send(PingFrame(0, b"12345678"), peer.call(number, b"longest"), PingFrame(0, b"12345678"))
            await peer.send(WindowUpdateFrame(0, 1 << 20), WindowUpdateFrame(number, 1 << 20))
            assert (await peer.answer(number)).status == "0"
        await peer.send(*[PingFrame(0, b"12345678")] * 10)
        assert await peer.ending() == CALM
        assert peer.goaways[-1].additional_data == b"too_many_pings"
    async with serving(Limits(min_ping_interval=0.05)) as served, connected(served.port) as peer:
        for _ in range(5):
            await peer.sync()
            await asyncio.sleep(0.06)
        await works(peer)


async def test_a_header_without_end_ends_the_connection(served: Served) -> None:
    for size, count in ((1, 30), (16_000, 6)):
        async with connected(served.port) as peer:
            await peer.send(HeadersFrame(1, b"\x83"), *(ContinuationFrame(1, b"\0" * size) for _ in range(count)))
            assert await peer.ending() == CALM


async def test_a_header_list_over_16_kb_is_refused_before_anything_reads_it(served: Served) -> None:
    async with connected(served.port) as peer:
        much = [(f"x-{number}", "y" * 1_900) for number in range(10)]
        block = peer.encoder.encode(fields(GET, *much), huffman=False)
        await peer.send(HeadersFrame(1, block[:16_000]), ContinuationFrame(1, block[16_000:], flags=["END_HEADERS"]))
        await peer.send(peer.data(1, framed(b"metadata"), end=True))
        assert (await peer.answer(1)).status == "8"
        await peer.send(peer.call(3))
        assert (await peer.answer(3)).status == "0"


async def test_a_message_that_grows_by_decompression_is_refused() -> None:
    async with serving(Limits(request=100_000)) as served, connected(served.port) as peer:
        packer = zlib.compressobj(wbits=31)
        bomb = packer.compress(bytes(50_000_000)) + packer.flush()
        message = b"\1" + len(bomb).to_bytes(4, "big") + bomb
        await peer.send(peer.header(1, fields(GET, ("grpc-encoding", "gzip"))))
        parts = [message[at : at + 16_000] for at in range(0, len(message), 16_000)]
        await peer.send(*(peer.data(1, part) for part in parts), peer.data(1, b"", end=True))
        assert (await peer.answer(1)).status == "8"


async def test_a_message_whose_length_is_a_lie_is_refused_at_once(served: Served) -> None:
    async with connected(served.port) as peer:
        await peer.send(peer.header(1), peer.data(1, b"\0\xff\xff\xff\xff" + b"x" * 100))
        assert (await peer.answer(1)).status == "8"
        await peer.sync()
        assert peer.answers[1].reset == 0


async def test_answers_that_nobody_reads_are_not_piled_up(served: Served) -> None:
    """The peer takes no bytes of its windows: what waits is bounded, and further answers are not made before it does."""
    async with connected(served.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as peer:
        for at in range(40):
            await peer.send(peer.call(_stream(at), b"size 1000000"))
        await until(lambda: len(served.phonebook.seen) >= 9)
        await peer.sync()
        assert served.lane.state.usage.queued <= 10 << 20
        assert len(served.phonebook.seen) <= 10
        # Each answer that stands ready is only referred to: they may all wait.
        await peer.send(*(peer.call(_stream(at), b"longest") for at in range(40, 140)))
        await peer.sync()
        assert served.lane.state.usage.queued <= 10 << 20
        assert all(peer.answers[_stream(at)].headers[0][":status"] == "200" for at in range(40, 140))
        assert not any(peer.answers[_stream(at)].ended for at in range(40, 140))
        # Marked, each is a copy, and there is room for one.
        served.tails.append(StaleMarks(b"!", (("mark", "1"),)))
        await peer.send(peer.call(_stream(140), b"longest"), peer.call(_stream(141), b"longest"))
        await peer.sync()
        assert peer.answers[_stream(140)].headers
        assert _stream(141) not in peer.answers
        served.tails.clear()
        await peer.send(WindowUpdateFrame(0, 1 << 30), SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}))
        for at in range(142):
            assert (await peer.answer(_stream(at))).status == "0"
        assert len(peer.answers[_stream(39)].data) == 1_000_005
    await until(served.empty)


async def test_answers_that_are_made_for_each_call_are_not_piled_up_either(served: Served) -> None:
    """As those of batches are, which stand ready in parts."""
    served.phonebook.zero_copy = False
    async with connected(served.port, {SettingsFrame.INITIAL_WINDOW_SIZE: 0}) as peer:
        await peer.send(*(peer.call(_stream(at), b"longest") for at in range(100)))
        await peer.sync()
        assert 7 << 20 < served.lane.state.usage.queued <= 8 << 20
        await peer.send(WindowUpdateFrame(0, 1 << 30), SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}))
        for at in range(100):
            assert (await peer.answer(_stream(at))).status == "0"
    await until(served.empty)


async def test_answers_of_all_connections_that_nobody_reads_are_capped() -> None:
    unread = {SettingsFrame.INITIAL_WINDOW_SIZE: 0}
    async with serving(Limits(queued=1_000, all_queued=20_000)) as served:
        async with connected(served.port, unread) as peer, connected(served.port, unread) as other:
            await peer.send(peer.call(1, b"size 19000"))
            await until(lambda: served.lane.state.usage.queued)
            await other.send(other.call(1, b"size 500"))
            await other.sync()
            await other.send(other.call(3, b"size 3000"))
            assert (await other.answer(3)).status == "8"
            await peer.send(WindowUpdateFrame(1, 1 << 20))
            assert (await peer.answer(1)).status == "0"
            await other.send(other.call(5, b"size 3000"), WindowUpdateFrame(1, 1 << 20), WindowUpdateFrame(5, 1 << 20))
            assert (await other.answer(5)).status == "0"
        await until(served.empty)


async def test_one_read_that_asks_for_gigabytes_gets_a_megabyte_at_a_time(served: Served) -> None:
    served.phonebook.ready[framed(b"huge")] = served.phonebook.ready[framed(b"longest")]
    async with connected(served.port, {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1}) as peer:
        await peer.send(WindowUpdateFrame(0, (1 << 31) - 1 - 65_535))
        await peer.sync()
        (connection,) = served.lane.connections
        most = 0
        written = connection.transport.write

        def write(data: bytes) -> None:
            nonlocal most
            most = max(most, len(data))
            written(data)

        connection.transport = _Spy(connection.transport, write)  # type: ignore[assignment]
        await peer.send(b"".join(peer.call(_stream(at), b"longest") for at in range(500)))
        for at in range(500):
            assert (await peer.answer(_stream(at))).data == framed(READY[b"longest"])
        assert most < 2 << 20


class _Spy:
    """A transport whose writes are seen."""

    def __init__(self, transport: asyncio.Transport, write: Callable[[bytes], None]) -> None:
        self._transport = transport
        self.write = write

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


async def test_a_peer_that_reads_nothing_stops_being_read() -> None:
    async with serving(Limits(stall_timeout=0)) as served:
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            sock.setblocking(False)  # noqa: FBT003 - how sockets are told
            loop = asyncio.get_running_loop()
            await loop.sock_connect(sock, ("127.0.0.1", served.port))
            peer = Peer(asyncio.StreamReader(), None)  # type: ignore[arg-type]
            window = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: (1 << 31) - 1})
            start = (
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + window.serialize() + WindowUpdateFrame(0, (1 << 31) - 70_000).serialize()
            )
            calls = b"".join(peer.call(_stream(at), b"longest") for at in range(300))
            await loop.sock_sendall(sock, start + calls)
            await until(lambda: any(each.sender.write_paused for each in served.lane.connections))
            (connection,) = served.lane.connections
            assert not connection.transport.is_reading()
            assert connection.transport.get_write_buffer_size() < 4 << 20
            served.lane.tick()
            await until(lambda: not served.lane.connections)
        assert served.empty()


async def test_connections_over_the_cap_are_told_so() -> None:
    async with serving(Limits(connections=2)) as served, connected(served.port) as one, connected(served.port) as two:
        for peer in (one, two):
            await peer.send(peer.call(1))
            await peer.answer(1)
        async with connected(served.port) as three:
            assert await three.ending() == CALM
        await one.send(one.call(3))
        assert (await one.answer(3)).status == "0"
        await two.close()
        await until(lambda: len(served.lane.connections) == 1)
        async with connected(served.port) as four:
            await four.send(four.call(1))
            assert (await four.answer(1)).status == "0"


async def test_streams_over_the_cap_are_refused_as_safe_to_retry() -> None:
    async with serving(Limits(streams=5)) as served, connected(served.port) as peer:
        await peer.send(*(peer.header(number) for number in range(1, 15, 2)))
        assert (await peer.answer(11)).reset == REFUSED
        assert (await peer.answer(13)).reset == REFUSED
        await peer.send(*(peer.data(number, framed(b"short"), end=True) for number in range(1, 11, 2)))
        for number in range(1, 11, 2):
            assert (await peer.answer(number)).data == framed(b"s")
        await peer.send(peer.call(21))
        assert (await peer.answer(21)).status == "0"


async def test_streams_of_all_connections_share_what_there_is() -> None:
    async with serving(Limits(all_streams=20)) as served, connected(served.port) as one, connected(served.port) as two:
        await one.send(*(one.header(number) for number in range(1, 60, 2)))
        await one.sync()
        served.lane.tick()
        await two.send(*(two.header(number) for number in range(1, 60, 2)))
        await two.sync()
        assert sum(answer.reset == REFUSED for answer in two.answers.values()) == 20


async def test_calls_of_all_connections_are_capped() -> None:
    async with serving(Limits(all_calls=3)) as served, connected(served.port) as one, connected(served.port) as two:
        await one.send(one.call(1, b"wait"), one.call(3, b"wait"))
        await until(lambda: served.phonebook.waiting == 2)
        await two.send(two.call(1, b"wait"), two.call(3, b"wait"))
        assert (await two.answer(3)).status == "8"


async def test_requests_that_are_not_complete_are_capped_over_all_connections() -> None:
    async with serving(Limits(buffered=100_000)) as served, connected(served.port) as one, connected(served.port) as two:
        part = b"\0\0\1\0\0" + b"x" * 16_000
        await one.send(*(frame for number in range(1, 12, 2) for frame in (one.header(number), one.data(number, part))))
        await one.sync()
        await two.send(two.header(1), two.data(1, part))
        assert (await two.answer(1)).status == "8"
        assert served.lane.state.usage.buffered <= 100_000


def test_a_bucket_runs_over_by_floods_and_not_by_time() -> None:
    bucket = LeakyBucket(10, 10, 0.0)
    assert not any(bucket.add(1, 0.0) for _ in range(10))
    assert bucket.add(1, 0.0)
    assert not bucket.add(5, 1.0)
    bucket.drain(100)
    assert bucket.level == 0
    assert not any(bucket.add(1, float(now)) for now in range(1, 1_000))
