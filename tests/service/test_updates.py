"""Updates change the fields that they set or clear, and nothing else."""

from typing import Any, NamedTuple

import pytest

from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client
from tests.registry.factory import PERPETUAL, SPOT, USDC, USDT, Factory
from tests.service.registry import Records, RegistryService, day, struct

DEX = venues.VENUE_TYPE_DEX
POOL = "0x0d4a11d5EEaaC28EC3F61d100daF4d40471f1852"
SOLANA = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


class Case(NamedTuple):
    """A stored row, and updates of it."""

    #: its field in responses
    field: str
    #: the request's key
    key: dict[str, Any]
    #: a field, another value of it
    change: tuple[str, Any]
    #: fields that are set and may be unset
    optional: tuple[str, ...]
    #: a field that is always there
    needed: str


async def _case(factory: Factory, method: str) -> Case:  # noqa: PLR0911 - one for each call
    client, metadata = factory.client, struct(a=1)
    made: Any
    match method:
        case "UpdateChain":
            made = await factory.chain("Ethereum", "EVM", caip2="eip155:1", max_decimals=255, metadata=metadata)
            return Case(
                "chain", {"chain_id": made}, ("explorer_url", "https://etherscan.io"), ("caip2", "metadata"), "chain_name"
            )
        case "UpdateVenue":
            made = await factory.venue("Binance", api_endpoint="https://api.binance.com", metadata=metadata)
            return Case("venue", {"venue_id": made}, ("website_url", "https://a.org"), ("api_endpoint", "metadata"), "name")
        case "UpdateVenueAsset":
            asset, venue = await factory.asset(), await factory.venue()
            await client.call(
                *("CreateVenueAsset",),
                venue_id=venue,
                asset_id=asset,
                venue_asset_symbol="XBT",
                venue_asset_aliases=["XXBT"],
                min_deposit_decimal="0.1",
                metadata=metadata,
            )
            key = {"venue_id": venue, "asset_id": asset}
            optional = ("min_deposit_decimal", "venue_asset_aliases", "metadata")
            return Case("venue_asset", key, ("withdrawal_fee_decimal", "1e-8"), optional, "venue_asset_symbol")
        case "UpdateVenueSymbol":
            made = await factory.listing(await factory.venue(), await factory.pair(), tick_size_decimal="0.1", taker_fee=0.001)
            key = {"listing_id": made.listing_id}
            return Case("venue_symbol", key, ("lot_size_decimal", "0.001"), ("tick_size_decimal", "taker_fee"), "is_active")
        case "UpdateAssetDeployment":
            fields = {
                "asset_id": await factory.asset(),
                "chain_id": await factory.chain(),
                "contract_address": USDC,
                "decimals": 6,
            }
            made = (await client.call("CreateAssetDeployment", **fields, is_canonical=True, metadata=metadata)).deployment
            key = {"deployment_id": made.deployment_id}
            return Case("deployment", key, ("deployed_at", day(-9)), ("decimals", "is_canonical", "metadata"), "address")
        case "UpdateAssetGroup":
            made = (await client.call("CreateAssetGroup", name="ETH", description="all of it", metadata=metadata)).group
            return Case("group", {"group_id": made.group_id}, ("group_type", "beta"), ("description", "metadata"), "name")
        case _:
            fields = {"source_asset_id": await factory.asset("stETH"), "target_asset_id": await factory.asset("ETH")}
            fields |= {"relationship_type": assets.RELATIONSHIP_TYPE_STAKES, "protocol": "Lido", "conversion_rate": "1.05"}
            made = (await client.call("CreateAssetRelationship", **fields)).relationship
            key = {"relationship_id": made.relationship_id}
            return Case("relationship", key, ("description", "staked"), ("protocol", "conversion_rate"), "")


UPDATES = [name for name in pb.DESCRIPTOR.services_by_name["Registry"].methods_by_name if name.startswith("Update")]


@pytest.mark.parametrize("method", UPDATES)
async def test_an_update_changes_what_it_sets_and_unsets_what_it_clears(
    method: str, service: RegistryService, factory: Factory, records: Records
) -> None:
    field, key, (name, value), optional, needed = await _case(factory, method)
    start = await records.head()

    nothing = await service.call(method, **key)
    before = getattr(nothing, field)
    assert await records.head() == start
    same = {each: getattr(before, each) for each in optional}
    again = await service.call(method, **key, **same)
    assert (getattr(again, field), again.revision) == (before, nothing.revision)
    assert nothing.revision == before.revision
    assert await records.head() == start

    changed = await service.call(method, **key, **{name: value}, expected_revision=before.revision)
    after = getattr(changed, field)
    assert after.revision == changed.revision == start + 1
    [rejection] = await records.since(start)
    assert (rejection.op, rejection.event, rejection.left) == ("update", None, [])
    assert set(await records.changes(rejection.row_id)) == {name.removesuffix("_decimal")}
    expected = type(before)()
    expected.CopyFrom(before)
    for each in (name, name.removesuffix("_decimal"), "revision", "updated_at", "specs_since"):
        if each in before.DESCRIPTOR.fields_by_name:
            expected.ClearField(each)
            after.ClearField(each)
    assert after == expected
    refused = await service.refused(method, **key, **{name: value}, expected_revision=before.revision)
    assert refused.code == "ABORTED"

    cleared = getattr(await service.call(method, **key, clear=optional), field)
    for each in (*optional, *(each.removesuffix("_decimal") for each in optional)):
        assert each not in {one.name for one, _ in cleared.ListFields()}
    again = getattr(await service.call(method, **key, clear=optional), field)
    assert again == cleared
    assert await records.head() == start + 2

    for given, rule in (
        ({"clear": ["no_such_field"]}, "UNKNOWN_FIELD"),
        ({"clear": [next(iter(key))]}, "UNKNOWN_FIELD"),
        ({"clear": [needed]}, "REQUIRED"),
        ({"clear": [name], name: value}, "ALSO_SET"),
    ):
        if given["clear"] == [""]:
            continue
        refused = await service.refused(method, **key, **given)
        where = "address" if given["clear"] == ["address"] else "clear"
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(where, rule)])
    missing = await service.refused(method)
    assert (missing.code, set(missing.fields)) == ("INVALID_ARGUMENT", {(each, "REQUIRED") for each in key})
    assert (await service.refused(method, **dict.fromkeys(key, "nobody"), **{name: value})).code == "NOT_FOUND"
    assert await records.head() == start + 2


# ---- chains --------------------------------------------------------------------------------------------------------


async def test_a_chain_keeps_its_type_while_an_address_is_spelled_by_it(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    chain, asset = await factory.chain(), await factory.asset("USDC")
    made = (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDC)).deployment
    refused = await service.refused("UpdateChain", chain_id=chain, chain_type="solana")
    assert refused.code == "FAILED_PRECONDITION"
    assert [each[:2] for each in refused.preconditions] == [("IN_USE", "chain_type")]
    assert made.deployment_id in refused.message
    same = await service.call("UpdateChain", chain_id=chain, chain_type="evm", chain_name="Ethereum Mainnet")
    assert (same.chain.chain_type, same.chain.chain_name) == ("EVM", "Ethereum Mainnet")
    await service.call("DeleteAssetDeployment", deployment_id=made.deployment_id)
    assert (await service.call("UpdateChain", chain_id=chain, chain_type="other")).chain.chain_type == "OTHER"
    await service.call("UpdateChain", chain_id=chain, chain_type="EVM")
    dex = await factory.venue("Uniswap", venue_type=DEX, chain_id=chain)
    listing = await factory.listing(dex, await factory.pair(), POOL.lower())
    refused = await service.refused("UpdateChain", chain_id=chain, chain_type="OTHER")
    assert (refused.code, listing.listing_id in refused.message) == ("FAILED_PRECONDITION", True)
    await service.call("DeleteVenueSymbol", listing_id=listing.listing_id)
    await service.call("UpdateVenue", venue_id=dex, protocol_address=USDC.lower())
    assert "uniswap" in (await service.refused("UpdateChain", chain_id=chain, chain_type="OTHER")).message


async def test_a_chain_is_corrected_within_the_rules(service: RegistryService, factory: Factory) -> None:
    chain, other, asset = await factory.chain(caip2="eip155:1"), await factory.chain("Base"), await factory.asset("ETH")
    for fields, violation in (
        ({"chain_type": "EVMOS"}, ("chain_type", "BAD_CHAIN_TYPE")),
        ({"max_decimals": 256}, ("max_decimals", "OUT_OF_RANGE")),
        ({"caip2": "1"}, ("caip2", "BAD_CAIP2")),
        ({"rpc_urls": ["https://x", "ftp://x"]}, ("rpc_urls", "BAD_URL")),
    ):
        refused = await service.refused("UpdateChain", chain_id=other, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])
    refused = await service.refused("UpdateChain", chain_id=other, caip2="eip155:1")
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("caip2", "TAKEN")])
    refused = await service.refused("UpdateChain", chain_id=other, native_asset_id="nobody")
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("native_asset_id", "NOT_FOUND")])
    changed = (await service.call("UpdateChain", chain_id=chain, native_asset_id=asset, rpc_urls=["https://a.org"])).chain
    assert (changed.native_asset_id, list(changed.rpc_urls), changed.caip2) == (asset, ["https://a.org"], "eip155:1")
    assert not (await service.call("UpdateChain", chain_id=chain, clear=["rpc_urls"])).chain.rpc_urls


# ---- venues --------------------------------------------------------------------------------------------------------


async def test_a_venue_that_lists_texts_keeps_the_rule_they_are_spelled_by(service: RegistryService, factory: Factory) -> None:
    ethereum, base, solana = await factory.chain(), await factory.chain("Base"), await factory.chain("Solana", "SOLANA")
    dex = await factory.venue("Uniswap", venue_type=DEX, chain_id=ethereum, protocol_address=USDC.lower())
    listing = await factory.listing(dex, await factory.pair(), POOL)
    for fields, subject in (
        ({"chain_id": solana, "protocol_address": SOLANA}, "chain_id"),
        ({"clear": ["chain_id"]}, "chain_id"),
        ({"venue_type": venues.VENUE_TYPE_CEX}, "venue_type"),
    ):
        refused = await service.refused("UpdateVenue", venue_id=dex, **fields)
        assert refused.code == "FAILED_PRECONDITION"
        assert [each[:2] for each in refused.preconditions] == [("LISTED", subject)]
    moved = (await service.call("UpdateVenue", venue_id=dex, chain_id=base)).venue
    assert (moved.chain_id, moved.protocol_address) == (base, USDC)
    await service.call("DeleteVenueSymbol", listing_id=listing.listing_id)
    refused = await service.refused("UpdateVenue", venue_id=dex, chain_id=solana)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("protocol_address", "BAD_ADDRESS")])
    assert (await service.call("UpdateVenue", venue_id=dex, chain_id=solana, protocol_address=SOLANA)).venue.chain_id == solana
    refused = await service.refused("UpdateVenue", venue_id=dex, chain_id="nowhere")
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("chain_id", "NOT_FOUND")])


async def test_the_default_type_decides_at_once_which_market_a_text_means(feed: Client, factory: Factory) -> None:
    venue, base, quote = await factory.venue(), await factory.asset("BTC"), await factory.asset("USDT")
    ids = {kind: await factory.symbol(base, quote, kind) for kind in (SPOT, PERPETUAL)}
    for symbol in ids.values():
        await factory.listing(venue, symbol)
    through = RegistryService(feed)
    for kind, symbol in ids.items():
        await through.call("UpdateVenue", venue_id=venue, default_symbol_type=kind)
        found = await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="BTCUSDT")
        assert found.venue_symbol.symbol_id == symbol
    await through.call("UpdateVenue", venue_id=venue, clear=["default_symbol_type"])
    assert (await feed.refused("GetVenueSymbol", venue_id=venue, venue_symbol="BTCUSDT")).code == "FAILED_PRECONDITION"


# ---- venue assets --------------------------------------------------------------------------------------------------


async def test_a_venue_asset_is_found_by_its_new_codes_alone(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    venue, asset = await factory.venue("Kraken"), await factory.asset()
    key = {"venue_id": venue, "asset_id": asset}
    await registry.call("CreateVenueAsset", **key, venue_asset_symbol="XBT", venue_asset_aliases=["XXBT"])
    start = await records.head()
    changed = (
        await service.call("UpdateVenueAsset", **key, venue_asset_symbol="BTC", venue_asset_aliases=["XBT", "BTC", "XBT"])
    ).venue_asset
    assert (changed.venue_asset_symbol, list(changed.venue_asset_aliases)) == ("BTC", ["XBT"])
    [rejection] = await records.since(start)
    assert rejection.left == [f"venue_code:{venue}:XXBT"]
    for code, count in (("BTC", 1), ("XBT", 1), ("XXBT", 0)):
        assert len((await registry.call("ListVenueAssets", venue_id=venue, venue_asset_symbol=code)).venue_assets) == count


async def test_a_venue_asset_names_a_deployment_of_its_asset(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    venue, usdc, usdt, chain = (
        await factory.venue(),
        await factory.asset("USDC"),
        await factory.asset("USDT"),
        await factory.chain(),
    )
    ids = [
        (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=address)).deployment
        for asset, address in ((usdc, USDC), (usdt, USDT))
    ]
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=usdc, venue_asset_symbol="USDC")
    key = {"venue_id": venue, "asset_id": usdc}
    changed = await service.call("UpdateVenueAsset", **key, deployment_id=ids[0].deployment_id)
    assert changed.venue_asset.deployment_id == ids[0].deployment_id
    refused = await service.refused("UpdateVenueAsset", **key, deployment_id=ids[1].deployment_id)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("deployment_id", "OTHER_ASSET")])
    refused = await service.refused("UpdateVenueAsset", **key, deployment_id="nobody")
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("deployment_id", "NOT_FOUND")])
    for fields, violation in (
        ({"withdrawal_fee_decimal": "-1"}, ("withdrawal_fee", "NEGATIVE")),
        ({"listed_at": day(-1), "delisted_at": day(-2)}, ("delisted_at", "BAD_RANGE")),
        ({"venue_asset_symbol": " X"}, ("venue_asset_symbol", "OUTER_SPACE")),
    ):
        refused = await service.refused("UpdateVenueAsset", **key, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])


async def test_a_blocked_venue_asset_is_corrected_but_not_switched_on(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    venue, on, off = await factory.venue(), await factory.asset("A"), await factory.asset("B")
    for asset, switch in ((on, True), (off, False)):
        fields = {"venue_id": venue, "asset_id": asset, "trading_enabled": switch, "is_active": switch}
        await registry.call("CreateVenueAsset", **fields, venue_asset_symbol="X")
        await factory.flag(asset)
    start = await records.head()
    same = (
        await service.call("UpdateVenueAsset", venue_id=venue, asset_id=on, trading_enabled=True, is_active=True)
    ).venue_asset
    assert (same.trading_enabled, same.trading_enabled_stored) == (False, True)
    assert await records.head() == start
    # What the answer said, sent back, is the stored switch from now on.
    shown = await service.call("UpdateVenueAsset", venue_id=venue, asset_id=on, trading_enabled=same.trading_enabled)
    assert (shown.venue_asset.trading_enabled, shown.venue_asset.trading_enabled_stored) == (False, False)
    for name in ("trading_enabled", "is_active"):
        refused = await service.refused("UpdateVenueAsset", venue_id=venue, asset_id=off, **{name: True})
        assert refused.code == "FAILED_PRECONDITION"
        assert [each[:2] for each in refused.preconditions] == [("TRADING_BLOCKED", f"asset:{off}")]
    await service.call("UpdateVenueAsset", venue_id=venue, asset_id=off, deposit_enabled=True, withdraw_enabled=True)


# ---- venue symbols -------------------------------------------------------------------------------------------------


async def test_a_wrong_mapping_is_corrected_and_the_type_follows_the_symbol(
    service: RegistryService, feed: Client, factory: Factory
) -> None:
    venue, base, quote = await factory.venue(), await factory.asset("LIT"), await factory.asset("USDT")
    wrong, right = await factory.symbol(base, quote), await factory.symbol(base, quote, PERPETUAL)
    listing = await factory.listing(venue, wrong, "LITUSDT")
    assert (await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="LITUSDT")).symbol.symbol_id == wrong
    changed = (
        await RegistryService(feed).call("UpdateVenueSymbol", listing_id=listing.listing_id, symbol_id=right)
    ).venue_symbol
    assert (changed.symbol_id, changed.symbol_type, changed.listing_id) == (right, PERPETUAL, listing.listing_id)
    found = await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="LITUSDT")
    assert (found.symbol.symbol_id, found.venue_symbol.symbol_type) == (right, PERPETUAL)
    assert (await feed.refused("GetVenueSymbol", venue_id=venue, venue_symbol="LITUSDT", symbol_type=SPOT)).code == "NOT_FOUND"
    refused = await service.refused("UpdateVenueSymbol", listing_id=listing.listing_id, symbol_id="nobody")
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("symbol_id", "NOT_FOUND")])


async def test_a_renamed_text_keeps_its_listing_and_leaves_the_old_name(
    service: RegistryService, feed: Client, factory: Factory, records: Records
) -> None:
    venue, symbol = await factory.venue("Hyperliquid"), await factory.pair("PURR", "USDC")
    listing = await factory.listing(venue, symbol, "10000")
    await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="10000")
    start = await records.head()
    changed = (
        await RegistryService(feed).call("UpdateVenueSymbol", listing_id=listing.listing_id, venue_symbol="PURR/USDC")
    ).venue_symbol
    assert (changed.listing_id, changed.venue_symbol) == (listing.listing_id, "PURR/USDC")
    assert (
        await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="PURR/USDC")
    ).venue_symbol.listing_id == listing.listing_id
    assert (await feed.refused("GetVenueSymbol", venue_id=venue, venue_symbol="10000")).code == "NOT_FOUND"
    [rejection] = await records.since(start)
    assert rejection.left == [f"listings:{venue}:10000"]
    assert f"listings:{venue}:PURR/USDC" in rejection.keys
    refused = await service.refused("UpdateVenueSymbol", listing_id=listing.listing_id, venue_symbol="PURR\u200b")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("venue_symbol", "BAD_CHARACTER")])


async def test_a_correction_never_makes_two_listings_overlap(service: RegistryService, factory: Factory) -> None:
    venue, one, two = await factory.venue(), await factory.pair("LIT"), await factory.pair("LIT")
    old = await factory.listing(venue, one, "LITUSDT", listed_at=day(-9), delisted_at=day(-5))
    new = await factory.listing(venue, two, "LITUSDT", listed_at=day(-3))
    other = await factory.listing(venue, one, "XUSDT")
    for listing, fields in (
        (old, {"delisted_at": day(-2)}),
        (old, {"clear": ["delisted_at"]}),
        (new, {"listed_at": day(-6)}),
        (new, {"clear": ["listed_at"]}),
        (other, {"venue_symbol": "LITUSDT"}),
    ):
        refused = await service.refused("UpdateVenueSymbol", listing_id=listing.listing_id, **fields)
        assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("venue_symbol", "TAKEN")])
    await service.call("UpdateVenueSymbol", listing_id=old.listing_id, delisted_at=day(-3))
    refused = await service.refused("UpdateVenueSymbol", listing_id=old.listing_id, delisted_at=day(-9))
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("delisted_at", "BAD_RANGE")])
    # With its type it would be another key.
    margin = await factory.symbol(await factory.asset(), await factory.asset(), PERPETUAL)
    await service.call("UpdateVenueSymbol", listing_id=other.listing_id, venue_symbol="LITUSDT", symbol_id=margin)


async def test_a_pool_is_spelled_by_the_rule_of_its_chain(service: RegistryService, factory: Factory) -> None:
    chain = await factory.chain()
    dex = await factory.venue("Uniswap", venue_type=DEX, chain_id=chain)
    listing = await factory.listing(dex, await factory.pair(), USDC)
    changed = (await service.call("UpdateVenueSymbol", listing_id=listing.listing_id, venue_symbol=POOL.lower())).venue_symbol
    assert changed.venue_symbol == POOL
    for text, rule in (("WETH-USDC", "BAD_ADDRESS"), (POOL.replace("0d4a", "0D4a"), "BAD_CHECKSUM")):
        refused = await service.refused("UpdateVenueSymbol", listing_id=listing.listing_id, venue_symbol=text)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("venue_symbol", rule)])


async def test_a_listing_of_a_blocked_symbol_is_corrected_but_not_opened(service: RegistryService, factory: Factory) -> None:
    venue, base, quote = await factory.venue(), await factory.asset("A"), await factory.asset("B")
    blocked, clean = await factory.symbol(base, quote), await factory.pair()
    on = await factory.listing(venue, blocked, "ON")
    off = await factory.listing(venue, blocked, "OFF", is_active=False)
    ended = await factory.listing(venue, blocked, "ENDED", delisted_at=day(-1))
    other = await factory.listing(venue, clean, "OTHER")
    await factory.flag(quote)
    for listing, fields in (
        (off, {"is_active": True}),
        (ended, {"clear": ["delisted_at"]}),
        (ended, {"delisted_at": day(1)}),
        (other, {"symbol_id": blocked}),
    ):
        refused = await service.refused("UpdateVenueSymbol", listing_id=listing.listing_id, **fields)
        assert refused.code == "FAILED_PRECONDITION"
        assert [each[:2] for each in refused.preconditions] == [("TRADING_BLOCKED", f"asset:{quote}")]
    changed = await service.call("UpdateVenueSymbol", listing_id=on.listing_id, is_active=True, tick_size_decimal="0.1")
    assert changed.venue_symbol.tick_size_decimal == "0.1"
    for listing in (off, ended):
        await service.call("UpdateVenueSymbol", listing_id=listing.listing_id, maker_fee_decimal="-0.0001")


async def test_numbers_of_a_listing_are_exact_and_within_their_rules(service: RegistryService, factory: Factory) -> None:
    listing = await factory.listing(await factory.venue(), await factory.pair(), min_order_size_decimal="1")
    key = {"listing_id": listing.listing_id}
    changed = (
        await service.call(
            *("UpdateVenueSymbol",),
            **key,
            tick_size_decimal="1e-19",
            quantity_multiplier_decimal="-1000",
            maker_fee_decimal="-0.000152",
            max_leverage_decimal="125.50",
            min_notional=0.1,
        )
    ).venue_symbol
    assert (changed.tick_size_decimal, changed.quantity_multiplier_decimal) == ("0.0000000000000000001", "-1000")
    assert (changed.maker_fee_decimal, changed.maker_fee, changed.max_leverage_decimal) == ("-0.000152", -0.000152, "125.5")
    for fields, violation in (
        ({"taker_fee_decimal": "1.5"}, ("taker_fee", "OUT_OF_RANGE")),
        ({"maker_fee": 1.5}, ("maker_fee", "OUT_OF_RANGE")),
        ({"maker_fee": 0.1, "maker_fee_decimal": "0.2"}, ("maker_fee_decimal", "DECIMAL_MISMATCH")),
        ({"tick_size_decimal": "0"}, ("tick_size_decimal", "NOT_POSITIVE")),
        ({"quantity_multiplier_decimal": "0"}, ("quantity_multiplier_decimal", "ZERO")),
        ({"max_order_size_decimal": "0.5"}, ("max_order_size_decimal", "BAD_RANGE")),
        ({"min_notional_decimal": "NaN"}, ("min_notional_decimal", "NOT_A_NUMBER")),
    ):
        refused = await service.refused("UpdateVenueSymbol", **key, **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])
    # A double that was read and is sent back means what is stored, to the last digit.
    exact = "0.10000000000000000000000001"
    changed = (await service.call("UpdateVenueSymbol", **key, min_notional_decimal=exact)).venue_symbol
    again = (await service.call("UpdateVenueSymbol", **key, min_notional=changed.min_notional)).venue_symbol
    assert again == changed
    assert again.min_notional_decimal == exact


# ---- deployments, groups, relationships ------------------------------------------------------------------------------


async def test_a_deployment_s_address_is_corrected_by_the_rule_of_its_chain(
    registry: Client, service: RegistryService, factory: Factory, records: Records
) -> None:
    asset, chain = await factory.asset("USDC"), await factory.chain(max_decimals=30)
    made, other = [
        (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=each)).deployment
        for each in (USDC, USDT)
    ]
    key = {"deployment_id": made.deployment_id}
    start = await records.head()
    await service.call("UpdateAssetDeployment", **key, address=USDC.lower())
    assert await records.head() == start
    changed = (
        await service.call("UpdateAssetDeployment", **key, address=POOL.lower(), decimals=24, is_canonical=True)
    ).deployment
    assert (changed.address, changed.decimals, changed.is_canonical, changed.is_native) == (POOL, 24, True, False)
    [rejection] = await records.since(start)
    assert (rejection.left, rejection.keys) == ([f"deployment:{chain}:{USDC}"], [f"deployment:{chain}:{POOL}"])
    for fields, code, violation in (
        ({"address": "USDC"}, "INVALID_ARGUMENT", ("address", "BAD_ADDRESS")),
        ({"decimals": 31}, "INVALID_ARGUMENT", ("decimals", "OUT_OF_RANGE")),
        ({"is_native": True}, "INVALID_ARGUMENT", ("address", "NOT_NATIVE")),
        ({"deployed_at": day(-1), "retired_at": day(-2)}, "INVALID_ARGUMENT", ("retired_at", "BAD_RANGE")),
        ({"address": USDT.lower()}, "ALREADY_EXISTS", ("address", "TAKEN")),
    ):
        refused = await service.refused("UpdateAssetDeployment", **key, **fields)
        assert (refused.code, refused.fields) == (code, [violation])
    refused = await service.refused("UpdateAssetDeployment", deployment_id=other.deployment_id, is_canonical=True)
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("is_canonical", "TAKEN")])
    native = (await service.call("UpdateAssetDeployment", **key, address="0x" + "0" * 40)).deployment
    assert (native.address, native.is_native) == ("native", True)


async def test_a_group_is_renamed_and_shows_its_members(registry: Client, service: RegistryService, factory: Factory) -> None:
    asset = await factory.asset()
    group = (await registry.call("CreateAssetGroup", name="A", members=[{"asset_id": asset, "weight_decimal": "0.1"}])).group
    await registry.call("CreateAssetGroup", name="B")
    changed = (await service.call("UpdateAssetGroup", group_id=group.group_id, name=" C ", group_type="index")).group
    assert (changed.name, changed.group_type, list(changed.members)) == ("C", "index", list(group.members))
    assert changed == (await registry.call("GetAssetGroup", name="C")).group
    assert (await registry.refused("GetAssetGroup", name="A")).code == "NOT_FOUND"
    refused = await service.refused("UpdateAssetGroup", group_id=group.group_id, name="B")
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("name", "TAKEN")])


async def test_a_relationship_s_rate_is_exact(registry: Client, service: RegistryService, factory: Factory) -> None:
    one, two = await factory.asset("A"), await factory.asset("B")
    made = (
        await registry.call("CreateAssetRelationship", source_asset_id=one, target_asset_id=two, relationship_type=1)
    ).relationship
    key = {"relationship_id": made.relationship_id}
    rate = "1.000000000000000000000000000000000001"
    assert (
        await service.call("UpdateAssetRelationship", **key, conversion_rate=rate + "0")
    ).relationship.conversion_rate == rate
    for text, rule in (("0", "NOT_POSITIVE"), ("1,5", "NOT_A_NUMBER"), ("1e-41", "TOO_MANY_DIGITS")):
        refused = await service.refused("UpdateAssetRelationship", **key, conversion_rate=text)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("conversion_rate", rule)])
