"""Events: what other services receive of a write, in addition to the change itself."""

from typing import Any

import asyncpg

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.model.events import EVENTS
from tests.client import Client
from tests.registry.factory import USDC, Factory, at


async def _events(connection: asyncpg.Connection, name: str) -> list[Any]:
    """The events of a type, in the order of their writes."""
    rows = await connection.fetch(
        "SELECT event_id::text, event_type, event FROM outbox WHERE event IS NOT NULL ORDER BY revision"
    )
    found = []
    for row in rows:
        event: Any = EVENTS[row["event_type"]].FromString(row["event"])
        assert event.event_id == row["event_id"]
        assert event.timestamp.seconds > 0
        if type(event).__name__ == name:
            found.append(event)
    return found


async def test_a_new_market_is_published_step_by_step(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    base, quote, chain = await factory.asset("WBTC"), await factory.asset("USDT"), await factory.chain()
    await registry.call("CreateAssetDeployment", asset_id=base, chain_id=chain, contract_address=USDC)
    await registry.call(
        "CreateAssetRelationship", source_asset_id=base, target_asset_id=quote, relationship_type=1, protocol="BitGo"
    )
    symbol, venue = await factory.symbol(base, quote), await factory.venue()
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=base, venue_asset_symbol="WBTC")
    listing = await factory.listing(venue, symbol)
    rows = await connection.fetch("SELECT event_type FROM outbox WHERE event IS NOT NULL ORDER BY revision")
    assert [row["event_type"].rpartition(".")[2] for row in rows] == [
        *("asset_created", "asset_created", "chain_registered", "asset_deployment_created", "relationship_established"),
        *("symbol_created", "venue_asset_listed", "venue_symbol_listed"),
    ]
    [created, _] = await _events(connection, "AssetCreated")
    assert (created.asset.asset_id, created.asset.symbol, created.source, created.actor_id) == (
        base,
        "WBTC",
        "api",
        "anonymous",
    )
    [deployed] = await _events(connection, "AssetDeploymentCreated")
    assert (deployed.deployment.address, deployed.source, deployed.auto_detected) == (USDC, "api", False)
    [related] = await _events(connection, "RelationshipEstablished")
    assert (related.relationship.from_asset_id, related.protocol, related.source) == (base, "BitGo", "api")
    [listed] = await _events(connection, "VenueSymbolListed")
    assert (listed.venue_symbol.listing_id, listed.is_new_listing) == (listing.listing_id, True)
    [known] = await _events(connection, "SymbolCreated")
    assert (known.symbol.symbol_id, known.symbol.symbol) == (symbol, "WBTC/USDT")


async def test_a_listing_is_new_unless_the_venue_had_the_symbol_before(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    symbol, other = await factory.pair(), await factory.pair()
    one, two = await factory.venue("One"), await factory.venue("Two")
    await factory.listing(one, symbol, "X", listed_at=at(-9), delisted_at=at(-5))
    await factory.listing(one, symbol, "X", listed_at=at(-1))
    await factory.listing(one, symbol, "Y")
    await factory.listing(one, other, "Z")
    await factory.listing(two, symbol, "X")
    assert [each.is_new_listing for each in await _events(connection, "VenueSymbolListed")] == [True, False, False, True, True]
    asset = await factory.asset()
    for fields in ({"delisted_at": at(-1)}, {}):
        await registry.call("CreateVenueAsset", venue_id=one, asset_id=asset, venue_asset_symbol="X", **fields)
    assert [each.is_new_listing for each in await _events(connection, "VenueAssetListed")] == [True, False]


async def test_a_flag_tells_who_raised_it_and_whether_trading_stops(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    for severity, suspended in ((assets.FLAG_SEVERITY_HIGH, False), (assets.FLAG_SEVERITY_CRITICAL, True)):
        await registry.call(
            "RaiseQualityFlag",
            asset_id=asset,
            flag_type=3,
            severity=severity,
            description="drained",
            raised_by="alice",
            source="rekt",
        )
        raised = (await _events(connection, "QualityFlagRaised"))[-1]
        assert (raised.actor_id, raised.source, raised.asset_id, raised.flag_type) == ("alice", "rekt", asset, 3)
        assert (raised.severity, raised.suspend_trading, raised.alert_message) == (severity, suspended, "drained")
        assert not raised.HasField("force_close_positions")
    await registry.call("RaiseQualityFlag", asset_id=asset, flag_type=3, severity=1, description="drained", source="rekt")
    assert (await _events(connection, "QualityFlagRaised"))[-1].actor_id == "anonymous"


async def test_refused_writes_and_writes_without_a_change_publish_nothing(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    await registry.refused("CreateAssetIdentifier", asset_id="nobody", source=1, external_id="x")
    await registry.call("UpdateAsset", asset_id=asset)
    assert await connection.fetchval("SELECT count(*) FROM outbox") == 1
