"""HTTP/2 frames (RFC 9113): their numbers, and the bytes of those that the lane sends."""

import struct
from collections.abc import Mapping
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a frame's header.
HEADER: Final = 9
#: Bytes of a frame's payload, at most: what the lane accepts, and what a peer accepts that has not said otherwise.
MAX_FRAME: Final = 16_384
MAX_WINDOW: Final = 0x7FFF_FFFF
DEFAULT_WINDOW: Final = 65_535

# Types.
DATA: Final = 0
HEADERS: Final = 1
PRIORITY: Final = 2
RST_STREAM: Final = 3
SETTINGS: Final = 4
PUSH_PROMISE: Final = 5
PING: Final = 6
GOAWAY: Final = 7
WINDOW_UPDATE: Final = 8
CONTINUATION: Final = 9

# Flags.
END_STREAM: Final = 0x1
ACK: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITISED: Final = 0x20

# Error codes.
NO_ERROR: Final = 0
PROTOCOL_ERROR: Final = 1
INTERNAL_ERROR: Final = 2
FLOW_CONTROL_ERROR: Final = 3
STREAM_CLOSED: Final = 5
FRAME_SIZE_ERROR: Final = 6
REFUSED_STREAM: Final = 7
CANCEL: Final = 8
COMPRESSION_ERROR: Final = 9
ENHANCE_YOUR_CALM: Final = 11

# Settings.
HEADER_TABLE_SIZE: Final = 1
ENABLE_PUSH: Final = 2
MAX_CONCURRENT_STREAMS: Final = 3
INITIAL_WINDOW_SIZE: Final = 4
MAX_FRAME_SIZE: Final = 5
MAX_HEADER_LIST_SIZE: Final = 6

#: Number of bytes in a u32.
WORD: Final = 4
PING_SIZE: Final = 8
PRIORITY_SIZE: Final = 5
SETTING_SIZE: Final = 6

_HEADER = struct.Struct("!BHBBI")
_SETTING = struct.Struct("!HI")
_WORD = struct.Struct("!I")

#: Reads a header as (high byte of the length, low two bytes of it, type and flags as one number, stream). The stream comes
#: signed, so that one with the reserved bit set is below all others.
unpack_header = struct.Struct("!BHHi").unpack_from


class Fault(Exception):
    """The peer broke a rule that ends the connection: GOAWAY with `code`, an error code of HTTP/2."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.reason = reason
        super().__init__(reason)


def word(data: bytes, at: int = 0) -> int:
    """The 31 bits of a u32 whose first is reserved."""
    value: int = _WORD.unpack_from(data, at)[0]
    return value & MAX_WINDOW


def header(length: int, kind: int, flags: int, stream: int) -> bytes:
    """The nine bytes before a payload."""
    return _HEADER.pack(length >> 16, length & 0xFFFF, kind, flags, stream)


def prefix(length: int, kind: int, flags: int) -> bytes:
    """The first five bytes of a header: all but the stream."""
    return header(length, kind, flags, 0)[:5]


def settings(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame."""
    payload = b"".join(_SETTING.pack(key, value) for key, value in values.items())
    return header(len(payload), SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """The settings in a payload, whose length is a multiple of six."""
    return list(_SETTING.iter_unpack(payload))


def settings_ack() -> bytes:
    """The SETTINGS frame that acknowledges the peer's."""
    return header(0, SETTINGS, ACK, 0)


def ping(payload: bytes, flags: int) -> bytes:
    """A PING frame with eight bytes."""
    return header(PING_SIZE, PING, flags, 0) + payload


def goaway(last: int, code: int, reason: str = "") -> bytes:
    """A GOAWAY frame: no stream after `last` was or will be served. The reason is for whoever debugs the peer."""
    debug = reason.encode()
    return header(8 + len(debug), GOAWAY, 0, 0) + _WORD.pack(last) + _WORD.pack(code) + debug


def rst_stream(stream: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return header(WORD, RST_STREAM, 0, stream) + _WORD.pack(code)


def window_update(stream: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame, of the connection where `stream` is 0."""
    return header(WORD, WINDOW_UPDATE, 0, stream) + _WORD.pack(increment)


def headers(stream: int, block: bytes, *, end: bool) -> bytes:
    """A header block as HEADERS and, where it is longer than a frame, CONTINUATION."""
    flags = END_STREAM if end else 0
    if len(block) <= MAX_FRAME:
        return header(len(block), HEADERS, flags | END_HEADERS, stream) + block
    parts = [block[at : at + MAX_FRAME] for at in range(0, len(block), MAX_FRAME)]
    kinds = [HEADERS] + [CONTINUATION] * (len(parts) - 1)
    ends = [flags] + [0] * (len(parts) - 2) + [END_HEADERS]
    return b"".join(header(len(part), kind, flag, stream) + part for part, kind, flag in zip(parts, kinds, ends, strict=True))


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of DATA or HEADERS without its padding. Raises Fault where the padding is longer than the rest."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise Fault(PROTOCOL_ERROR if payload else FRAME_SIZE_ERROR, "padding longer than the frame")
    return payload[1 : len(payload) - payload[0]]
