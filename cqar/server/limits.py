"""Limits of gRPC callers: bytes, streams, pings and time."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.descriptor import MethodDescriptor

from cqar import errors

KIBI: Final = 1024
MEBI: Final = 1024 * KIBI

#: Maximum bytes of a request: for one entity, for many, and for Apply.
SINGLE: Final = 64 * KIBI
BATCH: Final = 2 * MEBI
APPLY: Final = 16 * MEBI
#: Maximum bytes of any message, compressed or not, which grpc enforces before the RPC is known.
MAX_MESSAGE: Final = APPLY
#: Maximum bytes of metadata: above the first, grpc rejects some calls at random; above the second, all.
METADATA: Final = 16 * KIBI
METADATA_AT_MOST: Final = 32 * KIBI
#: Concurrent calls per connection.
STREAMS: Final = 1_000
#: Seconds: the deadline of a call whose client sets none, and the longest deadline.
DEADLINE: Final = 30.0
LONGEST: Final = 300.0
#: Minimum seconds between pings of a client whose connection is idle.
PING_EVERY: Final = 5.0
#: Seconds of silence before a keepalive ping, and seconds to wait for its acknowledgement.
KEEPALIVE: Final = 60.0
KEEPALIVE_TIMEOUT: Final = 20.0

OPTIONS: Final[Sequence[tuple[str, int]]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", METADATA),
    ("grpc.absolute_max_metadata_size", METADATA_AT_MOST),
    ("grpc.max_concurrent_streams", STREAMS),
    # After three pings in excess, the connection is closed (ENHANCE_YOUR_CALM).
    ("grpc.http2.min_ping_interval_without_data_ms", round(PING_EVERY * 1_000)),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", round(PING_EVERY * 1_000)),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.keepalive_permit_without_calls", 1),
    # Detects peers that disappeared without closing the connection.
    ("grpc.keepalive_time_ms", round(KEEPALIVE * 1_000)),
    ("grpc.keepalive_timeout_ms", round(KEEPALIVE_TIMEOUT * 1_000)),
)
"""Options of a grpc server."""


def request_bytes(method: MethodDescriptor) -> int:
    """The maximum bytes of a request of the RPC: by whether it is about one entity or many."""
    if method.name == "Apply":
        return APPLY
    many = any(each.is_repeated and each.message_type is not None for each in method.input_type.fields)
    return BATCH if many else SINGLE


def check(data: bytes, most: int) -> None:
    """Raise TooLarge if the request has more than `most` bytes."""
    if len(data) > most:
        raise too_large(len(data), most)


def too_large(size: int | None, most: int) -> errors.TooLarge:
    """The error of a request over the limit. `size` is None for a compressed one, whose size is unknown."""
    has = "unpacks to more than its limit" if size is None else f"has {size:,} bytes"
    return errors.TooLarge(f"the request {has}; the limit of this call is {most:,}")


def seconds(remaining: float | None) -> float:
    """The seconds that a call may take, given the seconds until its client's deadline, or None without one."""
    return DEADLINE if remaining is None else min(remaining, LONGEST)
