"""gRPC over HTTP/2 as bytes: messages, statuses, metadata and timeouts.

A *cached response* is the part of a successful response that does not depend on its stream, ready to be sent:

    +---+--------+---------+----------------------------+
    | 0 | length | message | trailers: HEADERS header,  |
    |   | u32    |         | up to its stream id        |
    +---+--------+---------+----------------------------+
    |<- PREFIX ->|         |<-- _TRAILERS_PREFIX ------>|

A response on the wire is HEADERS, DATA and HEADERS again (the trailers), so the stream id occurs three times. The sender
joins HEADERS_PREFIX, DATA_PREFIXES[size], the cached response and TRAILERS with the stream id as the separator.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from cqar.lane import frames

Metadata = Sequence[tuple[str, str | bytes]]

# Status codes that the lane itself returns.
OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

#: Bytes before a message: the compressed flag and the length.
PREFIX: Final = 5
#: `:status: 200` from the static table and `content-type: application/grpc` as a literal without indexing.
RESPONSE_HEADERS: Final = b"\x88\x0f\x10\x10application/grpc"
_STATUS: Final = b"\x00\x0bgrpc-status"
#: The trailers of a successful response without trailing metadata.
TRAILERS: Final = _STATUS + b"\x010"
_TRAILERS_PREFIX: Final = frames.header_prefix(len(TRAILERS), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM)
#: The start of a response, up to the stream id of its HEADERS.
HEADERS_PREFIX: Final = frames.header_prefix(len(RESPONSE_HEADERS), frames.HEADERS, frames.END_HEADERS)
#: Bytes of a cached response beside its message.
CACHED_OVERHEAD: Final = PREFIX + len(_TRAILERS_PREFIX)
#: Largest cached response in bytes for which DATA_PREFIXES has an entry.
SHORT_RESPONSE: Final = 4_096
#: By size of a cached response: the response headers, and the DATA header of its message up to the stream id.
DATA_PREFIXES: Final = tuple(
    RESPONSE_HEADERS + frames.header_prefix(max(0, size - len(_TRAILERS_PREFIX)), frames.DATA, 0)
    for size in range(SHORT_RESPONSE + 1)
)

_TIMEOUT = re.compile(rb"[0-9]{1,8}[HMSmun]")
_UNITS: Final = {b"H": 3_600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
#: Characters that `grpc-message` carries unescaped: printable ASCII except the percent sign.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
#: zlib's `wbits` by message encoding.
_WINDOW_BITS: Final = {b"gzip": 31, b"deflate": 15}
#: The value of `grpc-accept-encoding`.
ENCODINGS: Final = b"identity,deflate,gzip"
#: Header fields of the transport, which are not metadata.
_TRANSPORT: Final = frozenset(
    (b"te", b"content-type", b"content-length", b"host", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding")
)


class RpcError(Exception):
    """A status other than OK. `details` is a serialized google.rpc.Status."""

    def __init__(self, code: int, message: str, *, details: bytes = b"", trailing: Metadata = ()) -> None:
        self.code = code
        self.message = message
        self.details = details
        self.trailing = trailing
        super().__init__(message)

    def trailers(self) -> bytes:
        """Encode the trailers as a header block. `details` takes precedence over details in `trailing`."""
        fields = [_STATUS + _string(str(self.code).encode())]
        if self.message:
            fields.append(literal(b"grpc-message", quote(self.message, safe=_PLAIN).encode()))
        if self.details:
            fields.append(literal(b"grpc-status-details-bin", _base64(self.details)))
        return b"".join(fields) + header_block(self.trailing)


class MalformedRequest(RpcError):
    """A request without a message, with a truncated message, or with one that cannot be decompressed."""


class TooLarge(RpcError):
    """A request over the limit of its method, in bytes. `size` is None if it is compressed: its size is then unknown."""

    def __init__(self, size: int | None, limit: int) -> None:
        self.size = size
        self.limit = limit
        super().__init__(RESOURCE_EXHAUSTED, f"the request is larger than {limit} bytes")


class Reply(NamedTuple):
    """A response message as bytes, and its trailing metadata."""

    body: bytes
    trailing: Metadata = ()


class StaleMarks:
    """What every cached response carries while the process is stale: bytes after its message, and trailing metadata."""

    __slots__ = ("_trailers_prefix", "message", "trailers", "trailing")

    def __init__(self, message: bytes, trailing: Metadata) -> None:
        self.message = message
        self.trailing = trailing
        #: the header block of the trailers
        self.trailers = TRAILERS + header_block(trailing)
        end = frames.END_HEADERS | frames.END_STREAM
        self._trailers_prefix = frames.header_prefix(len(self.trailers), frames.HEADERS, end)

    def response(self, stream: bytes, cached: bytes) -> bytes:
        """Encode a marked response on a stream (four bytes). `cached` and the marks have at most SHORT_RESPONSE bytes."""
        marks = self.message
        size = len(cached) + len(marks)
        length = (size - CACHED_OVERHEAD).to_bytes(4, "big")
        message = b"".join((b"\0", length, cached[PREFIX:-PREFIX], marks, self._trailers_prefix))
        return stream.join((HEADERS_PREFIX, DATA_PREFIXES[size], message, self.trailers))


def _string(data: bytes) -> bytes:
    """Encode an HPACK string without Huffman coding."""
    length = len(data)
    if length < 0x7F:  # noqa: PLR2004 - fits into the first byte
        return bytes((length,)) + data
    rest = length - 0x7F
    head = bytearray(b"\x7f")
    while rest > 0x7F:  # noqa: PLR2004 - seven bits a byte
        head.append(rest & 0x7F | 0x80)
        rest >>= 7
    head.append(rest)
    return bytes(head) + data


def literal(name: bytes, value: bytes) -> bytes:
    """Encode a header field as a literal without indexing."""
    return b"\0" + _string(name) + _string(value)


def header_block(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Encode metadata as literals without indexing. Bytes under `-bin` names become base64."""
    return b"".join(
        literal(name.encode(), _base64(value) if isinstance(value, bytes) and name.endswith("-bin") else _bytes(value))
        for name, value in metadata
    )


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def metadata(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str | bytes]]:
    """Extract the metadata from the header fields of a request. Raises RpcError if a binary value is not base64."""
    found: list[tuple[str, str | bytes]] = []
    for name, value in fields:
        if name[:1] == b":" or name in _TRANSPORT:
            continue
        text = name.decode("latin-1")
        if name[-4:] != b"-bin":
            found.append((text, value.decode("latin-1")))
            continue
        try:
            found += [(text, base64.b64decode(part + b"=" * (-len(part) % 4), validate=True)) for part in value.split(b",")]
        except binascii.Error:
            msg = f"invalid base64 in metadata {text}"
            raise RpcError(INTERNAL, msg) from None
    return found


def timeout(value: bytes) -> float:
    """Decode `grpc-timeout` into seconds. Raises RpcError if it is invalid."""
    if not _TIMEOUT.fullmatch(value):
        raise RpcError(INTERNAL, "invalid grpc-timeout: use 1 to 8 digits and a unit of H, M, S, m, u or n")
    return int(value[:-1]) * _UNITS[value[-1:]]


def framed(message: bytes) -> bytes:
    """Return the message with its five-byte prefix, uncompressed."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def cached_response(message: bytes) -> bytes:
    """Encode a message as a cached response; see the module."""
    return b"".join((b"\0", len(message).to_bytes(4, "big"), message, _TRAILERS_PREFIX))


def decompress(flag: int, message: bytes, encoding: bytes, max_bytes: int) -> bytes:
    """Return the message, decompressed if the flag is set. Raises RpcError, also if it exceeds `max_bytes`."""
    if not flag:
        return message
    bits = _WINDOW_BITS.get(encoding) if flag == 1 else None
    if bits is None:
        raise MalformedRequest(INTERNAL, "compressed message without a supported grpc-encoding")
    unpacker = zlib.decompressobj(bits)
    try:
        data = unpacker.decompress(message, max_bytes + 1)
    except zlib.error:
        raise MalformedRequest(INTERNAL, "message does not match its grpc-encoding") from None
    if len(data) > max_bytes:
        raise TooLarge(None, max_bytes)
    if not unpacker.eof:
        raise MalformedRequest(INTERNAL, "truncated compressed message")
    return data


def check_size(prefix: bytes | bytearray, max_bytes: int) -> None:
    """Raise TooLarge if a message that begins with these five bytes is over a limit. A compressed one may be a bit longer."""
    flag, length = prefix[0], int.from_bytes(prefix[1:PREFIX], "big")
    if length > (packed_limit(max_bytes) if flag else max_bytes):
        raise TooLarge(None if flag else length, max_bytes)


def packed_limit(max_bytes: int) -> int:
    """Return the maximum bytes of a compressed message that may have `max_bytes` unpacked."""
    return max_bytes + (max_bytes >> 10) + 64


def check_unary(data: bytes, max_bytes: int) -> None:
    """Check the size of a unary request, as it was sent. Raises RpcError unless it is exactly one message."""
    if len(data) < PREFIX:
        raise MalformedRequest(UNIMPLEMENTED if not data else INTERNAL, "unary request without a complete message")
    length = int.from_bytes(data[1:PREFIX], "big")
    check_size(data, max_bytes)
    if len(data) < PREFIX + length:
        raise MalformedRequest(INTERNAL, "truncated message")
    if len(data) > PREFIX + length:
        raise extra_messages()


def extra_messages() -> RpcError:
    """Return the status of a unary request with more than one message."""
    return RpcError(UNIMPLEMENTED, "unary request with more than one message")
