"""Windows of streams and of connections: what waits for them, and what does not."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hyperframe.frame import RstStreamFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import framed
from tests.lane.peer import Peer, connected, raw, works
from tests.lane.running import GET, OTHER, READY, Served, serving, until

CANCEL = 8
WINDOW, FRAME = SettingsFrame.INITIAL_WINDOW_SIZE, SettingsFrame.MAX_FRAME_SIZE


@pytest.fixture(params=[True, False], ids=["fast", "slow"])
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    """A lane; the long way keeps the same rules."""
    async with serving(fast_path=request.param) as running:
        yield running


@pytest.fixture
async def peer(served: Served) -> AsyncIterator[Peer]:
    async with connected(served.port) as opened:
        yield opened


async def test_an_answer_waits_for_the_windows_and_goes_on_in_parts(served: Served) -> None:
    async with connected(served.port, {WINDOW: 10}) as peer:
        await peer.send(peer.call(1, b"long"), peer.call(3, b"short"))
        assert (await peer.answer(3)).data == framed(b"s")
        await peer.sync()
        assert peer.answers[1].data == framed(READY[b"long"])[:10]
        await peer.send(WindowUpdateFrame(1, 20))
        await peer.sync()
        assert peer.answers[1].data == framed(READY[b"long"])[:30]
        await peer.send(SettingsFrame(0, {WINDOW: 2_000}))
        assert (await peer.answer(1)).data == framed(READY[b"long"])
        await works(peer)


async def test_a_window_update_before_the_request_is_complete_counts(served: Served) -> None:
    async with connected(served.port, {WINDOW: 10}) as peer:
        size = len(framed(READY[b"long"]))
        await peer.send(peer.header(1), WindowUpdateFrame(1, 5), peer.data(1, framed(b"long"), end=True))
        await peer.send(
            peer.header(3), WindowUpdateFrame(3, 5), WindowUpdateFrame(3, size), peer.data(3, framed(b"long"), end=True)
        )
        assert len((await peer.answer(3)).data) == size
        await peer.sync()
        assert peer.answers[1].data == framed(READY[b"long"])[:15]


async def test_a_window_of_a_waiting_request_follows_the_settings(served: Served) -> None:
    async with connected(served.port, {WINDOW: 100}) as peer:
        await peer.send(peer.header(1), WindowUpdateFrame(1, 5), SettingsFrame(0, {WINDOW: 20}))
        await peer.send(peer.data(1, framed(b"long"), end=True))
        await peer.sync()
        assert peer.answers[1].data == framed(READY[b"long"])[:25]


async def test_a_window_can_become_negative_and_recover(served: Served) -> None:
    async with connected(served.port, {WINDOW: 500}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        assert len(peer.answers[1].data) == 500
        await peer.send(SettingsFrame(0, {WINDOW: 100}), WindowUpdateFrame(1, 400))
        await peer.sync()
        assert len(peer.answers[1].data) == 500
        await peer.send(WindowUpdateFrame(1, 50))
        await peer.sync()
        assert len(peer.answers[1].data) == 550
        await peer.send(WindowUpdateFrame(1, 5_000))
        assert (await peer.answer(1)).data == framed(READY[b"long"])


async def test_the_window_of_the_connection_is_shared_in_turns(served: Served) -> None:
    async with connected(served.port, {WINDOW: 1 << 20}) as peer:
        await peer.send(*(peer.call(number, b"longest") for number in (1, 3, 5)))
        await peer.sync()
        sizes = [len(peer.answers[number].data) for number in (1, 3, 5)]
        assert sum(sizes) == 65_535
        await peer.send(peer.call(7, b"short"))
        await peer.sync()
        assert not peer.answers[7].data
        await peer.send(WindowUpdateFrame(0, 1 << 20))
        for number in (1, 3, 5):
            assert (await peer.answer(number)).data == framed(READY[b"longest"])
        assert (await peer.answer(7)).data == framed(b"s")


async def test_a_stream_that_is_stuck_does_not_hold_up_others(served: Served) -> None:
    async with connected(served.port, {WINDOW: 100}) as peer:
        await peer.send(*(peer.call(number, b"long") for number in range(1, 200, 2)))
        await peer.send(*(peer.call(number, b"short") for number in range(201, 400, 2)))
        for number in range(201, 400, 2):
            assert (await peer.answer(number)).data == framed(b"s")


async def test_frames_are_no_larger_than_the_peer_takes(served: Served) -> None:
    async with connected(served.port, {WINDOW: 1 << 20, FRAME: 20_000}) as peer:
        await peer.send(WindowUpdateFrame(0, 1 << 20), peer.call(1, b"longest"))
        sizes = []
        while not (1 in peer.answers and peer.answers[1].ended):
            before = len(peer.answers[1].data) if 1 in peer.answers else 0
            assert await peer.step()
            sizes.append(len(peer.answers[1].data) - before if 1 in peer.answers else 0)
        assert max(sizes) == 20_000


async def test_a_stream_dropped_while_its_answer_waits_leaves_nothing(served: Served) -> None:
    async with connected(served.port, {WINDOW: 0}) as peer:
        for number in range(1, 120, 4):
            await peer.send(peer.call(number, b"size 100"), peer.call(number + 2, b"long"))
        await peer.sync()
        await peer.send(*(RstStreamFrame(number, CANCEL) for number in range(1, 120, 2)))
        await peer.send(SettingsFrame(0, {WINDOW: 1_000}))
        await works(peer, 201)
        await until(served.empty)


async def test_what_is_received_is_granted_again(peer: Peer) -> None:
    for number in range(1, 40, 2):
        await peer.send(
            peer.header(number),
            *(
                peer.data(number, b"\0\0\1\0\0" + b"x" * 11_000) if at == 0 else peer.data(number, b"x" * 13_000)
                for at in range(10)
            ),
        )
        await peer.send(RstStreamFrame(number, CANCEL))
    await works(peer)
    assert peer.updates[0] > 1 << 21


async def test_what_short_calls_send_is_granted_again_too(peer: Peer, served: Served) -> None:
    key = b"k" * 10_000
    served.phonebook.ready[framed(key)] = served.phonebook.ready[framed(b"short")]
    for number in range(1, 600, 2):
        await peer.send(peer.call(number, key))
        assert (await peer.answer(number)).data == framed(b"s")
    assert served.seen.hit_count == 300
    # The first update raises the window from 64 KB to what it is to be.
    assert peer.updates[0] >= (4 << 20) - 65_535 + (2 << 20)


async def test_a_stream_dropped_while_it_could_go_on_is_not_kept(served: Served) -> None:
    """It waits for the window of the connection alone."""
    async with connected(served.port, {WINDOW: 1 << 20}) as peer:
        await peer.send(*(peer.call(number, b"longest") for number in range(1, 20, 2)))
        await peer.sync()
        senders = [each.sender for each in served.lane.connections]
        assert [bool(sender.sendable) for sender in senders] == [True]
        await peer.send(*(RstStreamFrame(number, CANCEL) for number in range(1, 20, 2)))
        await peer.sync()
        assert [bool(sender.sendable) for sender in senders] == [False]
        await peer.send(WindowUpdateFrame(0, 1 << 20))
        await works(peer)
        assert all(len(peer.answers[number].data) < 70_000 for number in range(1, 20, 2))


async def test_a_header_means_something_else_once_the_table_has_changed(peer: Peer, served: Served) -> None:
    def insert(path: str) -> bytes:
        return b"\x44" + bytes((len(path),)) + path.encode()

    rest = b"\x83\x86\x01\x04lane\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
    blocks = [insert(GET) + rest, b"\xbe" + rest, b"\xbe" + rest, insert(OTHER) + rest, b"\xbe" + rest, b"\xbf" + rest]
    for at, block in enumerate(blocks):
        await peer.send(raw(1, 4, 2 * at + 1, block), peer.data(2 * at + 1, framed(b"short"), end=True))
        assert (await peer.answer(2 * at + 1)).status == "0"
    assert served.seen.paths == [GET, GET, GET, OTHER, OTHER, GET]


async def test_a_large_request_gets_room_on_its_stream(peer: Peer) -> None:
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
        while 1 not in peer.answers or not peer.answers[1].headers:
            assert await peer.step()
    await peer.send(WindowUpdateFrame(0, 1 << 22), WindowUpdateFrame(1, 1 << 22))
    assert len((await peer.answer(1)).data) == 3_000_000 + 5 + len(b"made of ")
