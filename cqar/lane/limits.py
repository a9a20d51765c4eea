"""What a peer may take: caps of a connection and of all of them, patience in seconds, and the bucket that floods fill."""

from dataclasses import dataclass
from typing import Final

# What events of a peer's making weigh in its bucket. PINGs and WINDOW_UPDATEs around every call are legitimate, so that
# the bucket empties with time and with calls answered.
RESET: Final = 4
SETTING: Final = 4
SMALL: Final = 1  # PING, PRIORITY, unknown frames
NOTHING: Final = 10  # DATA or WINDOW_UPDATE of nothing
REFUSED: Final = 4
#: What an answered call takes from the bucket: more than the frames that an honest client sends beside one.
ANSWERED: Final = 4
#: PINGs that may come sooner than they should.
HASTY_PINGS: Final = 2

#: A header block: frames after the first, and bytes, at most.
CONTINUATIONS: Final = 16
BLOCK_BYTES: Final = 65_536
#: Bytes of a block's names and values with 32 a field, at most.
HEADER_LIST: Final = 16_384
#: Bytes that are written at once, and that the transport holds before reading stops.
BURST: Final = 1 << 20

MEBI: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Caps and patience. Seconds are checked about once a second."""

    #: connections at once
    connections: int = 10_000
    #: streams of a connection at once, as told to peers
    streams: int = 1_000
    #: streams of all connections at once; past it each connection may have an equal share
    all_streams: int = 100_000
    #: calls that wait for something, of a connection and of all
    calls: int = 1_000
    all_calls: int = 20_000
    #: bytes of a request message
    request: int = 16 * MEBI
    #: bytes of requests that are not complete, of all connections
    buffered: int = 256 * MEBI
    #: bytes of answers that a peer does not take: of a connection, whose other calls wait then, and of all
    queued: int = 8 * MEBI
    all_queued: int = 256 * MEBI
    #: the size of a connection's bucket, and what flows out of it in a second
    flood: int = 2_000
    flood_rate: int = 2_000
    #: seconds between PINGs of a peer that neither calls nor is sent anything in between; 0: only a flood is too much
    ping: float = 0.0
    #: bytes of the receive windows
    stream_window: int = 1 * MEBI
    connection_window: int = 4 * MEBI
    #: bytes of HPACK's table that peers may use: 0 helps where most header blocks differ, and costs where they repeat
    header_table: int = 4_096
    #: seconds for the preface, for the rest of a frame or header block, for the rest of a unary request
    preface: float = 10.0
    frame: float = 20.0
    body: float = 30.0
    #: seconds that a call may take whose client sets no deadline
    deadline: float = 30.0
    #: seconds after which a connection without streams is let go, and one whose peer takes no answers is cut
    idle: float = 600.0
    stall: float = 60.0
    #: seconds of silence after which a peer is asked for a sign of life, and seconds that it has for one
    keepalive: float = 60.0
    keepalive_timeout: float = 20.0
    #: seconds after which a connection is asked to move on, spread by a tenth, and seconds that its calls then have
    age: float = 3_600.0
    grace: float = 30.0


class Bucket:
    """Counts what only floods have much of; a second empties it by `rate`."""

    __slots__ = ("_at", "_rate", "_size", "level")

    def __init__(self, size: int, rate: int, now: float) -> None:
        self._size = size
        self._rate = rate
        self._at = now
        self.level = 0.0

    def add(self, weight: int, now: float) -> bool:
        """Put something in; whether the bucket runs over."""
        level = self.level - (now - self._at) * self._rate
        self._at = now
        self.level = level = (level if level > 0 else 0.0) + weight
        return level > self._size

    def relieve(self, weight: int) -> None:
        """Take something out."""
        level = self.level - weight
        self.level = level if level > 0 else 0.0


class Usage:
    """What all connections of a lane take together."""

    __slots__ = ("buffered", "calls", "connections", "queued", "share")

    def __init__(self, limits: Limits) -> None:
        self.connections = 0
        self.calls = 0
        #: bytes of requests, and of answers
        self.buffered = 0
        self.queued = 0
        #: streams that each connection may have
        self.share = limits.streams

    def divide(self, limits: Limits, streams: int) -> None:
        """Set the share by the number of streams that are open now."""
        if streams <= limits.all_streams:
            self.share = limits.streams
        else:
            self.share = max(1, min(limits.streams, limits.all_streams // max(1, self.connections)))
