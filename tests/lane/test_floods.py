"""What floods cost: the work of a frame is bounded, and provoked resets count like sent ones."""

import asyncio
from collections.abc import Callable
from typing import Any

import hpack
import pytest
from hyperframe.frame import Frame, RstStreamFrame, SettingsFrame, WindowUpdateFrame

from cqar.lane.frames import COMPRESSION_ERROR
from cqar.lane.grpc import framed
from cqar.lane.limits import Limits
from cqar.lane.sender import Sender
from cqar.lane.stream import Stream
from tests.lane.peer import Peer, check_alive, connected, fields, raw
from tests.lane.running import GET, RunningLane, running_lane, until

CALM, CANCEL = 11, 8
_SETTINGS = 4
#: The largest SETTINGS frame.
_ENTRIES = 2_730
_STREAMS = 1_000


def _numbers(count: int, first: int = 1) -> range:
    return range(first, first + 2 * count, 2)


def _windows(count: int) -> bytes:
    """Return a SETTINGS frame that sets the initial window again and again."""
    entries = b"".join((4).to_bytes(2, "big") + (70_000 + at).to_bytes(4, "big") for at in range(count))
    return raw(_SETTINGS, 0, 0, entries)


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the streams whose window changes."""
    found: list[int] = []
    update = Sender.update_window

    def counting(self: Sender, stream: Stream, change: int) -> bool:
        found.append(stream.number)
        return update(self, stream, change)

    monkeypatch.setattr(Sender, "update_window", counting)
    return found


async def _open(peer: Peer, count: int) -> None:
    """Open streams whose requests are incomplete."""
    await peer.send(*(each for number in _numbers(count) for each in (peer.header(number), peer.data(number, b"\0"))))
    await peer.sync()


async def test_settings_apply_the_last_value_of_each_once(running: RunningLane, visits: list[int]) -> None:
    async with connected(running.port) as peer:
        await _open(peer, 3)
        await peer.send(_windows(20))
        await peer.sync()
        assert sorted(visits) == [1, 3, 5]
        (connection,) = running.lane.connections
        assert connection.sender.initial_window == 70_019
        assert {stream.send_window for stream in connection.streams.live.values()} == {70_019}


@pytest.mark.parametrize(("code", "key", "value"), [(3, 4, 1 << 31), (1, 5, 1), (1, 2, 2)])
async def test_a_setting_is_checked_even_if_a_later_value_replaces_it(
    running: RunningLane, code: int, key: int, value: int
) -> None:
    async with connected(running.port) as peer:
        good = {4: 70_000, 5: 20_000, 2: 0}[key]
        entries = b"".join(key.to_bytes(2, "big") + each.to_bytes(4, "big") for each in (value, good))
        await peer.send(raw(_SETTINGS, 0, 0, entries))
        assert await peer.ending() == code


async def test_settings_cost_by_entries_and_streams(running: RunningLane, visits: list[int]) -> None:
    """A burst visits each stream a few times at most."""
    async with connected(running.port) as peer:
        await _open(peer, _STREAMS)
        await peer.send(*(_windows(40 + at) for at in range(30)))
        assert await peer.ending() == CALM
        assert len(visits) <= 16 * _STREAMS
    assert running.recorder.attacks == ["settings"]
    visits.clear()
    async with connected(running.port) as peer:
        await peer.send(_windows(_ENTRIES))
        assert await peer.ending() == CALM


def _overflow(number: int) -> list[Frame | bytes]:
    return [WindowUpdateFrame(number, (1 << 31) - 1)]


#: What makes the lane reset a stream whose request waits or is incomplete.
MISTAKES: dict[str, Callable[[Peer, int], list[Frame | bytes]]] = {
    "window overflow": lambda peer, number: [peer.call(number, b"wait"), *_overflow(number)],
    "DATA after the end": lambda peer, number: [peer.call(number, b"wait"), peer.data(number, b"x")],
    "HEADERS after the end": lambda peer, number: [peer.call(number, b"wait"), peer.header(number, end=True)],
    "trailers without the end": lambda peer, number: [peer.header(number), peer.header(number, [("x", "y")])],
    "messages over the limit": lambda peer, number: [peer.header(number), peer.data(number, b"\0\xff\xff\xff\xff" + bytes(11))],
}


@pytest.mark.parametrize("name", MISTAKES)
async def test_resets_that_a_peer_provokes_are_counted(name: str) -> None:
    """MadeYouReset, CVE-2025-8671."""
    async with running_lane(Limits(flood_rate=0)) as running:
        async with connected(running.port) as peer:
            for number in _numbers(1_500):
                await peer.send(*MISTAKES[name](peer, number))
                await asyncio.sleep(0)  # the lane runs, and reads one mistake at a time
            assert await peer.ending() == CALM
            assert 500 <= len(running.recorder.calls) <= 1_000
        assert running.recorder.attacks == ["stream_errors"]
        await until(running.empty)


async def test_failing_calls_do_not_pay_for_resets() -> None:
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        for number in _numbers(50):
            failing, cancelled = 2 * number - 1, 2 * number + 1
            await peer.send(peer.call(failing, b"wait", fields(GET, ("grpc-timeout", "bad"))))
            await peer.send(peer.call(cancelled, b"wait"), RstStreamFrame(cancelled, CANCEL))
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["resets"]


@pytest.mark.parametrize("message", [b"short", b"else", b"absent"])
async def test_good_calls_pay_for_resets(message: bytes) -> None:
    """Also those that find nothing."""
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        for number in _numbers(200):
            good, cancelled = 2 * number - 1, 2 * number + 1
            await peer.send(peer.call(good, message), peer.call(cancelled, b"wait"), RstStreamFrame(cancelled, CANCEL))
            await peer.response(good)
        await check_alive(peer, 2_001)
        assert not running.recorder.attacks


async def test_empty_continuations_are_a_flood() -> None:
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        await peer.send(raw(1, 0, 1, b"\x83"), raw(9, 0, 1, b"") * 11)
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["empty_frames"]


async def test_header_blocks_on_reset_streams_are_a_flood() -> None:
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        await peer.send(peer.header(1, fields(without=":path")))
        await peer.send(*(peer.header(1, [("x", "y")]) for _ in range(30)))
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["refused_streams"]


@pytest.mark.parametrize("prefix", [b"\0\0\1\0\0", b"\0\xff\xff\xff\xff"], ids=["open", "reset"])
async def test_requests_in_single_bytes_are_a_flood(prefix: bytes) -> None:
    """Also on a stream that the lane has reset."""
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        await peer.send(peer.header(1), peer.data(1, prefix), *[peer.data(1, b"x")] * 200)
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["small_data"]


async def test_requests_in_larger_pieces_are_no_flood() -> None:
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        await peer.send(
            peer.header(1), peer.data(1, b"\0\0\0\x20\x05" + b"else " + bytes(11)), *[peer.data(1, bytes(16))] * 511
        )
        await peer.send(peer.data(1, bytes(5), end=True))
        assert (await peer.response(1)).status == "0"
        assert not running.recorder.attacks


def _literal(name: bytes, *, enters: bool = False) -> bytes:
    return (b"\x40" if enters else b"\0") + bytes((len(name),)) + name + b"\1y"


#: Fields of the nth header block, which take longer to decode than to send.
COSTLY: dict[str, Callable[[int], bytes]] = {
    "new names": lambda at: b"".join(_literal(b"x%d-%d" % (at, each)) for each in range(40)),
    "new entries of the table": lambda at: b"".join(_literal(b"x%d-%d" % (at, each), enters=True) for each in range(40)),
    "the same entry": lambda _at: b"\x41\0" * 40,
    "many fields": lambda _at: b"\x84" * 400,
}


@pytest.mark.parametrize("trailers", [False, True])
@pytest.mark.parametrize("name", COSTLY)
async def test_costly_header_blocks_are_a_flood(name: str, *, trailers: bool) -> None:
    async with running_lane(Limits(flood=300, flood_rate=0)) as running, connected(running.port) as peer:
        usual = peer.encoder.encode([hpack.NeverIndexedHeaderTuple(*each) for each in fields()])
        for at in range(10):
            number = 2 * at + 1
            block = COSTLY[name](at)
            if trailers:
                await peer.send(peer.header(number, block=usual), peer.header(number, block=block, end=True))
            else:
                await peer.send(peer.header(number, block=usual + block), peer.data(number, framed(b"wait"), end=True))
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["header_fields"]
        assert len(running.recorder.calls) < 10


async def test_usual_header_blocks_are_no_flood() -> None:
    """A few new names and entries in each, as of a proxy that adds ids."""
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        usual = peer.encoder.encode([hpack.NeverIndexedHeaderTuple(*each) for each in fields()])
        for at in range(100):
            new = b"".join(_literal(b"x%d-%d" % (at, each), enters=bool(each & 1)) for each in range(8))
            await peer.send(peer.header(2 * at + 1, block=usual + new + _literal(b"x-same") * 40))
            await peer.send(peer.data(2 * at + 1, framed(b"absent"), end=True))
        assert (await peer.response(199)).status == "5"
        assert not running.recorder.attacks


async def test_table_size_updates_of_a_block_are_bounded(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        usual = peer.encoder.encode([hpack.NeverIndexedHeaderTuple(*each) for each in fields()])
        await peer.send(peer.header(1, block=b"\x20\x3f\xe1\x1f" + usual), peer.data(1, framed(b"short"), end=True))
        assert (await peer.response(1)).status == "0"
        await peer.send(peer.header(3, block=b"\x20\x3f\xe1\x1f" * 10 + usual))
        assert await peer.ending() == COMPRESSION_ERROR


@pytest.mark.parametrize("number", [0, 1])
async def test_responses_in_single_bytes_are_a_flood(number: int) -> None:
    """Data dribble, CVE-2019-9511."""
    windows: dict[int, Any] = {0: {SettingsFrame.INITIAL_WINDOW_SIZE: 1 << 20}, 1: {SettingsFrame.INITIAL_WINDOW_SIZE: 0}}
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port, windows[number]) as peer:
        await peer.send(peer.call(1, b"size 200000"))
        await until(lambda: any(each.sender.queued for each in running.lane.connections))
        await peer.send(*[WindowUpdateFrame(number, 1)] * 200)
        assert await peer.ending() == CALM
        assert running.recorder.attacks == ["small_windows"]


async def test_windows_that_grow_by_frames_are_no_flood() -> None:
    async with running_lane(Limits(flood=100, flood_rate=0)) as running, connected(running.port) as peer:
        await peer.send(peer.call(1, b"size 2000000"))
        for _ in range(500):
            await peer.send(WindowUpdateFrame(0, 8_000), WindowUpdateFrame(1, 8_000))
        response = await peer.response(1)
        assert (len(response.data), response.status) == (len(framed(b"z" * 2_000_000)), "0")
        assert not running.recorder.attacks
