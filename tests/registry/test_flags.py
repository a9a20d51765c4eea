"""Quality flags: warnings that stay on record; an active CRITICAL flag blocks trading wherever the asset is involved."""

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from tests.client import Client
from tests.registry.factory import Factory

CRITICAL, HIGH, INFO = assets.FLAG_SEVERITY_CRITICAL, assets.FLAG_SEVERITY_HIGH, assets.FLAG_SEVERITY_INFO


async def test_a_flag_has_type_severity_and_who_raised_it(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    sent = {
        "asset_id": asset,
        "flag_type": assets.FLAG_TYPE_EXPLOITED,
        "severity": HIGH,
        "description": "the bridge was drained",
        "source": "rekt",
        "evidence_url": "https://example.com/rekt",
    }
    flag = (await registry.call("RaiseQualityFlag", raised_by="alice", **sent)).flag
    assert (flag.reason, flag.source, flag.severity, flag.flag_type) == ("the bridge was drained", "rekt", HIGH, 3)
    assert flag.evidence_url == "https://example.com/rekt"
    assert flag.raised_at.seconds > 0
    assert not flag.HasField("resolved_at")
    assert list((await registry.call("GetAsset", asset_id=asset)).active_flags) == [flag]
    without_source = (await registry.call("RaiseQualityFlag", raised_by="alice", **{**sent, "source": ""})).flag
    assert without_source.source == "alice"


async def test_what_a_flag_needs_is_named(registry: Client, factory: Factory) -> None:
    refused = await registry.refused("RaiseQualityFlag")
    needed = {(name, "REQUIRED") for name in ("asset_id", "flag_type", "severity", "description")}
    assert (refused.code, set(refused.fields)) == ("INVALID_ARGUMENT", needed)
    asset = await factory.asset()
    sent = {"asset_id": asset, "flag_type": 1, "severity": 1, "description": "?"}
    refused = await registry.refused("RaiseQualityFlag", **sent)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("source", "REQUIRED")])
    for field, value in (("flag_type", 10), ("severity", 6)):
        refused = await registry.refused("RaiseQualityFlag", **{**sent, field: value, "source": "x"})
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(field, "UNKNOWN_VALUE")])


async def test_a_flag_is_resolved_once_and_stays_on_record(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    flag = await factory.flag(asset, INFO)
    resolved = (await registry.call("ResolveQualityFlag", flag_id=flag, resolved_by="bob", resolution_notes="no issue")).flag
    assert (resolved.resolved_by, resolved.resolution_notes) == ("bob", "no issue")
    assert resolved.resolved_at.seconds > 0
    refused = await registry.refused("ResolveQualityFlag", flag_id=flag)
    assert refused.code == "FAILED_PRECONDITION"
    assert [(each[0], each[1]) for each in refused.preconditions] == [("RESOLVED", f"quality_flag:{flag}")]
    assert (await registry.refused("ResolveQualityFlag", flag_id="nobody")).code == "NOT_FOUND"
    assert not (await registry.call("ListQualityFlags", asset_id=asset)).flags
    assert list((await registry.call("ListQualityFlags", asset_id=asset, include_resolved=True)).flags) == [resolved]
    assert not (await registry.call("GetAsset", asset_id=asset)).active_flags
    other = await factory.flag(asset, INFO)
    unnamed = (await registry.call("ResolveQualityFlag", flag_id=other)).flag
    assert unnamed.resolved_by == "anonymous"
    assert not unnamed.HasField("resolution_notes")


async def test_flags_are_listed_by_asset_type_and_least_severity(registry: Client, factory: Factory) -> None:
    one, two = await factory.asset("A"), await factory.asset("B")
    info = await factory.flag(one, INFO, flag_type=assets.FLAG_TYPE_PAUSED)
    high = await factory.flag(one, HIGH)
    critical = await factory.flag(two, CRITICAL)

    async def ids(**filters: object) -> set[str]:
        return {each.flag_id for each in (await registry.call("ListQualityFlags", **filters)).flags}

    assert await ids() == {info, high, critical}
    assert await ids(asset_id=one) == {info, high}
    assert await ids(min_severity=HIGH) == {high, critical}
    assert await ids(flag_type=assets.FLAG_TYPE_PAUSED) == {info}
    assert await ids(asset_id=one, min_severity=CRITICAL) == set()
    refused = await registry.refused("ListQualityFlags", min_severity=6)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("min_severity", "UNKNOWN_VALUE")])


async def test_a_critical_flag_blocks_the_asset_until_it_is_resolved_and_a_high_one_never_does(
    registry: Client, feed: Client, factory: Factory
) -> None:
    asset = await factory.asset()
    await factory.flag(asset, HIGH)
    assert not (await registry.call("GetAsset", asset_id=asset)).trading_blocked
    flag = (
        await feed.call("RaiseQualityFlag", asset_id=asset, flag_type=1, severity=CRITICAL, description="!", raised_by="x")
    ).flag
    for client in (registry, feed):
        found = await client.call("GetAsset", asset_id=asset)
        assert found.trading_blocked
        assert [each.severity for each in found.active_flags] == [CRITICAL, HIGH]
    await feed.call("ResolveQualityFlag", flag_id=flag.flag_id)
    for client in (registry, feed):
        assert not (await client.call("GetAsset", asset_id=asset)).trading_blocked


async def test_base_quote_and_settlement_block_every_answer_about_a_symbol(
    registry: Client, feed: Client, factory: Factory
) -> None:
    base, quote, settle = await factory.asset("ETH"), await factory.asset("USD"), await factory.asset("BTC")
    symbol = await factory.symbol(base, quote, markets.SYMBOL_TYPE_PERPETUAL, settlement_asset_id=settle, margin_kind="quanto")
    venue = await factory.venue()
    await factory.listing(venue, symbol, "ETHUSD")
    for asset in (base, quote, settle):
        flag = await factory.flag(asset)
        await feed.call("ListChains")
        listing = await feed.call("GetVenueSymbol", venue_id=venue, venue_symbol="ETHUSD", min_revision=0)
        for client in (registry, feed):
            found = await client.call("GetSymbol", symbol_id=symbol, min_revision=await _head(registry))
            assert (found.trading_blocked, [each.flag_id for each in found.blocking_flags]) == (True, [flag])
            listing = await client.call(
                "GetVenueSymbol", venue_id=venue, venue_symbol="ETHUSD", min_revision=await _head(registry)
            )
            assert (listing.trading_blocked, [each.flag_id for each in listing.blocking_flags]) == (True, [flag])
        await registry.call("ResolveQualityFlag", flag_id=flag)
        assert not (await registry.call("GetSymbol", symbol_id=symbol)).trading_blocked


async def _head(registry: Client) -> int:
    """The registry's revision."""
    await registry.call("CreateAsset", symbol="?", name="?", asset_type=1)
    return int(registry.trailing["cqar-revision"])


async def test_a_gateway_that_knows_no_flags_sees_a_blocked_asset_as_not_tradable(
    registry: Client, feed: Client, factory: Factory
) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    listed = (
        await registry.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="BTC", trading_enabled=True)
    ).venue_asset
    assert (listed.trading_enabled, listed.trading_enabled_stored) == (True, True)
    flag = await factory.flag(asset)
    head = await _head(registry)
    for client in (registry, feed):
        found = await client.call("GetVenueAsset", venue_id=venue, asset_id=asset, min_revision=head)
        assert (found.venue_asset.trading_enabled, found.venue_asset.trading_enabled_stored) == (False, True)
        assert (found.trading_blocked, [each.flag_id for each in found.blocking_flags]) == (True, [flag])
    [each] = (await registry.call("ListVenueAssets", venue_id=venue)).venue_assets
    assert (each.trading_enabled, each.trading_enabled_stored) == (False, True)
    await registry.call("ResolveQualityFlag", flag_id=flag)
    assert (await registry.call("GetVenueAsset", venue_id=venue, asset_id=asset)).venue_asset.trading_enabled


async def test_nothing_of_a_blocked_asset_is_newly_listed(registry: Client, factory: Factory) -> None:
    base, quote, venue = await factory.asset("BTC"), await factory.asset("USDT"), await factory.venue()
    symbol = await factory.symbol(base, quote)
    flag = await factory.flag(quote)
    for method, fields in (
        ("CreateVenueSymbol", {"symbol_id": symbol, "venue_symbol": "BTCUSDT", "is_active": False}),
        ("CreateVenueAsset", {"asset_id": quote, "venue_asset_symbol": "USDT"}),
    ):
        refused = await registry.refused(method, venue_id=venue, **fields)
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("TRADING_BLOCKED", f"asset:{quote}")]
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=base, venue_asset_symbol="BTC")
    await registry.call("ResolveQualityFlag", flag_id=flag)
    await factory.listing(venue, symbol, "BTCUSDT")
