"""Lookups by other names: a symbol's listings, identifiers, deployments by address. They equal admin's after every change."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.hotpath.app import Hotpath
from tests.client import Client, refusal
from tests.conftest import Servers
from tests.hotpath.stack import Listed, admin_of, changed, eventually, listed, move_clock, own_call, worker_of
from tests.registry.factory import USDC, USDT, Factory, at, stamp

COINGECKO, MESSARI = assets.DATA_SOURCE_COINGECKO, assets.DATA_SOURCE_MESSARI


async def find(client: Client, symbol_id: str, **fields: Any) -> resolver_pb2.FindVenueSymbolsResponse:
    """The listings of a symbol."""
    request = resolver_pb2.FindVenueSymbolsRequest(symbol_id=symbol_id, **fields)
    data, client.trailing = await client.raw("/cqar.v1.Resolver/FindVenueSymbols", request.SerializeToString())
    return resolver_pb2.FindVenueSymbolsResponse.FromString(data)


async def same(feed: Client, registry: Client, method: str, **fields: Any) -> Any:
    """The worker's response, derived and then cached. Admin's is the same, apart from revision and marks."""
    derived = await feed.call(method, **fields)
    ready = await feed.call(method, **fields)
    assert ready == derived
    told = await registry.call(method, **fields)
    for each in (derived, told):
        each.ClearField("revision")
    assert derived == told
    return told


# ---- listings of a symbol ------------------------------------------------------------------------------------------


async def test_a_symbol_has_the_same_listings_as_in_admin(feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    for venue, text, fields in (
        ("okx", "BTC-USDT", {"tick_size_decimal": "0.1"}),
        ("kraken", "XBTUSDT", {"is_active": False}),
        ("bybit", "BTCUSDT", {"listed_at": at(1)}),
        ("ftx", "BTC/USDT", {"listed_at": at(-9), "delisted_at": at(-1)}),
    ):
        await factory.listing(await factory.venue(venue), btc.symbol, text, **fields)
    for fields in ({}, {"include_delisted": True}, {"venue_id": "okx"}, {"venue_id": "ftx"}, {"venue_id": "nowhere"}):
        for _ in range(2):
            found = await find(feed, btc.symbol, **fields)
            told = await registry.call("ListVenueSymbols", symbol_id=btc.symbol, **fields)
            assert list(found.venue_symbols) == list(told.venue_symbols)
            assert found == resolver_pb2.FindVenueSymbolsResponse(venue_symbols=told.venue_symbols, revision=found.revision)
            assert await find(registry, btc.symbol, **fields) == found
    active = {each.venue_id: each.is_active for each in (await find(feed, btc.symbol)).venue_symbols}
    assert active == {"binance": True, "okx": True, "kraken": False, "bybit": False}


async def test_every_change_of_a_symbols_listings_is_in_the_next_response(
    feed: Client, registry: Client, hotpath: Hotpath, btc: Listed
) -> None:
    factory = Factory(feed)
    assert [each.venue_id for each in (await find(feed, btc.symbol)).venue_symbols] == ["binance"]
    listing = await factory.listing(await factory.venue("okx"), btc.symbol, "BTC-USDT")
    assert [each.venue_id for each in (await find(feed, btc.symbol)).venue_symbols] == ["binance", "okx"]
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing.listing_id, venue_symbol="BTC-USDT-SPOT")
    assert [each.venue_symbol for each in (await find(feed, btc.symbol, venue_id="okx")).venue_symbols] == ["BTC-USDT-SPOT"]
    flag = await factory.flag(btc.base)
    assert (await find(feed, btc.symbol)).trading_blocked
    await feed.call("ResolveQualityFlag", flag_id=flag, resolved_by="test", resolution_notes="")
    assert not (await find(feed, btc.symbol)).trading_blocked
    await own_call(feed, "DelistVenueSymbol", listing_id=listing.listing_id)
    assert [each.venue_id for each in (await find(feed, btc.symbol)).venue_symbols] == ["binance"]
    assert len((await find(feed, btc.symbol, include_delisted=True)).venue_symbols) == 2
    await own_call(feed, "DeleteVenueSymbol", listing_id=listing.listing_id)
    assert len((await find(feed, btc.symbol, include_delisted=True)).venue_symbols) == 1
    revision = (await registry.call("UpdateSymbol", symbol_id=btc.symbol, tick_size_decimal="7")).revision
    assert (await find(feed, btc.symbol, min_revision=revision)).revision >= revision
    assert hotpath.engine.hits["FindVenueSymbols"] == 0
    await find(feed, btc.symbol)
    await find(feed, btc.symbol)
    assert hotpath.engine.hits["FindVenueSymbols"] == 1, "it is not cached"


async def test_a_listing_leaves_the_response_when_it_ends(feed: Client, btc: Listed, monkeypatch: pytest.MonkeyPatch) -> None:
    listing = (await find(feed, btc.symbol)).venue_symbols[0]
    await own_call(
        feed, "DelistVenueSymbol", listing_id=listing.listing_id, delisted_at=stamp(datetime.now(UTC) + timedelta(hours=1))
    )
    assert (await find(feed, btc.symbol)).venue_symbols[0].is_active

    async def over() -> bool:
        return not (await find(feed, btc.symbol)).venue_symbols

    move_clock(monkeypatch, 3_600)
    await eventually(over)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"symbol_id": "nobody"}, "NOT_FOUND"),
        ({"symbol_id": ""}, "INVALID_ARGUMENT"),
        ({"symbol_id": "a\n"}, "INVALID_ARGUMENT"),
    ],
)
async def test_both_processes_reject_a_missing_unknown_or_malformed_symbol(
    feed: Client, registry: Client, fields: Any, code: str
) -> None:
    refused = []
    for client in (feed, registry):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await find(client, **fields)
        refused.append(refusal(caught.value))
    assert refused[0] == refused[1]
    assert refused[0].code == code


# ---- identifiers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Asset", "Symbol"])
async def test_identifiers_are_found_in_both_directions_after_every_change(
    feed: Client, registry: Client, hotpath: Hotpath, btc: Listed, kind: str
) -> None:
    owner, source = f"{kind.lower()}_id", "source" if kind == "Asset" else "data_source"
    one = btc.base if kind == "Asset" else btc.symbol
    method, create, delete = f"Get{kind}Identifier", f"Create{kind}Identifier", f"Delete{kind}Identifier"
    reverse: dict[str, Any]
    forward, reverse = {owner: one, source: COINGECKO}, {source: COINGECKO, "external_id": "bitcoin"}
    asked: dict[str, Any]
    for asked in (forward, reverse):
        assert (await feed.refused(method, **asked)) == (await registry.refused(method, **asked))
        assert (await feed.refused(method, **asked)).code == "NOT_FOUND"
    first = (await feed.call(create, **{owner: one, source: COINGECKO, "external_id": "bitcoin"})).identifier
    for asked in (forward, reverse, {**forward, "external_id": "bitcoin"}):
        assert (await same(feed, registry, method, **asked)).identifier == first
    assert hotpath.engine.hits[method] > 0
    await feed.call(create, **{owner: one, source: COINGECKO, "external_id": "btc"})
    refused = await feed.refused(method, **forward)
    assert refused.code == "FAILED_PRECONDITION"
    assert sorted(subject for _, subject, _ in refused.preconditions) == ["bitcoin", "btc"]
    assert refused == await registry.refused(method, **forward)
    third = (await feed.call(create, **{owner: one, source: COINGECKO, "external_id": "x", "is_primary": True})).identifier
    assert (await same(feed, registry, method, **forward)).identifier == third
    await own_call(feed, delete, identifier_id=third.identifier_id)
    assert await feed.refused(method, **forward) == refused
    for fields in ({}, {owner: one}, {source: COINGECKO}, {owner: one, source: 999}, {**reverse, "external_id": " x"}):
        assert (await feed.refused(method, **fields)) == (await registry.refused(method, **fields))
        assert (await feed.refused(method, **fields)).code == "INVALID_ARGUMENT"


async def test_identifiers_are_deleted_with_their_asset(feed: Client, registry: Client) -> None:
    doge = await Factory(feed).asset("DOGE")
    await feed.call("CreateAssetIdentifier", asset_id=doge, source=COINGECKO, external_id="dogecoin")
    names: list[dict[str, Any]] = [{"asset_id": doge, "source": COINGECKO}, {"source": COINGECKO, "external_id": "dogecoin"}]
    for asked in names:
        await same(feed, registry, "GetAssetIdentifier", **asked)
    await feed.call("DeleteAsset", asset_id=doge)
    for asked in names:
        assert (await feed.refused("GetAssetIdentifier", **asked)).code == "NOT_FOUND"


async def test_an_identifier_of_a_merged_asset_leads_to_the_surviving_one(feed: Client, registry: Client) -> None:
    factory = Factory(feed)
    one, other = await factory.asset("MATIC"), await factory.asset("POL")
    await feed.call("CreateAssetIdentifier", asset_id=one, source=MESSARI, external_id="matic")
    asked = {"source": MESSARI, "external_id": "matic"}
    assert (await same(feed, registry, "GetAssetIdentifier", **asked)).identifier.asset_id == one
    await own_call(feed, "MergeAssets", from_asset_id=one, into_asset_id=other)
    assert (await same(feed, registry, "GetAssetIdentifier", **asked)).identifier.asset_id == other
    # The id of the merged asset leads there, too.
    assert (await same(feed, registry, "GetAssetIdentifier", asset_id=one, source=MESSARI)).identifier.asset_id == other


# ---- deployments ---------------------------------------------------------------------------------------------------


async def test_a_deployment_is_found_by_any_form_of_its_address_after_every_change(
    feed: Client, registry: Client, hotpath: Hotpath, btc: Listed
) -> None:
    factory = Factory(feed)
    chain = await factory.chain()
    asked: dict[str, Any] = {"chain_id": chain, "address": USDT.lower()}
    assert not (await same(feed, registry, "ListAssetDeployments", **asked)).deployments
    made = (await feed.call("CreateAssetDeployment", asset_id=btc.quote, chain_id=chain, contract_address=USDT)).deployment
    for spelled in (USDT, USDT.lower(), "0x" + USDT[2:].upper()):
        found = await same(feed, registry, "ListAssetDeployments", chain_id=chain, address=spelled)
        assert [each.deployment_id for each in found.deployments] == [made.deployment_id]
        assert found.deployments[0].chain_name == "Ethereum"
    assert hotpath.engine.hits["ListAssetDeployments"] > 0
    await own_call(feed, "UpdateChain", chain_id=chain, chain_name="Ethereum Mainnet")
    assert (await same(feed, registry, "ListAssetDeployments", **asked)).deployments[0].chain_name == "Ethereum Mainnet"
    await own_call(feed, "UpdateAssetDeployment", deployment_id=made.deployment_id, address=USDC)
    assert not (await same(feed, registry, "ListAssetDeployments", **asked)).deployments
    moved = await same(feed, registry, "ListAssetDeployments", chain_id=chain, address=USDC)
    assert [each.address for each in moved.deployments] == [USDC]
    await own_call(feed, "DeleteAssetDeployment", deployment_id=made.deployment_id)
    assert not (await same(feed, registry, "ListAssetDeployments", chain_id=chain, address=USDC)).deployments
    for fields, code in (
        ({"chain_id": "nowhere", "address": USDT}, "NOT_FOUND"),
        ({"chain_id": chain, "address": "0x12"}, "INVALID_ARGUMENT"),
        ({"chain_id": "Not A Slug", "address": USDT}, "INVALID_ARGUMENT"),
    ):
        refused = await feed.refused("ListAssetDeployments", **fields)
        assert refused == await registry.refused("ListAssetDeployments", **fields)
        assert refused.code == code


@pytest.mark.parametrize("transport", ["grpcio", "lane"])
async def test_admin_serves_all_other_lists_of_deployments(
    settings: Any, admin: Admin, registry: Client, transport: str
) -> None:
    btc = await listed(registry)
    async with (
        worker_of(changed(settings, hotpath={"transport": transport}), admin.port) as hotpath,
        Client(hotpath.port) as feed,
    ):
        await _listed_by_admin(hotpath, feed, registry, btc)


async def _listed_by_admin(hotpath: Hotpath, feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    chain = await factory.chain()
    for asset, address in ((btc.quote, USDT), (btc.base, USDC)):
        await feed.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=address)
    for fields in (
        {"asset_id": btc.quote},
        {"chain_id": chain},
        {"address": USDC},
        {"asset_id": btc.quote, "chain_id": chain, "address": USDT},
        {"chain_id": chain, "page_size": 1},
        {"chain_id": chain, "address": USDT, "page_size": 1},
        {},
    ):
        assert await feed.call("ListAssetDeployments", **fields) == await registry.call("ListAssetDeployments", **fields)
    page = await feed.call("ListAssetDeployments", chain_id=chain, page_size=1)
    more = await feed.call("ListAssetDeployments", chain_id=chain, page_size=1, page_token=page.next_page_token)
    assert len({each.deployment_id for each in (*page.deployments, *more.deployments)}) == 2
    wrong: list[dict[str, Any]] = [{"page_size": -1}, {"chain_id": chain, "page_token": "made up"}, {"chain_id": "NO SLUG"}]
    for fields in wrong:
        refused = await feed.refused("ListAssetDeployments", **fields)
        assert refused == await registry.refused("ListAssetDeployments", **fields)
        assert refused.code == "INVALID_ARGUMENT"
    assert hotpath.engine.misses["ListAssetDeployments"] == 0


async def test_deployments_are_found_by_address_while_admin_is_down(settings: Any) -> None:
    async with admin_of(settings) as admin, worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        btc = await listed(feed)
        chain = await Factory(feed).chain()
        await feed.call("CreateAssetDeployment", asset_id=btc.quote, chain_id=chain, contract_address=USDT)
        await admin.stop()
        assert (await feed.call("ListAssetDeployments", chain_id=chain, address=USDT)).deployments
        assert (await feed.refused("ListAssetDeployments", chain_id=chain)).code == "UNAVAILABLE"


# ---- cut off -------------------------------------------------------------------------------------------------------


async def test_without_the_database_known_names_are_stale_and_none_is_absent(mortal: Servers, mortal_settings: Any) -> None:
    async with (
        admin_of(mortal_settings) as admin,
        worker_of(mortal_settings, admin.port) as worker,
        Client(worker.port) as feed,
    ):
        btc = await listed(feed)
        factory = Factory(feed)
        chain = await factory.chain()
        await feed.call("CreateAssetDeployment", asset_id=btc.quote, chain_id=chain, contract_address=USDT)
        await feed.call("CreateAssetIdentifier", asset_id=btc.base, source=COINGECKO, external_id="bitcoin")
        identifier = {"source": COINGECKO, "external_id": "bitcoin"}
        there = {"chain_id": chain, "address": USDT}
        await find(feed, btc.symbol)
        await feed.call("GetAssetIdentifier", **identifier)
        await feed.call("ListAssetDeployments", **there)
        assert not (await find(feed, btc.symbol, venue_id="okx")).venue_symbols
        assert not (await feed.call("ListAssetDeployments", chain_id=chain, address=USDC)).deployments
        mortal.postgres.kill()
        await eventually(lambda: worker.feed.age() > 1)
        for answer in (
            await find(feed, btc.symbol),
            await feed.call("GetAssetIdentifier", **identifier),
            await feed.call("ListAssetDeployments", **there),
        ):
            assert answer.stale
            assert answer.age_ms > 1_000
        for asked in ({"chain_id": chain, "address": USDC}, {"chain_id": "nowhere", "address": USDT}):
            assert (await feed.refused("ListAssetDeployments", **asked)).code == "UNAVAILABLE"
        assert (await feed.refused("GetAssetIdentifier", source=COINGECKO, external_id="nothing")).code == "UNAVAILABLE"
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await find(feed, btc.symbol, venue_id="okx")
        assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
