"""The states of a stream."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hyperframe.frame import RstStreamFrame, SettingsFrame

from cqar.lane.connection import Connection
from cqar.lane.grpc import framed
from cqar.lane.stream import StreamState, TaskState
from tests.lane.peer import PREFACE, Peer, fields
from tests.lane.running import GET
from tests.lane.test_property import OfflineLane, Wire, peer, streams

CANCEL, STREAM_CLOSED = 8, 5


class Offline:
    """A connection without sockets, and a client that encodes frames for it."""

    def __init__(self) -> None:
        self.wire = Wire()
        self.peer: Peer = peer()
        self.connection = Connection(OfflineLane().lane)
        self.connection.connection_made(self.wire)
        self.receive(PREFACE + SettingsFrame(0).serialize())

    def receive(self, *data: bytes) -> None:
        self.connection.data_received(b"".join(data))

    def header(self, number: int, path: str = GET) -> bytes:
        return self.peer.header(number, fields(path)).serialize()

    def data(self, number: int, payload: bytes, *, end: bool = False) -> bytes:
        return self.peer.data(number, payload, end=end).serialize()

    def state(self, number: int) -> StreamState:
        return self.connection.streams.state(number)

    def sent(self, number: int) -> list[tuple[int, int, bytes]]:
        """Return the frames that the lane sent on a stream."""
        return streams(bytes(self.wire.written)).get(number, [])


@pytest.fixture
async def offline() -> AsyncIterator[Offline]:
    made = Offline()
    yield made
    made.connection.connection_lost(None)
    await asyncio.sleep(0)


async def test_unused_streams_and_those_of_servers_are_idle(offline: Offline) -> None:
    offline.receive(offline.peer.call(5))
    assert [offline.state(number) for number in (2, 4, 7, 9)] == [StreamState.IDLE] * 4
    assert offline.state(1) is StreamState.CLOSED  # RFC 9113, 5.1.1: a higher stream closes idle ones


async def test_a_call_passes_through_open_half_closed_and_closed(offline: Offline) -> None:
    offline.receive(offline.header(1))
    assert offline.state(1) is StreamState.OPEN
    offline.receive(offline.data(1, framed(b"wait")[:3]))
    assert offline.state(1) is StreamState.OPEN
    offline.receive(offline.data(1, framed(b"wait")[3:], end=True))
    assert offline.state(1) is StreamState.HALF_CLOSED_REMOTE
    offline.receive(RstStreamFrame(1, CANCEL).serialize())
    assert offline.state(1) is StreamState.CLOSED
    assert not offline.sent(1)


async def test_a_response_closes_a_half_closed_stream(offline: Offline) -> None:
    offline.receive(offline.header(1), offline.data(1, framed(b"short")), offline.data(1, b"", end=True))
    assert offline.state(1) is StreamState.CLOSED
    assert [frame_type for frame_type, _, _ in offline.sent(1)] == [1, 0, 1]


async def test_a_response_to_an_incomplete_request_resets_the_stream(offline: Offline) -> None:
    offline.receive(offline.header(1), offline.data(1, b"\0\xff\xff\xff\xff"))
    assert offline.state(1) is StreamState.CLOSED
    (_, end_stream, _), reset = offline.sent(1)
    assert end_stream & 1
    assert reset == (3, 0, bytes(4))


async def test_a_reset_stream_is_closed_and_data_in_flight_is_ignored(offline: Offline) -> None:
    offline.receive(offline.header(1), b"\0\0\4\x08\0\0\0\0\1" + bytes(4))  # WINDOW_UPDATE by 0
    assert offline.state(1) is StreamState.CLOSED
    sent = offline.sent(1)
    offline.receive(offline.data(1, b"in flight", end=True))
    assert offline.sent(1) == sent
    offline.receive(offline.data(1, b"after the end"))
    assert offline.sent(1)[-1] == (3, 0, STREAM_CLOSED.to_bytes(4, "big"))


async def test_a_task_that_is_cancelled_before_it_runs_is_done(offline: Offline) -> None:
    offline.receive(offline.peer.call(1, b"wait"))
    stream = offline.connection.streams.live[1]
    assert stream.task_state is TaskState.SCHEDULED
    offline.receive(RstStreamFrame(1, CANCEL).serialize())
    assert (stream.state, stream.task_state, stream.task) == (StreamState.CLOSED, TaskState.DONE, None)
    assert offline.connection.streams.calls == 0


async def test_a_running_task_is_done_after_it_ends(offline: Offline) -> None:
    offline.receive(offline.peer.call(1, b"wait"))
    stream = offline.connection.streams.live[1]
    await asyncio.sleep(0)
    states = [stream.task_state]
    offline.receive(RstStreamFrame(1, CANCEL).serialize())
    assert stream.state is StreamState.CLOSED
    states.append(stream.task_state)
    await asyncio.sleep(0)
    assert [*states, stream.task_state] == [TaskState.RUNNING, TaskState.RUNNING, TaskState.DONE]
    assert offline.connection.streams.calls == 0
