"""What a connection remembers: bounded in bytes, and nothing of long fields."""

import gc
from typing import Any

import hpack
import pytest
from hyperframe.frame import ContinuationFrame, HeadersFrame

from cqar.lane.frames import ENHANCE_YOUR_CALM, ProtocolError
from cqar.lane.grpc import framed
from cqar.lane.hpack import Decoder, HeaderCache
from cqar.lane.limits import Limits
from cqar.lane.routing import ROUTING_FIELDS, Route
from tests.lane.peer import Fields, Peer, check_alive, connected, fields
from tests.lane.running import GET, RunningLane, running_lane, until

CALM = 11
_LONG = "k" * 12_000


async def _call(peer: Peer, number: int, header: Fields) -> str:
    """Call with literals that are not indexed. Returns the status."""
    plain = [hpack.NeverIndexedHeaderTuple(name, value) for name, value in header]
    block = peer.encoder.encode(plain, huffman=False)
    await peer.send(peer.header(number, block=block), peer.data(number, framed(b"short"), end=True))
    return (await peer.response(number)).status


def _remembered() -> int:
    """Return the bytes of the fields of all routes."""
    gc.collect()
    return sum(len(field.value) for each in gc.get_objects() if isinstance(each, Route) for field in each.fields)


async def test_routes_of_long_fields_are_not_cached(running: RunningLane) -> None:
    before = _remembered()
    async with connected(running.port) as peer:
        for at in range(50):
            assert await _call(peer, 2 * at + 1, fields(GET, ("authorization", f"Bearer {at} {_LONG}"))) == "0"
        assert _remembered() - before <= 2 * len(_LONG)
        assert running.lane.state.usage.cached == 0


async def test_cached_routes_and_blocks_are_bounded_in_bytes_by_connection_and_overall() -> None:
    async with running_lane(Limits(cached=20_000, all_cached=50_000)) as running:
        usage = running.lane.state.usage
        async with connected(running.port) as one, connected(running.port) as two, connected(running.port) as three:
            for at in range(40):
                for peer in (one, two, three):
                    header = fields(GET, ("authorization", f"Bearer {at} {'k' * 700}"))
                    assert await _call(peer, 2 * at + 1, header) == "0"
                sizes = [each.requests.cache.size for each in running.lane.connections]
                assert max(sizes) <= 20_000
                assert sum(sizes) == usage.cached <= 50_000
            assert min(sizes) > 0
            for peer in (one, two, three):
                await check_alive(peer)
        await until(lambda: not running.lane.connections)
        assert usage.cached == 0


async def test_a_revocation_frees_what_is_cached(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        assert await _call(peer, 1, fields()) == "0"
        cached = running.lane.state.usage.cached
        running.lane.revoke()
        assert await _call(peer, 3, fields()) == "0"
        assert running.lane.state.usage.cached == cached > 0


async def test_refusals_and_malformed_requests_are_not_cached(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        assert await _call(peer, 1, fields(GET, ("authorization", "Bearer wrong"))) == "16"
        assert await _call(peer, 3, fields("/none")) == "12"
        await peer.send(peer.header(5, fields(without=":path"), end=True), peer.header(7, [*fields()[1:]], end=True))
        await peer.response(7)
        assert running.lane.state.usage.cached == 0


async def test_long_header_blocks_are_not_cached(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        many = [("x-a", "b" * 10)] * 200
        for header in (fields(GET, ("x-long", "y" * 2_000)), fields(GET, *many)):
            for number in range(1, 9, 2):
                await _call(peer, number + (100 if header[-1][0] == "x-a" else 0), header)
        (connection,) = running.lane.connections
        assert not connection.requests.cache.blocks


async def test_a_list_over_the_limit_in_a_short_block_is_refused(running: RunningLane) -> None:
    """By references to a large entry of the dynamic table; the connection goes on."""
    async with connected(running.port) as peer:
        usual = peer.encoder.encode(fields())
        bomb = peer.encoder.encode([("x-bomb", "y" * 3_000)])
        again = peer.encoder.encode([("x-bomb", "y" * 3_000)])
        assert len(again) == 1
        usual_again = peer.encoder.encode(fields())
        await peer.send(peer.header(1, block=usual + bomb), peer.data(1, framed(b"short"), end=True))
        assert (await peer.response(1)).status == "0"
        for number, count, status in ((3, 4, "0"), (5, 6, "8"), (7, 5, "0")):
            block = usual_again + again * count
            await peer.send(peer.header(number, block=block), peer.data(number, framed(b"short"), end=True))
            assert (await peer.response(number)).status == status
        await check_alive(peer)


async def test_a_header_bomb_ends_the_connection(running: RunningLane) -> None:
    async with connected(running.port) as peer:
        first = peer.encoder.encode([("x-bomb", "y" * 4_000)])
        again = peer.encoder.encode([("x-bomb", "y" * 4_000)])
        blocks = [again * 16_000] * 3
        await peer.send(HeadersFrame(1, first), *(ContinuationFrame(1, block) for block in blocks[:-1]))
        await peer.send(ContinuationFrame(1, blocks[-1], flags=["END_HEADERS"]))
        assert await peer.ending() == CALM
    assert running.recorder.attacks == ["header_lists"]


class _Counted(list[Any]):
    """A list that counts reads."""

    reads = 0

    def __getitem__(self, at: Any) -> Any:
        self.reads += 1
        return super().__getitem__(at)


def test_a_header_bomb_is_not_decoded_to_its_end() -> None:
    decoder = Decoder(HeaderCache(ROUTING_FIELDS))
    decoder.decode(hpack.Encoder().encode([("x-bomb", "y" * 4_000)]))
    decoder._items = counted = _Counted(decoder._items)
    with pytest.raises(ProtocolError) as caught:
        decoder.decode(b"\xbe" * 60_000)
    assert caught.value.code == ENHANCE_YOUR_CALM
    assert counted.reads <= 4_096
