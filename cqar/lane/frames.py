"""HTTP/2 frames (RFC 9113): constants, and encoders for the frames that the lane sends."""

import struct
from collections.abc import Mapping
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Bytes of a frame header.
HEADER: Final = 9
#: Largest frame payload in bytes: what the lane accepts, and what a peer accepts until it sends SETTINGS_MAX_FRAME_SIZE.
MAX_FRAME: Final = 16_384
MAX_WINDOW: Final = 0x7FFF_FFFF
DEFAULT_WINDOW: Final = 65_535

# Frame types.
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
HAS_PRIORITY: Final = 0x20

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

#: Bytes of a 32-bit integer.
U32_SIZE: Final = 4
PING_SIZE: Final = 8
PRIORITY_SIZE: Final = 5
SETTING_SIZE: Final = 6

_HEADER = struct.Struct("!BHBBI")
_SETTING = struct.Struct("!HI")
_U32 = struct.Struct("!I")

#: Decodes a frame header into (high byte of the length, low two bytes of the length, type << 8 | flags, stream id). The
#: stream id is signed: with the reserved bit set it is negative, so the fast path sees it as lower than any valid id.
unpack_header = struct.Struct("!BHHi").unpack_from


class ProtocolError(Exception):
    """A connection error (RFC 9113, 5.4.1): the lane sends GOAWAY with the HTTP/2 error `code` and closes.

    `kind` is the kind of attack that it looks like, or empty.
    """

    def __init__(self, code: int, reason: str, kind: str = "") -> None:
        self.code = code
        self.reason = reason
        self.kind = kind
        super().__init__(reason)


def read_u31(data: bytes, at: int = 0) -> int:
    """Read a 31-bit integer: a u32 without its reserved first bit."""
    value: int = _U32.unpack_from(data, at)[0]
    return value & MAX_WINDOW


def header(length: int, frame_type: int, flags: int, stream: int) -> bytes:
    """Encode a frame header: the nine bytes before a payload."""
    return _HEADER.pack(length >> 16, length & 0xFFFF, frame_type, flags, stream)


def header_prefix(length: int, frame_type: int, flags: int) -> bytes:
    """Encode the first five bytes of a frame header: everything before the stream id."""
    return header(length, frame_type, flags, 0)[:5]


def settings(values: Mapping[int, int]) -> bytes:
    """Encode a SETTINGS frame."""
    payload = b"".join(_SETTING.pack(key, value) for key, value in values.items())
    return header(len(payload), SETTINGS, 0, 0) + payload


def read_settings(payload: bytes) -> list[tuple[int, int]]:
    """Decode a SETTINGS payload, whose length must be a multiple of six, into (identifier, value) pairs."""
    return list(_SETTING.iter_unpack(payload))


def settings_ack() -> bytes:
    """Encode the SETTINGS frame that acknowledges the peer's settings."""
    return header(0, SETTINGS, ACK, 0)


def ping(payload: bytes, flags: int) -> bytes:
    """Encode a PING frame with eight bytes of payload."""
    return header(PING_SIZE, PING, flags, 0) + payload


def goaway(last: int, code: int, reason: str = "") -> bytes:
    """Encode a GOAWAY frame: no stream after `last` was or will be processed. `reason` becomes the debug data."""
    debug = reason.encode()
    return header(8 + len(debug), GOAWAY, 0, 0) + _U32.pack(last) + _U32.pack(code) + debug


def rst_stream(stream: int, code: int) -> bytes:
    """Encode an RST_STREAM frame."""
    return header(U32_SIZE, RST_STREAM, 0, stream) + _U32.pack(code)


def window_update(stream: int, increment: int) -> bytes:
    """Encode a WINDOW_UPDATE frame; stream 0 is the connection."""
    return header(U32_SIZE, WINDOW_UPDATE, 0, stream) + _U32.pack(increment)


def headers(stream: int, block: bytes, *, end: bool) -> bytes:
    """Encode a header block as HEADERS, followed by CONTINUATION if it is longer than a frame."""
    flags = END_STREAM if end else 0
    if len(block) <= MAX_FRAME:
        return header(len(block), HEADERS, flags | END_HEADERS, stream) + block
    parts = [block[at : at + MAX_FRAME] for at in range(0, len(block), MAX_FRAME)]
    types = [HEADERS] + [CONTINUATION] * (len(parts) - 1)
    ends = [flags] + [0] * (len(parts) - 2) + [END_HEADERS]
    return b"".join(
        header(len(part), frame_type, flag, stream) + part for part, frame_type, flag in zip(parts, types, ends, strict=True)
    )


def strip_padding(flags: int, payload: bytes) -> bytes:
    """Return the payload of DATA or HEADERS without its padding. Raises ProtocolError if the padding exceeds the payload."""
    if not flags & PADDED:
        return payload
    if not payload or payload[0] >= len(payload):
        raise ProtocolError(PROTOCOL_ERROR if payload else FRAME_SIZE_ERROR, "padding exceeds the frame")
    return payload[1 : len(payload) - payload[0]]
