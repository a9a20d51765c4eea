"""What takes too long ends; a lane that stops lets calls finish."""

import asyncio
import contextlib

import pytest
from hyperframe.frame import ContinuationFrame, HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from tests.lane.peer import PREFACE, connected, works
from tests.lane.running import GET, READY, Served, backend, dialled, serving, until

WINDOW = SettingsFrame.INITIAL_WINDOW_SIZE


def later(served: Served, seconds: float) -> None:
    """Look at all connections as if so many seconds had passed."""
    shared = served.lane.state
    shared.now = shared.loop.time() + seconds
    for connection in list(served.lane.connections):
        connection.timeouts.check(shared.now)


async def test_a_peer_that_does_not_greet_is_let_go(served: Served) -> None:
    for start in (b"", PREFACE[:10], PREFACE):
        async with connected(served.port, greet=False) as peer:
            await peer.send(start)
            await until(lambda: served.lane.connections)
            later(served, 9)
            assert served.lane.connections
            later(served, 11)
            await peer.ending()


async def test_a_peer_that_is_gone_without_a_word_is_noticed(served: Served) -> None:
    async with connected(served.port) as peer:
        await works(peer)
        later(served, 0)
        later(served, 59)
        await peer.sync()
        assert not peer.pings
        later(served, 61)
        await peer.sync()
        await peer.send(PingFrame(0, peer.pings[0], flags=["ACK"]))
        await peer.sync()
        later(served, 82)
        later(served, 143)
        assert served.lane.connections
        later(served, 164)
        assert await peer.ending() is None
        assert len(peer.pings) == 2
    assert served.seen.ends == [(0, "keepalive timeout")]


@pytest.mark.parametrize("half", ["half a frame", "half a header block"])
async def test_half_a_frame_is_not_waited_for_for_ever(served: Served, half: str) -> None:
    async with connected(served.port) as peer:
        await peer.send(peer.call(1))
        await peer.answer(1)
        await peer.send(HeadersFrame(3, b"\x83") if half == "half a header block" else peer.call(3)[:-3])
        (connection,) = served.lane.connections
        await until(lambda: connection.timeouts.incomplete_since)
        later(served, 19)
        if half == "half a header block":
            await peer.send(ContinuationFrame(3, b"\x86"))
            await asyncio.sleep(0.02)
        assert served.lane.connections
        later(served, 22)
        assert await peer.ending() == 1


async def test_a_frame_that_came_in_halves_is_forgotten(served: Served) -> None:
    async with connected(served.port) as peer:
        data = peer.call(1)
        await peer.send(data[:-3])
        await until(lambda: any(each.timeouts.incomplete_since for each in served.lane.connections))
        await peer.send(data[-3:])
        assert (await peer.answer(1)).status == "0"
        later(served, 25)
        await peer.send(peer.call(3))
        assert (await peer.answer(3)).status == "0"


async def test_a_slow_but_steady_sender_is_waited_for(served: Served) -> None:
    async with connected(served.port) as peer:
        data = b"".join(peer.call(number) for number in range(1, 20, 2))
        served.lane.state.now += 100
        for at in range(0, len(data), 50):
            await peer.send(data[at : at + 50])
            await asyncio.sleep(0.001)
            served.lane.state.now += 15
            for connection in served.lane.connections:
                connection.timeouts.check(served.lane.state.now)
        assert (await peer.answer(19)).status == "0"


async def test_a_request_that_does_not_come_to_its_end_is_given_up(served: Served) -> None:
    async with connected(served.port) as peer:
        await peer.send(peer.header(1), peer.header(3), peer.data(3, b"\0\0"))
        await peer.sync()
        for seconds in (31, 62, 93):
            later(served, seconds)
        assert (await peer.answer(1)).status == "4"
        assert (await peer.answer(3)).status == "4"
        await peer.send(peer.call(5))
        assert (await peer.answer(5)).status == "0"


async def test_a_call_without_deadline_has_one(served: Served) -> None:
    async with connected(served.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: served.phonebook.waiting)
        later(served, 31)
        assert (await peer.answer(1)).status == "4"
        await until(lambda: served.phonebook.cancelled == 1)


async def test_a_stream_that_is_passed_on_may_last() -> None:
    async with backend() as (handlers, upstream), serving(upstream=upstream) as served, dialled(served.address) as channel:
        call = channel.unary_stream("/b.B/Watch")(b"")
        assert await call.read() == b"first"
        (connection,) = served.lane.connections
        for seconds in (100, 500):
            later(served, seconds)
        await until(lambda: connection.reader.pongs)
        later(served, 1_000)
        await asyncio.sleep(0.02)
        assert handlers.watching == 1
        call.cancel()


async def test_an_answer_that_is_not_taken_is_given_up(served: Served) -> None:
    async with connected(served.port, {WINDOW: 5}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        later(served, 59)
        await peer.sync()
        assert peer.answers[1].reset is None
        later(served, 62)
        assert (await peer.answer(1)).reset == 8


async def test_an_idle_connection_is_asked_to_leave(served: Served) -> None:
    async with connected(served.port) as peer:
        await peer.send(peer.call(1))
        await peer.answer(1)
        later(served, 599)
        await peer.sync()
        assert not peer.goaways
        later(served, 1_202)
        later(served, 1_204)
        assert await peer.ending() == 0


async def test_a_connection_that_is_old_moves_on_without_losing_a_call() -> None:
    """Two notices: after the first, calls that are on their way are served still."""
    async with serving(Limits(connection_age=1_000, call_timeout=5_000)) as served, connected(served.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: served.phonebook.waiting)
        later(served, 1_001)
        async with asyncio.timeout(60):
            while not (peer.goaways and peer.pings):
                await peer.step()
        assert (peer.goaways[0].last_stream_id, peer.goaways[0].error_code) == ((1 << 31) - 1, 0)
        await peer.send(peer.call(3), PingFrame(0, peer.pings[0], flags=["ACK"]), peer.call(5))
        assert (await peer.answer(3)).data == framed(b"s")
        assert (await peer.answer(5)).reset == 7
        assert peer.goaways[1].last_stream_id == 3
        served.phonebook.release.set()
        assert (await peer.answer(1)).data == framed(b"made of wait")
        assert await peer.ending() == 0


async def test_ages_are_spread_so_that_not_all_move_at_once(served: Served) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(connected(served.port))
        await until(lambda: len(served.lane.connections) == 20)
        ends = {each.timeouts._expires - each.timeouts._created for each in served.lane.connections}
        assert len(ends) > 10
        assert all(3_240 <= end <= 3_600 for end in ends)


async def test_a_lane_that_stops_lets_calls_finish() -> None:
    async with serving() as served, dialled(served.address) as channel:
        call = channel.unary_unary(GET)
        waiting = asyncio.ensure_future(call(b"wait"))
        await until(lambda: served.phonebook.waiting)
        stopping = asyncio.create_task(served.lane.stop(10))
        await asyncio.sleep(0.05)
        served.phonebook.release.set()
        assert await waiting == b"made of wait"
        await stopping
        assert not served.lane.connections


async def test_calls_that_outlast_the_grace_are_cut() -> None:
    async with serving() as served, connected(served.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: served.phonebook.waiting)
        await served.lane.stop(0.05)
        assert served.phonebook.cancelled == 1
        assert served.empty()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", served.port)


async def test_what_waits_is_sent_before_a_stopping_lane_closes() -> None:
    async with serving() as served, connected(served.port, {WINDOW: 5}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        stopping = asyncio.create_task(served.lane.stop(10))
        async with asyncio.timeout(60):
            while not peer.pings:
                await peer.step()
        await peer.send(PingFrame(0, peer.pings[0], flags=["ACK"]), WindowUpdateFrame(1, 10_000))
        assert (await peer.answer(1)).data == framed(READY[b"long"])
        await peer.ending()
        await peer.close()
        await stopping
