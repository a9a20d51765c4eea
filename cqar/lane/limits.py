"""Limits per connection and per process, timeouts in seconds, and the leaky bucket that detects floods."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, NamedTuple


class Flood(NamedTuple):
    """An event that floods consist of: its kind, which metrics show, and its weight in the flood bucket."""

    kind: str
    weight: int


# Honest clients send PING and WINDOW_UPDATE around every call, so the bucket leaks with time and with every good call.
#: RST_STREAM from the peer (rapid reset, CVE-2023-44487).
RESET: Final = Flood("resets", 4)
#: A stream error: RST_STREAM that the peer provokes (MadeYouReset, CVE-2025-8671).
STREAM_ERROR: Final = Flood("stream_errors", 4)
#: A SETTINGS frame. Its entries count `SETTING` each, and a new initial window one for each `STREAMS_PER_TOKEN` open streams.
SETTINGS: Final = Flood("settings", 4)
SETTING: Final = 1
STREAMS_PER_TOKEN: Final = 8
SETTINGS_ACK: Final = Flood("settings", 1)
PING: Final = Flood("pings", 1)
PRIORITY: Final = Flood("priorities", 1)
#: GOAWAY and unknown frames.
CONTROL: Final = Flood("control_frames", 1)
#: DATA and CONTINUATION without a payload, WINDOW_UPDATE by 0.
EMPTY: Final = Flood("empty_frames", 10)
#: DATA with less than `SMALL_DATA` bytes that does not end a request.
PIECE: Final = Flood("small_data", 1)
SMALL_DATA: Final = 16
#: A header block with names or entries of the dynamic table that are new, one for each, if it has more than `USUAL_NEW`;
#: and one for each `FIELDS_PER_TOKEN` fields, if it has more than `USUAL_FIELDS`.
FIELDS: Final = Flood("header_fields", 0)
USUAL_NEW: Final = 8
USUAL_FIELDS: Final = 64
FIELDS_PER_TOKEN: Final = 8
#: What a field that the route depends on counts.
ROUTING_FIELD: Final = 4
#: WINDOW_UPDATE by less than `SMALL_WINDOW` bytes for a response that waits for it.
SMALL_UPDATE: Final = Flood("small_windows", 1)
SMALL_WINDOW: Final = 32
#: Malformed requests, streams over the limit, and frames on closed streams.
REFUSED: Final = Flood("refused_streams", 4)
#: Requests that get a status without a call.
REJECTED: Final = Flood("rejected_calls", 1)
#: Calls whose responses do not fit beside unread ones.
UNREAD: Final = Flood("unread_responses", 4)
#: What a good call drains from the bucket: more than the control frames that an honest client sends with it.
ANSWERED: Final = 4
#: Status codes of good calls, OK and NOT_FOUND. Failing calls drain nothing, since they cost an attacker nothing.
GOOD: Final = frozenset((0, 5))
#: Pings below `Limits.min_ping_interval` that are tolerated before the connection ends.
PING_STRIKES: Final = 2

#: Maximum of CONTINUATION frames in a header block, and of bytes.
CONTINUATIONS: Final = 16
BLOCK_BYTES: Final = 65_536
#: Largest header list in bytes: names and values, plus 32 a field (RFC 9113, 6.5.2).
HEADER_LIST: Final = 16_384
#: Most bytes of a single write, and of the transport's write buffer before reading pauses.
BURST: Final = 1 << 20

KIBI: Final = 1 << 10
MEBI: Final = 1 << 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Limits and timeouts. Timeouts are in seconds and checked about once a second."""

    #: concurrent connections
    connections: int = 10_000
    #: concurrent connections from one address, or from one /64 of IPv6
    address_connections: int = 10_000
    #: concurrent streams of a connection, advertised to peers
    streams: int = 1_000
    #: concurrent streams of all connections; above it every connection gets an equal share
    all_streams: int = 100_000
    #: concurrent calls with a task, of a connection and of all connections
    calls: int = 1_000
    all_calls: int = 20_000
    #: bytes of a request message
    request: int = 16 * MEBI
    #: bytes of incomplete requests, of all connections
    buffered: int = 256 * MEBI
    #: bytes of incomplete requests, of a connection
    connection_buffered: int = 32 * MEBI
    #: calls of strangers whose proof is being checked, at a time; a connection gets at most half of them
    stranger_calls: int = 2_000
    #: bytes of strangers' requests; a connection gets at most half of them
    stranger_bytes: int = 32 * MEBI
    #: refused calls of strangers that get a status of their own, as burst and per second; all others get a constant one
    stranger_refusals: int = 2_000
    #: concurrent calls that need no proof, of a connection and of all connections
    connection_public_calls: int = 4
    public_calls: int = 256
    #: bytes that a compressed message of such a call may have after decompression
    public_unpacked: int = 64 * 1_024
    #: bytes of unread responses, of a connection, whose other calls wait above it, and of all connections
    queued: int = 8 * MEBI
    all_queued: int = 256 * MEBI
    #: bytes of cached routes and header blocks, of a connection and of all connections
    cached: int = 256 * KIBI
    all_cached: int = 64 * MEBI
    #: capacity of a connection's flood bucket, of one without a proven caller, and the leak of both per second
    flood: int = 2_000
    stranger_flood: int = 500
    flood_rate: int = 2_000
    #: minimum interval of pings on a connection without calls and responses; 0: no minimum
    min_ping_interval: float = 0.0
    #: bytes of the receive windows
    stream_window: int = 1 * MEBI
    connection_window: int = 4 * MEBI
    #: SETTINGS_HEADER_TABLE_SIZE in bytes; 0 is faster if most header blocks differ, and slower if they repeat
    header_table: int = 4_096
    #: for the connection preface, for the rest of a frame or header block, and for the rest of a unary request
    preface_timeout: float = 10.0
    frame_timeout: float = 20.0
    request_timeout: float = 30.0
    #: for the proof of a caller
    proof_timeout: float = 5.0
    #: for a call whose client sets no deadline
    call_timeout: float = 30.0
    #: before a connection without streams is drained, and before one whose peer reads nothing is aborted
    idle_timeout: float = 600.0
    stall_timeout: float = 60.0
    #: without received frames before a keepalive PING, and for its acknowledgement
    keepalive_time: float = 60.0
    keepalive_timeout: float = 20.0
    #: age at which a connection is drained, less up to 10 % of jitter, and the time that its calls then have
    connection_age: float = 3_600.0
    grace: float = 30.0


class LeakyBucket:
    """Detects floods: events add their weight, and `rate` leaks a second."""

    __slots__ = ("_at", "_rate", "level", "size")

    def __init__(self, size: int, rate: int, now: float) -> None:
        self.size = size
        self._rate = rate
        self._at = now
        self.level = 0.0

    def add(self, weight: int, now: float) -> bool:
        """Add an event. Returns whether the bucket overflows."""
        level = self.level - (now - self._at) * self._rate
        self._at = now
        self.level = level = (level if level > 0 else 0.0) + weight
        return level > self.size

    def drain(self, weight: int) -> None:
        """Remove `weight`."""
        level = self.level - weight
        self.level = level if level > 0 else 0.0


class Usage:
    """Resources that all connections of a lane use together."""

    __slots__ = (
        "addresses",
        "buffered",
        "cached",
        "calls",
        "connections",
        "held",
        "queued",
        "refused",
        "stream_share",
    )

    def __init__(self, limits: Limits) -> None:
        self.connections = 0
        #: connections by network; without entries of 0
        self.addresses: dict[str, int] = {}
        self.calls = 0
        #: bytes of requests, and of responses
        self.buffered = 0
        self.queued = 0
        #: bytes of cached routes and header blocks
        self.cached = 0
        #: bytes of responses by holder; without entries of 0
        self.held: dict[Hashable, int] = {}
        #: calls of proven callers that were refused because of a limit, by reason
        self.refused = Counter[str]()
        #: streams that each connection may open
        self.stream_share = limits.streams

    def connect(self, network: str, count: int) -> None:
        """Count a connection of a network with 1, and its end with -1."""
        self.connections += count
        now = self.addresses.get(network, 0) + count
        if now:
            self.addresses[network] = now
        else:
            self.addresses.pop(network, None)

    def hold(self, holder: Hashable, size: int) -> None:
        """Add `size` bytes of responses for a holder; a negative size removes them."""
        self.queued += size
        held = self.held.get(holder, 0) + size
        if held:
            self.held[holder] = held
        else:
            self.held.pop(holder, None)

    def share_streams(self, limits: Limits, streams: int) -> None:
        """Set the share of each connection by the number of open streams."""
        if streams <= limits.all_streams:
            self.stream_share = limits.streams
        else:
            self.stream_share = max(1, min(limits.streams, limits.all_streams // max(1, self.connections)))
