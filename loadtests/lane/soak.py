"""Open and close connections for a long time, some misbehaving: the memory of the server must not grow.

`python -m loadtests.lane.soak --seconds 60` prints the memory per idle connection, per pending request and per waiting
call, then the server's memory over time. Fails if memory grows in the second half.
"""

import argparse
import asyncio
import contextlib
import random
import struct
import sys
import tempfile
import time
from pathlib import Path

from loadtests.lane.bench import server
from loadtests.lane.serve import KEYS, calls, request
from loadtests.scripts import CLIENTS, body, frame

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, b"") + frame(8, 0, b"\x0f\xff\xff\xff")
_PAGE = 4_096
_AT_ONCE = 50
#: Tolerated growth in the second half, in MB.
_NOISE = 2.0


def _memory(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE


def _on(stream: int, *frames: bytes) -> bytes:
    """Return the frames with this stream id."""
    data = bytearray(b"".join(frames))
    at = 0
    while at < len(data):
        struct.pack_into(">I", data, at + 5, stream)
        at += 9 + int.from_bytes(data[at : at + 3], "big")
    return bytes(data)


def _body(number: int) -> bytes:
    return body(request(number))


async def _read(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError, TimeoutError):
        async with asyncio.timeout(0.3):
            while await reader.read(1 << 16):
                pass


async def _come_and_go(port: int, chance: random.Random) -> None:
    """Open a connection, make calls of a random client, and close it in a random way."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = CLIENTS[chance.choice(list(CLIENTS))][0](chance, calls())
    data = [_PREFACE]
    for at in range(chance.randrange(1, 200)):
        head, stream = next(headers), 2 * at + 1
        match chance.randrange(8):
            case 0:
                data.append(_on(stream, head))
            case 1:
                data.append(_on(stream, head, frame(3, 0, b"\0\0\0\x08")))
            case 2:
                data.append(_on(stream, head, _body(KEYS + at)))
            case 3:
                data.append(_on(stream, head, _body(KEYS + at), frame(3, 0, b"\0\0\0\x08")))
            case _:
                data.append(_on(stream, head, _body(chance.randrange(KEYS))))
    end = chance.randrange(4)
    if end == 0:
        data.append(chance.randbytes(100))
    elif end == 1:
        data.append(b"\0\x10\0\1")
    writer.write(b"".join(data))
    if end != 2:  # otherwise it closes without reading
        await _read(reader)
    writer.transport.abort()


async def _each(folder: Path, kind: str, what: str, connections: int, streams: int) -> None:
    """Print the memory per connection or stream."""
    with server(kind, folder) as (port, pid):
        chance = random.Random(1)  # noqa: S311 - the same in every run
        opened = []
        for round_ in range(2):
            before = _memory(pid)
            for _ in range(connections if round_ else 1):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                headers = CLIENTS["equal"][0](chance, calls())
                data = [_PREFACE, _on(1, next(headers), _body(1))]
                for at in range(streams):
                    stream = 2 * at + 3
                    data.append(_on(stream, next(headers), _body(at)) if what == "call" else _on(stream, next(headers)))
                writer.write(b"".join(data))
                opened.append((reader, writer))
            await asyncio.sleep(1)
        spent = (_memory(pid) - before) / (connections * max(1, streams))
        sys.stdout.write(f"{what:28} {spent:8,.0f} bytes\n")
        for _, writer in opened:
            writer.transport.abort()


async def _soak(seconds: float, folder: Path) -> None:
    await _each(folder, "lane", "idle connection", 2_000, 0)
    await _each(folder, "lane", "request that waits for DATA", 20, 900)
    await _each(folder, "lane-wait", "call", 20, 900)
    with server("lane", folder) as (port, pid):
        chance = random.Random(2)  # noqa: S311 - the same in every run
        begun, seen, done = time.monotonic(), [], 0
        while (now := time.monotonic() - begun) < seconds:
            await asyncio.gather(*(_come_and_go(port, chance) for _ in range(_AT_ONCE)))
            done += _AT_ONCE
            seen.append((now, _memory(pid) / 1e6))
        for at in range(0, len(seen), max(1, len(seen) // 10)):
            sys.stdout.write(f"{seen[at][0]:6.0f} s {seen[at][1]:8.2f} MB\n")
        half = len(seen) // 2
        growth = seen[-1][1] - seen[half][1]
        sys.stdout.write(f"{done} connections; the second half grew by {growth:.2f} MB\n")
        if growth > _NOISE:
            sys.exit("the memory grows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(_soak(parser.parse_args().seconds, Path(name)))
