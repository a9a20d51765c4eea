"""Compressed messages: large ones are decompressed beside the event loop, one at a time, and count until they are passed on."""

import asyncio
import gzip
import threading
from typing import Any

import pytest
from hyperframe.frame import Frame

from cqar.lane import grpc
from cqar.lane.grpc import RpcError, framed
from cqar.lane.limits import Limits
from cqar.lane.unpacking import Unpacker
from tests.lane.peer import Peer, check_alive, connected, fields
from tests.lane.running import GET, backend, running_lane, until

_GZIP = ("grpc-encoding", "gzip")
_LARGE = 3_000_000


def packed(message: bytes) -> bytes:
    return gzip.compress(message, mtime=0)


def sent(message: bytes) -> bytes:
    data = packed(message)
    return b"\1" + len(data).to_bytes(4, "big") + data


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of decompressions in other threads at a time, as each of them begins."""
    found: list[int] = []
    running: list[int] = []
    decompress, main = grpc.decompress, threading.get_ident()

    def noted(flag: int, message: bytes, encoding: bytes, max_bytes: int) -> bytes:
        if threading.get_ident() == main:
            return decompress(flag, message, encoding, max_bytes)
        running.append(1)
        found.append(len(running))
        try:
            return decompress(flag, message, encoding, max_bytes)
        finally:
            running.pop()

    monkeypatch.setattr(grpc, "decompress", noted)
    return found


async def test_only_large_messages_are_decompressed_in_a_thread(threads: list[int]) -> None:
    unpacker = Unpacker()
    assert await unpacker.unpack(0, bytes(100_000), b"gzip", _LARGE) == bytes(100_000)
    assert await unpacker.unpack(1, packed(bytes(65_536)), b"gzip", _LARGE) == bytes(65_536)
    assert not threads
    assert await unpacker.unpack(1, packed(bytes(65_537)), b"gzip", _LARGE) == bytes(65_537)
    assert threads == [1]
    unpacker.close()


@pytest.mark.parametrize(
    ("flag", "data", "code"),
    [
        (1, packed(bytes(_LARGE + 1)), grpc.RESOURCE_EXHAUSTED),
        (1, packed(bytes(_LARGE))[:-9], grpc.INTERNAL),
        (1, b"none", grpc.INTERNAL),
        (2, packed(b""), grpc.INTERNAL),
    ],
)
async def test_a_message_that_cannot_be_decompressed_is_refused(flag: int, data: bytes, code: int) -> None:
    unpacker = Unpacker()
    with pytest.raises(RpcError) as caught:
        await unpacker.unpack(flag, data, b"gzip", _LARGE)
    assert caught.value.code == code
    unpacker.close()


async def test_large_messages_are_decompressed_one_at_a_time(threads: list[int]) -> None:
    unpacker = Unpacker()
    many: list[Any] = [unpacker.unpack(1, packed(bytes(_LARGE)), b"gzip", _LARGE) for _ in range(8)]
    assert {len(each) for each in await asyncio.gather(*many)} == {_LARGE}
    assert threads == [1] * 8
    unpacker.close()


@pytest.mark.parametrize("path", [GET, "/test.Upstream/Sum"])
async def test_calls_with_large_compressed_messages_delay_no_other(path: str, threads: list[int]) -> None:
    async with backend() as (_, channel), running_lane(upstream=channel) as running, connected(running.port) as peer:
        message = b"absent " + bytes(_LARGE)
        for number in range(1, 9, 2):
            await peer.send(peer.header(number, fields(path, _GZIP)), *_pieces(peer, number, sent(message)))
        await until(lambda: threads)
        await check_alive(peer)
        for number in range(1, 9, 2):
            assert (await peer.response(number)).ended
        assert len(threads) == 4


def _pieces(peer: Peer, number: int, data: bytes, *, end: bool = True) -> list[Frame]:
    return [
        peer.data(number, data[at : at + 16_000], end=end and at + 16_000 >= len(data)) for at in range(0, len(data), 16_000)
    ]


async def test_what_is_passed_on_counts_until_the_call_ends() -> None:
    """It is in the buffers of the connection to upstream, and upstream holds it too."""
    limit = 1_000_000
    async with backend() as (_, channel), running_lane(Limits(buffered=limit), upstream=channel) as running:
        usage = running.lane.state.usage
        async with connected(running.port) as peer:
            for number in range(1, 20, 2):
                await peer.send(peer.header(number, fields("/test.Upstream/Sum", _GZIP)))
                await peer.send(*_pieces(peer, number, sent(bytes(300_000)), end=False))
            refused = 0
            async with asyncio.timeout(30):
                while refused < 7:
                    await peer.step()
                    refused = sum(each.ended and each.status == "8" for each in peer.responses.values())
            assert 600_000 < usage.buffered <= limit
        await until(running.empty)


async def test_messages_of_a_stream_do_not_add_up() -> None:
    async with (
        backend() as (_, channel),
        running_lane(Limits(buffered=400_000), upstream=channel) as running,
        connected(running.port) as peer,
    ):
        await peer.send(peer.header(1, fields("/test.Upstream/Sum")))
        for _ in range(10):
            await peer.send(*_pieces(peer, 1, framed(bytes(100_000)), end=False))
            await peer.sync()
            await until(lambda: 100_000 <= running.lane.state.usage.buffered < 101_000)
        await peer.send(peer.data(1, b"", end=True))
        assert (await peer.response(1)).data == framed(str([100_000] * 10).encode())
