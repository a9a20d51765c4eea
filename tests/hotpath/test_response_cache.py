"""Cached responses: which are cached, under which bytes, and for how long."""

import pytest
from google.protobuf import timestamp_pb2

from cqar.hotpath.app import Hotpath
from cqar.hotpath.part import FOREVER
from cqar.hotpath.response_cache import ResponseCache
from tests.client import SERVICE, Client
from tests.hotpath.stack import Listed, eventually, found, ticked


@pytest.fixture
def responses(hotpath: Hotpath) -> ResponseCache:
    return hotpath.engine.responses


def _text(tag: bytes, value: str) -> bytes:
    """A text field, encoded."""
    return tag + bytes([len(value)]) + value.encode()


def _spelled(responses: ResponseCache) -> int:
    """The number of requests that find a response."""
    return sum(len(table) for table in responses._tables.values())


async def test_memory_stays_within_its_limits(
    hotpath: Hotpath, registry: Client, feed: Client, responses: ResponseCache
) -> None:
    responses._entries = 20
    responses._size = 12_000
    created = [await registry.call("CreateAsset", symbol=f"A{at}", name="One of many", asset_type=1) for at in range(60)]
    assets = [each.asset.asset_id for each in created]
    for each in assets:
        await feed.call("GetAsset", asset_id=each)
        assert responses.count <= 20
        assert responses.bytes <= 12_000
    assert responses.count > 5
    parts = [hotpath.cache.get(f"asset:{each}", 0) for each in assets]
    assert sum(part.dependents for part in parts if part is not None) == responses.count
    assert {part.expires for part in parts if part is not None} == {FOREVER}
    hotpath.cache.start(hotpath.cache.epoch, hotpath.cache.applied)
    await feed.call("GetAsset", asset_id=assets[0])
    assert responses.count == 1


async def test_other_encodings_of_a_request_find_its_response_up_to_a_limit(
    hotpath: Hotpath, registry: Client, feed: Client, responses: ResponseCache, btc: Listed
) -> None:
    path = f"{SERVICE}GetVenueSymbol"
    venue, text = _text(b"\x0a", btc.venue), _text(b"\x12", btc.text)
    spellings = [venue + text, text + venue, *(b"\x0a\x01x" * more + venue + text for more in range(1, 8))]
    answer, _ = await feed.raw(path, spellings[0])
    for _ in range(3):
        for each in spellings:
            assert (await feed.raw(path, each))[0] == answer
    assert (responses.count, _spelled(responses)) == (1, 4)
    hits = hotpath.engine.total_hits
    for each in spellings[:4]:
        await feed.raw(path, each)
    assert hotpath.engine.total_hits == hits + 4
    revision = await ticked(registry, btc, "0.25")
    await eventually(lambda: hotpath.cache.applied >= revision)
    for each in reversed(spellings):
        assert b"0.25" in (await feed.raw(path, each))[0]
    assert (responses.count, _spelled(responses)) == (1, 4)
    for kept in {each for table in responses._tables.values() for each in table.values()}:
        responses.remove(kept)
    assert (responses.count, responses.bytes, _spelled(responses)) == (0, 0, 0)


async def test_responses_to_unrepeated_requests_are_not_cached(feed: Client, responses: ResponseCache, btc: Listed) -> None:
    path = f"{SERVICE}GetAsset"
    known = _text(b"\x0a", btc.base)
    for more in (b"\xfa\x3f\x01x", b"\xc0\x0c\x01"):  # an unknown field, and min_revision
        body, _ = await feed.raw(path, known + more)
        assert body
        assert responses.count == 0
    await found(feed, btc, as_of=timestamp_pb2.Timestamp(seconds=1_900_000_000))
    assert responses.count == 0
    await feed.raw(path, known)
    assert responses.count == 1
