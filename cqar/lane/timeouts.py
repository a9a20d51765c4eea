"""Timeouts of one connection, checked about once a second."""

import random
from typing import Protocol

from cqar.lane import frames
from cqar.lane.call_tasks import CallTasks
from cqar.lane.frame_reader import FrameReader
from cqar.lane.server_state import ServerState
from cqar.lane.stream import Stream, StreamState
from cqar.lane.streams import Streams

#: Jitter of the connection age, as a fraction, so that connections do not all move at once.
_JITTER = 0.1
#: Seconds for the peer's last bytes after the lane has closed its side, and for the acknowledgement of the shutdown PING.
_LINGER = 1.0


class Controls(Protocol):
    """What a timeout may do to its connection."""

    @property
    def preface_received(self) -> bool:
        """Whether the peer's preface is complete."""

    def drain(self) -> None:
        """Ask the peer to open no more streams."""

    def refuse_streams(self) -> None:
        """Refuse new streams, and close after the last call."""

    def send_keepalive(self) -> None:
        """Send a keepalive PING."""

    def schedule_flush(self) -> None:
        """Write the output soon."""

    def terminate(self, code: int, reason: str, attack: str = "") -> None:
        """Close with GOAWAY."""

    def abort(self, reason: str = "", attack: str = "") -> None:
        """Close at once."""


class Timeouts:
    """The timeouts of a connection. Times are the event loop's; 0 means that a timeout does not run."""

    __slots__ = (
        "_active",
        "_activity",
        "_calls",
        "_connection",
        "_created",
        "_expires",
        "_heard",
        "_last",
        "_mark",
        "_marked",
        "_pinged",
        "_reader",
        "_server",
        "_streams",
        "closed_since",
        "draining_since",
        "incomplete_since",
        "paused_since",
    )

    def __init__(
        self, connection: Controls, server: ServerState, streams: Streams, reader: FrameReader, calls: CallTasks, now: float
    ) -> None:
        self._connection = connection
        self._server = server
        self._streams = streams
        self._reader = reader
        self._calls = calls
        self._created = now
        self._expires = now + server.limits.connection_age * (1 - _JITTER * random.random())  # noqa: S311 - jitter
        #: since when a frame or a header block is incomplete
        self.incomplete_since = 0.0
        #: pending requests up to this stream were pending at that time
        self._mark = 0
        self._marked = now
        #: the last stream at the last tick, and when the connection last had a call
        self._last = 0
        self._active = now
        #: the peer's activity, when it last changed, and when the keepalive PING was sent
        self._activity = self._read_activity()
        self._heard = now
        self._pinged = 0.0
        #: since when writing is paused, the connection is draining, and it is closed
        self.paused_since = 0.0
        self.draining_since = 0.0
        self.closed_since = 0.0

    def check(self, now: float) -> None:
        """End what has timed out, which may be the connection itself."""
        connection, limit = self._connection, self._server.limits
        if self.closed_since:
            if now - self.closed_since > _LINGER:
                connection.abort()
        elif self.paused_since and now - self.paused_since > limit.stall_timeout:
            connection.abort("the peer does not read", "slow_readers")
        elif not connection.preface_received and now - self._created > limit.preface_timeout:
            connection.terminate(frames.PROTOCOL_ERROR, "preface timeout", "slow_prefaces")
        elif self.incomplete_since and now - self.incomplete_since > limit.frame_timeout:
            connection.terminate(frames.PROTOCOL_ERROR, "incomplete frame timeout", "slow_frames")
        elif self.draining_since:
            self._check_draining(now)
        else:
            self._check_streams(now)
            self._check_keepalive(now)
            streams = self._streams
            if streams.last != self._last or streams.live or streams.pending:
                self._last, self._active = streams.last, now
            if now > self._expires or now - self._active > limit.idle_timeout:
                connection.drain()

    def _read_activity(self) -> tuple[int, ...]:
        """Return numbers that change whenever the peer calls, sends, reads or acknowledges."""
        return self._streams.last, self._reader.receive_window, self._streams.sender.window, self._reader.pongs

    def _check_keepalive(self, now: float) -> None:
        """Detect a peer that is gone without closing the connection."""
        limit, activity = self._server.limits, self._read_activity()
        if activity != self._activity:
            self._activity, self._heard, self._pinged = activity, now, 0.0
        elif not self._pinged:
            if now - self._heard > limit.keepalive_time:
                self._pinged = now
                self._connection.send_keepalive()
        elif now - self._pinged > limit.keepalive_timeout:
            self._connection.abort("keepalive timeout")

    def _check_draining(self, now: float) -> None:
        if now - self.draining_since > self._server.limits.grace:
            self._connection.terminate(frames.NO_ERROR, "grace period exceeded")
            return
        self._check_streams(now)
        if now - self.draining_since > _LINGER:
            self._connection.refuse_streams()

    def _check_streams(self, now: float) -> None:
        streams = self._streams
        if now - self._marked > self._server.limits.request_timeout:
            for number in [number for number in streams.pending if number <= self._mark]:
                stream = streams.get(number)
                if stream is not None:
                    self._calls.expire(stream)
            self._mark = streams.last
            self._marked = now
        for stream in list(streams.live.values()):
            self._check_stream(stream, now)

    def _check_stream(self, stream: Stream, now: float) -> None:
        limit = self._server.limits
        if stream.chunks:
            if now - stream.progressed > limit.stall_timeout:
                self._streams.reset(stream, frames.CANCEL)
                self._connection.schedule_flush()
        elif stream.inbox is None and stream.timer is None:
            timeout = limit.request_timeout if stream.state is StreamState.OPEN else limit.call_timeout
            if now - stream.started > timeout:
                self._calls.expire(stream)
