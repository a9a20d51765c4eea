"""What a caller may take of a process over gRPC: bytes, streams, pings and time."""

from collections.abc import Sequence
from typing import Final

from google.protobuf.descriptor import MethodDescriptor

from cqar import errors

KIBI: Final = 1024
MEBI: Final = 1024 * KIBI

#: Bytes of a request about one thing, about many, and of Apply.
SINGLE: Final = 64 * KIBI
BATCH: Final = 2 * MEBI
APPLY: Final = 16 * MEBI
#: Bytes of any message, packed or unpacked, which grpc itself sees to: before the call is known.
MAX_MESSAGE: Final = APPLY
#: Bytes of a call's metadata: from the first on now and then, above the second for certain.
METADATA: Final = 16 * KIBI
METADATA_AT_MOST: Final = 32 * KIBI
#: Calls of one connection at once.
STREAMS: Final = 1_000
#: Seconds that a call may take whose client sets no deadline, and whatever deadline it sets.
DEADLINE: Final = 30.0
LONGEST: Final = 300.0
#: Seconds between the pings of a client whose connection is idle.
PING_EVERY: Final = 5.0
#: Seconds of silence after which a client is asked for a sign of life, and seconds that it has for one.
KEEPALIVE: Final = 60.0
KEEPALIVE_TIMEOUT: Final = 20.0

OPTIONS: Final[Sequence[tuple[str, int]]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_metadata_size", METADATA),
    ("grpc.absolute_max_metadata_size", METADATA_AT_MOST),
    ("grpc.max_concurrent_streams", STREAMS),
    # A client that pings more often, three times, is let go (ENHANCE_YOUR_CALM).
    ("grpc.http2.min_ping_interval_without_data_ms", round(PING_EVERY * 1_000)),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", round(PING_EVERY * 1_000)),
    ("grpc.http2.max_ping_strikes", 2),
    ("grpc.keepalive_permit_without_calls", 1),
    # A peer that is gone without a word is noticed.
    ("grpc.keepalive_time_ms", round(KEEPALIVE * 1_000)),
    ("grpc.keepalive_timeout_ms", round(KEEPALIVE_TIMEOUT * 1_000)),
)
"""Of a server of grpc."""


def request_bytes(method: MethodDescriptor) -> int:
    """The bytes that a request of the RPC may have: by whether it is about one thing or about many."""
    if method.name == "Apply":
        return APPLY
    many = any(each.is_repeated and each.message_type is not None for each in method.input_type.fields)
    return BATCH if many else SINGLE


def check(data: bytes, most: int) -> None:
    """Raise TooLarge where the request has more bytes."""
    if len(data) > most:
        msg = f"the request has {len(data):,} bytes; the limit of this call is {most:,}"
        raise errors.TooLarge(msg)


def seconds(remaining: float | None) -> float:
    """What a call may take whose client leaves it so much time, or says nothing of it."""
    return DEADLINE if remaining is None else min(remaining, LONGEST)
