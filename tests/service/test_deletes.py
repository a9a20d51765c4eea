"""Deletes: a wrong row is removed everywhere except in the audit; and reading one row by its id."""

from typing import Any

import asyncpg
import pytest

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from tests.client import Client
from tests.registry.factory import USDC, USDT, Factory
from tests.service.registry import Records, RegistryService, day


async def _made(factory: Factory, method: str) -> tuple[str, dict[str, Any], Any, list[str]]:  # noqa: PLR0911 - one for each call
    """A row to delete: its field in responses, its key, the row, and the cache parts that contain it."""
    client = factory.client
    fields: dict[str, Any]
    match method:
        case "DeleteVenueSymbol":
            venue, symbol = await factory.venue(), await factory.pair()
            made = await factory.listing(venue, symbol, tick_size_decimal="0.1")
            parts = [f"listings:{venue}:BTCUSDT", f"symbol_listings:{symbol}"]
            return "venue_symbol", {"listing_id": made.listing_id}, made, parts
        case "DeleteVenueAsset":
            key = {"venue_id": await factory.venue(), "asset_id": await factory.asset()}
            made = await client.call("CreateVenueAsset", **key, venue_asset_symbol="XBT", venue_asset_aliases=["BTC"])
            parts = [f"venue_asset:{key['venue_id']}:{key['asset_id']}"]
            parts += [f"identity:{key['venue_id']}:{key['asset_id']}"]
            parts += [f"venue_code:{key['venue_id']}:{code}" for code in ("XBT", "BTC")]
            return "venue_asset", key, made.venue_asset, parts
        case "DeleteAssetDeployment":
            fields = {"asset_id": await factory.asset(), "chain_id": await factory.chain(), "contract_address": USDC}
            made = (await client.call("CreateAssetDeployment", **fields)).deployment
            return "deployment", {"deployment_id": made.deployment_id}, made, [f"deployment:{fields['chain_id']}:{USDC}"]
        case "DeleteAssetRelationship":
            fields = {
                "source_asset_id": await factory.asset(),
                "target_asset_id": await factory.asset(),
                "relationship_type": 1,
            }
            made = (await client.call("CreateAssetRelationship", **fields)).relationship
            return "relationship", {"relationship_id": made.relationship_id}, made, []
        case "DeleteAssetGroup":
            made = (await client.call("CreateAssetGroup", name="G")).group
            return "group", {"group_id": made.group_id}, made, []
        case "DeleteAssetIdentifier":
            asset = await factory.asset()
            made = (
                await client.call("CreateAssetIdentifier", asset_id=asset, source=1, external_id="x", is_primary=True)
            ).identifier
            parts = [f"asset_identifiers:{asset}", "external_asset:1:x"]
            return "identifier", {"identifier_id": made.identifier_id}, made, parts
        case _:
            symbol = await factory.pair()
            made = (await client.call("CreateSymbolIdentifier", symbol_id=symbol, data_source=5, external_id="x")).identifier
            parts = [f"symbol_identifiers:{symbol}", "external_symbol:5:x"]
            return "identifier", {"identifier_id": made.identifier_id}, made, parts


DELETES = (
    *("DeleteVenueSymbol", "DeleteVenueAsset", "DeleteAssetDeployment", "DeleteAssetRelationship", "DeleteAssetGroup"),
    *("DeleteAssetIdentifier", "DeleteSymbolIdentifier"),
)


@pytest.mark.parametrize("method", DELETES)
async def test_what_is_removed_is_shown_once_more_and_stays_in_the_audit(
    method: str, service: RegistryService, factory: Factory, records: Records
) -> None:
    field, key, made, parts = await _made(factory, method)
    start = await records.head()
    refused = await service.refused(method, **key, expected_revision=made.revision + 1)
    assert refused.code == "ABORTED"
    gone = await service.call(method, **key, expected_revision=made.revision)
    assert getattr(gone, field) == made
    assert gone.revision == start + 1
    [rejection] = await records.since(start)
    assert (rejection.op, rejection.row_id, rejection.keys, rejection.event) == ("delete", "/".join(key.values()), [], None)
    assert set(rejection.left) == set(parts)
    changes = await records.changes(rejection.row_id)
    if "deleted_at" not in changes:
        kept = {each.name.removesuffix("_decimal"): value for each, value in made.ListFields()}
        assert set(changes) >= set(kept) - {"revision", "specs_since", "trading_enabled_stored", "updated_at"}
        assert all(after is None for _, after in changes.values())
    refused = await service.refused(method, **key)
    assert refused.code == "NOT_FOUND"
    refused = await service.refused(method)
    assert (refused.code, set(refused.fields)) == ("INVALID_ARGUMENT", {(name, "REQUIRED") for name in key})
    assert await records.head() == start + 1


async def test_a_removed_mapping_resolves_nowhere_and_can_be_created_again(
    registry: Client, feed: Client, factory: Factory
) -> None:
    venue, symbol = await factory.venue(), await factory.pair()
    listing = await factory.listing(venue, symbol)
    asked = {"venue_id": venue, "venue_symbol": "BTCUSDT"}
    assert (await feed.call("GetVenueSymbol", **asked)).symbol.symbol_id == symbol
    await RegistryService(feed).call("DeleteVenueSymbol", listing_id=listing.listing_id)
    for client in (feed, registry):
        assert (await client.refused("GetVenueSymbol", **asked)).code == "NOT_FOUND"
        assert (await client.refused("GetVenueSymbol", **asked, as_of=day(-1))).code == "NOT_FOUND"
    again = await factory.listing(venue, symbol)
    assert again.listing_id != listing.listing_id
    found = await feed.call("GetVenueSymbol", **asked, min_revision=again.revision)
    assert found.venue_symbol.listing_id == again.listing_id


async def test_a_removed_venue_asset_is_not_found_by_any_of_its_codes(registry: Client, feed: Client, factory: Factory) -> None:
    key = {"venue_id": await factory.venue(), "asset_id": await factory.asset()}
    await registry.call("CreateVenueAsset", **key, venue_asset_symbol="XBT", venue_asset_aliases=["BTC"])
    assert (await feed.call("GetVenueAsset", **key)).venue_asset.venue_asset_symbol == "XBT"
    await RegistryService(feed).call("DeleteVenueAsset", **key)
    for client in (feed, registry):
        assert (await client.refused("GetVenueAsset", **key)).code == "NOT_FOUND"
    for code in ("XBT", "BTC"):
        assert not (await registry.call("ListVenueAssets", venue_id=key["venue_id"], venue_asset_symbol=code)).venue_assets
    await registry.call("CreateVenueAsset", **key, venue_asset_symbol="BTC")


async def test_a_deployment_that_a_venue_uses_stays(registry: Client, service: RegistryService, factory: Factory) -> None:
    asset, chain, venue = await factory.asset("USDC"), await factory.chain(), await factory.venue()
    made = (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDC)).deployment
    key = {"venue_id": venue, "asset_id": asset}
    await registry.call("CreateVenueAsset", **key, venue_asset_symbol="USDC", deployment_id=made.deployment_id)
    refused = await service.refused("DeleteAssetDeployment", deployment_id=made.deployment_id)
    assert refused.code == "FAILED_PRECONDITION"
    assert [each[:2] for each in refused.preconditions] == [("IN_USE", f"venue_asset:{venue}/{asset}")]
    await service.call("DelistVenueAsset", **key, delisted_at=day(1))
    assert (await service.refused("DeleteAssetDeployment", deployment_id=made.deployment_id)).code == "FAILED_PRECONDITION"
    await service.call("DelistVenueAsset", **key)
    await service.call("DeleteAssetDeployment", deployment_id=made.deployment_id)
    refused = await registry.refused("CreateVenueAsset", **key, venue_asset_symbol="USDC", deployment_id=made.deployment_id)
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("deployment_id", "NOT_FOUND")])
    # The address is free for whom it really belongs to.
    other = await factory.asset("USDC")
    await registry.call("CreateAssetDeployment", asset_id=other, chain_id=chain, contract_address=USDC)


async def test_a_group_with_members_stays(registry: Client, service: RegistryService, factory: Factory) -> None:
    ids = [await factory.asset("A"), await factory.asset("B")]
    group = (await registry.call("CreateAssetGroup", name="G", members=[{"asset_id": each} for each in ids])).group
    refused = await service.refused("DeleteAssetGroup", group_id=group.group_id)
    assert refused.code == "FAILED_PRECONDITION"
    assert [each[:2] for each in refused.preconditions] == [("IN_USE", f"asset_group_member:{each}") for each in sorted(ids)]
    for each in ids:
        await registry.call("RemoveAssetFromGroup", group_id=group.group_id, asset_id=each)
    await service.call("DeleteAssetGroup", group_id=group.group_id)
    assert (await registry.refused("GetAssetGroup", group_id=group.group_id)).code == "NOT_FOUND"
    await registry.call("CreateAssetGroup", name="G")


async def test_a_removed_identifier_is_looked_up_in_vain_and_another_may_be_primary(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    asset, symbol = await factory.asset(), await factory.pair()
    for kind, owner, source in (
        ("Asset", {"asset_id": asset}, {"source": assets.DATA_SOURCE_COINGECKO}),
        ("Symbol", {"symbol_id": symbol}, {"data_source": 1}),
    ):
        create = f"Create{kind}Identifier"
        made = (await registry.call(create, **owner, **source, external_id="old", is_primary=True)).identifier
        refused = await registry.refused(create, **owner, **source, external_id="new", is_primary=True)
        assert refused.code == "ALREADY_EXISTS"
        await service.call(f"Delete{kind}Identifier", identifier_id=made.identifier_id)
        assert (await registry.refused(f"Get{kind}Identifier", **source, external_id="old")).code == "NOT_FOUND"
        await registry.call(create, **owner, **source, external_id="new", is_primary=True)
        await registry.call(create, **owner, **source, external_id="old")


async def test_a_removed_relationship_frees_the_way_for_its_opposite(
    registry: Client, service: RegistryService, factory: Factory
) -> None:
    one, two = await factory.asset("A"), await factory.asset("B")
    made = await registry.call("CreateAssetRelationship", source_asset_id=one, target_asset_id=two, relationship_type=1)
    back = {"source_asset_id": two, "target_asset_id": one, "relationship_type": 1}
    assert (await registry.refused("CreateAssetRelationship", **back)).code == "FAILED_PRECONDITION"
    await service.call("DeleteAssetRelationship", relationship_id=made.relationship.relationship_id)
    await registry.call("CreateAssetRelationship", **back)


async def test_removals_leave_no_row_behind_where_nothing_may_name_it(
    registry: Client, service: RegistryService, factory: Factory, connection: asyncpg.Connection
) -> None:
    listing = await factory.listing(await factory.venue(), await factory.pair())
    await service.call("DeleteVenueSymbol", listing_id=listing.listing_id)
    assert await connection.fetchval("SELECT count(*) FROM venue_symbols") == 0
    asset, chain = await factory.asset(), await factory.chain()
    made = (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, contract_address=USDT)).deployment
    await service.call("DeleteAssetDeployment", deployment_id=made.deployment_id)
    assert (await registry.refused("GetAssetDeployment", deployment_id=made.deployment_id)).code == "NOT_FOUND"
    assert not (await registry.call("ListAssetDeployments", asset_id=asset)).deployments


# ---- one row by its id -----------------------------------------------------------------------------------------------


async def test_a_listing_is_read_by_its_id_over_or_not(service: RegistryService, factory: Factory) -> None:
    venue, symbol = await factory.venue(), await factory.pair()
    ended = await factory.listing(venue, symbol, "OLD", listed_at=day(-9), delisted_at=day(-1), tick_size_decimal="0.1")
    planned = await factory.listing(venue, symbol, "NEW", listed_at=day(9))
    for listing in (ended, planned):
        found = await service.call("GetVenueSymbolListing", listing_id=listing.listing_id)
        assert (found.venue_symbol, found.revision) == (listing, listing.revision)
        assert not found.venue_symbol.is_active
    refused = await service.refused("GetVenueSymbolListing", listing_id="nobody")
    assert refused.code == "NOT_FOUND"
    refused = await service.refused("GetVenueSymbolListing")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("listing_id", "REQUIRED")])


async def test_a_flag_is_read_by_its_id_resolved_or_not(registry: Client, service: RegistryService, factory: Factory) -> None:
    flag = await factory.flag(await factory.asset(), description="found out")
    found = await service.call("GetQualityFlag", flag_id=flag)
    assert (found.flag.reason, found.flag.HasField("resolved_at"), found.revision) == ("found out", False, found.flag.revision)
    resolved = (await registry.call("ResolveQualityFlag", flag_id=flag, resolved_by="bob")).flag
    assert (await service.call("GetQualityFlag", flag_id=flag)).flag == resolved
    refused = await service.refused("GetQualityFlag", flag_id="x\ny")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("flag_id", "BAD_CHARACTER")])
    assert (await service.refused("GetQualityFlag", flag_id="nobody")).code == "NOT_FOUND"
