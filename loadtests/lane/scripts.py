"""What clients send, as frames for the generator: each kind of client writes header blocks of its own."""

import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import hpack

from loadtests.lane.serve import KEYS, PATH, TOKEN, request

_RECORDS = 10_000
Fields = list[tuple[str, str]]


def frame(kind: int, flags: int, payload: bytes) -> bytes:
    """A frame of stream 0."""
    return struct.pack(">I", len(payload))[1:] + bytes((kind, flags)) + b"\0\0\0\0" + payload


def framed(message: bytes) -> bytes:
    """A message of gRPC."""
    return b"\0" + struct.pack(">I", len(message)) + message


def _common(agent: str) -> Fields:
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "127.0.0.1:7010"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("user-agent", agent),
    ]


def _trace(chance: random.Random) -> str:
    return f"00-{chance.getrandbits(128):032x}-{chance.getrandbits(64):016x}-01"


def _literal(name: str, value: str) -> bytes:
    return b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()


def equal(_chance: random.Random) -> Iterator[bytes]:
    """Every block the same once the table is filled, as of a client without deadlines."""
    encoder = hpack.Encoder()
    while True:
        yield frame(1, 4, encoder.encode([*_common("grpc-go/1.64.0"), ("authorization", TOKEN)]))


def grpcio(chance: random.Random) -> Iterator[bytes]:
    """No Huffman; the key and a trace as literals in every call; two window updates a call."""
    encoder = hpack.Encoder()
    fields = [*_common("grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)"), ("grpc-accept-encoding", "identity, deflate, gzip")]
    updates = frame(8, 0, b"\0\0\0\5")
    while True:
        block = encoder.encode(fields, huffman=False)
        yield frame(1, 4, block + _literal("traceparent", _trace(chance)) + _literal("authorization", TOKEN)) + updates


def grpc_go(chance: random.Random) -> Iterator[bytes]:
    """Everything enters the table, by Huffman; a deadline that differs in every call."""
    encoder = hpack.Encoder()
    while True:
        fields = [
            *_common("grpc-go/1.64.0"),
            ("grpc-timeout", f"{chance.randrange(480_000, 500_000)}u"),
            ("authorization", TOKEN),
        ]
        yield frame(1, 4, encoder.encode(fields))


def grpc_go_traced(chance: random.Random) -> Iterator[bytes]:
    """The same with a trace."""
    encoder = hpack.Encoder()
    while True:
        timeout = ("grpc-timeout", f"{chance.randrange(480_000, 500_000)}u")
        fields = [*_common("grpc-go/1.64.0"), timeout, ("authorization", TOKEN), ("traceparent", _trace(chance))]
        yield frame(1, 4, encoder.encode(fields))


def envoy(chance: random.Random) -> Iterator[bytes]:
    """A unique request id that enters the table; the path and the key as literals by Huffman."""
    encoder, bare = hpack.Encoder(), hpack.Encoder()
    bare.header_table_size = 0
    bare.encode([])
    while True:
        fields = [pair for pair in _common("grpc-python/1.85.3 grpc-c/58.0.0 (linux; chttp2)") if pair[0] != ":path"]
        bits = f"{chance.getrandbits(128):032x}"
        unique = "-".join((bits[:8], bits[8:12], "4" + bits[13:16], bits[16:20], bits[20:]))
        block = encoder.encode([*fields, ("x-forwarded-proto", "http"), ("x-request-id", unique)])
        path = b"\x04" + _huffman(PATH)
        yield frame(1, 4, path + block + b"\x1f\x08" + _huffman(TOKEN))


def _huffman(text: str) -> bytes:
    """A string as the encoder of a new connection writes it."""
    block: bytes = hpack.Encoder().encode([("x", text)])
    return block[block.index(b"\x40") + 3 :] if block[1] & 0x80 else block[3:]


#: By name; whether a script may be repeated from its second record on the same connection.
CLIENTS: dict[str, tuple[Callable[[random.Random], Iterator[bytes]], bool]] = {
    "equal": (equal, True),
    "grpcio": (grpcio, True),
    "grpc-go": (grpc_go, False),
    "grpc-go-traced": (grpc_go_traced, False),
    "envoy": (envoy, False),
}


def write(folder: Path, client: str, connections: int, expected: Callable[[int], bytes]) -> list[Path]:
    """Scripts of a client, one a connection, with the answer that is expected by the number of the key."""
    make, _ = CLIENTS[client]
    paths = []
    for connection in range(connections):
        chance = random.Random(connection)  # noqa: S311 - the same in every run
        numbers = list(range(KEYS))
        chance.shuffle(numbers)
        headers = make(chance)
        path = folder / f"{client}-{connection}"
        with path.open("wb") as file:
            for at in range(_RECORDS):
                number = numbers[at % KEYS]
                sent = next(headers) + frame(0, 1, framed(request(number)))
                back = framed(expected(number))
                file.write(struct.pack("<II", len(sent), len(back)) + sent + back)
        paths.append(path)
    return paths
