"""How fresh a worker is, and what follows from it: which responses it may serve, and how they are marked.

For `lease` seconds after the last probe that found everything applied, responses are fresh. After that they are marked
stale with their age, and strict callers get none from memory. After `detached_serve` seconds no caller does.
"""

from typing import Final

from cqar import clock, config
from cqar.hotpath.feed import Feed
from cqar.lane.grpc import StaleMarks
from cqar.server.rpc import Reply
from cqar.varint import varint

#: Later than any time until which a response may be valid.
_BEYOND: Final = clock.NEVER << 1
#: Seconds between two settings of the clocks. A response may outlive its time by as much.
_TICK: Final = 0.001
#: The highest `age_ms`.
_MAX_AGE_MS: Final = 1 << 62
#: The fields `stale` (true) and `age_ms` (up to its value), encoded. Their numbers are the same in all responses of lookups.
_STALE: Final = b"\xc8\x0c\x01\xd0\x0c"


class Clock:
    """The time of the last tick, in microseconds since 1970; later than all times if no cached response may be served."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = _BEYOND


class Freshness:
    """What one worker may serve."""

    def __init__(self, feed: Feed, coherence: config.Coherence) -> None:
        self._feed = feed
        self._lease = coherence.lease
        self._detached = coherence.detached_serve
        #: for callers that accept stale responses, and for strict callers
        self.clock = Clock()
        self.strict = Clock()
        #: monotonic seconds at which the clocks are due, while responses are fresh
        self._due = float("-inf")

    def tick(self, at: float) -> StaleMarks | None:
        """Set the clocks at a time of `time.monotonic`; the marks of cached responses, or None while they are fresh."""
        age = at - self._feed.fresh_as_of
        if age <= self._lease:
            if at >= self._due:
                self._due = at + _TICK
                self.clock.now = self.strict.now = clock.now()
            return None
        self._due = float("-inf")
        self.strict.now = _BEYOND
        self.clock.now = clock.now() if age <= self._detached else _BEYOND
        return stale_marks(age)

    def age(self) -> float:
        """Seconds since the beginning of the last probe that found everything applied."""
        return self._feed.age()

    def fresh(self) -> bool:
        """Whether responses are fresh. Only then may a worker say from memory that something does not exist."""
        return self._feed.age() <= self._lease

    def serves(self, *, strict: bool) -> bool:
        """Whether the worker may answer from memory."""
        return self._feed.age() <= (self._lease if strict else self._detached)


def stale_marks(age: float) -> StaleMarks:
    """The marks of a response of this age in seconds: fields appended to its message, and trailing metadata."""
    number = age_ms(age)
    return StaleMarks(_STALE + varint(number), (("cqar-stale", "true"), ("cqar-age-ms", str(number))))


def age_ms(age: float) -> int:
    """An age in seconds, possibly infinite, as the field `age_ms`."""
    return round(min(age * 1_000, _MAX_AGE_MS))


def with_marks(reply: Reply, marks: StaleMarks) -> Reply:
    """The reply with marks."""
    return Reply(reply.body + marks.message, (*marks.trailing, *reply.trailing))
