"""Patience: what is looked at about once a second on each connection."""

import random
from typing import TYPE_CHECKING

from cqar.lane import call_tasks, frames
from cqar.lane.frame_reader import Session
from cqar.lane.stream import Stream

if TYPE_CHECKING:
    from cqar.lane.connection import Connection

#: Of the age of a connection, the part by which it may be younger: so that they do not all move at once.
_SPREAD = 0.1
#: Seconds for the peer's last bytes after the lane has closed its side, and for the answer to the last PING.
_LINGER = 1.0


class Watch:
    """The clocks of one connection; 0 is a clock that does not run."""

    __slots__ = (
        "_asked",
        "_called",
        "_connection",
        "_expires",
        "_heard",
        "_last",
        "_made",
        "_mark",
        "_marked",
        "_session",
        "_sign",
        "drained",
        "half",
        "over",
        "paused",
    )

    def __init__(self, connection: "Connection", session: Session, now: float) -> None:
        self._connection = connection
        self._session = session
        limit = session.shared.limits
        self._made = now
        self._expires = now + limit.age * (1 - _SPREAD * random.random())  # noqa: S311 - to spread, not to hide
        #: since when a frame or a header block waits for its rest
        self.half = 0.0
        #: requests up to this stream were waiting for their DATA back then
        self._mark = 0
        self._marked = now
        #: the last stream at the last look, and when there was a call under way or a new one
        self._last = 0
        self._called = now
        #: what the peer's last sign of life changed, when that was seen, and when the peer was asked for another
        self._sign = self._signs()
        self._heard = now
        self._asked = 0.0
        #: since when the peer does not read, since when it is asked to leave, since when all is over
        self.paused = 0.0
        self.drained = 0.0
        self.over = 0.0

    def look(self, now: float) -> None:
        """End what has taken too long. The connection may be over afterwards."""
        connection, limit = self._connection, self._session.shared.limits
        if self.over:
            if now - self.over > _LINGER:
                connection.abort()
        elif self.paused and now - self.paused > limit.stall:
            connection.abort("the peer reads nothing")
        elif not connection.greeted and now - self._made > limit.preface:
            connection.end(frames.PROTOCOL_ERROR, "no preface in time")
        elif self.half and now - self.half > limit.frame:
            connection.end(frames.PROTOCOL_ERROR, "half a frame, and no more in time")
        elif self.drained:
            self._look_at_leaving(now)
        else:
            self._look_at_streams(now)
            self._look_for_life(now)
            session = self._session
            if session.last != self._last or session.live or session.pending:
                self._last, self._called = session.last, now
            if now > self._expires or now - self._called > limit.idle:
                connection.drain()

    def _signs(self) -> tuple[int, ...]:
        """What changes whenever the peer calls, sends, reads or answers."""
        session = self._session
        return session.last, session.credit, session.sender.window, session.pongs

    def _look_for_life(self, now: float) -> None:
        """Notice a peer that is gone without a word."""
        limit, sign = self._session.shared.limits, self._signs()
        if sign != self._sign:
            self._sign, self._heard, self._asked = sign, now, 0.0
        elif not self._asked:
            if now - self._heard > limit.keepalive:
                self._asked = now
                self._connection.ask()
        elif now - self._asked > limit.keepalive_timeout:
            self._connection.abort("no sign of life")

    def _look_at_leaving(self, now: float) -> None:
        limit = self._session.shared.limits
        if now - self.drained > limit.grace:
            self._connection.end(frames.NO_ERROR, "the time for calls under way is over")
            return
        self._look_at_streams(now)
        if now - self.drained > _LINGER:
            self._connection.leave()

    def _look_at_streams(self, now: float) -> None:
        session, limit = self._session, self._session.shared.limits
        if now - self._marked > limit.body:
            for number in [number for number in session.pending if number <= self._mark]:
                stream = session.stream(number)
                if stream is not None:
                    call_tasks.expire(session, stream)
            self._mark = session.last
            self._marked = now
        for stream in list(session.live.values()):
            self._look_at(stream, now)

    def _look_at(self, stream: Stream, now: float) -> None:
        session, limit = self._session, self._session.shared.limits
        if stream.chunks:
            if now - stream.moved > limit.stall:
                session.reset(stream, frames.CANCEL)
                session.later()
        elif stream.inbox is None and stream.timer is None:
            patience = limit.deadline if stream.ended else limit.body
            if now - stream.started > patience:
                call_tasks.expire(session, stream)
