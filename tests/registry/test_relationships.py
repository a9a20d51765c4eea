"""Relationships: what an asset is derived from, without cycles."""

from typing import Any

from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.model import rules
from tests.client import Client
from tests.registry.factory import Factory

WRAPS, BRIDGES, STAKES = assets.RELATIONSHIP_TYPE_WRAPS, assets.RELATIONSHIP_TYPE_BRIDGES, assets.RELATIONSHIP_TYPE_STAKES
FORKS, MIGRATES = assets.RELATIONSHIP_TYPE_FORKS_FROM, assets.RELATIONSHIP_TYPE_MIGRATES_TO


async def relate(client: Client, source: str, target: str, kind: int = WRAPS, **fields: Any) -> str:
    made = await client.call(
        "CreateAssetRelationship", source_asset_id=source, target_asset_id=target, relationship_type=kind, **fields
    )
    return str(made.relationship.relationship_id)


async def listed(client: Client, **fields: Any) -> set[tuple[str, str, int]]:
    found = (await client.call("ListAssetRelationships", **fields)).relationships
    return {(each.from_asset_id, each.to_asset_id, each.relationship_type) for each in found}


async def test_a_relationship_keeps_its_exact_rate(registry: Client, factory: Factory) -> None:
    steth, eth = await factory.asset("wstETH"), await factory.asset("ETH")
    await relate(
        registry, steth, eth, STAKES, conversion_rate="1.2345678901234567890123456789", protocol="Lido", description="x"
    )
    [found] = (await registry.call("ListAssetRelationships", asset_id=eth)).relationships
    assert (found.from_asset_id, found.to_asset_id, found.relationship_type) == (steth, eth, STAKES)
    assert (found.conversion_rate, found.protocol, found.description) == ("1.2345678901234567890123456789", "Lido", "x")


async def test_a_rate_is_a_positive_number(registry: Client, factory: Factory) -> None:
    one, two = await factory.asset("A"), await factory.asset("B")
    for rate, rule in (("0", "NOT_POSITIVE"), ("-1", "NOT_POSITIVE"), ("one", "NOT_A_NUMBER"), ("1e99", "TOO_MANY_DIGITS")):
        refused = await registry.refused(
            "CreateAssetRelationship", source_asset_id=one, target_asset_id=two, relationship_type=WRAPS, conversion_rate=rate
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("conversion_rate", rule)])


async def test_type_and_both_ends_are_needed_and_exist(registry: Client, factory: Factory) -> None:
    one = await factory.asset("A")
    refused = await registry.refused("CreateAssetRelationship")
    needed = {("source_asset_id", "REQUIRED"), ("target_asset_id", "REQUIRED"), ("relationship_type", "REQUIRED")}
    assert (refused.code, set(refused.fields)) == ("INVALID_ARGUMENT", needed)
    for fields, field in (
        ({"source_asset_id": one, "target_asset_id": "nobody"}, "target_asset_id"),
        ({"source_asset_id": "nobody", "target_asset_id": one}, "source_asset_id"),
    ):
        refused = await registry.refused("CreateAssetRelationship", relationship_type=WRAPS, **fields)
        assert (refused.code, refused.fields) == ("NOT_FOUND", [(field, "NOT_FOUND")])


async def test_an_asset_does_not_relate_to_itself(registry: Client, factory: Factory) -> None:
    one = await factory.asset("A")
    for kind in assets.RelationshipType.values()[1:]:
        refused = await registry.refused(
            "CreateAssetRelationship", source_asset_id=one, target_asset_id=one, relationship_type=kind
        )
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("target_asset_id", "SELF_LINK")])


async def test_the_same_relationship_exists_once_and_another_type_beside_it(registry: Client, factory: Factory) -> None:
    one, two = await factory.asset("A"), await factory.asset("B")
    await relate(registry, one, two, WRAPS)
    refused = await registry.refused(
        "CreateAssetRelationship", source_asset_id=one, target_asset_id=two, relationship_type=WRAPS
    )
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("target_asset_id", "TAKEN")])
    await relate(registry, one, two, FORKS)


async def test_no_circle_closes_over_any_types_that_say_what_an_asset_is_made_of(registry: Client, factory: Factory) -> None:
    ids = [await factory.asset(f"A{at}") for at in range(len(rules.ACYCLIC) + 1)]
    kinds = sorted(rules.ACYCLIC)
    for source, target, kind in zip(ids, ids[1:], kinds, strict=False):
        await relate(registry, source, target, kind)
    for kind in kinds:
        refused = await registry.refused(
            "CreateAssetRelationship", source_asset_id=ids[-1], target_asset_id=ids[0], relationship_type=kind
        )
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("CYCLE", "target_asset_id")]
    # What an asset became, or came from, may well lead back.
    await relate(registry, ids[-1], ids[0], MIGRATES)
    await relate(registry, ids[-1], ids[0], FORKS)
    # A second way to the same asset is no circle.
    await relate(registry, ids[0], ids[-1], WRAPS)


async def test_no_asset_migrates_back(registry: Client, factory: Factory) -> None:
    """Input 26: SKY does not migrate to MKR, if MKR migrates to SKY."""
    mkr, sky, third = [await factory.asset(each) for each in ("MKR", "SKY", "THIRD")]
    await relate(registry, mkr, sky, MIGRATES)
    await relate(registry, sky, third, MIGRATES)
    for source, target in ((sky, mkr), (third, mkr), (third, sky)):
        refused = await registry.refused(
            "CreateAssetRelationship", source_asset_id=source, target_asset_id=target, relationship_type=MIGRATES
        )
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("CYCLE", "target_asset_id")]
        assert "already migrates to" in refused.message
    # What an asset is made of is another matter than what it became.
    await relate(registry, sky, mkr, WRAPS)


async def test_all_variants_of_eth_come_in_one_call(registry: Client, factory: Factory) -> None:
    eth, weth, steth, wsteth, bridged, fork = [
        await factory.asset(each) for each in ("ETH", "WETH", "stETH", "wstETH", "WETH.e", "ETHW")
    ]
    other = await factory.asset("BTC")
    await relate(registry, weth, eth, WRAPS)
    await relate(registry, steth, eth, STAKES)
    await relate(registry, wsteth, steth, WRAPS)
    await relate(registry, bridged, weth, BRIDGES)
    await relate(registry, fork, eth, FORKS)
    await relate(registry, fork, other, FORKS)
    variants = {(weth, eth, WRAPS), (steth, eth, STAKES), (wsteth, steth, WRAPS), (bridged, weth, BRIDGES)}
    assert await listed(registry, asset_id=eth, transitive=True, direction="to") == variants | {(fork, eth, FORKS)}
    assert await listed(registry, asset_id=eth, transitive=True) == variants | {(fork, eth, FORKS)}
    assert await listed(registry, asset_id=eth) == {(weth, eth, WRAPS), (steth, eth, STAKES), (fork, eth, FORKS)}
    assert await listed(registry, asset_id=wsteth, transitive=True, direction="from") == {
        (wsteth, steth, WRAPS),
        (steth, eth, STAKES),
    }
    assert await listed(registry, asset_id=eth, transitive=True, relationship_type=WRAPS) == {(weth, eth, WRAPS)}
    assert await listed(registry, asset_id=eth, direction="from") == set()
    assert len(await listed(registry)) == 6
    assert await listed(registry, relationship_type=FORKS) == {(fork, eth, FORKS), (fork, other, FORKS)}


async def test_a_transitive_list_has_pages_and_its_token_belongs_to_it(registry: Client, factory: Factory) -> None:
    base = await factory.asset("ETH")
    last = base
    for at in range(5):
        following = await factory.asset(f"E{at}")
        await relate(registry, following, last)
        last = following
    found, token = set(), ""
    while True:
        page = await registry.call("ListAssetRelationships", asset_id=base, transitive=True, page_size=2, page_token=token)
        found |= {each.relationship_id for each in page.relationships}
        assert len(page.relationships) <= 2
        token = page.next_page_token
        if not token:
            break
        refused = await registry.refused("ListAssetRelationships", asset_id=base, page_size=2, page_token=token)
        assert refused.fields == [("page_token", "BAD_TOKEN")]
    assert len(found) == 5


async def test_a_direction_is_from_or_to_and_starts_at_an_asset(registry: Client, factory: Factory) -> None:
    one = await factory.asset("A")
    refused = await registry.refused("ListAssetRelationships", asset_id=one, direction="sideways")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("direction", "UNKNOWN_VALUE")])
    for fields in ({"transitive": True}, {"direction": "to"}):
        refused = await registry.refused("ListAssetRelationships", **fields)
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("asset_id", "REQUIRED")])
