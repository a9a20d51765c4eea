"""Levels of identity and blocks of a venue's record of an asset, in the answers that rest on them, and how answers follow."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.contract.shared import enums_pb2 as enums
from cqar.hotpath.app import Hotpath
from cqar.model import cache_keys
from tests.client import Client
from tests.hotpath.resolving import assets, key, resolved, resolver
from tests.hotpath.stack import Listed, Reads, changed, found, own_call, worker_of
from tests.registry.factory import PERPETUAL, Factory

VERIFIED, SUGGESTED = enums.IDENTITY_LEVEL_VERIFIED, enums.IDENTITY_LEVEL_SUGGESTED
CONTESTED, UNKNOWN = enums.IDENTITY_LEVEL_CONTESTED, enums.IDENTITY_LEVEL_UNKNOWN
WHY = "the venue gives another address"


@pytest.fixture(params=["loaded", "small"])
async def worker(settings: config.Settings, admin: Admin, request: pytest.FixtureRequest) -> AsyncIterator[Hotpath]:
    """A worker that has loaded everything, and one that has not."""
    entries = {} if request.param == "loaded" else {"cache_entries": 16}
    async with worker_of(changed(settings, hotpath=entries), admin.port) as process:
        yield process


@pytest.fixture
async def feed(worker: Hotpath) -> AsyncIterator[Client]:
    async with Client(worker.port) as client:
        yield client


async def record(feed: Client, btc: Listed, asset_id: str, **fields: Any) -> None:
    """What the venue calls one of its assets."""
    given = {"venue_id": btc.venue, "asset_id": asset_id, "venue_asset_symbol": asset_id[-12:], **fields}
    await feed.call("CreateVenueAsset", **given)


async def slim(client: Client, btc: Listed) -> pb.VenueSymbolResolution:
    """The listing in the SLIM view."""
    return (await resolved(client, key(btc.venue, btc.text))).results[0]


def identities(worker: Hotpath) -> int:
    """How many parts of identities the worker holds."""
    keys = worker.cache.keys()
    return sum(each.startswith("identity:") for each in keys)


def levels(response: Any) -> tuple[int, int, int]:
    """The levels of the sides; 0 if unset."""
    return response.base_level, response.quote_level, response.settlement_level


async def test_what_was_written_by_hand_has_no_level_and_its_response_is_cached(
    feed: Client, worker: Hotpath, btc: Listed
) -> None:
    response = await found(feed, btc)
    assert not any(response.HasField(f"{side}_level") for side in ("base", "quote", "settlement"))
    assert not response.HasField("blocked_reason")
    before = worker.engine.hits["GetVenueSymbol"]
    await found(feed, btc)
    await found(feed, btc)
    assert worker.engine.hits["GetVenueSymbol"] >= before + 1
    assert (await slim(feed, btc)).identity_level == 0


async def test_a_response_follows_a_record_that_is_created_changed_and_deleted(
    feed: Client, registry: Client, btc: Listed
) -> None:
    assert levels(await found(feed, btc)) == (0, 0, 0)
    assert (await slim(feed, btc)).identity_level == 0
    await record(feed, btc, btc.base, identity_level=SUGGESTED)
    await record(feed, btc, btc.quote, identity_level=VERIFIED)
    for client in (feed, registry):
        assert levels(await found(client, btc)) == (SUGGESTED, VERIFIED, 0)
        assert (await slim(client, btc)).identity_level == SUGGESTED
        full = (await resolved(client, key(btc.venue, btc.text), view=pb.FULL)).results[0]
        assert (full.identity_level, levels(full.full)) == (SUGGESTED, (SUGGESTED, VERIFIED, 0))
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, identity_level=VERIFIED)
    assert levels(await found(feed, btc)) == (VERIFIED, VERIFIED, 0)
    assert (await slim(feed, btc)).identity_level == VERIFIED
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, clear=["identity_level"])
    assert levels(await found(feed, btc)) == (0, VERIFIED, 0)
    await own_call(feed, "DeleteVenueAsset", venue_id=btc.venue, asset_id=btc.quote)
    assert levels(await found(feed, btc)) == (0, 0, 0)
    assert (await slim(feed, btc)).identity_level == 0


async def test_the_settlement_asset_has_its_own_level(feed: Client, btc: Listed) -> None:
    factory = Factory(feed)
    settled = await factory.asset("USDC")
    symbol = await factory.symbol(btc.base, btc.quote, symbol_type=PERPETUAL, settlement_asset_id=settled)
    await factory.listing(btc.venue, symbol, "BTC-PERP")
    await record(feed, btc, settled, identity_level=CONTESTED)
    assert levels(await feed.call("GetVenueSymbol", venue_id=btc.venue, venue_symbol="BTC-PERP")) == (0, 0, CONTESTED)


async def test_a_conflict_blocks_the_listings_of_its_venue_until_it_is_closed(
    feed: Client, registry: Client, btc: Listed
) -> None:
    factory = Factory(feed)
    await factory.listing(await factory.venue("okx"), btc.symbol, btc.text)
    await record(feed, btc, btc.base, trading_enabled=True)
    assert not (await found(feed, btc)).trading_blocked
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, blocked_reason=WHY)
    for client in (feed, registry):
        response = await found(client, btc)
        assert (response.trading_blocked, response.blocked_reason, list(response.blocking_flags)) == (True, WHY, [])
        assert (await slim(client, btc)).trading_blocked
        other = await client.call("GetVenueSymbol", venue_id="okx", venue_symbol=btc.text)
        assert (other.trading_blocked, other.blocked_reason) == (False, "")
        named = await resolver(client, "FindVenueSymbols", symbol_id=btc.symbol, venue_id=btc.venue)
        assert named.trading_blocked
        assert not (await resolver(client, "FindVenueSymbols", symbol_id=btc.symbol, venue_id="okx")).trading_blocked
        one = await client.call("GetVenueAsset", venue_id=btc.venue, asset_id=btc.base)
        [listed] = (await client.call("ListVenueAssets", venue_id=btc.venue)).venue_assets
        for each in (one.venue_asset, listed):
            assert (each.trading_enabled, each.trading_enabled_stored, each.blocked_reason) == (False, True, WHY)
        assert one.trading_blocked
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, clear=["blocked_reason"])
    assert not (await found(feed, btc)).trading_blocked
    assert not (await slim(feed, btc)).trading_blocked
    one = await feed.call("GetVenueAsset", venue_id=btc.venue, asset_id=btc.base)
    assert (one.trading_blocked, one.venue_asset.trading_enabled) == (False, True)


async def test_a_listing_that_is_blocked_itself_says_why(feed: Client, registry: Client, btc: Listed) -> None:
    listing_id = (await found(feed, btc)).venue_symbol.listing_id
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing_id, blocked_reason="another market?")
    await record(feed, btc, btc.base, blocked_reason=WHY)
    for client in (feed, registry):
        response = await found(client, btc)
        assert (response.trading_blocked, response.blocked_reason) == (True, f"{WHY}; another market?")
        assert (await slim(client, btc)).trading_blocked
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, clear=["blocked_reason"])
    assert (await found(feed, btc)).blocked_reason == "another market?"


async def test_a_code_of_a_venue_is_resolved_with_its_level_and_block(feed: Client, btc: Listed) -> None:
    await record(feed, btc, btc.base, venue_asset_symbol="XBT", identity_level=UNKNOWN, blocked_reason=WHY)
    by_code = pb.AssetKey(venue_code=pb.AssetKey.VenueCode(venue_id=btc.venue, venue_asset_symbol="XBT"))
    by_id = pb.AssetKey(asset_id=btc.base)
    coded, plain = (await assets(feed, by_code, by_id)).results
    assert (coded.identity_level, coded.trading_blocked) == (UNKNOWN, True)
    assert (plain.identity_level, plain.trading_blocked) == (0, False)
    await own_call(
        feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.base, identity_level=VERIFIED, clear=["blocked_reason"]
    )
    [coded] = (await assets(feed, by_code)).results
    assert (coded.identity_level, coded.trading_blocked) == (VERIFIED, False)


async def test_a_miss_reads_the_records_with_the_listing(
    settings: config.Settings, admin: Admin, btc: Listed, reads: Reads
) -> None:
    """With a record of one side and none of the other."""
    async with Client(admin.port) as client:
        await record(client, btc, btc.quote, identity_level=VERIFIED)
    async with worker_of(changed(settings, hotpath={"preload": False}), admin.port) as process, Client(process.port) as feed:
        reads.made.clear()
        assert levels(await found(feed, btc)) == (0, VERIFIED, 0)
        assert set(reads.keys) - {cache_keys.venue_key(btc.venue)} == {cache_keys.listings_key(btc.venue, btc.text)}
        before = process.engine.hits["GetVenueSymbol"]
        await found(feed, btc)
        assert process.engine.hits["GetVenueSymbol"] == before + 1


async def test_unknown_names_of_callers_leave_no_part_of_an_identity(feed: Client, worker: Hotpath, btc: Listed) -> None:
    await found(feed, btc)
    before = identities(worker)
    for at in range(20):
        await feed.refused("GetVenueAsset", venue_id=btc.venue, asset_id=f"nothing{at}")
        await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=f"nothing{at}")
    assert identities(worker) <= before
