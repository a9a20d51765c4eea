"""MergeAssets: two assets that turn out to be the same become one, with everything that refers to them."""

import asyncio
import itertools
from typing import Any

import asyncpg
import grpc.aio
import pytest

from cqar.contract.cqar.v1 import events_pb2, resolver_pb2
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from tests.client import Client, refusal
from tests.hotpath.resolving import assets as assets_of
from tests.hotpath.resolving import resolver
from tests.registry.factory import FUTURE, OPTION, PERPETUAL, SPOT, USDC, USDT, Factory, waiting
from tests.service.registry import Records, RegistryService, day

WRAPS, STAKES, FORKS = assets.RELATIONSHIP_TYPE_WRAPS, assets.RELATIONSHIP_TYPE_STAKES, assets.RELATIONSHIP_TYPE_FORKS_FROM


async def _pair(factory: Factory) -> tuple[str, str]:
    """The asset to merge, and the one that stays."""
    return await factory.asset("XBT"), await factory.asset("BTC")


async def _merge(service: RegistryService, source: str, target: str) -> Any:
    return await service.call("MergeAssets", from_asset_id=source, into_asset_id=target)


async def _relate(client: Client, source: str, target: str, kind: int = WRAPS) -> str:
    fields = {"source_asset_id": source, "target_asset_id": target, "relationship_type": kind}
    return str((await client.call("CreateAssetRelationship", **fields)).relationship.relationship_id)


# ---- symbols and listings --------------------------------------------------------------------------------------------


async def test_a_symbol_that_exists_with_the_other_asset_gives_it_its_listings(
    feed: Client, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    usd, kraken, binance = await factory.asset("USD"), await factory.venue("Kraken"), await factory.venue("Binance")
    old = await factory.symbol(source, usd, tick_size_decimal="0.1", lot_size_decimal="0.01", min_notional_decimal="5")
    kept = await factory.symbol(target, usd, tick_size_decimal="0.5", lot_size_decimal="0.01")
    moved = await factory.listing(kraken, old, "XBTUSD", lot_size_decimal="0.001")
    ended = await factory.listing(kraken, old, "XXBTZUSD", delisted_at=day(-9))
    stays = await factory.listing(binance, kept, "BTCUSD")
    asked = {"venue_id": kraken, "venue_symbol": "XBTUSD"}
    before = await feed.call("GetVenueSymbol", **asked)
    await feed.call("GetVenueSymbol", venue_id=kraken, venue_symbol="XXBTZUSD")
    start = await records.head()

    merged = await _merge(RegistryService(feed), source, target)
    assert (merged.asset.asset_id, merged.asset.symbol) == (target, "BTC")
    rejection = {(each.entity, each.row_id): each for each in await records.since(start)}
    assert {(*name, each.op) for name, each in rejection.items()} == {
        ("venue_symbol", moved.listing_id, "update"),
        ("venue_symbol", ended.listing_id, "update"),
        ("symbol", old, "delete"),
        ("asset", source, "delete"),
    }
    assert merged.revision == start + 4
    assert rejection["venue_symbol", moved.listing_id].left == [f"symbol_listings:{old}"]

    found = await feed.call("GetVenueSymbol", **asked)
    assert (found.symbol.symbol_id, found.base_asset.asset_id) == (kept, target)
    assert found.venue_symbol.listing_id == moved.listing_id
    # What is traded at a venue has the steps that it had: they are the venue's, wherever they were written.
    specs = ("tick_size_decimal", "lot_size_decimal", "min_notional_decimal")
    assert [getattr(found.symbol, name) for name in specs] == [getattr(before.symbol, name) for name in specs]
    assert [getattr(found.symbol, name) for name in specs] == ["0.1", "0.001", "5"]
    found = await feed.call("GetVenueSymbol", venue_id=kraken, venue_symbol="XXBTZUSD")
    assert (found.symbol.symbol_id, found.venue_symbol.is_active) == (kept, False)
    found = await feed.call("GetVenueSymbol", venue_id=binance, venue_symbol="BTCUSD")
    assert (found.venue_symbol, found.symbol.tick_size_decimal) == (stays, "0.5")
    assert (await feed.call("GetSymbol", symbol_id=old)).symbol.symbol_id == kept
    assert (await feed.call("GetAsset", asset_id=source)).asset.asset_id == target
    listed = (await feed.call("ListVenueSymbols", symbol_id=kept, include_delisted=True)).venue_symbols
    assert {each.listing_id for each in listed} == {moved.listing_id, ended.listing_id, stays.listing_id}


async def test_other_symbols_are_rewritten_with_their_listings(
    registry: Client, feed: Client, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    usd, venue = await factory.asset("USD"), await factory.venue()
    as_base, as_quote = await factory.symbol(source, usd), await factory.symbol(usd, source)
    named = await factory.symbol(source, usd, FUTURE, expiry=day(30), symbol="my own name")
    listing = await factory.listing(venue, as_base, "XBTUSD")
    assert (await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="XBTUSD")).base_asset.symbol == "XBT"
    start = await records.head()
    await _merge(RegistryService(feed), source, target)
    found = await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="XBTUSD")
    assert (found.symbol.symbol_id, found.symbol.base_asset_id, found.base_asset.symbol) == (as_base, target, "BTC")
    assert (found.symbol.symbol, found.venue_symbol.listing_id) == ("BTC/USD", listing.listing_id)
    quoted = (await registry.call("GetSymbol", symbol_id=as_quote)).symbol
    assert (quoted.quote_asset_id, quoted.symbol) == (target, "USD/BTC")
    assert (await registry.call("GetSymbol", symbol_id=named)).symbol.symbol == "my own name"
    rejection = await records.since(start)
    assert sorted((each.entity, each.op) for each in rejection) == [("asset", "delete"), *[("symbol", "update")] * 3]
    assert await records.changes(as_base) == {"base_asset_id": [source, target], "symbol": ["XBT/USD", "BTC/USD"]}
    # The terms are those of one symbol again.
    assert (
        await registry.refused("CreateSymbol", symbol_type=SPOT, base_asset_id=target, quote_asset_id=usd)
    ).code == "ALREADY_EXISTS"


async def test_the_margin_kind_follows_the_assets(registry: Client, service: RegistryService, factory: Factory) -> None:
    source, target = await _pair(factory)
    usd, eth = await factory.asset("USD"), await factory.asset("ETH")
    quanto = await factory.symbol(target, usd, PERPETUAL, settlement_asset_id=source)
    linear = await factory.symbol(eth, source, PERPETUAL)
    other = await factory.symbol(eth, target, PERPETUAL, settlement_asset_id=source, margin_kind="quanto")
    option = await factory.symbol(
        source, usd, OPTION, settlement_asset_id=source, expiry=day(9), strike_price_decimal="72000", option_type=1
    )
    await _merge(service, source, target)

    async def kind(symbol: str) -> tuple[str, str]:
        found = (await registry.call("GetSymbol", symbol_id=symbol)).symbol
        return found.settlement_asset_id, found.margin_kind

    assert await kind(quanto) == (target, "inverse")
    assert await kind(option) == (target, "inverse")
    assert await kind(linear) == (target, "linear")
    # Both are ETH/BTC settled in BTC now: the first one takes over.
    assert (await registry.call("GetSymbol", symbol_id=other)).symbol.symbol_id == linear


async def test_identifiers_of_a_symbol_move_with_its_listings(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    source, target = await _pair(factory)
    usd = await factory.asset("USD")
    old, kept = await factory.symbol(source, usd), await factory.symbol(target, usd)
    for symbol, external, primary in ((old, "both", True), (old, "own", False), (kept, "both", False)):
        fields = {"symbol_id": symbol, "data_source": 1, "external_id": external, "is_primary": primary}
        await registry.call("CreateSymbolIdentifier", **fields)
    await _merge(service, source, target)
    found = (await registry.call("ListSymbolIdentifiers", symbol_id=kept)).identifiers
    assert {(each.external_id, each.is_primary) for each in found} == {("both", True), ("own", False)}
    assert (await registry.call("GetSymbolIdentifier", data_source=1, external_id="own")).identifier.symbol_id == kept


async def test_a_symbol_that_would_trade_an_asset_against_itself_is_named(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    symbol = await factory.symbol(source, target)
    await registry.call("CreateAssetIdentifier", asset_id=source, source=1, external_id="x")
    start = await records.head()
    refused = await service.refused("MergeAssets", from_asset_id=source, into_asset_id=target)
    assert refused.code == "FAILED_PRECONDITION"
    assert [each[:2] for each in refused.preconditions] == [("TERMS", f"symbol:{symbol}")]
    assert await records.head() == start
    assert (await registry.call("GetAssetIdentifier", source=1, external_id="x")).identifier.asset_id == source
    await registry.call("DeleteSymbol", symbol_id=symbol)
    await _merge(service, source, target)


# ---- venue assets ----------------------------------------------------------------------------------------------------


async def test_a_venue_asset_moves_or_its_codes_become_aliases(
    registry: Client, feed: Client, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    kraken, bitmex = await factory.venue("Kraken"), await factory.venue("BitMEX")
    for venue, asset, code, aliases in (
        (kraken, source, "XXBT", ["XBT", "BTC"]),
        (kraken, target, "BTC", ["XBT.M"]),
        (bitmex, source, "XBt", []),
    ):
        fields = {"venue_id": venue, "asset_id": asset, "venue_asset_symbol": code, "venue_asset_aliases": aliases}
        await registry.call("CreateVenueAsset", **fields, min_deposit_decimal="0.1", trading_enabled=True)
    assert (await feed.call("GetVenueAsset", venue_id=bitmex, asset_id=source)).venue_asset.venue_asset_symbol == "XBt"
    assert (await feed.refused("GetVenueAsset", venue_id=bitmex, asset_id=target)).code == "NOT_FOUND"
    start = await records.head()
    await _merge(RegistryService(feed), source, target)
    moved = (await feed.call("GetVenueAsset", venue_id=bitmex, asset_id=target)).venue_asset
    assert (moved.venue_asset_symbol, moved.min_deposit_decimal, moved.trading_enabled) == ("XBt", "0.1", True)
    kept = (await feed.call("GetVenueAsset", venue_id=kraken, asset_id=target)).venue_asset
    assert (kept.venue_asset_symbol, list(kept.venue_asset_aliases)) == ("BTC", ["XBT.M", "XXBT", "XBT"])
    for venue in (kraken, bitmex):
        assert (await feed.call("GetVenueAsset", venue_id=venue, asset_id=source)).venue_asset.asset_id == target
    for code in ("XXBT", "XBT", "XBT.M", "BTC"):
        [found] = (await registry.call("ListVenueAssets", venue_id=kraken, venue_asset_symbol=code)).venue_assets
        assert found.asset_id == target
    rejection = [(each.row_id, each.op, each.event) for each in await records.since(start) if each.entity == "venue_asset"]
    assert {(row_id, op) for row_id, op, _ in rejection} == {
        (f"{bitmex}/{source}", "delete"),
        (f"{bitmex}/{target}", "create"),
        (f"{kraken}/{source}", "delete"),
        (f"{kraken}/{target}", "update"),
    }
    [listed] = [event for _, _, event in rejection if event is not None]
    assert (listed.venue_asset.asset_id, listed.is_new_listing) == (target, False)


# ---- what belongs to an asset -----------------------------------------------------------------------------------------


async def test_deployments_move_and_the_canonical_one_stays_the_one(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    source, target = await _pair(factory)
    ethereum, base, venue = await factory.chain(), await factory.chain("Base"), await factory.venue()
    ids: dict[str, str] = {}
    for name, asset, chain, address in (
        ("old", source, ethereum, USDC),
        ("kept", target, ethereum, USDT),
        ("only", source, base, USDC),
    ):
        fields = {"asset_id": asset, "chain_id": chain, "contract_address": address, "is_canonical": True}
        ids[name] = (await registry.call("CreateAssetDeployment", **fields)).deployment.deployment_id
    key = {"venue_id": venue, "asset_id": source}
    await registry.call("CreateVenueAsset", **key, venue_asset_symbol="X", deployment_id=ids["only"])
    await _merge(service, source, target)
    found = {each.deployment_id: each for each in (await registry.call("ListAssetDeployments", asset_id=target)).deployments}
    assert {name: found[ids[name]].is_canonical for name in ids} == {"old": False, "kept": True, "only": True}
    assert (await registry.call("GetVenueAsset", venue_id=venue, asset_id=target)).venue_asset.deployment_id == ids["only"]


async def test_external_ids_move_and_one_is_primary(registry: Client, service: RegistryService, factory: Factory) -> None:
    source, target = await _pair(factory)
    for asset, kind, external, primary in (
        (source, 1, "bitcoin", True),
        (source, 1, "wrong", False),
        (target, 1, "bitcoin", False),
        (source, 2, "1", True),
        (target, 2, "2", True),
        (source, 3, "coin", True),
    ):
        await registry.call("CreateAssetIdentifier", asset_id=asset, source=kind, external_id=external, is_primary=primary)
    await _merge(service, source, target)
    found = (await registry.call("ListAssetIdentifiers", asset_id=target)).identifiers
    assert {(each.source, each.external_id, each.is_primary) for each in found} == {
        *((1, "bitcoin", True), (1, "wrong", False)),
        *((2, "1", False), (2, "2", True)),
        (3, "coin", True),
    }
    assert len(found) == 5
    for kind, external in ((1, "bitcoin"), (2, "1"), (3, "coin")):
        assert (await registry.call("GetAssetIdentifier", source=kind, external_id=external)).identifier.asset_id == target


async def test_relationships_move_without_duplicates_and_links_to_itself(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    source, target = await _pair(factory)
    wbtc, eth = await factory.asset("WBTC"), await factory.asset("ETH")
    kept = await _relate(registry, wbtc, target)
    moved = [await _relate(registry, source, eth, FORKS), await _relate(registry, wbtc, source, STAKES)]
    dropped = [
        await _relate(registry, wbtc, source),
        await _relate(registry, source, target),
        await _relate(registry, target, source, FORKS),
    ]
    await _merge(service, source, target)
    found = (await registry.call("ListAssetRelationships")).relationships
    assert {each.relationship_id for each in found} == {kept, *moved}
    assert {(each.from_asset_id, each.to_asset_id, each.relationship_type) for each in found} == {
        (wbtc, target, WRAPS),
        (target, eth, FORKS),
        (wbtc, target, STAKES),
    }
    for each in dropped:
        assert (await service.refused("DeleteAssetRelationship", relationship_id=each)).code == "NOT_FOUND"


@pytest.mark.parametrize("length", [0, 3])
async def test_a_merge_that_would_close_a_circle_names_the_relationship_and_changes_nothing(
    length: int, registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    between = [await factory.asset(f"A{at}") for at in range(length + 1)]
    for one, two in itertools.pairwise(between):
        await _relate(registry, one, two, STAKES)
    last = {await _relate(registry, between[-1], target), await _relate(registry, source, between[0])}
    venue = await factory.venue()
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=source, venue_asset_symbol="X")
    start = await records.head()
    refused = await service.refused("MergeAssets", from_asset_id=source, into_asset_id=target)
    assert refused.code == "FAILED_PRECONDITION"
    [(kind, subject, _)] = refused.preconditions
    assert kind == "CYCLE"
    assert subject.removeprefix("relationship:") in last
    assert await records.head() == start
    assert (await registry.call("GetVenueAsset", venue_id=venue, asset_id=source)).venue_asset.asset_id == source
    await service.call("DeleteAssetRelationship", relationship_id=subject.removeprefix("relationship:"))
    await _merge(service, source, target)


async def test_memberships_move_and_change_their_groups(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    members = [{"asset_id": source, "weight_decimal": "0.1"}]
    only = (await registry.call("CreateAssetGroup", name="only", members=members)).group
    both = (await registry.call("CreateAssetGroup", name="both", members=[*members, {"asset_id": target}])).group
    start = await records.head()
    await _merge(service, source, target)
    found = (await registry.call("GetAssetGroup", name="only")).group
    assert [(each.asset_id, each.weight_decimal) for each in found.members] == [(target, "0.1")]
    assert found.revision > only.revision
    found = (await registry.call("GetAssetGroup", name="both")).group
    assert [(each.asset_id, each.HasField("weight")) for each in found.members] == [(target, False)]
    assert found.revision > both.revision
    rejection = sorted((each.entity, each.op) for each in await records.since(start))
    assert rejection == [
        ("asset", "delete"),
        *[("asset_group", "update")] * 2,
        ("asset_group_member", "delete"),
        ("asset_group_member", "update"),
    ]


async def test_a_chain_has_the_asset_that_stays_as_its_native_one(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    source, target = await _pair(factory)
    chain = await factory.chain(native_asset_id=source)
    await _merge(service, source, target)
    assert (await registry.call("GetChain", chain_id=chain)).chain.native_asset_id == target


async def test_quality_flags_stay_with_the_asset_that_goes(registry: Client, feed: Client, factory: Factory) -> None:
    source, target = await _pair(factory)
    venue, usd = await factory.venue(), await factory.asset("USD")
    await factory.listing(venue, await factory.symbol(source, usd), "XBTUSD")
    flag = await factory.flag(source)
    other = await factory.flag(target, assets.FLAG_SEVERITY_INFO)
    service = RegistryService(feed)
    await _merge(service, source, target)
    assert (await service.call("GetQualityFlag", flag_id=flag)).flag.asset_id == source
    found = await feed.call("GetAsset", asset_id=target)
    assert [each.flag_id for each in found.active_flags] == [other]
    assert not (await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="XBTUSD")).trading_blocked
    await registry.call("RaiseQualityFlag", asset_id=target, flag_type=1, severity=5, description="!", raised_by="x")
    assert (await registry.call("GetVenueSymbol", venue_id=venue, venue_symbol="XBTUSD")).trading_blocked


# ---- the call ----------------------------------------------------------------------------------------------------------


async def test_both_assets_are_given_differ_and_live(registry: Client, service: RegistryService, factory: Factory) -> None:
    source, target = await _pair(factory)
    for fields, code, violation in (
        ({"into_asset_id": target}, "INVALID_ARGUMENT", ("from_asset_id", "REQUIRED")),
        ({"from_asset_id": source}, "INVALID_ARGUMENT", ("into_asset_id", "REQUIRED")),
        ({"from_asset_id": source, "into_asset_id": source}, "INVALID_ARGUMENT", ("into_asset_id", "SAME_ASSET")),
        ({"from_asset_id": "nobody", "into_asset_id": target}, "NOT_FOUND", ("from_asset_id", "NOT_FOUND")),
        ({"from_asset_id": source, "into_asset_id": "nobody"}, "NOT_FOUND", ("into_asset_id", "NOT_FOUND")),
    ):
        refused = await service.refused("MergeAssets", **fields)
        assert (refused.code, refused.fields) == (code, [violation])
    await _merge(service, source, target)
    refused = await service.refused("MergeAssets", from_asset_id=source, into_asset_id=target)
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("from_asset_id", "NOT_FOUND")])
    assert (await registry.refused("UpdateAsset", asset_id=source, name="x")).code == "NOT_FOUND"


async def test_a_merge_is_repeated_safely_under_a_key(service: RegistryService, factory: Factory, records: Records) -> None:
    source, target = await _pair(factory)
    headers = (("idempotency-key", "merge-1"),)
    first = await service.call("MergeAssets", headers=headers, from_asset_id=source, into_asset_id=target)
    head = await records.head()
    assert await service.call("MergeAssets", headers=headers, from_asset_id=source, into_asset_id=target) == first
    assert await records.head() == head


# ---- successors and events -------------------------------------------------------------------------------------------


async def test_lookups_by_an_old_id_answer_the_successor(registry: Client, feed: Client, factory: Factory) -> None:
    source, target = await _pair(factory)
    usd, venue = await factory.asset("USD"), await factory.venue("Kraken")
    old, kept = await factory.symbol(source, usd), await factory.symbol(target, usd)
    listing = await factory.listing(venue, old, "XBTUSD")
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=source, venue_asset_symbol="XBT")
    await registry.call("CreateAssetIdentifier", asset_id=source, source=1, external_id="bitcoin")
    await registry.call("CreateSymbolIdentifier", symbol_id=old, data_source=1, external_id="btc-usd")
    for client in (feed, registry):
        assert (await client.call("GetAsset", asset_id=source)).asset.asset_id == source
        assert (await client.call("GetSymbol", symbol_id=old)).symbol.symbol_id == old
    await _merge(RegistryService(feed), source, target)
    for client in (feed, registry):
        assert (await client.call("GetAsset", asset_id=source)).asset.asset_id == target
        assert (await client.call("GetSymbol", symbol_id=old)).symbol.symbol_id == kept
        recorded = await client.call("GetVenueAsset", venue_id=venue, asset_id=source)
        assert recorded.venue_asset.asset_id == target
        named = await client.call("GetAssetIdentifier", asset_id=source, source=1)
        assert (named.identifier.asset_id, named.identifier.external_id) == (target, "bitcoin")
        named = await client.call("GetSymbolIdentifier", symbol_id=old, data_source=1)
        assert (named.identifier.symbol_id, named.identifier.external_id) == (kept, "btc-usd")
        [result] = (await assets_of(client, resolver_pb2.AssetKey(asset_id=source))).results
        assert result.asset.asset_id == target
        found = await resolver(client, "FindVenueSymbols", symbol_id=old)
        assert [each.listing_id for each in found.venue_symbols] == [listing.listing_id]


async def test_a_successor_that_is_merged_passes_its_old_ids_on(registry: Client, feed: Client, factory: Factory) -> None:
    first, second, third = [await factory.asset(each) for each in ("A", "B", "C")]
    usd = await factory.asset("USD")
    symbols = [await factory.symbol(each, usd) for each in (first, second, third)]
    await _merge(RegistryService(feed), first, second)
    assert (await feed.call("GetAsset", asset_id=first)).asset.asset_id == second
    await _merge(RegistryService(feed), second, third)
    for client in (feed, registry):
        for asset, symbol in zip((first, second), symbols[:2], strict=True):
            assert (await client.call("GetAsset", asset_id=asset)).asset.asset_id == third
            assert (await client.call("GetSymbol", symbol_id=symbol)).symbol.symbol_id == symbols[2]
    await feed.call("DeleteSymbol", symbol_id=symbols[2])
    await feed.call("DeleteAsset", asset_id=third)
    for client in (feed, registry):
        assert (await client.refused("GetAsset", asset_id=first)).code == "NOT_FOUND"
        assert (await client.refused("GetSymbol", symbol_id=symbols[0])).code == "NOT_FOUND"


async def test_a_listing_that_moves_is_one_event_with_old_and_new_ids(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    usd, venue = await factory.asset("USD"), await factory.venue("Kraken")
    old, kept = await factory.symbol(source, usd), await factory.symbol(target, usd)
    listing = await factory.listing(venue, old, "XBTUSD")
    start = await records.head()
    await _merge(service, source, target)
    [event] = [each.event for each in await records.since(start) if each.event is not None]
    assert isinstance(event, events_pb2.MarketMoved)
    assert (event.venue_symbol.listing_id, event.venue_symbol.symbol_id) == (listing.listing_id, kept)
    assert (event.symbol.symbol_id, event.symbol.base_asset_id) == (kept, target)
    previous = event.previous_symbol_id, event.previous_base_asset_id, event.previous_quote_asset_id
    assert previous == (old, source, usd)
    assert not event.HasField("previous_settlement_asset_id")
    assert (event.source, event.actor_id) == ("api", "anonymous")


async def test_a_symbol_that_gets_another_asset_is_one_event(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    symbol = await factory.symbol(source, await factory.asset("USD"))
    await factory.listing(await factory.venue(), symbol, "XBTUSD")
    start = await records.head()
    await _merge(service, source, target)
    [event] = [each.event for each in await records.since(start) if each.event is not None]
    assert isinstance(event, events_pb2.MarketMoved)
    assert (event.symbol.symbol_id, event.symbol.base_asset_id, event.HasField("venue_symbol")) == (symbol, target, False)
    assert (event.previous_symbol_id, event.previous_base_asset_id) == (symbol, source)


async def test_a_listing_that_is_given_another_symbol_is_one_event(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    source, target = await _pair(factory)
    usd = await factory.asset("USD")
    old, new = await factory.symbol(source, usd), await factory.symbol(target, usd)
    listing = await factory.listing(await factory.venue(), old, "XBTUSD")
    start = await records.head()
    await service.call("UpdateVenueSymbol", listing_id=listing.listing_id, symbol_id=new)
    [change] = await records.since(start)
    assert (change.event.venue_symbol.symbol_id, change.event.previous_symbol_id) == (new, old)
    assert (change.event.symbol.base_asset_id, change.event.previous_base_asset_id) == (target, source)


# ---- beside others -----------------------------------------------------------------------------------------------------


def _creates(source: str, other: str, venue: str, chain: str, group: str) -> dict[str, dict[str, Any]]:
    return {
        "CreateSymbol": {"symbol_type": SPOT, "base_asset_id": source, "quote_asset_id": other},
        "CreateVenueAsset": {"venue_id": venue, "asset_id": source, "venue_asset_symbol": "X"},
        "CreateAssetDeployment": {"asset_id": source, "chain_id": chain, "contract_address": USDC},
        "CreateAssetIdentifier": {"asset_id": source, "source": 1, "external_id": "x"},
        "CreateAssetRelationship": {"source_asset_id": source, "target_asset_id": other, "relationship_type": WRAPS},
        "AddAssetToGroup": {"group_id": group, "asset_id": source},
        "CreateChain": {"name": "New", "chain_type": "EVM", "native_asset_id": source},
    }


async def test_nothing_is_made_for_an_asset_beside_its_merge(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    source, target = await _pair(factory)
    other, venue, chain = await factory.asset("USD"), await factory.venue(), await factory.chain()
    group = (await registry.call("CreateAssetGroup", name="G")).group.group_id
    creates = _creates(source, other, venue, chain, group)
    async with connection.transaction():
        # A merge that has locked the assets and goes on.
        await connection.execute("SELECT FROM assets WHERE asset_id = ANY($1) FOR UPDATE", [source, target])
        tasks = [asyncio.create_task(registry.refused(method, **fields)) for method, fields in creates.items()]
        await waiting(connection, len(tasks))
        await connection.execute("UPDATE assets SET deleted_at = now() WHERE asset_id = $1", source)
    for refused in await asyncio.gather(*tasks):
        assert refused.code == "NOT_FOUND"


async def test_what_is_made_before_a_merge_goes_along(registry: Client, service: RegistryService, factory: Factory) -> None:
    """Concurrent calls in any order: each create is rejected, or its row belongs to the remaining asset."""
    source, target = await _pair(factory)
    other, venue, chain = await factory.asset("USD"), await factory.venue(), await factory.chain()
    group = (await registry.call("CreateAssetGroup", name="G")).group.group_id
    creates = _creates(source, other, venue, chain, group)

    async def create(method: str, fields: dict[str, Any]) -> str:
        try:
            await registry.call(method, **fields)
        except grpc.aio.AioRpcError as error:
            return refusal(error).code
        return "OK"

    async def merge() -> str:
        await asyncio.sleep(0.005)
        while True:
            try:
                await _merge(service, source, target)
            except grpc.aio.AioRpcError as error:
                assert refusal(error).code == "ABORTED"  # noqa: PT017 - a deadlock, which a client retries
            else:
                return "OK"

    *codes, _ = await asyncio.gather(*(create(*each) for each in creates.items()), merge())
    assert set(codes) <= {"OK", "NOT_FOUND", "ABORTED"}
    made = {
        "CreateSymbol": await registry.call("ListSymbols", base_asset_id=target),
        "CreateVenueAsset": await registry.call("ListVenueAssets", asset_id=target),
        "CreateAssetDeployment": await registry.call("ListAssetDeployments", asset_id=target),
        "CreateAssetIdentifier": await registry.call("ListAssetIdentifiers", asset_id=target),
        "CreateAssetRelationship": await registry.call("ListAssetRelationships", asset_id=target),
    }
    for (method, answer), code in zip(made.items(), codes, strict=False):
        rows = next(value for field, value in answer.ListFields() if field.is_repeated) if answer.ListFields() else []
        assert len(rows) == (code == "OK"), method
    members = (await registry.call("GetAssetGroup", group_id=group)).group.members
    assert [each.asset_id for each in members] == [target] * (codes[5] == "OK")
    if codes[6] == "OK":
        assert (await registry.call("GetChain", chain_id="new")).chain.native_asset_id == target
