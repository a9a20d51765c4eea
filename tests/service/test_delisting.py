"""Delisting: a listing ends at a time, and its earlier meaning stays available."""

import asyncio
from typing import Any

import asyncpg
import pytest

from cqar.contract.cqc.events.v1 import events_pb2 as events
from tests.client import Client
from tests.registry.factory import Factory, waiting
from tests.service.registry import Records, RegistryService, day

KINDS = ("VenueSymbol", "VenueAsset")


async def _listed(factory: Factory, kind: str, **fields: Any) -> tuple[dict[str, Any], Any]:
    """A listing or venue asset: the key of the delisting, and its fields in events."""
    asset, venue = await factory.asset("LIT"), await factory.venue()
    if kind == "VenueAsset":
        await factory.client.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="LIT", **fields)
        return {"venue_id": venue, "asset_id": asset}, {"venue_id": venue, "asset_id": asset}
    symbol = await factory.symbol(asset, await factory.asset("USDT"))
    made = await factory.listing(venue, symbol, "LITUSDT", **fields)
    return {"listing_id": made.listing_id}, {"venue_id": venue, "symbol_id": symbol}


def _of(response: Any) -> Any:
    """The listing in a response or an event."""
    return response.venue_symbol if "venue_symbol" in response.DESCRIPTOR.fields_by_name else response.venue_asset


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_delisted_now_is_over_at_once(
    kind: str, service: RegistryService, factory: Factory, records: Records
) -> None:
    key, named = await _listed(factory, kind, listed_at=day(-9))
    start = await records.head()
    ended = _of(await service.call(f"Delist{kind}", **key, reason="insolvent"))
    assert (ended.is_active, ended.listed_at, ended.revision) == (False, day(-9), start + 1)
    [rejection] = await records.since(start)
    assert type(rejection.event) is getattr(events, f"{kind}Delisted")
    assert {name: getattr(rejection.event, name) for name in named} == named
    assert (rejection.event.reason, rejection.event.timestamp, rejection.event.actor_id) == (
        "insolvent",
        ended.delisted_at,
        "anonymous",
    )
    assert set(await records.changes(rejection.row_id)) == {"delisted_at"}
    # Said again it stays as it is: nobody has said that it went on until now.
    assert _of(await service.call(f"Delist{kind}", **key, reason="again")) == ended
    assert await records.head() == start + 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_future_delisting_is_published_at_once_with_its_time(
    kind: str, service: RegistryService, factory: Factory, records: Records
) -> None:
    key, _ = await _listed(factory, kind)
    start = await records.head()
    planned = _of(await service.call(f"Delist{kind}", **key, delisted_at=day(3)))
    assert (planned.is_active, planned.delisted_at) == (True, day(3))
    [rejection] = await records.since(start)
    assert rejection.event.timestamp == day(3)
    assert not rejection.event.HasField("reason")
    moved = _of(await service.call(f"Delist{kind}", **key, delisted_at=day(1)))
    [_, rejection] = await records.since(start)
    assert (moved.delisted_at, rejection.event.timestamp) == (day(1), day(1))
    kept = await service.call(f"Update{kind}", **key, clear=["delisted_at"])
    assert not _of(kept).HasField("delisted_at")
    assert (await records.since(start))[-1].event is None


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_ends_before_it_began(kind: str, service: RegistryService, factory: Factory, records: Records) -> None:
    key, _ = await _listed(factory, kind, listed_at=day(2))
    start = await records.head()
    for fields in ({"delisted_at": day(1)}, {"delisted_at": day(2)}, {}):
        refused = await service.refused(f"Delist{kind}", **key, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("delisted_at", "BAD_RANGE")])
    refused = await service.refused(f"Delist{kind}", **key, delisted_at={"seconds": 1 << 60})
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("delisted_at", "BAD_TIME")])
    refused = await service.refused(f"Delist{kind}", **key, delisted_at=day(3), reason="x\u202e")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("reason", "BAD_CHARACTER")])
    refused = await service.refused(f"Delist{kind}", **key, delisted_at=day(3), expected_revision=1)
    assert refused.code == "ABORTED"
    refused = await service.refused(f"Delist{kind}")
    assert (refused.code, set(refused.fields)) == ("INVALID_ARGUMENT", {(name, "REQUIRED") for name in key})
    assert (await service.refused(f"Delist{kind}", **dict.fromkeys(key, "nobody"))).code == "NOT_FOUND"
    assert await records.head() == start


async def test_a_text_resolves_after_its_end(feed: Client, factory: Factory) -> None:
    key, named = await _listed(factory, "VenueSymbol", listed_at=day(-9))
    asked = {"venue_id": named["venue_id"], "venue_symbol": "LITUSDT"}
    assert (await feed.call("GetVenueSymbol", **asked)).venue_symbol.is_active
    await RegistryService(feed).call("DelistVenueSymbol", **key, delisted_at=day(-2))
    found = await feed.call("GetVenueSymbol", **asked)
    assert (found.venue_symbol.is_active, found.symbol.symbol_id) == (False, named["symbol_id"])
    assert (await feed.call("GetVenueSymbol", **asked, as_of=day(-3))).venue_symbol.is_active
    assert (await feed.refused("GetVenueSymbol", **asked, as_of=day(-2))).code == "NOT_FOUND"


async def test_a_ticker_is_free_for_another_coin_once_delisted(
    feed: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    key, named = await _listed(factory, "VenueSymbol", listed_at=day(-300))
    lighter = await factory.pair("LIT")
    ended = (await service.call("DelistVenueSymbol", **key, delisted_at=day(-100))).venue_symbol
    start = await records.head()
    new = await factory.listing(named["venue_id"], lighter, "LITUSDT", listed_at=day(-50))
    [rejection] = await records.since(start)
    assert rejection.event.is_new_listing
    asked = {"venue_id": named["venue_id"], "venue_symbol": "LITUSDT"}
    assert (await feed.call("GetVenueSymbol", **asked, min_revision=new.revision)).symbol.symbol_id == lighter
    assert (await feed.call("GetVenueSymbol", **asked, as_of=day(-101))).symbol.symbol_id == named["symbol_id"]
    # Neither end can be moved into the other.
    for listing, time in ((ended, day(-49)), (ended, day(1))):
        refused = await service.refused("DelistVenueSymbol", listing_id=listing.listing_id, delisted_at=time)
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("venue_symbol", "TAKEN")])
    await service.call("DelistVenueSymbol", listing_id=new.listing_id)


async def test_a_coin_that_comes_back_is_no_new_listing(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    key, named = await _listed(factory, "VenueSymbol", listed_at=day(-300))
    await service.call("DelistVenueSymbol", **key, delisted_at=day(-100))
    start = await records.head()
    await factory.listing(named["venue_id"], named["symbol_id"], "LITUSDT", listed_at=day(-50))
    [rejection] = await records.since(start)
    assert (type(rejection.event).__name__, rejection.event.is_new_listing) == ("VenueSymbolListed", False)
    assets = {"venue_id": named["venue_id"], "asset_id": await factory.asset("X")}
    await registry.call("CreateVenueAsset", **assets, venue_asset_symbol="X")
    await service.call("DelistVenueAsset", **assets)
    start = await records.head()
    reopened = (await registry.call("CreateVenueAsset", **assets, venue_asset_symbol="X2")).venue_asset
    assert (reopened.is_active, reopened.HasField("delisted_at"), reopened.venue_asset_symbol) == (True, False, "X2")
    [rejection] = await records.since(start)
    assert (type(rejection.event).__name__, rejection.event.is_new_listing) == ("VenueAssetListed", False)
    assert rejection.event.venue_asset.venue_asset_symbol == "X2"


@pytest.mark.parametrize("kind", KINDS)
async def test_an_end_taken_back_opens_the_listing_again(
    kind: str, service: RegistryService, factory: Factory, records: Records
) -> None:
    key, _ = await _listed(factory, kind)
    for method, fields in ((f"Update{kind}", {"clear": ["delisted_at"]}), (f"Delist{kind}", {"delisted_at": day(5)})):
        await service.call(f"Delist{kind}", **key)
        start = await records.head()
        opened = _of(await service.call(method, **key, **fields))
        assert opened.is_active
        [rejection] = await records.since(start)
        assert (type(rejection.event).__name__, rejection.event.is_new_listing) == (f"{kind}Listed", False)
        assert _of(rejection.event).HasField("delisted_at") == ("delisted_at" in fields)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_blocked_is_delisted_but_not_opened_again(kind: str, service: RegistryService, factory: Factory) -> None:
    key, named = await _listed(factory, kind)
    asset = named.get("asset_id") or (await factory.client.call("GetSymbol", symbol_id=named["symbol_id"])).symbol.base_asset_id
    await factory.flag(asset)
    await service.call(f"Delist{kind}", **key)
    refused = await service.refused(f"Delist{kind}", **key, delisted_at=day(5))
    assert refused.code == "FAILED_PRECONDITION"
    assert [each[:2] for each in refused.preconditions] == [("TRADING_BLOCKED", f"asset:{asset}")]
    await service.call(f"Delist{kind}", **key, delisted_at=day(-5))


async def test_a_listing_of_a_deleted_symbol_is_not_opened_again(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    key, named = await _listed(factory, "VenueSymbol")
    await service.call("DelistVenueSymbol", **key)
    await registry.call("DeleteSymbol", symbol_id=named["symbol_id"])
    await service.call("DelistVenueSymbol", **key, delisted_at=day(-5))
    refused = await service.refused("DelistVenueSymbol", **key, delisted_at=day(5))
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("symbol_id", "NOT_FOUND")])


async def test_a_listing_is_not_opened_beside_the_delete_of_its_symbol(
    service: RegistryService, factory: Factory, connection: asyncpg.Connection
) -> None:
    key, named = await _listed(factory, "VenueSymbol")
    await service.call("DelistVenueSymbol", **key)
    async with connection.transaction():
        await connection.execute("SELECT FROM symbols WHERE symbol_id = $1 FOR UPDATE", named["symbol_id"])
        opening = asyncio.create_task(service.refused("DelistVenueSymbol", **key, delisted_at=day(5)))
        await waiting(connection)
        await connection.execute("UPDATE symbols SET deleted_at = now() WHERE symbol_id = $1", named["symbol_id"])
    assert (await opening).code == "NOT_FOUND"
