"""How fresh a worker is, and what follows from it: what may be served, and what it is marked with.

The ladder: for `lease` seconds after the last look that found everything applied, answers are fresh. After that they are
marked stale with their age, and whoever is strict gets none of them, until after `detached_serve` seconds nobody does.
"""

from typing import Final

from cqar import clock, config
from cqar.hotpath.feed import Feed
from cqar.lane.grpc import StaleMarks
from cqar.server.rpc import Reply
from cqar.varint import varint

#: Later than every time until which an answer may hold.
_BEYOND: Final = clock.NEVER << 1
#: Seconds between two settings of the clocks, which an answer may outlive its time by.
_TICK: Final = 0.001
#: Milliseconds that an age may have, at most.
_AGES: Final = 1 << 62
#: The fields `stale` (true) and `age_ms` (up to its value), which every response of a lookup has under the same numbers.
_STALE: Final = b"\xc8\x0c\x01\xd0\x0c"


class Clock:
    """The time, microseconds since 1970, as of the last look; beyond all times where no ready answer may be served."""

    __slots__ = ("now",)

    def __init__(self) -> None:
        self.now = _BEYOND


class Freshness:
    """The ladder of one worker."""

    def __init__(self, feed: Feed, coherence: config.Coherence) -> None:
        self._feed = feed
        self._lease = coherence.lease
        self._detached = coherence.detached_serve
        #: for whoever takes stale answers, and for whoever does not
        self.clock = Clock()
        self.strict = Clock()
        #: when the clocks have to be set again, as long as answers are fresh
        self._next = float("-inf")

    def look(self, at: float) -> StaleMarks | None:
        """Set the clocks by the time as `time.monotonic` says it; what ready answers are marked with."""
        age = at - self._feed.fresh_as_of
        if age <= self._lease:
            if at >= self._next:
                self._next = at + _TICK
                self.clock.now = self.strict.now = clock.now()
            return None
        self._next = float("-inf")
        self.strict.now = _BEYOND
        self.clock.now = clock.now() if age <= self._detached else _BEYOND
        return marks(age)

    def age(self) -> float:
        """Seconds since the last look that found everything applied."""
        return self._feed.age()

    def fresh(self) -> bool:
        """Whether answers are fresh: only then a worker's memory may say that there is none."""
        return self._feed.age() <= self._lease

    def serves(self, *, strict: bool) -> bool:
        """Whether memory may answer."""
        return self._feed.age() <= (self._lease if strict else self._detached)


def marks(age: float) -> StaleMarks:
    """The marks of an answer so many seconds old: `stale` and `age_ms` after its message, and in the trailers."""
    age_ms = milliseconds(age)
    return StaleMarks(_STALE + varint(age_ms), (("cqar-stale", "true"), ("cqar-age-ms", str(age_ms))))


def milliseconds(age: float) -> int:
    """An age in seconds, which may be infinite, as `age_ms`."""
    return round(min(age * 1_000, _AGES))


def marked(reply: Reply, tail: StaleMarks) -> Reply:
    """A reply with marks."""
    return Reply(reply.body + tail.message, (*tail.trailing, *reply.trailing))
