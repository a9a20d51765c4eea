"""Changes in the registry, and the next lookups of the hot path."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import grpc.aio
import pytest
from google.protobuf import timestamp_pb2

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.hotpath.app import Hotpath
from cqar.model import events
from cqar.storage.postgres import Pool
from tests.client import Client
from tests.hotpath.stack import Listed, eventually, found, let_through, move_clock, own_call, ticked, without_periodic_probes

SPOT, PERPETUAL = markets.SYMBOL_TYPE_SPOT, markets.SYMBOL_TYPE_PERPETUAL


async def test_a_new_tick_size_is_in_a_response_with_its_min_revision(registry: Client, feed: Client, btc: Listed) -> None:
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.5"
    for tick in ("0.25", "0.01", "3"):
        revision = await ticked(registry, btc, tick)
        answer = await found(feed, btc, min_revision=revision)
        assert answer.symbol.tick_size_decimal == tick
        assert answer.revision >= revision
        assert not answer.HasField("stale")
        assert (await found(feed, btc)).symbol.tick_size_decimal == tick


async def test_a_change_reaches_the_hot_path_within_a_second(
    registry: Client, feed: Client, hotpath: Hotpath, btc: Listed
) -> None:
    loop = asyncio.get_running_loop()
    delays = []
    for at in range(20):
        tick = f"0.{at + 1:02}1"
        await ticked(registry, btc, tick)
        acknowledged = loop.time()
        while (await found(feed, btc)).symbol.tick_size_decimal != tick:
            pass
        delays.append(loop.time() - acknowledged)
    # The median, because a stall of the machine says nothing about the delivery of changes.
    assert sorted(delays)[len(delays) // 2] < 1
    assert hotpath.feed.resyncs == 0


async def test_a_connection_reads_its_own_writes(feed: Client, btc: Listed) -> None:
    await found(feed, btc)
    for tick in ("0.2", "0.3", "0.4", "0.6"):
        revision = await ticked(feed, btc, tick)
        assert int(feed.trailing["cqar-revision"]) == revision
        assert (await found(feed, btc)).symbol.tick_size_decimal == tick


async def test_a_critical_flag_blocks_trading_until_it_is_resolved(feed: Client, btc: Listed) -> None:
    assert not (await found(feed, btc)).trading_blocked
    raised = await feed.call(
        "RaiseQualityFlag",
        asset_id=btc.quote,
        flag_type=assets.FLAG_TYPE_EXPLOITED,
        severity=assets.FLAG_SEVERITY_CRITICAL,
        description="drained",
        raised_by="test",
    )
    blocked = await found(feed, btc)
    assert blocked.trading_blocked
    assert [flag.flag_id for flag in blocked.blocking_flags] == [raised.flag.flag_id]
    assert (await feed.call("GetAsset", asset_id=btc.quote)).trading_blocked
    assert (await feed.call("GetSymbol", symbol_id=btc.symbol)).trading_blocked
    assert not (await feed.call("GetAsset", asset_id=btc.base)).trading_blocked
    await feed.call("ResolveQualityFlag", flag_id=raised.flag.flag_id, resolved_by="test", resolution_notes="paid back")
    assert not (await found(feed, btc)).trading_blocked
    assert not (await feed.call("GetAsset", asset_id=btc.quote)).trading_blocked


async def test_a_delisting_takes_effect_at_its_time_without_another_change(
    feed: Client, hotpath: Hotpath, btc: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = timestamp_pb2.Timestamp()
    at.FromDatetime(datetime.now(UTC) + timedelta(hours=1))
    listing = (await found(feed, btc)).venue_symbol.listing_id
    await own_call(feed, "DelistVenueSymbol", listing_id=listing, delisted_at=at)
    before = await found(feed, btc)
    assert before.venue_symbol.is_active
    assert (await found(feed, btc)).venue_symbol.is_active
    hits, applied = hotpath.engine.total_hits, hotpath.cache.applied
    assert hits > 0, "it was not cached, so this proves nothing"

    async def over() -> bool:
        return not (await found(feed, btc)).venue_symbol.is_active

    move_clock(monkeypatch, 3_600)
    await eventually(over)
    assert hotpath.cache.applied == applied


async def test_a_deleted_entity_is_not_found_at_once(feed: Client, btc: Listed) -> None:
    doge = (await feed.call("CreateAsset", symbol="DOGE", name="Dogecoin", asset_type=assets.ASSET_TYPE_NATIVE)).asset
    assert (await feed.call("GetAsset", asset_id=doge.asset_id)).asset.symbol == "DOGE"
    await feed.call("DeleteAsset", asset_id=doge.asset_id)
    assert (await feed.refused("GetAsset", asset_id=doge.asset_id)).code == "NOT_FOUND"
    # Its name in responses about other listings stays the same.
    assert (await found(feed, btc)).base_asset.symbol == "BTC"


async def test_an_absent_entity_is_found_once_it_is_created(feed: Client, btc: Listed) -> None:
    refused = await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol="XBTUSDT")
    assert refused.code == "NOT_FOUND"
    await feed.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=btc.symbol, venue_symbol="XBTUSDT")
    answer = await feed.call("GetVenueSymbol", venue_id=btc.venue, venue_symbol="XBTUSDT")
    assert answer.symbol.symbol_id == btc.symbol


async def test_a_text_of_two_types_is_resolved_by_the_requested_type(feed: Client, btc: Listed) -> None:
    """Two writers put a row each into one part; the worker has both."""
    perpetual = await feed.call(
        "CreateSymbol", symbol_type=PERPETUAL, base_asset_id=btc.base, quote_asset_id=btc.quote, settlement_asset_id=btc.quote
    )
    await found(feed, btc)
    await feed.call("CreateVenueSymbol", venue_id=btc.venue, symbol_id=perpetual.symbol.symbol_id, venue_symbol=btc.text)
    assert (await found(feed, btc, symbol_type=PERPETUAL)).symbol.symbol_id == perpetual.symbol.symbol_id
    assert (await found(feed, btc, symbol_type=SPOT)).symbol.symbol_id == btc.symbol
    assert (await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)).code == "FAILED_PRECONDITION"


async def test_a_value_too_large_for_a_message_is_read_from_the_database(feed: Client, btc: Listed) -> None:
    large = pb.UpdateAssetRequest(asset_id=btc.base, description="x" * 4_000, metadata={"text": "y" * 8_000})
    await feed.call("UpdateAsset", large)
    answer = await feed.call("GetAsset", asset_id=btc.base)
    assert len(answer.asset.description) == 4_000
    assert feed.trailing.get("cqar-source") == "database"
    assert (await found(feed, btc)).base_asset.symbol == "BTC"


# ---- revisions -----------------------------------------------------------------------------------------------------


async def test_a_min_revision_beyond_the_registry_is_rejected(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    beyond = hotpath.cache.applied + 1_000
    for name, request in (
        ("GetVenueSymbol", {"venue_id": btc.venue, "venue_symbol": btc.text}),
        ("GetVenueSymbol", {"venue_id": btc.venue, "venue_symbol": "NOPE"}),
        ("GetAsset", {"asset_id": btc.base}),
    ):
        refused = await feed.refused(name, **request, min_revision=beyond)
        assert refused.code == "FAILED_PRECONDITION"
        assert refused.preconditions[0][:2] == ("MIN_REVISION", "min_revision")


async def test_a_min_revision_ahead_of_the_worker_is_answered_from_the_database(
    registry: Client, feed: Client, hotpath: Hotpath, btc: Listed
) -> None:
    await found(feed, btc)
    # A worker without messages and probes.
    await hotpath.feed.stop()
    await hotpath._bus.close()
    revision = await ticked(registry, btc, "0.125")
    answer = await found(feed, btc, min_revision=revision)
    assert answer.symbol.tick_size_decimal == "0.125"
    assert answer.revision >= revision
    assert feed.trailing["cqar-source"] == "database"


async def test_a_response_carries_the_revision_that_it_reflects(registry: Client, feed: Client, btc: Listed) -> None:
    revision = await ticked(registry, btc, "0.75")
    answer = await found(feed, btc, min_revision=revision)
    assert answer.revision >= revision
    again = await found(feed, btc)
    assert again.revision >= answer.revision or again.symbol == answer.symbol


# ---- starting over -------------------------------------------------------------------------------------------------


async def test_after_a_restore_with_a_new_epoch_the_worker_starts_over(
    registry: Client, feed: Client, hotpath: Hotpath, connection: asyncpg.Connection, btc: Listed
) -> None:
    await found(feed, btc)
    # A restore changes this without a change in the outbox.
    async with connection.transaction():
        await connection.execute("UPDATE symbols SET tick_size = 7")
        await connection.execute("UPDATE head SET epoch = gen_random_uuid()")
    epoch = await connection.fetchval("SELECT epoch::text FROM head")
    await eventually(lambda: hotpath.cache.epoch == epoch)
    assert hotpath.feed.resyncs == 1
    assert (await found(feed, btc)).symbol.tick_size_decimal == "7"
    revision = await ticked(registry, btc, "8")
    assert (await found(feed, btc, min_revision=revision)).symbol.tick_size_decimal == "8"


async def test_a_worker_paused_for_longer_than_changes_are_kept_starts_over(
    feed: Client, hotpath: Hotpath, connection: asyncpg.Connection, btc: Listed
) -> None:
    await found(feed, btc)
    await eventually(lambda: hotpath.cache.applied == 5)
    # It learns of nothing while the changes are made and pruned.
    async with connection.transaction():
        await connection.execute("UPDATE symbols SET tick_size = 9")
        await connection.execute("UPDATE head SET seq = seq + 3")
    await eventually(lambda: hotpath.cache.applied == 8)
    assert hotpath.feed.resyncs == 1
    assert hotpath.cache.floor == 8, "parts in Redis from before those changes could be admitted"
    assert (await found(feed, btc)).symbol.tick_size_decimal == "9"


async def test_changes_that_arrive_during_a_probe_are_not_mistaken_for_a_restore(
    registry: Client, feed: Client, hotpath: Hotpath, btc: Listed
) -> None:
    """The result of the probe is older by then than the applied changes."""
    await eventually(lambda: hotpath.cache.applied == 5)
    gated = GatedPool(hotpath.feed._pool)
    hotpath.feed._pool = gated  # type: ignore[assignment]
    for tick in ("0.25", "0.125"):
        gated.blocked.clear()
        gated.open.clear()
        await gated.blocked.wait()
        revision = await ticked(registry, btc, tick)
        await _applied(hotpath, revision)
        gated.open.set()
        await _probed(hotpath)
    assert hotpath.feed.resyncs == 0
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.125"


async def _grown(messages: list[bytes], count: int) -> None:
    await eventually(lambda: len(messages) >= count)


async def _arrived(messages: list[bytes], revision: int) -> bytes:
    """Wait for the message of a change, which the relay may send twice."""
    await eventually(lambda: any(events.decode(data).revision == revision for data in messages))
    return next(data for data in messages if events.decode(data).revision == revision)


async def _applied(worker: Hotpath, revision: int) -> None:
    await eventually(lambda: worker.cache.applied == revision)


async def _probed(worker: Hotpath) -> None:
    fresh = worker.feed.fresh_as_of
    await eventually(lambda: worker.feed.fresh_as_of > fresh)


class GatedPool:
    """The feed's pool, with a gate that delays results."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.open = asyncio.Event()
        self.open.set()
        self.blocked = asyncio.Event()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Any]:
        yield self

    async def rows(self, *arguments: Any) -> Any:
        async with self._pool.session() as session:
            result = await session.rows(*arguments)
        self.blocked.set()
        await self.open.wait()
        return result


async def test_a_lost_change_is_fetched_as_soon_as_the_next_message_shows_the_gap(
    registry: Client, feed: Client, hotpath: Hotpath, btc: Listed
) -> None:
    await eventually(lambda: hotpath.cache.applied == 5)
    arrived = let_through(hotpath, lambda: False)
    await without_periodic_probes(hotpath)
    for at in range(1, 11):
        await _arrived(arrived, await ticked(registry, btc, f"0.{at:03}1"))
        revision = await ticked(registry, btc, f"0.{at:03}2")
        hotpath.feed._received(await _arrived(arrived, revision))
        await _applied(hotpath, revision)
    assert hotpath.feed.gaps == 10
    assert hotpath.feed.resyncs == 0
    hotpath.feed._interval = 0.25
    hotpath.feed.probe()
    assert (await found(feed, btc, min_revision=revision)).symbol.tick_size_decimal == "0.0102"


async def test_malformed_messages_change_nothing(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    client = hotpath._bus._client
    assert client is not None
    for data in (b"", b"\xff" * 100, b"{}"):
        await client.publish("cqar.changes.v1.symbol", data)
    await client.flush()
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.5"


async def test_a_cancelled_call_does_not_cancel_the_load_for_others(feed: Client, btc: Listed) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await feed.call("GetVenueSymbol", venue_id=btc.venue, venue_symbol="SLOW", deadline=0.000_001)
    assert refused.value.code().name == "DEADLINE_EXCEEDED"
    assert (await found(feed, btc)).venue_symbol.is_active
