"""The audit sweep finds wrong parts, and nothing in a cache without any."""

import time
from typing import Any

import pytest

from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.hotpath.app import Hotpath
from cqar.model.parts import Stored
from cqar.storage import parts
from tests.client import Client
from tests.hotpath.stack import Listed, eventually, found, listed, ticked


@pytest.fixture
async def btc(registry: Client) -> Listed:
    return await listed(registry)


async def _settled(hotpath: Hotpath, revision: int) -> None:
    await eventually(lambda: hotpath.cache.applied >= revision)


async def test_a_correct_cache_has_no_mismatch(registry: Client, feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    await registry.call("CreateVenueAsset", venue_id=btc.venue, asset_id=btc.base, venue_asset_symbol="XBT")
    await registry.call("RaiseQualityFlag", asset_id=btc.base, flag_type=1, severity=3, description="halted", source="desk")
    await feed.call("GetVenueAsset", venue_id=btc.venue, asset_id=btc.base)
    await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol="NONE")
    await found(feed, btc)
    await _settled(hotpath, await ticked(registry, btc, "0.25"))
    await hotpath.sweep.compare_next()
    assert hotpath.sweep.mismatches == 0
    kinds = {key.partition(":")[0] for key in hotpath.cache.keys()}  # noqa: SIM118 - not a dict
    assert kinds >= {"asset", "symbol", "venue", "venue_asset", "listings"}
    assert hotpath.sweep.compared >= len(kinds)


async def test_a_wrong_part_is_counted_and_replaced(registry: Client, feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    await _settled(hotpath, await ticked(registry, btc, "0.25"))
    right = (await found(feed, btc)).symbol.tick_size_decimal
    cache, key = hotpath.cache, f"symbol:{btc.symbol}"
    part = cache.peek(key)
    assert part is not None
    [row] = part.rows
    wrong = markets_pb2.Symbol.FromString(row.value)
    wrong.tick_size_decimal = "7"
    cache.admit(cache.applied, {key: [Stored(row.entity, row.row_id, wrong.SerializeToString())]}, time.monotonic())
    assert (await found(feed, btc)).symbol.tick_size_decimal == "7"
    await hotpath.sweep.compare_next()
    assert hotpath.sweep.mismatches == 1
    assert (await found(feed, btc)).symbol.tick_size_decimal == right == "0.25"


async def test_a_part_that_is_missing_from_a_complete_cache_is_found(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    cache, sweep, key = hotpath.cache, hotpath.sweep, f"listings:{btc.venue}:{btc.text}"
    await _settled(hotpath, 5)
    await sweep.stop()
    for _ in cache.complete:
        await sweep.find_missing()
    assert sweep.mismatches == 0
    part = cache.peek(key)
    assert part is not None
    cache._drop(part)
    assert cache.absent(key), "the cache says that it has no rows"
    await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)
    for _ in cache.complete:
        await sweep.find_missing()
    assert sweep.mismatches == 1
    assert (await found(feed, btc)).venue_symbol.symbol_id == btc.symbol


async def test_every_key_is_looked_for_a_page_at_a_time(
    registry: Client, hotpath: Hotpath, btc: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("A", "B", "C", "D"):
        await registry.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=btc.symbol, venue_symbol=text)
    await _settled(hotpath, 9)
    await hotpath.sweep.stop()
    # It may be in the middle of its kinds.
    hotpath.sweep._kinds, hotpath.sweep._after = [], ()
    monkeypatch.setattr("cqar.hotpath.sweep._KEYS_AT_ONCE", 2)
    seen: list[str] = []
    read = parts.next_keys

    async def next_keys(*args: Any) -> Any:
        head, keys = await read(*args)
        seen.extend(keys)
        return head, keys

    monkeypatch.setattr(parts, "next_keys", next_keys)
    rounds = 0
    while rounds == 0 or hotpath.sweep._kinds:
        await hotpath.sweep.find_missing()
        rounds += 1
    assert sorted(seen) == sorted(hotpath.cache.keys())
    assert hotpath.sweep.mismatches == 0


async def test_a_wrong_absence_is_found(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    await found(feed, btc)
    cache = hotpath.cache
    cache.admit(cache.applied, {f"listings:{btc.venue}:{btc.text}": []}, time.monotonic())
    await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)
    await hotpath.sweep.compare_next()
    assert hotpath.sweep.mismatches == 1
    assert (await found(feed, btc)).venue_symbol.symbol_id == btc.symbol
