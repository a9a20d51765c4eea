"""Assets: the id identifies an asset; a ticker is only a label."""

import asyncpg
from google.protobuf.struct_pb2 import Struct

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from tests.client import Client
from tests.registry.factory import Factory, at


async def test_an_asset_reads_back_as_it_was_registered(registry: Client) -> None:
    metadata = Struct()
    metadata.update({"list": [1, 2.5, None, {"deep": True}], "text": "  spaces stay  "})
    fields = {
        "symbol": "WBTC",
        "name": "Wrapped Bitcoin",
        "asset_type": assets.ASSET_TYPE_WRAPPED,
        "category": "wrapped",
        "description": "BTC on Ethereum",
        "logo_url": "https://example.com/wbtc.svg",
        "website_url": "https://wbtc.network",
        "metadata": metadata,
    }
    made = (await registry.call("CreateAsset", **fields)).asset
    found = (await registry.call("GetAsset", asset_id=made.asset_id)).asset
    assert found == made
    for name, value in fields.items():
        assert getattr(found, name) == value, name
    assert found.created_at == found.updated_at
    assert found.created_at.seconds > 0


async def test_omitted_fields_stay_unset(registry: Client, factory: Factory) -> None:
    asset = (await registry.call("GetAsset", asset_id=await factory.asset())).asset
    for name in ("category", "description", "logo_url", "website_url", "metadata"):
        assert not asset.HasField(name), name


async def test_symbol_name_and_type_are_required_and_all_missing_ones_are_named(registry: Client) -> None:
    refused = await registry.refused("CreateAsset", description="who am I")
    assert refused.code == "INVALID_ARGUMENT"
    assert refused.fields == [("symbol", "REQUIRED"), ("name", "REQUIRED"), ("asset_type", "REQUIRED")]


async def test_a_type_of_another_contract_is_refused(registry: Client) -> None:
    refused = await registry.refused("CreateAsset", symbol="X", name="X", asset_type=77)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("asset_type", "UNKNOWN_VALUE")])


async def test_the_same_ticker_is_allowed_and_the_answer_tells_who_has_it(registry: Client, factory: Factory) -> None:
    first = await factory.asset("PEPE")
    other_case = await factory.asset("pepe")
    second = await registry.call("CreateAsset", symbol="PEPE", name="Another", asset_type=assets.ASSET_TYPE_ERC20)
    assert list(second.similar_asset_ids) == [first]
    await registry.call("DeleteAsset", asset_id=first)
    third = await registry.call("CreateAsset", symbol="PEPE", name="A third", asset_type=assets.ASSET_TYPE_ERC20)
    assert list(third.similar_asset_ids) == [second.asset.asset_id]
    assert other_case not in third.similar_asset_ids


async def test_an_update_changes_what_is_set_unsets_what_is_cleared_and_leaves_the_rest(
    registry: Client, factory: Factory
) -> None:
    asset = await factory.asset(description="old", category="coin", website_url="https://example.com")
    changed = (
        await registry.call("UpdateAsset", asset_id=asset, name="New name", description="new", clear=["website_url"])
    ).asset
    assert (changed.name, changed.description, changed.category) == ("New name", "new", "coin")
    assert not changed.HasField("website_url")
    assert changed.updated_at.ToNanoseconds() > changed.created_at.ToNanoseconds()
    assert (await registry.call("GetAsset", asset_id=asset)).asset == changed


async def test_an_update_cannot_clear_what_must_have_a_value_or_is_set_beside(registry: Client, factory: Factory) -> None:
    asset = await factory.asset(description="old")
    for clear, fields, rule in (
        ("name", {}, "REQUIRED"),
        ("asset_type", {}, "REQUIRED"),
        ("description", {"description": "new"}, "ALSO_SET"),
        ("asset_id", {}, "UNKNOWN_FIELD"),
        ("created_at", {}, "UNKNOWN_FIELD"),
        ("no such field\x00", {}, "UNKNOWN_FIELD"),
    ):
        refused = await registry.refused("UpdateAsset", asset_id=asset, clear=[clear], **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("clear", rule)]), clear


async def test_an_update_with_equal_values_changes_nothing(registry: Client, factory: Factory) -> None:
    metadata = Struct()
    metadata.update({"b": 1, "a": {"z": [1], "y": None}})
    asset = await factory.asset(metadata=metadata)
    before = (await registry.call("GetAsset", asset_id=asset)).asset
    after = await registry.call("UpdateAsset", asset_id=asset, name=before.name, metadata=metadata)
    assert after.asset == before
    assert after.revision == before.revision


async def test_a_deleted_asset_is_not_found_by_anything_and_its_id_stays_taken(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset, other = await factory.asset("GONE"), await factory.asset("STAYS")
    assert (await registry.call("DeleteAsset", asset_id=asset)).success
    for method, fields in (
        ("GetAsset", {}),
        ("UpdateAsset", {"name": "Back"}),
        ("DeleteAsset", {}),
        ("CreateAssetIdentifier", {"source": assets.DATA_SOURCE_COINGECKO, "external_id": "gone"}),
        ("RaiseQualityFlag", {"flag_type": 1, "severity": 1, "description": "?", "raised_by": "me"}),
    ):
        refused = await registry.refused(method, asset_id=asset, **fields)
        assert refused.code == "NOT_FOUND", method
    refused = await registry.refused("CreateSymbol", symbol_type=1, base_asset_id=other, quote_asset_id=asset)
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("quote_asset_id", "NOT_FOUND")])
    assert [each.asset_id for each in (await registry.call("ListAssets")).assets] == [other]
    assert not (await registry.call("SearchAssets", query="GONE")).assets
    assert await connection.fetchval("SELECT deleted_at IS NOT NULL FROM assets WHERE asset_id = $1", asset)


async def test_own_deployments_identifiers_and_flags_go_along_with_a_deleted_asset(registry: Client, factory: Factory) -> None:
    asset, chain = await factory.asset(), await factory.chain()
    deployment = (await registry.call("CreateAssetDeployment", asset_id=asset, chain_id=chain, is_native=True)).deployment
    await registry.call("CreateAssetIdentifier", asset_id=asset, source=assets.DATA_SOURCE_COINGECKO, external_id="bitcoin")
    flag = await factory.flag(asset)
    await registry.call("DeleteAsset", asset_id=asset)
    refused = await registry.refused("GetAssetDeployment", deployment_id=deployment.deployment_id)
    assert refused.code == "NOT_FOUND"
    refused = await registry.refused("GetAssetIdentifier", source=assets.DATA_SOURCE_COINGECKO, external_id="bitcoin")
    assert refused.code == "NOT_FOUND"
    assert (await registry.refused("ResolveQualityFlag", flag_id=flag)).code == "NOT_FOUND"
    # The address and the external id are free again.
    heir = await factory.asset()
    await registry.call("CreateAssetDeployment", asset_id=heir, chain_id=chain, is_native=True)


async def test_an_asset_in_use_is_not_deleted_and_the_users_are_named(registry: Client, factory: Factory) -> None:
    used = await factory.asset("USED")
    other, quote, venue = await factory.asset("OTHER"), await factory.asset("USD"), await factory.venue()

    async def refused_for(kind: str, ident: str) -> None:
        refused = await registry.refused("DeleteAsset", asset_id=used)
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("IN_USE", f"{kind}:{ident}")]

    symbol = await factory.symbol(used, quote)
    await refused_for("symbol", symbol)
    await registry.call("DeleteSymbol", symbol_id=symbol)
    settled = await factory.symbol(other, quote, symbol_type=2, settlement_asset_id=used)
    await refused_for("symbol", settled)
    await registry.call("DeleteSymbol", symbol_id=settled)

    group = (await registry.call("CreateAssetGroup", name="Group", members=[{"asset_id": used}])).group.group_id
    await refused_for("asset_group", group)
    await registry.call("RemoveAssetFromGroup", group_id=group, asset_id=used)

    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=used, venue_asset_symbol="U")
    await refused_for("venue_asset", f"{venue}/{used}")


async def test_an_asset_that_a_chain_or_a_relationship_names_is_in_use(registry: Client, factory: Factory) -> None:
    native, source, target = await factory.asset("ETH"), await factory.asset("WETH"), await factory.asset("X")
    chain = await factory.chain(native_asset_id=native)
    refused = await registry.refused("DeleteAsset", asset_id=native)
    assert [each[1] for each in refused.preconditions] == [f"chain:{chain}"]
    made = await registry.call(
        "CreateAssetRelationship",
        source_asset_id=source,
        target_asset_id=target,
        relationship_type=assets.RELATIONSHIP_TYPE_WRAPS,
    )
    for end in (source, target):
        refused = await registry.refused("DeleteAsset", asset_id=end)
        assert [each[1] for each in refused.preconditions] == [f"relationship:{made.relationship.relationship_id}"]


async def test_an_ended_venue_asset_does_not_hold_its_asset(registry: Client, factory: Factory) -> None:
    asset, venue = await factory.asset(), await factory.venue()
    await registry.call("CreateVenueAsset", venue_id=venue, asset_id=asset, venue_asset_symbol="BTC", delisted_at=at(-1))
    await registry.call("DeleteAsset", asset_id=asset)
    found = await registry.call("GetVenueAsset", venue_id=venue, asset_id=asset)
    assert not found.venue_asset.is_active


async def test_assets_are_listed_by_type_and_category_with_how_many_there_are(registry: Client, factory: Factory) -> None:
    coin = await factory.asset("A", category="coin")
    token = await factory.asset("B", asset_type=assets.ASSET_TYPE_ERC20, category="coin")
    await factory.asset("C", asset_type=assets.ASSET_TYPE_ERC20)

    async def ids(**filters: object) -> list[str]:
        answer = await registry.call("ListAssets", **filters)
        assert answer.total_count == len(answer.assets)
        return [each.asset_id for each in answer.assets]

    assert len(await ids()) == 3
    assert await ids(category="coin") == [coin, token]
    assert await ids(asset_type=assets.ASSET_TYPE_ERC20, category="coin") == [token]
    assert await ids(category="none") == []
    refused = await registry.refused("ListAssets", asset_type=99)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("asset_type", "UNKNOWN_VALUE")])


async def test_fiat_and_indices_are_assets_by_category(registry: Client, factory: Factory) -> None:
    usd = await factory.asset("USD", category="fiat")
    defi = await factory.asset("DEFI", asset_type=assets.ASSET_TYPE_SYNTHETIC, category="index")
    symbol = await factory.symbol(defi, usd, symbol_type=2)
    assert (await registry.call("GetSymbol", symbol_id=symbol)).symbol.symbol == "DEFI/USD:USD"


async def test_text_that_could_deceive_or_break_is_refused_and_names_are_trimmed(registry: Client, factory: Factory) -> None:
    for symbol, rule in (
        ("BT\u200bC", "BAD_CHARACTER"),
        ("\u202eCTB", "BAD_CHARACTER"),
        ("BTC\n", "OUTER_SPACE"),
        ("BT\nC", "BAD_CHARACTER"),
        ("BT\x00C", "BAD_CHARACTER"),
        (" BTC", "OUTER_SPACE"),
        ("e\u0301", "NOT_NFC"),
        ("\u0378", "BAD_CHARACTER"),
        ("B" * 65, "TOO_LONG"),
    ):
        refused = await registry.refused("CreateAsset", symbol=symbol, name="X", asset_type=1)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("symbol", rule)]), repr(symbol)
    asset = await factory.asset("B" * 64, name="  Bitcoin \t")
    assert (await registry.call("GetAsset", asset_id=asset)).asset.name == "Bitcoin"


async def test_the_longest_texts_are_taken_and_one_more_character_is_not(registry: Client, factory: Factory) -> None:
    for field, most in (("name", 256), ("category", 64), ("description", 4_000)):
        await factory.asset("A", **{field: "ü" * most})
        refused = await registry.refused(
            "CreateAsset", **{"symbol": "A", "name": "A", "asset_type": 1, field: "ü" * (most + 1)}
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [(field, "TOO_LONG")])
    url = "https://example.com/"
    await factory.asset("A", website_url=url + "x" * (2_000 - len(url)))
    refused = await registry.refused("CreateAsset", symbol="A", name="A", asset_type=1, logo_url=url + "x" * 1_981)
    assert refused.fields == [("logo_url", "TOO_LONG")]
    refused = await registry.refused("CreateAsset", symbol="A", name="A", asset_type=1, logo_url="javascript:alert(1)")
    assert refused.fields == [("logo_url", "BAD_URL")]


async def test_metadata_follows_the_text_rule_and_its_size(registry: Client) -> None:
    for content, rule in (
        ({"k": "x" * 16_384}, "TOO_LARGE"),
        ({"k": "a\u202eb"}, "BAD_CHARACTER"),
        ({"k\x00": 1}, "BAD_CHARACTER"),
        ({"k": float("nan")}, "NOT_FINITE"),
        ({"k": float("inf")}, "NOT_FINITE"),
    ):
        metadata = Struct()
        metadata.update(content)
        refused = await registry.refused("CreateAsset", symbol="A", name="A", asset_type=1, metadata=metadata)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("metadata", rule)])
    metadata = Struct()
    metadata.fields["k"].SetInParent()
    refused = await registry.refused("CreateAsset", symbol="A", name="A", asset_type=1, metadata=metadata)
    assert refused.fields == [("metadata", "NOT_JSON")]


async def test_metadata_keeps_every_number_that_a_double_can_hold(registry: Client, factory: Factory) -> None:
    metadata = Struct()
    metadata.update({"big": 1e300, "small": 5e-324, "exact": 0.1, "whole": 2.0**63, "negative": -1e22, "empty": {}, "none": []})
    asset = await factory.asset(metadata=metadata)
    assert (await registry.call("GetAsset", asset_id=asset)).asset.metadata == metadata


async def test_a_lookup_of_what_no_id_can_be_is_invalid_and_of_an_unknown_id_not_found(registry: Client, feed: Client) -> None:
    for client in (registry, feed):
        for asset_id, code in (("a\nb", "INVALID_ARGUMENT"), ("x" * 65, "INVALID_ARGUMENT"), ("nobody", "NOT_FOUND")):
            refused = await client.refused("GetAsset", asset_id=asset_id)
            assert refused.code == code, asset_id
