"""The rules of RFC 9113: what valid and invalid frames lead to."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    ExtensionFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    PushPromiseFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from tests.lane.peer import PREFACE, Fields, Peer, check_alive, connected, fields, raw
from tests.lane.running import CACHED, GET, RunningLane, running_lane, until

PROTOCOL, FLOW, CLOSED, SIZE, REFUSED, CANCEL, COMPRESSION = 1, 3, 5, 6, 7, 8, 9
WINDOW, FRAME = SettingsFrame.INITIAL_WINDOW_SIZE, SettingsFrame.MAX_FRAME_SIZE


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
async def running(request: pytest.FixtureRequest) -> AsyncIterator[RunningLane]:
    """A lane with and without the fast path."""
    async with running_lane(fast_path=request.param) as running:
        yield running


@pytest.fixture
async def peer(running: RunningLane) -> AsyncIterator[Peer]:
    async with connected(running.port) as opened:
        yield opened


# ---- valid -------------------------------------------------------------------------------------------------------------


async def test_the_preface_is_answered_with_settings_and_an_acknowledgement(peer: Peer) -> None:
    await check_alive(peer)
    assert peer.settings[SettingsFrame.MAX_CONCURRENT_STREAMS] == 1_000
    assert peer.settings[WINDOW] == 1 << 20
    assert peer.acknowledged == 1
    assert 0xFE03 not in peer.settings


async def test_ping_is_acknowledged_with_the_same_payload(peer: Peer) -> None:
    await peer.send(PingFrame(0, b"12345678"))
    await check_alive(peer)
    assert peer.pongs == [b"12345678"]


async def test_a_ping_acknowledgement_is_not_acknowledged(peer: Peer) -> None:
    await peer.send(PingFrame(0, b"12345678", flags=["ACK"]))
    await check_alive(peer)
    assert not peer.pongs


async def test_padding_is_removed(peer: Peer) -> None:
    header = HeadersFrame(1, peer.encoder.encode(fields()), flags=["END_HEADERS", "PADDED"], pad_length=7)
    await peer.send(header, DataFrame(1, framed(b"short"), flags=["END_STREAM", "PADDED"], pad_length=255))
    assert (await peer.response(1)).data == framed(b"s")


async def test_priority_is_ignored_even_on_idle_streams(peer: Peer) -> None:
    await peer.send(*(PriorityFrame(number, depends_on=0, stream_weight=9) for number in (1, 2, 3, 77)))
    header = HeadersFrame(5, peer.encoder.encode(fields()), flags=["END_HEADERS", "PRIORITY"], depends_on=3, stream_weight=200)
    await peer.send(header, peer.data(5, framed(b"short"), end=True))
    assert (await peer.response(5)).data == framed(b"s")


async def test_unknown_frames_and_settings_are_ignored(peer: Peer) -> None:
    await peer.send(raw(0xBA, 0xFF, 0, b"what"), raw(0xBB, 0, 9, b""), ExtensionFrame(0x20, 1), SettingsFrame(0, {0x99: 5}))
    await check_alive(peer)


async def test_a_header_block_may_span_many_frames(peer: Peer) -> None:
    block = peer.encoder.encode(fields(GET, ("x-much", "y" * 500)))
    parts = [block[at : at + 50] for at in range(0, len(block), 50)]
    first = HeadersFrame(1, parts[0])
    rest = [ContinuationFrame(1, part) for part in parts[1:]]
    rest[-1].flags.add("END_HEADERS")
    await peer.send(first, *rest, peer.data(1, framed(b"short"), end=True))
    assert (await peer.response(1)).data == framed(b"s")
    await check_alive(peer)


async def test_a_message_may_span_many_frames(peer: Peer) -> None:
    message = framed(b"long")
    await peer.send(peer.header(1), *(peer.data(1, message[at : at + 1]) for at in range(len(message))))
    await peer.send(peer.data(1, b"", end=True))
    assert (await peer.response(1)).data == framed(CACHED[b"long"])


async def test_a_request_may_end_with_trailers(peer: Peer) -> None:
    await peer.send(peer.header(1), peer.data(1, framed(b"short")), peer.header(1, [("last", "word")], end=True))
    assert (await peer.response(1)).data == framed(b"s")
    await check_alive(peer)


async def test_stream_ids_may_be_skipped(peer: Peer) -> None:
    for number in (1, 7, 9, 1_001):
        await check_alive(peer, number)


async def test_calls_of_one_read_are_answered_in_order(peer: Peer) -> None:
    keys = [b"short", b"", b"long", b"longer", b"short", b"", b"long"]
    await peer.send(*(peer.call(2 * at + 1, key) for at, key in enumerate(keys)))
    for at, key in enumerate(keys):
        assert (await peer.response(2 * at + 1)).data == framed(CACHED[key])
    assert [number for number in peer.responses if number] == list(range(1, 14, 2))


async def test_calls_finish_after_goaway_from_the_client(peer: Peer) -> None:
    await peer.send(peer.header(1), GoAwayFrame(0, 0, 0, b"bye"), peer.data(1, framed(b"short"), end=True))
    assert (await peer.response(1)).data == framed(b"s")


async def test_reserved_bits_are_ignored(peer: Peer) -> None:
    header, data = bytearray(peer.header(1).serialize()), bytearray(peer.data(1, framed(b"short"), end=True).serialize())
    header[5] |= 0x80
    data[5] |= 0x80
    await peer.send(bytes(header), raw(8, 0, 1 << 31, b"\x80\0\0\5"), raw(8, 0, 1 << 31 | 1, b"\x80\0\0\5"), bytes(data))
    assert (await peer.response(1)).data == framed(b"s")


# ---- connection errors -------------------------------------------------------------------------------------------------

Wrong = Callable[[Peer], list[Frame | bytes]]

ENDS: dict[str, tuple[int, Wrong]] = {
    "a frame over 16,384 bytes": (SIZE, lambda _: [raw(0, 0, 1, b"x" * 16_385)]),
    "a frame over 65,535 bytes": (SIZE, lambda _: [raw(1, 4, 1, b"x" * 70_000)]),
    "HEADERS on stream 0": (PROTOCOL, lambda peer: [raw(1, 4, 0, peer.encoder.encode(fields()))]),
    "HEADERS on an even stream": (PROTOCOL, lambda peer: [raw(1, 4, 2, peer.encoder.encode(fields()))]),
    "HEADERS on a lower stream": (CLOSED, lambda peer: [peer.call(5), peer.call(3)]),
    "HEADERS on a closed stream": (CLOSED, lambda peer: [peer.call(5), peer.header(5, end=True)]),
    "DATA on stream 0": (PROTOCOL, lambda _: [raw(0, 0, 0, b"x")]),
    "DATA on an idle stream": (PROTOCOL, lambda _: [raw(0, 0, 5, b"x")]),
    "DATA with too much padding": (PROTOCOL, lambda peer: [peer.header(1), raw(0, 8, 1, b"\5abc")]),
    "DATA without pad length": (SIZE, lambda peer: [peer.header(1), raw(0, 8, 1, b"")]),
    "HEADERS with too much padding": (PROTOCOL, lambda _: [raw(1, 0xC, 1, b"\xffabc")]),
    "HEADERS too short for their priority": (SIZE, lambda _: [raw(1, 0x24, 1, b"abc")]),
    "PRIORITY on stream 0": (PROTOCOL, lambda _: [raw(2, 0, 0, b"12345")]),
    "PRIORITY of four bytes": (SIZE, lambda _: [raw(2, 0, 1, b"1234")]),
    "RST_STREAM on stream 0": (PROTOCOL, lambda _: [raw(3, 0, 0, b"\0\0\0\1")]),
    "RST_STREAM on an idle stream": (PROTOCOL, lambda _: [raw(3, 0, 9, b"\0\0\0\1")]),
    "RST_STREAM of three bytes": (SIZE, lambda peer: [peer.header(1), raw(3, 0, 1, b"\0\0\1")]),
    "SETTINGS on a stream": (PROTOCOL, lambda _: [raw(4, 0, 1, b"")]),
    "SETTINGS of seven bytes": (SIZE, lambda _: [raw(4, 0, 0, b"1234567")]),
    "SETTINGS acknowledgement with a payload": (SIZE, lambda _: [raw(4, 1, 0, b"\0\1\0\0\0\0")]),
    "ENABLE_PUSH of 2": (PROTOCOL, lambda _: [SettingsFrame(0, {2: 2})]),
    "a window over 2^31-1 in SETTINGS": (FLOW, lambda _: [SettingsFrame(0, {WINDOW: 1 << 31})]),
    "a frame size under 16,384": (PROTOCOL, lambda _: [SettingsFrame(0, {FRAME: 16_383})]),
    "a frame size over 2^24-1": (PROTOCOL, lambda _: [SettingsFrame(0, {FRAME: 1 << 24})]),
    "SETTINGS that raise a window over 2^31-1": (
        FLOW,
        lambda peer: [peer.call(1, b"wait"), WindowUpdateFrame(1, (1 << 31) - 1 - 65_535), SettingsFrame(0, {WINDOW: 65_536})],
    ),
    "SETTINGS that raise the window of a pending request over 2^31-1": (
        FLOW,
        lambda peer: [peer.header(1), WindowUpdateFrame(1, (1 << 31) - 1 - 65_535), SettingsFrame(0, {WINDOW: 65_536})],
    ),
    "PUSH_PROMISE": (PROTOCOL, lambda peer: [peer.header(1), PushPromiseFrame(1, 2, b"", flags=["END_HEADERS"])]),
    "PING on a stream": (PROTOCOL, lambda _: [raw(6, 0, 1, b"12345678")]),
    "PING of seven bytes": (SIZE, lambda _: [raw(6, 0, 0, b"1234567")]),
    "GOAWAY on a stream": (PROTOCOL, lambda _: [raw(7, 0, 1, b"12345678")]),
    "GOAWAY of seven bytes": (SIZE, lambda _: [raw(7, 0, 0, b"1234567")]),
    "WINDOW_UPDATE of three bytes": (SIZE, lambda _: [raw(8, 0, 0, b"123")]),
    "WINDOW_UPDATE of the connection by 0": (PROTOCOL, lambda _: [raw(8, 0, 0, b"\0\0\0\0")]),
    "WINDOW_UPDATE of the connection over 2^31-1": (FLOW, lambda _: [raw(8, 0, 0, b"\x7f\xff\xff\xff")]),
    "WINDOW_UPDATE on an idle stream": (PROTOCOL, lambda _: [raw(8, 0, 3, b"\0\0\0\1")]),
    "CONTINUATION without HEADERS": (PROTOCOL, lambda _: [raw(9, 4, 1, b"")]),
    "CONTINUATION on another stream": (PROTOCOL, lambda _: [raw(1, 0, 1, b"\x83"), raw(9, 4, 3, b"\x86")]),
    "PING within a header block": (PROTOCOL, lambda _: [raw(1, 0, 1, b"\x83"), raw(6, 0, 0, b"12345678")]),
    "DATA within a header block": (
        PROTOCOL,
        lambda peer: [peer.header(1), raw(1, 0, 3, b"\x83"), peer.data(1, framed(b"short"), end=True)],
    ),
    "an index outside the table": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\xff\x80\x01")]),
    "index 0": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\x80")]),
    "a truncated string": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\x00\x05te")]),
    "invalid Huffman padding": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\x04\x81\x00")]),
    "a table size over the limit": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\x3f\xff\x7f")]),
    "a table size update within a block": (COMPRESSION, lambda _: [raw(1, 4, 1, b"\x83\x20")]),
    "more than the connection's window": (
        FLOW,
        lambda peer: [
            *(peer.header(number) for number in range(1, 14, 2)),
            *(peer.data(number, b"\0\0\x0f\0\0" + b"x" * 16_000) for number in range(1, 14, 2) for _ in range(40)),
        ],
    ),
}


@pytest.mark.parametrize("name", ENDS)
async def test_a_connection_error_ends_the_connection_with_its_code(running: RunningLane, name: str) -> None:
    code, wrong = ENDS[name]
    # The window must not be replenished in this case.
    if "connection's window" in name:
        running.lane.state.limits = Limits(connection_window=1 << 16)
    async with connected(running.port) as peer:
        await peer.send(*wrong(peer))
        assert await peer.ending() == code
    await until(lambda: running.empty() and not running.lane.connections)


async def test_calls_before_a_connection_error_are_answered(peer: Peer, running: RunningLane) -> None:
    await peer.send(peer.call(1), peer.call(3, b"wait"), peer.call(5), raw(6, 0, 0, b"short"))
    assert await peer.ending() == SIZE
    assert peer.goaways[-1].last_stream_id == 5
    assert peer.responses[1].data == peer.responses[5].data == framed(b"s")
    await until(running.empty)


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"],
)
async def test_http_1_requests_get_505(running: RunningLane, first: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
    writer.write(first)
    assert (await reader.read()).startswith(b"HTTP/1.1 505 ")
    writer.close()


async def test_an_invalid_preface_closes_the_connection(running: RunningLane) -> None:
    async with connected(running.port, greet=False) as peer:
        await peer.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a client of TLS")
        assert await peer.ending() is None


async def test_the_preface_must_end_with_settings(running: RunningLane) -> None:
    async with connected(running.port, greet=False) as peer:
        await peer.send(PREFACE, PingFrame(0, b"12345678"))
        assert await peer.ending() == PROTOCOL


async def test_the_preface_may_arrive_byte_by_byte(running: RunningLane) -> None:
    async with connected(running.port, greet=False) as peer:
        for byte in PREFACE + SettingsFrame(0).serialize() + peer.call(1):
            await peer.send(bytes((byte,)))
        assert (await peer.response(1)).data == framed(b"s")


# ---- stream errors ----------------------------------------------------------------------------------------------------

RESETS: dict[str, tuple[int, Wrong]] = {
    "WINDOW_UPDATE by 0": (PROTOCOL, lambda peer: [peer.header(1), raw(8, 0, 1, b"\0\0\0\0")]),
    "WINDOW_UPDATE over 2^31-1": (FLOW, lambda peer: [peer.header(1), raw(8, 0, 1, b"\x7f\xff\xff\xff")]),
    "trailers that do not end the stream": (PROTOCOL, lambda peer: [peer.header(1), peer.header(1, [("a", "b")])]),
    "DATA after the end": (CLOSED, lambda peer: [peer.call(1, b"wait"), peer.data(1, b"more")]),
    "trailers after the end": (CLOSED, lambda peer: [peer.call(1, b"wait"), peer.header(1, [("a", "b")], end=True)]),
}


@pytest.mark.parametrize("name", RESETS)
async def test_a_stream_error_ends_only_the_stream(running: RunningLane, name: str) -> None:
    code, wrong = RESETS[name]
    async with connected(running.port) as peer:
        await peer.send(*wrong(peer))
        assert (await peer.response(1)).reset == code
        await check_alive(peer)
    await until(running.empty)


async def test_exceeding_the_window_of_a_stream_resets_it(running: RunningLane) -> None:
    running.lane.state.limits = Limits(stream_window=30_000)
    async with connected(running.port) as peer:
        # Padding uses up the window, and is not replenished in between.
        await peer.send(peer.header(1), raw(0, 8, 1, b"\xff" + bytes(14_000)), raw(0, 8, 1, b"\xff" + bytes(16_200)))
        assert (await peer.response(1)).reset == FLOW
        await check_alive(peer)


MALFORMED: dict[str, Fields] = {
    "no method": fields(without=":method"),
    "no scheme": fields(without=":scheme"),
    "no path": fields(without=":path"),
    "an empty path": fields(""),
    "a path without slash": fields("path"),
    "a repeated pseudo-header": [(":method", "POST"), *fields()],
    "an unknown pseudo-header": [(":protocol", "x"), *fields()],
    "a response pseudo-header": [(":status", "200"), *fields()],
    "a pseudo-header after a routing field": [*fields(without=":path"), (":path", GET)],
    "a pseudo-header after another field": [("x-any", "y"), *fields()],
    "an upper case name": fields(GET, ("X-Upper", "y")),
    "an empty name": fields(GET, ("", "y")),
    "a name with a space": fields(GET, ("x y", "y")),
    "a connection-specific field": fields(GET, ("connection", "close")),
    "transfer-encoding": fields(GET, ("transfer-encoding", "chunked")),
    "te other than trailers": fields(GET, ("te", "gzip"), without="te"),
    "a routing field with a line break": fields(GET, ("authorization", "a\r\nb")),
    "two keys": fields(GET, ("authorization", "Bearer a"), ("authorization", "Bearer b")),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_resets_only_its_stream(peer: Peer, name: str) -> None:
    for number in (1, 3):  # the second one may use a cached route
        await peer.send(peer.header(number, MALFORMED[name]), peer.data(number, framed(b"short"), end=True))
        assert (await peer.response(number)).reset == PROTOCOL
    await check_alive(peer)


async def test_data_in_flight_for_a_reset_stream_is_ignored(peer: Peer, running: RunningLane) -> None:
    await peer.send(
        peer.header(1, fields("/x/Unknown")), *(peer.data(1, b"x" * 100) for _ in range(50)), peer.data(1, b"", end=True)
    )
    response = await peer.response(1)
    assert response.status == "12"
    await check_alive(peer)
    assert peer.responses[1].reset == 0
    assert running.empty()


async def test_data_on_a_closed_stream_is_refused(peer: Peer) -> None:
    await peer.send(peer.call(1))
    await peer.response(1)
    await peer.send(peer.data(1, b"more"))
    await peer.sync()
    assert peer.responses[1].reset == CLOSED
    await check_alive(peer)


async def test_a_stream_can_be_reset_in_every_state(peer: Peer, running: RunningLane) -> None:
    reset = RstStreamFrame
    await peer.send(peer.header(1), reset(1, CANCEL))
    await peer.send(peer.header(3), peer.data(3, b"\0\0"), reset(3, CANCEL))
    await peer.send(peer.call(5, b"wait"), reset(5, CANCEL))
    await peer.send(peer.call(7), reset(7, CANCEL), reset(7, CANCEL))
    await check_alive(peer)
    await until(running.empty)
    assert not peer.responses.get(5)
