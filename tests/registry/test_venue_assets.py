"""Venue assets: one row per venue and asset, with any number of codes."""

from typing import Any

from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from tests.client import Client
from tests.registry.factory import USDC, USDT, Factory, at


async def _listed(registry: Client, venue: str, asset: str, code: str = "BTC", **fields: Any) -> venues.VenueAsset:
    made = await registry.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol=code, **fields)
    found: venues.VenueAsset = made.venue_asset
    return found


async def test_a_venue_asset_reads_back_as_it_was_listed(registry: Client, feed: Client, factory: Factory) -> None:
    asset, venue, chain = await factory.asset("USDC"), await factory.venue(), await factory.chain()
    deployment = (
        await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDC)
    ).deployment.deployment_id
    made = await _listed(
        feed,
        venue,
        asset,
        "USDC",
        deployment_id=deployment,
        deposit_enabled=True,
        withdraw_enabled=False,
        trading_enabled=True,
        identity_evidence="contract address in the venue's own list",
        venue_asset_aliases=["USDC.old", "USDC", "usdc", "usdc"],
        min_deposit_decimal="0",
        min_withdrawal_decimal="0.000001",
        withdrawal_fee_decimal="1.5",
        deposit_fee_decimal="0",
        listed_at=at(-9),
    )
    for client in (registry, feed):
        found = await client.call("GetVenueAsset", venue_id=venue, asset_id=asset)
        assert found.venue_asset == made
        assert not found.trading_blocked
    assert list(made.venue_asset_aliases) == ["USDC.old", "usdc"]
    assert (made.deposit_enabled, made.withdraw_enabled, made.trading_enabled) == (True, False, True)
    assert (made.min_withdrawal, made.min_withdrawal_decimal, made.withdrawal_fee_decimal) == (1e-06, "0.000001", "1.5")
    assert (made.min_deposit_decimal, made.deposit_fee_decimal) == ("0", "0")
    assert (made.is_active, made.deployment_id, made.listed_at) == (True, deployment, at(-9))


async def test_what_a_venue_does_not_say_is_unset(registry: Client, feed: Client, factory: Factory) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    await _listed(feed, venue, asset)
    await factory.flag(asset)
    [listed] = (await registry.call("ListVenueAssets", venue_id=venue)).venue_assets
    for found in (listed, (await registry.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset):
        for name in ("deposit_enabled", "withdraw_enabled", "trading_enabled", "min_deposit", "listed_at", "deployment_id"):
            assert not found.HasField(name), name


async def test_a_venue_lists_an_asset_once(registry: Client, factory: Factory) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    await _listed(registry, venue, asset)
    refused = await registry.refused("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="XBT")
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("asset_id", "TAKEN")])
    await _listed(registry, await factory.venue("Kraken"), asset, "XBT")


async def test_listing_a_delisted_asset_opens_it_again(registry: Client, feed: Client, factory: Factory) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    await _listed(feed, venue, asset, "OLD", venue_asset_aliases=["OLDER"], listed_at=at(-9), delisted_at=at(-1))
    found = (await feed.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset
    assert not found.is_active
    again = await _listed(feed, venue, asset, "NEW", trading_enabled=True)
    assert (again.venue_asset_symbol, again.is_active, again.HasField("delisted_at")) == ("NEW", True, False)
    assert not again.venue_asset_aliases
    for client in (registry, feed):
        assert (await client.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset == again
    # One that is to end later is listed still.
    other = await factory.asset()
    await _listed(registry, venue, other, "X", delisted_at=at(1))
    refused = await registry.refused("CreateVenueAsset", venue_id=venue, asset_id=other, venue_asset_symbol="X")
    assert refused.code == "ALREADY_EXISTS"


async def test_both_ends_and_the_deployment_exist_and_belong_together(registry: Client, factory: Factory) -> None:
    asset, other, venue, chain = await factory.asset(), await factory.asset(), await factory.venue(), await factory.chain()
    foreign = (
        await registry.call("CreateAssetDeployment", asset_id=other, chain_id=chain, contract_address=USDT)
    ).deployment.deployment_id
    sent = {"venue_id": venue, "asset_id": asset, "venue_asset_symbol": "X"}
    for fields, code, violation in (
        ({"venue_id": "nowhere"}, "NOT_FOUND", ("venue_id", "NOT_FOUND")),
        ({"asset_id": "nobody"}, "NOT_FOUND", ("asset_id", "NOT_FOUND")),
        ({"deployment_id": "nothing"}, "NOT_FOUND", ("deployment_id", "NOT_FOUND")),
        ({"deployment_id": foreign}, "INVALID_ARGUMENT", ("deployment_id", "OTHER_ASSET")),
        ({"venue_asset_symbol": ""}, "INVALID_ARGUMENT", ("venue_asset_symbol", "REQUIRED")),
        ({"venue_asset_symbol": "x" * 129}, "INVALID_ARGUMENT", ("venue_asset_symbol", "TOO_LONG")),
        ({"venue_asset_aliases": ["ok", " x"]}, "INVALID_ARGUMENT", ("venue_asset_aliases", "OUTER_SPACE")),
        ({"venue_asset_aliases": [""]}, "INVALID_ARGUMENT", ("venue_asset_aliases", "EMPTY")),
        ({"venue_asset_aliases": ["x"] * 101}, "INVALID_ARGUMENT", ("venue_asset_aliases", "TOO_MANY")),
        ({"withdrawal_fee_decimal": "-1"}, "INVALID_ARGUMENT", ("withdrawal_fee_decimal", "NEGATIVE")),
        ({"listed_at": at(0), "delisted_at": at(0)}, "INVALID_ARGUMENT", ("delisted_at", "BAD_RANGE")),
    ):
        refused = await registry.refused("CreateVenueAsset", **{**sent, **fields})
        assert (refused.code, refused.fields) == (code, [violation]), fields


async def test_a_code_of_a_venue_leads_to_its_assets_also_by_alias_and_exactly(registry: Client, factory: Factory) -> None:
    btc, other, third = await factory.asset("BTC"), await factory.asset("XBT"), await factory.asset("C")
    kraken, mexc = await factory.venue("Kraken"), await factory.venue("MEXC")
    await _listed(registry, kraken, btc, "XXBT", venue_asset_aliases=["XBT"])
    await _listed(registry, mexc, other, "XBT")
    await _listed(registry, mexc, third, "xbt", venue_asset_aliases=["XBT"])

    async def ids(**filters: str) -> set[str]:
        return {each.asset_id for each in (await registry.call("ListVenueAssets", **filters)).venue_assets}

    assert await ids(venue_id=kraken, venue_asset_symbol="XBT") == {btc}
    assert await ids(venue_id=kraken, venue_asset_symbol="XXBT") == {btc}
    assert await ids(venue_id=mexc, venue_asset_symbol="XBT") == {other, third}
    assert await ids(venue_id=mexc, venue_asset_symbol="xbt") == {third}
    assert await ids(venue_asset_symbol="XBT") == {btc, other, third}
    assert await ids(venue_id=kraken) == {btc}
    assert await ids(asset_id=btc) == {btc}
    assert await ids() == {btc, other, third}


async def test_a_venue_asset_that_is_to_come_or_is_over_is_not_active(registry: Client, feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
    for fields, active in (
        ({"listed_at": at(1)}, False),
        ({"delisted_at": at(1)}, True),
        ({"delisted_at": at(-1)}, False),
        ({"is_active": False}, False),
        ({"listed_at": at(-2), "delisted_at": at(2)}, True),
    ):
        asset = await factory.asset()
        made = await _listed(feed, venue, asset, asset, **fields)
        assert made.is_active is active
        for client in (registry, feed):
            assert (await client.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset.is_active is active
    listed = (await registry.call("ListVenueAssets", venue_id=venue)).venue_assets
    assert sum(each.is_active for each in listed) == 2


async def test_what_a_venue_does_not_list_is_not_found(registry: Client, feed: Client, factory: Factory) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    for client in (registry, feed):
        for fields in ({"venue_id": venue, "asset_id": asset}, {"venue_id": "nowhere", "asset_id": asset}):
            assert (await client.refused("GetVenueAsset", **fields)).code == "NOT_FOUND"
        refused = await client.refused("GetVenueAsset", venue_id=venue)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("asset_id", "REQUIRED")])
