"""Timeouts, and graceful shutdown."""

import asyncio
import contextlib

import pytest
from hyperframe.frame import ContinuationFrame, HeadersFrame, PingFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from tests.lane.peer import PREFACE, check_alive, connected
from tests.lane.running import CACHED, GET, RunningLane, backend, dialled, running_lane, until

WINDOW = SettingsFrame.INITIAL_WINDOW_SIZE


def later(running: RunningLane, seconds: float) -> None:
    """Check all timeouts as if `seconds` had passed."""
    shared = running.lane.state
    shared.now = shared.loop.time() + seconds
    for connection in list(running.lane.connections):
        connection.timeouts.check(shared.now)


async def test_a_connection_without_preface_times_out(running: RunningLane) -> None:
    for start in (b"", PREFACE[:10], PREFACE):
        async with connected(running.port, greet=False) as peer:
            await peer.send(start)
            await until(lambda: running.lane.connections)
            later(running, 9)
            assert running.lane.connections
            later(running, 11)
            await peer.ending()


async def test_keepalive_detects_a_vanished_peer(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await check_alive(peer)
        later(running, 0)
        later(running, 59)
        await peer.sync()
        assert not peer.pings
        later(running, 61)
        await peer.sync()
        await peer.send(PingFrame(0, peer.pings[0], flags=["ACK"]))
        await peer.sync()
        later(running, 82)
        later(running, 143)
        assert running.lane.connections
        later(running, 164)
        assert await peer.ending() is None
        assert len(peer.pings) == 2
    assert running.recorder.ends == [(0, "keepalive timeout")]


@pytest.mark.parametrize("part", ["a frame", "a header block"])
async def test_an_incomplete_frame_times_out(running: RunningLane, part: str) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.call(1))
        await peer.response(1)
        await peer.send(HeadersFrame(3, b"\x83") if part == "a header block" else peer.call(3)[:-3])
        (connection,) = running.lane.connections
        await until(lambda: connection.timeouts.incomplete_since)
        later(running, 19)
        if part == "a header block":
            await peer.send(ContinuationFrame(3, b"\x86"))
            await asyncio.sleep(0.02)
        assert running.lane.connections
        later(running, 22)
        assert await peer.ending() == 1


async def test_a_completed_frame_stops_the_frame_timeout(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        data = peer.call(1)
        await peer.send(data[:-3])
        await until(lambda: any(each.timeouts.incomplete_since for each in running.lane.connections))
        await peer.send(data[-3:])
        assert (await peer.response(1)).status == "0"
        later(running, 25)
        await peer.send(peer.call(3))
        assert (await peer.response(3)).status == "0"


async def test_a_slow_but_steady_sender_does_not_time_out(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        data = b"".join(peer.call(number) for number in range(1, 20, 2))
        running.lane.state.now += 100
        for at in range(0, len(data), 50):
            await peer.send(data[at : at + 50])
            await asyncio.sleep(0.001)
            running.lane.state.now += 15
            for connection in running.lane.connections:
                connection.timeouts.check(running.lane.state.now)
        assert (await peer.response(19)).status == "0"


async def test_an_incomplete_request_times_out(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.header(1), peer.header(3), peer.data(3, b"\0\0"))
        await peer.sync()
        for seconds in (31, 62, 93):
            later(running, seconds)
        assert (await peer.response(1)).status == "4"
        assert (await peer.response(3)).status == "4"
        await peer.send(peer.call(5))
        assert (await peer.response(5)).status == "0"


async def test_a_call_without_deadline_times_out(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: running.phonebook.waiting)
        later(running, 31)
        assert (await peer.response(1)).status == "4"
        await until(lambda: running.phonebook.cancelled == 1)


async def test_a_proxied_stream_does_not_time_out() -> None:
    async with (
        backend() as (handlers, upstream),
        running_lane(upstream=upstream) as running,
        dialled(running.address) as channel,
    ):
        call = channel.unary_stream("/b.B/Watch")(b"")
        assert await call.read() == b"first"
        (connection,) = running.lane.connections
        for seconds in (100, 500):
            later(running, seconds)
        await until(lambda: connection.reader.pongs)
        later(running, 1_000)
        await asyncio.sleep(0.02)
        assert handlers.watching == 1
        call.cancel()


async def test_an_unread_response_times_out(running: RunningLane) -> None:
    async with connected(running.port, {WINDOW: 5}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        later(running, 59)
        await peer.sync()
        assert peer.responses[1].reset is None
        later(running, 62)
        assert (await peer.response(1)).reset == 8


async def test_an_idle_connection_is_drained(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        await peer.send(peer.call(1))
        await peer.response(1)
        later(running, 599)
        await peer.sync()
        assert not peer.goaways
        later(running, 1_202)
        later(running, 1_204)
        assert await peer.ending() == 0


async def test_an_old_connection_is_drained_without_losing_a_call() -> None:
    """After the first GOAWAY, calls in flight are still served; the second one is final."""
    async with running_lane(Limits(connection_age=1_000, call_timeout=5_000)) as running, connected(running.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: running.phonebook.waiting)
        later(running, 1_001)
        async with asyncio.timeout(60):
            while not (peer.goaways and peer.pings):
                await peer.step()
        assert (peer.goaways[0].last_stream_id, peer.goaways[0].error_code) == ((1 << 31) - 1, 0)
        await peer.send(peer.call(3), PingFrame(0, peer.pings[0], flags=["ACK"]), peer.call(5))
        assert (await peer.response(3)).data == framed(b"s")
        assert (await peer.response(5)).reset == 7
        assert peer.goaways[1].last_stream_id == 3
        running.phonebook.release.set()
        assert (await peer.response(1)).data == framed(b"echo of wait")
        assert await peer.ending() == 0


async def test_connection_ages_have_jitter(running: RunningLane) -> None:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(20):
            await stack.enter_async_context(connected(running.port))
        await until(lambda: len(running.lane.connections) == 20)
        ends = {each.timeouts._expires - each.timeouts._created for each in running.lane.connections}
        assert len(ends) > 10
        assert all(3_240 <= end <= 3_600 for end in ends)


async def test_stopping_lets_calls_finish() -> None:
    async with running_lane() as running, dialled(running.address) as channel:
        call = channel.unary_unary(GET)
        waiting = asyncio.ensure_future(call(b"wait"))
        await until(lambda: running.phonebook.waiting)
        stopping = asyncio.create_task(running.lane.stop(10))
        await asyncio.sleep(0.05)
        running.phonebook.release.set()
        assert await waiting == b"echo of wait"
        await stopping
        assert not running.lane.connections


async def test_calls_that_exceed_the_grace_period_are_cancelled() -> None:
    async with running_lane() as running, connected(running.port) as peer:
        await peer.send(peer.call(1, b"wait"))
        await until(lambda: running.phonebook.waiting)
        await running.lane.stop(0.05)
        assert running.phonebook.cancelled == 1
        assert running.empty()
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", running.port)


async def test_stopping_sends_queued_data_first() -> None:
    async with running_lane() as running, connected(running.port, {WINDOW: 5}) as peer:
        await peer.send(peer.call(1, b"long"))
        await peer.sync()
        stopping = asyncio.create_task(running.lane.stop(10))
        async with asyncio.timeout(60):
            while not peer.pings:
                await peer.step()
        await peer.send(PingFrame(0, peer.pings[0], flags=["ACK"]), WindowUpdateFrame(1, 10_000))
        assert (await peer.response(1)).data == framed(CACHED[b"long"])
        await peer.ending()
        await peer.close()
        await stopping
