"""gRPC over HTTP/2: messages, statuses, metadata, timeouts, as bytes."""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple
from urllib.parse import quote

from cqar.lane import frames

Metadata = Sequence[tuple[str, str | bytes]]

# Statuses that the lane gives by itself.
OK: Final = 0
CANCELLED: Final = 1
UNKNOWN: Final = 2
DEADLINE_EXCEEDED: Final = 4
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

#: Bytes before a message: whether it is compressed, and its length.
PREFIX: Final = 5
#: `:status: 200` and `content-type: application/grpc`, from the static table and as a literal that enters no table.
ANSWER: Final = b"\x88\x0f\x10\x10application/grpc"
_STATUS: Final = b"\x00\x0bgrpc-status"
#: The trailers of an answer that has none of its own.
TRAILERS: Final = _STATUS + b"\x010"
_TRAILERS_HEAD: Final = frames.prefix(len(TRAILERS), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM)
#: What an answer begins with, up to its stream's number.
HEAD: Final = frames.prefix(len(ANSWER), frames.HEADERS, frames.END_HEADERS)
#: Bytes of a row that are not its message: its prefix, and what follows it.
ROW: Final = PREFIX + len(_TRAILERS_HEAD)
#: Bytes of a row, at most, for the shortest way to the wire.
SHORT_ROW: Final = 4_096
#: By length of a row: the block of the answer and the start of the DATA frame with its message, up to the stream's number.
BODY_HEADS: Final = tuple(
    ANSWER + frames.prefix(max(0, length - len(_TRAILERS_HEAD)), frames.DATA, 0) for length in range(SHORT_ROW + 1)
)

_TIMEOUT = re.compile(rb"[0-9]{1,8}[HMSmun]")
_UNITS: Final = {b"H": 3_600.0, b"M": 60.0, b"S": 1.0, b"m": 1e-3, b"u": 1e-6, b"n": 1e-9}
#: What `grpc-message` carries as it is: printable ASCII without the percent sign.
_PLAIN: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
#: How zlib calls the encodings.
_WINDOW_BITS: Final = {b"gzip": 31, b"deflate": 15}
#: Encodings of requests, as told to who asks for another.
ENCODINGS: Final = b"identity,deflate,gzip"
#: Fields of the transport, which are nobody's metadata.
_TRANSPORT: Final = frozenset(
    (b"te", b"content-type", b"content-length", b"host", b"grpc-timeout", b"grpc-encoding", b"grpc-accept-encoding")
)


class Failure(Exception):
    """A call's end with a status other than OK; `details` is a google.rpc.Status, serialized."""

    def __init__(self, code: int, message: str, *, details: bytes = b"", trailing: Metadata = ()) -> None:
        self.code = code
        self.message = message
        self.details = details
        self.trailing = trailing
        super().__init__(message)

    def block(self) -> bytes:
        """The fields that end the stream; what `trailing` says of details is overruled by `details`."""
        fields = [_STATUS + _text(str(self.code).encode())]
        if self.message:
            fields.append(literal(b"grpc-message", quote(self.message, safe=_PLAIN).encode()))
        if self.details:
            fields.append(literal(b"grpc-status-details-bin", _base64(self.details)))
        return b"".join(fields) + block(self.trailing)


class Unreadable(Failure):
    """A request that holds no message, or only a part of one, or one that cannot be unpacked."""


class Reply(NamedTuple):
    """The bytes of a response message, and what goes into the trailing metadata."""

    body: bytes
    trailing: Metadata = ()


class Tail:
    """What every ready answer gets for a while: bytes after its message, and trailing metadata."""

    __slots__ = ("_end", "message", "trailers", "trailing")

    def __init__(self, message: bytes, trailing: Metadata) -> None:
        self.message = message
        self.trailing = trailing
        #: the whole block of the trailers
        self.trailers = TRAILERS + block(trailing)
        self._end = frames.prefix(len(self.trailers), frames.HEADERS, frames.END_HEADERS | frames.END_STREAM)

    def joined(self, stream: bytes, row: bytes) -> bytes:
        """The frames of an answer by a row and this, whose length together is at most SHORT_ROW."""
        extra = self.message
        size = len(row) + len(extra)
        length = (size - ROW).to_bytes(4, "big")
        message = b"".join((b"\0", length, row[PREFIX:-PREFIX], extra, self._end))
        return stream.join((HEAD, BODY_HEADS[size], message, self.trailers))


def _text(data: bytes) -> bytes:
    """A string of HPACK, as it is."""
    length = len(data)
    if length < 0x7F:  # noqa: PLR2004 - fits into the first byte
        return bytes((length,)) + data
    rest = length - 0x7F
    head = bytearray(b"\x7f")
    while rest > 0x7F:  # noqa: PLR2004 - bits of a byte
        head.append(rest & 0x7F | 0x80)
        rest >>= 7
    head.append(rest)
    return bytes(head) + data


def literal(name: bytes, value: bytes) -> bytes:
    """A field that enters no table."""
    return b"\0" + _text(name) + _text(value)


def block(metadata: Iterable[tuple[str, str | bytes]]) -> bytes:
    """Metadata as fields that enter no table; bytes of `-bin` names in base64."""
    return b"".join(
        literal(name.encode(), _base64(value) if isinstance(value, bytes) and name.endswith("-bin") else _bytes(value))
        for name, value in metadata
    )


def _bytes(value: str | bytes) -> bytes:
    return value if isinstance(value, bytes) else value.encode()


def _base64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def metadata(fields: Iterable[tuple[bytes, bytes]]) -> list[tuple[str, str | bytes]]:
    """The metadata among a request's fields. Raises Failure where a binary one is not in base64."""
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
            msg = f"metadata {text} is not in base64"
            raise Failure(INTERNAL, msg) from None
    return found


def timeout(value: bytes) -> float:
    """The seconds in `grpc-timeout`. Raises Failure where it is none."""
    if not _TIMEOUT.fullmatch(value):
        raise Failure(INTERNAL, "grpc-timeout is not 1 to 8 digits and one of H, M, S, m, u, n")
    return int(value[:-1]) * _UNITS[value[-1:]]


def framed(message: bytes) -> bytes:
    """A message with its prefix."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def row(message: bytes) -> bytes:
    """An answer that stands ready: the message with its prefix, and the start of the trailers after it."""
    return b"".join((b"\0", len(message).to_bytes(4, "big"), message, _TRAILERS_HEAD))


def plain(flag: int, message: bytes, encoding: bytes, most: int) -> bytes:
    """The message behind its compression, `most` bytes at most. Raises Failure."""
    if not flag:
        return message
    bits = _WINDOW_BITS.get(encoding) if flag == 1 else None
    if bits is None:
        raise Unreadable(INTERNAL, "the message is flagged as compressed, and no encoding is named")
    unpacker = zlib.decompressobj(bits)
    try:
        data = unpacker.decompress(message, most + 1)
    except zlib.error:
        raise Unreadable(INTERNAL, "the message is not in the encoding that is named") from None
    if len(data) > most:
        raise too_large(most)
    if not unpacker.eof:
        raise Unreadable(INTERNAL, "the compressed message ends too soon")
    return data


def too_large(most: int) -> Failure:
    """What a request over the limit gets."""
    return Failure(RESOURCE_EXHAUSTED, f"the request is larger than {most} bytes")


def one_message(data: bytes, encoding: bytes, most: int) -> bytes:
    """The one message that a unary request holds. Raises Failure."""
    if len(data) < PREFIX:
        raise Unreadable(UNIMPLEMENTED if not data else INTERNAL, "one message is due, and there is none, or a part of one")
    length = int.from_bytes(data[1:PREFIX], "big")
    if length > most:
        raise too_large(most)
    if len(data) < PREFIX + length:
        raise Unreadable(INTERNAL, "the request ends within its message")
    if len(data) > PREFIX + length:
        raise Failure(UNIMPLEMENTED, "one message is due, and there are more")
    return plain(data[0], data[PREFIX:], encoding, most)
