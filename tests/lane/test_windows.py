"""Flow control of streams and connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hyperframe.frame import RstStreamFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import framed
from tests.lane.peer import Peer, check_alive, connected, raw
from tests.lane.running import CACHED, GET, OTHER, RunningLane, running_lane, until

CANCEL = 8
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


async def test_a_response_is_sent_in_parts_as_the_windows_allow(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 10}) as peer:
        await peer.send(peer.call(1, b"long"), peer.call(3, b"short"))
        assert (await peer.response(3)).data == framed(b"s")
        await peer.sync()
        assert peer.responses[1].data == framed(CACHED[b"long"])[:10]
        await peer.send(WindowUpdateFrame(1, 20))
        await peer.sync()
        assert peer.responses[1].data == framed(CACHED[b"long"])[:30]
        await peer.send(SettingsFrame(0, {WINDOW: 2_000}))
        assert (await peer.response(1)).data == framed(CACHED[b"long"])
        await check_alive(peer)


async def test_a_window_update_before_the_request_is_complete_counts(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 10}) as peer:
        size = len(framed(CACHED[b"long"]))
        await peer.send(peer.header(1), WindowUpdateFrame(1, 5), peer.data(1, framed(b"long"), end=True))
        await peer.send(
            peer.header(3), WindowUpdateFrame(3, 5), WindowUpdateFrame(3, size), peer.data(3, framed(b"long"), end=True)
        )
        assert len((await peer.response(3)).data) == size
        await peer.sync()
        assert peer.responses[1].data == framed(CACHED[b"long"])[:15]


async def test_the_window_of_a_pending_request_follows_the_settings(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 100}) as peer:
        await peer.send(peer.header(1), WindowUpdateFrame(1, 5), SettingsFrame(0, {WINDOW: 20}))
        await peer.send(peer.data(1, framed(b"long"), end=True))
        await peer.sync()
        assert peer.responses[1].data == framed(CACHED[b"long"])[:25]


async def test_a_window_may_become_negative_and_recover(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 500}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        assert len(peer.responses[1].data) == 500
        await peer.send(SettingsFrame(0, {WINDOW: 100}), WindowUpdateFrame(1, 400))
        await peer.sync()
        assert len(peer.responses[1].data) == 500
        await peer.send(WindowUpdateFrame(1, 50))
        await peer.sync()
        assert len(peer.responses[1].data) == 550
        await peer.send(WindowUpdateFrame(1, 5_000))
        assert (await peer.response(1)).data == framed(CACHED[b"long"])


async def test_streams_share_the_connection_window_in_turns(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 1 << 20}) as peer:
        await peer.send(*(peer.call(number, b"longest") for number in (1, 3, 5)))
        await peer.sync()
        sizes = [len(peer.responses[number].data) for number in (1, 3, 5)]
        assert sum(sizes) == 65_535
        await peer.send(peer.call(7, b"short"))
        await peer.sync()
        assert not peer.responses[7].data
        await peer.send(WindowUpdateFrame(0, 1 << 20))
        for number in (1, 3, 5):
            assert (await peer.response(number)).data == framed(CACHED[b"longest"])
        assert (await peer.response(7)).data == framed(b"s")


async def test_a_blocked_stream_does_not_block_others(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 100}) as peer:
        await peer.send(*(peer.call(number, b"long") for number in range(1, 200, 2)))
        await peer.send(*(peer.call(number, b"short") for number in range(201, 400, 2)))
        for number in range(201, 400, 2):
            assert (await peer.response(number)).data == framed(b"s")


async def test_frames_respect_max_frame_size(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 1 << 20, FRAME: 20_000}) as peer:
        await peer.send(WindowUpdateFrame(0, 1 << 20), peer.call(1, b"longest"))
        sizes = []
        while not (1 in peer.responses and peer.responses[1].ended):
            before = len(peer.responses[1].data) if 1 in peer.responses else 0
            assert await peer.step()
            sizes.append(len(peer.responses[1].data) - before if 1 in peer.responses else 0)
        assert max(sizes) == 20_000


async def test_resetting_a_stream_discards_its_queued_response(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 0}) as peer:
        for number in range(1, 120, 4):
            await peer.send(peer.call(number, b"size 100"), peer.call(number + 2, b"long"))
        await peer.sync()
        await peer.send(*(RstStreamFrame(number, CANCEL) for number in range(1, 120, 2)))
        await peer.send(SettingsFrame(0, {WINDOW: 1_000}))
        await check_alive(peer, 201)
        await until(running.empty)


async def test_receive_windows_are_replenished(peer: Peer) -> None:
    for number in range(1, 40, 2):
        await peer.send(
            peer.header(number),
            *(
                peer.data(number, b"\0\0\1\0\0" + b"x" * 11_000) if at == 0 else peer.data(number, b"x" * 13_000)
                for at in range(10)
            ),
        )
        await peer.send(RstStreamFrame(number, CANCEL))
    await check_alive(peer)
    assert peer.updates[0] > 1 << 21


async def test_the_fast_path_replenishes_the_connection_window(peer: Peer, running: RunningLane) -> None:
    key = b"k" * 10_000
    running.phonebook.cached[framed(key)] = running.phonebook.cached[framed(b"short")]
    for number in range(1, 600, 2):
        await peer.send(peer.call(number, key))
        assert (await peer.response(number)).data == framed(b"s")
    assert running.recorder.hit_count == 300
    # The first update raises the initial window of 64 KiB to its configured size.
    assert peer.updates[0] >= (4 << 20) - 65_535 + (2 << 20)


async def test_a_reset_stream_is_not_sendable_any_more(running: RunningLane) -> None:
    """The stream only waits for the window of the connection."""
    async with connected(running.port, {WINDOW: 1 << 20}) as peer:
        await peer.send(*(peer.call(number, b"longest") for number in range(1, 20, 2)))
        await peer.sync()
        senders = [each.sender for each in running.lane.connections]
        assert [bool(sender.sendable) for sender in senders] == [True]
        await peer.send(*(RstStreamFrame(number, CANCEL) for number in range(1, 20, 2)))
        await peer.sync()
        assert [bool(sender.sendable) for sender in senders] == [False]
        await peer.send(WindowUpdateFrame(0, 1 << 20))
        await check_alive(peer)
        assert all(len(peer.responses[number].data) < 70_000 for number in range(1, 20, 2))


async def test_cached_blocks_expire_when_the_dynamic_table_changes(peer: Peer, running: RunningLane) -> None:
    def insert(path: str) -> bytes:
        return b"\x44" + bytes((len(path),)) + path.encode()

    rest = b"\x83\x86\x01\x04lane\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
    blocks = [insert(GET) + rest, b"\xbe" + rest, b"\xbe" + rest, insert(OTHER) + rest, b"\xbe" + rest, b"\xbf" + rest]
    for at, block in enumerate(blocks):
        await peer.send(raw(1, 4, 2 * at + 1, block), peer.data(2 * at + 1, framed(b"short"), end=True))
        assert (await peer.response(2 * at + 1)).status == "0"
    assert running.recorder.paths == [GET, GET, GET, OTHER, OTHER, GET]


async def test_a_large_request_gets_window_updates(peer: Peer) -> None:
    message = framed(b"q" * 3_000_000)
    sent = 0
    await peer.send(peer.header(1))
    while sent < len(message):
        while sent >= (1 << 20) + peer.updates.get(1, 0) or sent >= (4 << 20) + peer.updates.get(0, 0):
            assert await peer.step()
        part = message[sent : sent + 16_384]
        sent += len(part)
        await peer.send(peer.data(1, part, end=sent == len(message)))
    async with asyncio.timeout(60):
        while 1 not in peer.responses or not peer.responses[1].headers:
            assert await peer.step()
    await peer.send(WindowUpdateFrame(0, 1 << 22), WindowUpdateFrame(1, 1 << 22))
    assert len((await peer.response(1)).data) == 3_000_000 + 5 + len(b"echo of ")
