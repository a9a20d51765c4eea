"""Frames as bytes, made fast enough for floods."""

import functools
import gzip

import hpack

from tests.lane.peer import fields, raw

#: The largest payload of a frame.
FRAME = 16_384


def number(at: int) -> int:
    """The number of a client's stream, counted from 0."""
    return 2 * at + 1


@functools.lru_cache(maxsize=1_000)
def block(path: str, *more: tuple[str, str]) -> bytes:
    """The header block of a call, without entries for the dynamic table."""
    header = [hpack.NeverIndexedHeaderTuple(name, value) for name, value in fields(path, *more)]
    encoded: bytes = hpack.Encoder().encode(header, huffman=False)
    return encoded


def head(at: int, path: str, *more: tuple[str, str], end: bool = False) -> bytes:
    """HEADERS, and CONTINUATION if the block is long. `end`: whether it is the whole request."""
    encoded = block(path, *more)
    pieces = [encoded[start : start + FRAME] for start in range(0, len(encoded), FRAME)]
    frames = [raw(9 if place else 1, 0, number(at), piece) for place, piece in enumerate(pieces)]
    frames[0] = frames[0][:4] + bytes((end | (4 if len(pieces) == 1 else 0),)) + frames[0][5:]
    if len(pieces) > 1:
        frames[-1] = frames[-1][:4] + b"\4" + frames[-1][5:]
    return b"".join(frames)


def body(at: int, data: bytes, *, end: bool = True) -> bytes:
    """DATA."""
    starts = range(0, max(1, len(data)), FRAME)
    return b"".join(raw(0, end and start + FRAME >= len(data), number(at), data[start : start + FRAME]) for start in starts)


def update(stream: int, size: int) -> bytes:
    """WINDOW_UPDATE of a stream, or of the connection for 0."""
    return raw(8, 0, stream, size.to_bytes(4, "big"))


def settings(**values: int) -> bytes:
    """SETTINGS; names are those of the settings with numbers: `s4=0` sets the initial window to 0."""
    return raw(4, 0, 0, b"".join(int(name[1:]).to_bytes(2, "big") + value.to_bytes(4, "big") for name, value in values.items()))


@functools.lru_cache(maxsize=8)
def bomb(size: int) -> bytes:
    """A message that inflates to `size` zeros."""
    packed = gzip.compress(bytes(size), mtime=0)
    return b"\1" + len(packed).to_bytes(4, "big") + packed
