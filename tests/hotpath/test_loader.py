"""Loading parts: once for all callers, from Redis if its value is provably right, else from PostgreSQL."""

import asyncio
import dataclasses
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import grpc.aio
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.hotpath.app import Hotpath
from cqar.hotpath.cache import Cache
from cqar.hotpath.loader import Loaded, PartsView
from cqar.hotpath.part import FOREVER
from cqar.model import entities
from cqar.model.parts import Missing, Stored
from cqar.storage import redis as tiers
from cqar.storage.redis import _named
from tests.client import Client, refusal
from tests.hotpath.stack import (
    Listed,
    Reads,
    changed,
    eventually,
    found,
    listed,
    own_call,
    ticked,
    without_periodic_probes,
    worker_of,
)


class Cold(NamedTuple):
    """A worker with an empty cache, a client of it, and a listing that it has not loaded."""

    worker: Hotpath
    feed: Client
    btc: Listed


@pytest.fixture
async def cold(settings: config.Settings, admin: Admin, registry: Client) -> AsyncIterator[Cold]:
    btc = await listed(registry)
    empty = changed(settings, hotpath={"preload": False, "max_fills": 8})
    async with worker_of(empty, admin.port) as worker, Client(worker.port) as feed:
        await eventually(lambda: worker.cache.applied == 5)
        await worker._redis_cache._redis.flushall()
        yield Cold(worker, feed, btc)


# ---- concurrency ---------------------------------------------------------------------------------------------------


async def test_concurrent_requests_for_an_unknown_key_share_one_query(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    asked = [asyncio.create_task(cold.feed.call("GetAsset", asset_id=cold.btc.base)) for _ in range(200)]
    await reads.arrived.wait()
    await asyncio.sleep(0.2)
    reads.open.set()
    answers = await asyncio.gather(*asked)
    assert {each.asset.symbol for each in answers} == {"BTC"}
    assert reads.keys == [f"asset:{cold.btc.base}"]


async def test_beyond_the_limit_of_loads_clients_get_resource_exhausted(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    asked = [asyncio.create_task(_code(cold.feed, f"nobody{at}")) for at in range(40)]
    await eventually(lambda: sum(each.done() for each in asked) == 32)
    assert {each.result() for each in asked if each.done()} == {"RESOURCE_EXHAUSTED"}
    reads.open.set()
    assert sorted(await asyncio.gather(*asked)) == ["NOT_FOUND"] * 8 + ["RESOURCE_EXHAUSTED"] * 32
    assert len(reads.keys) == 8
    assert await _code(cold.feed, "nobody99") == "NOT_FOUND"


async def _code(feed: Client, asset_id: str) -> str:
    return (await feed.refused("GetAsset", asset_id=asset_id)).code


async def test_a_flood_of_unknown_names_does_not_stop_the_feed(
    settings: config.Settings, admin: Admin, registry: Client, reads: Reads
) -> None:
    """Queries use every session that lookups have; the feed has its own."""
    btc = await listed(registry)
    narrow = changed(settings, database={"pool_max": 2}, hotpath={"preload": False})
    async with worker_of(narrow, admin.port) as worker, Client(worker.port) as feed:
        reads.open.clear()
        asked = [asyncio.create_task(_code(feed, f"nobody{at}")) for at in range(10)]
        await eventually(lambda: len(reads.keys) == 2)
        await ticked(registry, btc, "0.125")
        before = worker.feed.fresh_as_of
        await eventually(lambda: worker.feed.fresh_as_of > before and worker.cache.applied == 6, 5)
        reads.open.set()
        await asyncio.gather(*asked)


async def test_a_caller_that_times_out_does_not_cancel_the_load_for_others(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    hasty = asyncio.create_task(cold.feed.call("GetAsset", asset_id=cold.btc.base))
    patient = asyncio.create_task(cold.feed.call("GetAsset", asset_id=cold.btc.base))
    await reads.arrived.wait()
    await asyncio.sleep(0.05)
    hasty.cancel()
    await asyncio.sleep(0.05)
    reads.open.set()
    assert (await patient).asset.symbol == "BTC"
    assert len(reads.keys) == 1


# ---- races ---------------------------------------------------------------------------------------------------------


async def test_a_read_overtaken_by_a_change_is_not_served_to_a_caller_that_knows_the_change(
    cold: Cold, registry: Client, reads: Reads
) -> None:
    """A caller that comes after the change joins a read from before it, which does not satisfy that caller."""
    reads.open.clear()
    first = asyncio.create_task(cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol))
    await reads.arrived.wait()
    await ticked(registry, cold.btc, "0.125")
    await eventually(lambda: cold.worker.cache.applied == 6)
    second = asyncio.create_task(cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol))
    await asyncio.sleep(0.05)
    reads.open.set()
    assert (await second).symbol.tick_size_decimal == "0.125"
    assert (await first).symbol.tick_size_decimal == "0.125"
    assert (await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)).symbol.tick_size_decimal == "0.125"


async def test_a_read_from_before_a_restore_is_not_served_after_it(
    cold: Cold, connection: asyncpg.Connection, reads: Reads
) -> None:
    reads.open.clear()
    asked = asyncio.create_task(cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol))
    await reads.arrived.wait()
    await connection.execute("UPDATE symbols SET tick_size = 7")
    await connection.execute("UPDATE head SET epoch = gen_random_uuid()")
    await eventually(lambda: cold.worker.feed.resyncs == 1)
    reads.open.set()
    assert (await asked).symbol.tick_size_decimal == "7"
    assert (await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)).symbol.tick_size_decimal == "7"


async def test_a_value_read_from_redis_before_a_restore_is_not_used_after_it(
    cold: Cold, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)
    await eventually(lambda: not cold.worker.engine.loader._offers)
    cold.worker.cache._drop(cold.worker.cache._parts[f"symbol:{cold.btc.symbol}"])
    get, arrived, go_on = cold.worker._redis_cache.get, asyncio.Event(), asyncio.Event()

    async def slow(epoch: str, key: str) -> Any:
        adopted = await get(epoch, key)
        arrived.set()
        await go_on.wait()
        return adopted

    monkeypatch.setattr(cold.worker._redis_cache, "get", slow)
    asked = asyncio.create_task(cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol))
    await arrived.wait()
    await connection.execute("UPDATE symbols SET tick_size = 7")
    starts = cold.worker.cache.starts
    await connection.execute("UPDATE head SET epoch = gen_random_uuid()")
    await eventually(lambda: cold.worker.cache.starts > starts)
    go_on.set()
    assert (await asked).symbol.tick_size_decimal == "7"
    assert (await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)).symbol.tick_size_decimal == "7"


async def test_a_worker_does_not_go_back_to_an_older_value_in_redis(cold: Cold, registry: Client) -> None:
    """A worker that receives changes only at times reads a row that is newer than its applied revision."""
    key = f"symbol:{cold.btc.symbol}"
    await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)
    await eventually(lambda: not cold.worker.engine.loader._offers)
    old = cold.worker.cache.get(key, 0)
    assert old is not None
    await cold.worker._bus.close()
    await without_periodic_probes(cold.worker)
    await ticked(registry, cold.btc, "0.125")
    cold.worker.cache._drop(old)
    cold.worker._redis_cache._retry_at = FOREVER
    assert (await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)).symbol.tick_size_decimal == "0.125"
    cold.worker._redis_cache._retry_at = 0
    await cold.worker._redis_cache._redis.flushall()
    await cold.worker._redis_cache.put(cold.worker.cache.history, [(old.snap, {key: old.rows})])
    assert (await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)).symbol.tick_size_decimal == "0.125"


def test_a_cached_absence_does_not_count_while_the_worker_is_cut_off() -> None:
    cache = Cache(entries=10, size=10_000, recent=10, absent_ttl=30)
    cache.start("e", 7)
    cache.admit(7, {"chain:base": []}, time.monotonic())
    assert PartsView(cache, {}, fresh=True).get("chain:base") == ()
    with pytest.raises(Missing):
        PartsView(cache, {}, fresh=False).get("chain:base")
    read = Loaded("", 1, 7, {"chain:base": []}, ())
    assert PartsView(cache, {"chain:base": read}, fresh=False).get("chain:base") == []


def test_the_revision_of_a_response_is_that_of_its_oldest_part() -> None:
    cache = Cache(entries=10, size=10_000, recent=10, absent_ttl=30)
    cache.start("e", 7)
    row = [Stored("venue", "v", b"")]
    cache.admit(7, {"venue:v": row}, 0)
    ahead = Loaded("", 1, 9, {"symbol:S": row, "venue:v": row}, ())
    view = PartsView(cache, {"symbol:S": ahead}, fresh=True)
    view.get("symbol:S")
    assert (view.revision, view.all_cached) == (9, False)
    view.get("venue:v")
    assert view.revision == 7
    # All parts of one read are of one snap, even if some of them are cached already.
    view = PartsView(cache, {"symbol:S": ahead, "venue:v": ahead}, fresh=True)
    view.get("symbol:S")
    view.get("venue:v")
    assert view.revision == 9


@pytest.mark.parametrize("restore", ["history", "start"])
def test_one_response_does_not_mix_rows_of_two_histories(restore: str) -> None:
    """The first part was loaded before a restore, whose revisions go on from a higher one; the second after it."""
    cache = Cache(entries=10, size=10_000, recent=10, absent_ttl=30)
    cache.start("e", 7)
    cache.set_history("e.1")
    loaded = {"venue:v": Loaded("e.1", cache.starts, 9, {"venue:v": [Stored("venue", "v", b"old")]}, ())}
    assert PartsView(cache, loaded, fresh=True).get("venue:v")
    if restore == "history":
        cache.set_history("e.2")
    else:
        cache.start("e", 8)
    view = PartsView(cache, loaded, fresh=True)
    with pytest.raises(Missing):
        view.get("venue:v")
    loaded["venue:v"] = Loaded(cache.history, cache.starts, 9, {"venue:v": [Stored("venue", "v", b"new")]}, ())
    assert PartsView(cache, loaded, fresh=True).get("venue:v")[0].value == b"new"


# ---- Redis ---------------------------------------------------------------------------------------------------------


async def test_a_part_that_one_worker_read_reaches_another_through_redis(
    cold: Cold, settings: config.Settings, admin: Admin, reads: Reads
) -> None:
    await found(cold.feed, cold.btc)
    assert cold.feed.trailing["cqar-source"] == "database"
    await eventually(lambda: not cold.worker.engine.loader._offers)
    reads.made.clear()
    async with worker_of(changed(settings, hotpath={"preload": False}), admin.port) as other, Client(other.port) as feed:
        answer = await found(feed, cold.btc)
        assert feed.trailing["cqar-source"] == "redis"
        assert answer.symbol.tick_size_decimal == "0.5"
        assert reads.keys == []
        await found(feed, cold.btc)
        assert "cqar-source" not in feed.trailing


async def test_a_value_in_redis_older_than_a_change_is_not_used(cold: Cold, registry: Client) -> None:
    key = f"symbol:{cold.btc.symbol}"
    await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)
    await eventually(lambda: not cold.worker.engine.loader._offers)
    stored = cold.worker.cache.get(key, 0)
    assert stored is not None
    await ticked(registry, cold.btc, "0.125")
    await eventually(lambda: cold.worker.cache.applied == 6)
    # The old value comes back, as from a replica that lags.
    await cold.worker._redis_cache._redis.flushall()
    await cold.worker._redis_cache.put(cold.worker.cache.history, [(stored.snap, {key: stored.rows})])
    cold.worker.cache._drop(cold.worker.cache._parts[key])
    answer = await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)
    assert answer.symbol.tick_size_decimal == "0.125"
    assert cold.feed.trailing["cqar-source"] == "database"


async def test_redis_keeps_the_later_of_two_values(cold: Cold) -> None:
    redis_cache = cold.worker._redis_cache
    for snap in (5, 9, 7, 9, 300, 20):
        await redis_cache.put("e", [(snap, {"symbol:S": [Stored("symbol", "S", b"at %d" % snap)]})])
    stored = await redis_cache.get("e", "symbol:S")
    assert stored is not None
    assert stored.rows is not None
    assert (stored.snap, stored.rows[0].value) == (300, b"at 300")
    await redis_cache.put("e", [(301, {"symbol:S": None})])
    gone = await redis_cache.get("e", "symbol:S")
    assert gone is not None
    assert (gone.snap, gone.rows) == (301, None)
    assert await redis_cache.get("another epoch", "symbol:S") is None
    await redis_cache.put("e", [(400, {"symbol:S": []})])
    absent = await redis_cache.get("e", "symbol:S")
    assert absent is not None
    assert absent.rows == []


async def test_redis_forgets_an_absence_soon(cold: Cold) -> None:
    """Callers may send any number of unknown names."""
    redis_cache, redis = cold.worker._redis_cache, cold.worker._redis_cache._redis
    await redis_cache.put("e", [(1, {"symbol:S": [], "symbol:T": None})])
    assert 0 < await redis.ttl(_named("e", "symbol:S")) <= 30
    assert 3_000 < await redis.ttl(_named("e", "symbol:T")) <= 3_600


async def test_redis_holds_no_private_or_unknown_kind_and_other_kinds_for_their_ttl(cold: Cold) -> None:
    redis_cache, redis = cold.worker._redis_cache, cold.worker._redis_cache._redis
    keys = ("api_key:k", "colour:red", "symbol:S", "asset:A")
    await redis_cache.put("e", [(1, {key: [Stored("any", "1", b"row")] for key in keys})])
    stored = {key.decode() async for key in redis.scan_iter("*:e.*")}
    assert stored == {_named("e", "symbol:S"), _named("e", "asset:A")}
    assert 3_000 < await redis.ttl(_named("e", "symbol:S")) <= 3_600
    assert 200 < await redis.ttl(_named("e", "asset:A")) <= 300
    value = await redis.get(_named("e", "symbol:S"))
    assert value is not None
    await redis.set(_named("e", "api_key:k"), value)
    assert await redis_cache.get("e", "api_key:k") is None


async def test_parts_of_a_version_with_other_columns_are_not_read(cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    redis_cache = cold.worker._redis_cache
    rows = [Stored("symbol", "S", b"row")]
    await redis_cache.put("e", [(1, {"symbol:S": rows})])
    assert await redis_cache.get("e", "symbol:S") == (1, rows)
    fewer = [entities.SYMBOL, dataclasses.replace(entities.VENUE_ASSET, joined={"blocked_reason": "NULL"})]
    assert tiers._form(fewer) != tiers._form([entities.SYMBOL, entities.VENUE_ASSET])
    monkeypatch.setattr(tiers, "_FORM", tiers._form(fewer))
    assert await redis_cache.get("e", "symbol:S") is None


async def test_a_value_under_a_wrong_key_or_a_corrupt_one_is_rejected(cold: Cold) -> None:
    redis_cache, redis, history = cold.worker._redis_cache, cold.worker._redis_cache._redis, cold.worker.cache.history
    await cold.feed.call("GetAsset", asset_id=cold.btc.base)
    await eventually(lambda: not cold.worker.engine.loader._offers)
    value = await redis.get(_named(history, f"asset:{cold.btc.base}"))
    assert value is not None
    for wrong in (value, value[:20], b"", b"0" * 100, b"\xff" * 40):
        await redis.set(_named(history, f"asset:{cold.btc.quote}"), wrong)
        assert await redis_cache.get(history, f"asset:{cold.btc.quote}") is None
    await redis.set(_named(history, f"asset:{cold.btc.quote}"), value)
    assert (await cold.feed.call("GetAsset", asset_id=cold.btc.quote)).asset.symbol == "USDT"
    assert redis_cache.failures == 0


async def test_the_relay_updates_redis_before_it_publishes(cold: Cold, registry: Client) -> None:
    revision = await ticked(registry, cold.btc, "0.125")
    await eventually(lambda: cold.worker.cache.applied == revision)
    stored = await cold.worker._redis_cache.get(cold.worker.cache.history, f"symbol:{cold.btc.symbol}")
    assert stored is not None
    assert stored.snap == revision
    answer = await cold.feed.call("GetSymbol", symbol_id=cold.btc.symbol)
    assert answer.symbol.tick_size_decimal == "0.125"
    assert answer.symbol.revision == revision
    renamed = await own_call(registry, "UpdateVenue", venue_id=cold.btc.venue, name="Binance!")
    await eventually(lambda: cold.worker.cache.applied == renamed.revision)
    assert (await cold.feed.call("GetVenue", venue_id=cold.btc.venue)).venue.name == "Binance!"
    assert cold.feed.trailing["cqar-source"] == "redis"


async def test_a_flag_is_seen_even_if_redis_still_has_the_old_asset(cold: Cold, registry: Client) -> None:
    """An asset and its flags are one part with several writers, so Redis gets a tombstone."""
    await cold.feed.call("GetAsset", asset_id=cold.btc.base)
    await eventually(lambda: not cold.worker.engine.loader._offers)
    raised = await registry.call(
        "RaiseQualityFlag",
        asset_id=cold.btc.base,
        flag_type=assets.FLAG_TYPE_EXPLOITED,
        severity=assets.FLAG_SEVERITY_CRITICAL,
        description="drained",
        raised_by="test",
    )
    cold.worker.cache.start(cold.worker.cache.epoch, cold.worker.cache.applied)
    answer = await cold.feed.call("GetAsset", asset_id=cold.btc.base, min_revision=raised.revision)
    assert answer.trading_blocked


# ---- loading -------------------------------------------------------------------------------------------------------


async def _block(registry: Client, at: Listed) -> None:
    for each in (at.base, at.quote):
        await registry.call(
            "RaiseQualityFlag",
            asset_id=each,
            flag_type=assets.FLAG_TYPE_EXPLOITED,
            severity=assets.FLAG_SEVERITY_CRITICAL,
            description="drained",
            raised_by="test",
        )


async def test_a_small_cache_gives_the_same_responses_as_a_large_one(
    settings: config.Settings, admin: Admin, registry: Client
) -> None:
    """Parts that do not fit are left out as a whole: no asset lacks its flags, and no text one of its listings."""
    btc = await listed(registry)
    perpetual = await registry.call(
        "CreateSymbol",
        symbol_type=markets.SYMBOL_TYPE_PERPETUAL,
        base_asset_id=btc.base,
        quote_asset_id=btc.quote,
        settlement_asset_id=btc.quote,
    )
    await registry.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=perpetual.symbol.symbol_id, venue_symbol=btc.text)
    await _block(registry, btc)
    for entries in range(1, 14):
        small = changed(settings, hotpath={"cache_entries": entries})
        async with worker_of(small, admin.port) as worker, Client(worker.port) as feed:
            for order in ((btc.quote, btc.base), (btc.base, btc.quote)):
                for each in order:
                    assert (await feed.call("GetAsset", asset_id=each)).trading_blocked, entries
                refused = await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)
                assert refused.code == "FAILED_PRECONDITION", entries
                answer = await found(feed, btc, symbol_type=markets.SYMBOL_TYPE_SPOT)
                assert len(answer.blocking_flags) == 2
                assert answer.venue_symbol.symbol_id == btc.symbol
            assert len(worker.cache) <= entries


async def test_a_loaded_worker_answers_everything_from_memory(
    settings: config.Settings, admin: Admin, registry: Client, reads: Reads
) -> None:
    btc = await listed(registry)
    async with worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        await found(feed, btc)
        await feed.call("GetAsset", asset_id=btc.base)
        await feed.call("GetSymbol", symbol_id=btc.symbol)
        await feed.call("GetVenue", venue_id=btc.venue)
        assert reads.keys == []
        assert "cqar-source" not in feed.trailing
        misses = worker.engine.total_hits
        await found(feed, btc)
        assert worker.engine.total_hits == misses + 1


async def test_a_loaded_worker_knows_absences_and_sees_what_is_created(
    settings: config.Settings, admin: Admin, registry: Client, reads: Reads
) -> None:
    """A thousand unregistered names cause no queries of parts; each is found as soon as it is registered."""
    btc = await listed(registry)
    async with worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        assert worker.cache.complete >= {"listings", "asset", "symbol", "venue"}
        for at in range(50):
            assert (await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=f"NEW{at}")).code == "NOT_FOUND"
            assert (await feed.refused("GetAsset", asset_id=f"nobody{at}")).code == "NOT_FOUND"
        assert (await feed.refused("GetVenueSymbol", venue_id="nowhere", venue_symbol="BTCUSDT")).code == "NOT_FOUND"
        assert reads.keys == []
        made = await registry.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=btc.symbol, venue_symbol="NEW7")
        answer = await feed.call("GetVenueSymbol", venue_id=btc.venue, venue_symbol="NEW7", min_revision=made.revision)
        assert answer.venue_symbol.listing_id == made.venue_symbol.listing_id
        assert reads.keys == []


async def test_a_worker_without_room_for_everything_queries_unknown_names(
    settings: config.Settings, admin: Admin, registry: Client, reads: Reads
) -> None:
    btc = await listed(registry)
    small = changed(settings, hotpath={"cache_entries": 4})
    async with worker_of(small, admin.port) as worker, Client(worker.port) as feed:
        assert not worker.cache.complete
        assert (await found(feed, btc)).symbol.symbol_id == btc.symbol
        assert (await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol="NEW")).code == "NOT_FOUND"
        assert f"listings:{btc.venue}:NEW" in reads.keys


async def test_an_error_is_the_same_from_cache_and_database(cold: Cold) -> None:
    first = await cold.feed.refused("GetVenueSymbol", venue_id=cold.btc.venue, venue_symbol="NOPE")
    second = await cold.feed.refused("GetVenueSymbol", venue_id=cold.btc.venue, venue_symbol="NOPE")
    assert first == second
    assert first.code == "NOT_FOUND"
    for data in (b"\xff\xff\xff", b"\x0a\x05ab"):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await cold.feed.raw("/cqc.services.v1.AssetRegistry/GetVenueSymbol", data)
        assert refusal(caught.value).code == "INVALID_ARGUMENT"
