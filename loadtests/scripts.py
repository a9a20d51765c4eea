"""Requests as HTTP/2 frames for the generator. Each client implementation encodes header blocks in its own way."""

import random
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import hpack

#: Calls in a script; keys repeat if there are fewer.
_RECORDS = 10_000
#: Maximum frame size in bytes, the default of HTTP/2.
_FRAME = 16_384
_DATA, _HEADERS, _WINDOW_UPDATE = 0, 1, 8
_END_STREAM, _END_HEADERS = 1, 4
Fields = list[tuple[str, str]]


class Calls(NamedTuple):
    """Calls of one method by one principal: serialized requests with their expected responses."""

    path: str
    #: the value of `authorization`
    token: str
    pairs: Sequence[tuple[bytes, bytes]]


def frame(kind: int, flags: int, payload: bytes) -> bytes:
    """A frame of stream 0."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + b"\0\0\0\0" + payload


def framed(message: bytes) -> bytes:
    """A gRPC message with its prefix."""
    return b"\0" + struct.pack(">I", len(message)) + message


def body(message: bytes) -> bytes:
    """The DATA frames of a request; the last one ends the stream."""
    data = framed(message)
    parts = [data[at : at + _FRAME] for at in range(0, len(data), _FRAME)]
    return b"".join(frame(_DATA, _END_STREAM if at == len(parts) - 1 else 0, part) for at, part in enumerate(parts))


def _common(agent: str, calls: Calls) -> Fields:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", calls.path),
        (":authority", "127.0.0.1:7010"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", agent),
    ]


def _trace(chance: random.Random) -> str:
    return f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01"


def _literal(name: str, value: str) -> bytes:
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def equal(_chance: random.Random, calls: Calls) -> Iterator[bytes]:
    """The same block for every call once the dynamic table is filled, as from a client without deadlines."""
    encoder = hpack.Encoder()
    fields = [*_common("grpc-go/1.64.0", calls), ("authorization", calls.token)]
    yield frame(_HEADERS, _END_HEADERS, encoder.encode(fields))
    again = frame(_HEADERS, _END_HEADERS, encoder.encode(fields))
    while True:
        yield again


def grpcio(chance: random.Random, calls: Calls) -> Iterator[bytes]:
    """No Huffman coding; API key and trace as literals in every call; two window updates per call."""
    encoder = hpack.Encoder()
    fields = [
        *_common("grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)", calls),
        ("grpc-accept-encoding", "identity, deflate, gzip"),
    ]
    updates = frame(_WINDOW_UPDATE, 0, b"\0\0\0\5")
    while True:
        block = encoder.encode(fields, huffman=False)
        yield (
            frame(
                _HEADERS, _END_HEADERS, block + _literal("traceparent", _trace(chance)) + _literal("authorization", calls.token)
            )
            + updates
        )


def grpc_go(chance: random.Random, calls: Calls) -> Iterator[bytes]:
    """All fields enter the dynamic table, Huffman coded; a different deadline in every call."""
    encoder = hpack.Encoder()
    while True:
        fields = [
            *_common("grpc-go/1.64.0", calls),
            ("grpc-timeout", f"{chance.randrange(480_000, 500_000)}u"),
            ("authorization", calls.token),
        ]
        yield frame(_HEADERS, _END_HEADERS, encoder.encode(fields))


def grpc_go_traced(chance: random.Random, calls: Calls) -> Iterator[bytes]:
    """The same, with a trace."""
    encoder = hpack.Encoder()
    while True:
        timeout = ("grpc-timeout", f"{chance.randrange(480_000, 500_000)}u")
        fields = [*_common("grpc-go/1.64.0", calls), timeout, ("authorization", calls.token), ("traceparent", _trace(chance))]
        yield frame(_HEADERS, _END_HEADERS, encoder.encode(fields))


def envoy(chance: random.Random, calls: Calls) -> Iterator[bytes]:
    """A unique request id that enters the dynamic table; path and API key as Huffman coded literals."""
    encoder, bare = hpack.Encoder(), hpack.Encoder()
    bare.header_table_size = 0
    bare.encode([])
    while True:
        fields = [pair for pair in _common("grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)", calls) if pair[0] != ":path"]
        bits = f"{chance.getrandbits(128):032x}"
        unique = "-".join((bits[:8], bits[8:12], "4" + bits[13:16], bits[16:20], bits[20:]))
        block = encoder.encode([*fields, ("x-forwarded-proto", "http"), ("x-request-id", unique)])
        path = b"\x04" + _huffman(calls.path)
        yield frame(_HEADERS, _END_HEADERS, path + block + b"\x1f\x08" + _huffman(calls.token))


def _huffman(text: str) -> bytes:
    """A string as the encoder of a new connection encodes it."""
    block: bytes = hpack.Encoder().encode([("x", text)])
    return block[block.index(b"\x40") + 3 :] if block[1] & 0x80 else block[3:]


#: Name -> header blocks, and whether a script may repeat from its second record on the same connection.
CLIENTS: dict[str, tuple[Callable[[random.Random, Calls], Iterator[bytes]], bool]] = {
    "equal": (equal, True),
    "grpcio": (grpcio, True),
    "grpc-go": (grpc_go, False),
    "grpc-go-traced": (grpc_go_traced, False),
    "envoy": (envoy, False),
}


def loops(client: str) -> int:
    """The LOOP argument for a client: the record to continue at after the last one, or -1 for a new connection."""
    return 1 if CLIENTS[client][1] else -1


def write(folder: Path, client: str, connections: int, calls: Calls) -> list[Path]:
    """Write one script per connection, each with all keys in its own random order, up to the size of a script."""
    return [_script(folder, client, at, calls, _order(at, len(calls.pairs))) for at in range(connections)]


def deal(folder: Path, client: str, connections: int, calls: Calls) -> list[Path]:
    """Write one script per connection; each key is in exactly one script."""
    order = list(range(len(calls.pairs)))
    random.Random(0).shuffle(order)  # noqa: S311 - the same in every run
    return [_script(folder, client, at, calls, order[at::connections]) for at in range(connections)]


def _order(connection: int, count: int) -> list[int]:
    numbers = list(range(count))
    random.Random(connection).shuffle(numbers)  # noqa: S311 - the same in every run
    return [numbers[at % count] for at in range(_RECORDS)]


def _script(folder: Path, client: str, connection: int, calls: Calls, order: Sequence[int]) -> Path:
    make, _ = CLIENTS[client]
    headers = make(random.Random(connection), calls)  # noqa: S311 - the same in every run
    path = folder / f"{client}-{connection}"
    with path.open("wb") as file:
        for number in order:
            message, answer = calls.pairs[number]
            sent, back = next(headers) + body(message), framed(answer)
            file.write(struct.pack("<II", len(sent), len(back)) + sent + back)
    return path
