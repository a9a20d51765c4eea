"""Groups: a unique name, each member once, exact weights, all or nothing."""

import asyncpg
import grpc.aio
import pytest

from cqar.contract.cqar.v1 import registry_pb2
from tests.client import Client, refusal
from tests.registry.factory import Factory


async def test_a_group_is_made_with_its_members_and_read_by_id_and_by_name(registry: Client, factory: Factory) -> None:
    eth, steth = await factory.asset("ETH"), await factory.asset("stETH")
    made = (
        await registry.call(
            "CreateAssetGroup",
            name="ETH family",
            group_type="family",
            description="all that is ETH",
            members=[{"asset_id": eth, "weight": 0.7}, {"asset_id": steth, "weight_decimal": "0.30000000000000000001"}],
        )
    ).group
    assert (made.name, made.group_type, made.description) == ("ETH family", "family", "all that is ETH")
    assert [(each.asset_id, each.weight_decimal) for each in made.members] == [(eth, "0.7"), (steth, "0.30000000000000000001")]
    assert len({each.revision for each in made.members} | {made.revision}) == 3
    for key in ({"group_id": made.group_id}, {"name": "ETH family"}, {"name": " ETH family "}):
        found = (await registry.call("GetAssetGroup", **key)).group
        assert found.group_id == made.group_id
        assert {each.asset_id: each.weight for each in found.members} == {eth: 0.7, steth: 0.3}


async def test_a_group_is_read_by_one_of_its_names(registry: Client) -> None:
    group = (await registry.call("CreateAssetGroup", name="G")).group
    refused = await registry.refused("GetAssetGroup", group_id=group.group_id, name="G")
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("name", "ALSO_SET")])
    for key in ({"group_id": "nobody"}, {"name": "g"}):
        assert (await registry.refused("GetAssetGroup", **key)).code == "NOT_FOUND"


async def test_a_group_with_a_member_that_does_not_exist_is_not_made_at_all(registry: Client, factory: Factory) -> None:
    eth = await factory.asset("ETH")
    refused = await registry.refused("CreateAssetGroup", name="G", members=[{"asset_id": eth}, {"asset_id": "nobody"}])
    assert (refused.code, refused.fields) == ("NOT_FOUND", [("members[1].asset_id", "NOT_FOUND")])
    assert (await registry.refused("GetAssetGroup", name="G")).code == "NOT_FOUND"
    for member, violation in (
        ({"weight": 1.0}, ("members[0].asset_id", "REQUIRED")),
        ({"asset_id": eth, "weight": -0.1}, ("members[0].weight", "NEGATIVE")),
        ({"asset_id": eth, "weight": 0.1, "weight_decimal": "0.2"}, ("members[0].weight_decimal", "DECIMAL_MISMATCH")),
    ):
        refused = await registry.refused("CreateAssetGroup", name="G", members=[member])
        assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [violation])
    refused = await registry.refused("CreateAssetGroup", name="G", members=[{"asset_id": eth}, {"asset_id": eth}])
    assert refused.code == "ALREADY_EXISTS"
    assert (await registry.refused("GetAssetGroup", name="G")).code == "NOT_FOUND"


async def test_a_name_is_needed_and_taken_once(registry: Client) -> None:
    await registry.call("CreateAssetGroup", name="G")
    refused = await registry.refused("CreateAssetGroup", name=" G")
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("name", "TAKEN")])
    await registry.call("CreateAssetGroup", name="g")


async def test_an_asset_joins_once_and_leaves_once(registry: Client, factory: Factory) -> None:
    eth, group = await factory.asset("ETH"), (await registry.call("CreateAssetGroup", name="G")).group
    member = (await registry.call("AddAssetToGroup", group_id=group.group_id, asset_id=eth, weight_decimal="1e-18")).member
    assert (member.asset_id, member.weight_decimal, member.weight) == (eth, "0.000000000000000001", 1e-18)
    refused = await registry.refused("AddAssetToGroup", group_id=group.group_id, asset_id=eth)
    assert (refused.code, refused.fields) == ("ALREADY_EXISTS", [("asset_id", "TAKEN")])
    found = (await registry.call("GetAssetGroup", group_id=group.group_id)).group
    assert [each.member_id for each in found.members] == [member.member_id]
    assert found.updated_at.ToNanoseconds() > group.updated_at.ToNanoseconds()
    assert (await registry.call("RemoveAssetFromGroup", group_id=group.group_id, asset_id=eth)).success
    refused = await registry.refused("RemoveAssetFromGroup", group_id=group.group_id, asset_id=eth)
    assert refused.code == "NOT_FOUND"
    assert not (await registry.call("GetAssetGroup", group_id=group.group_id)).group.members
    await registry.call("AddAssetToGroup", group_id=group.group_id, asset_id=eth)


async def test_group_and_asset_must_exist(registry: Client, factory: Factory) -> None:
    eth, group = await factory.asset("ETH"), (await registry.call("CreateAssetGroup", name="G")).group.group_id
    for fields, field in (
        ({"group_id": "nobody", "asset_id": eth}, "group_id"),
        ({"group_id": group, "asset_id": "x"}, "asset_id"),
    ):
        refused = await registry.refused("AddAssetToGroup", **fields)
        assert (refused.code, refused.fields) == ("NOT_FOUND", [(field, "NOT_FOUND")])
    assert not (await registry.call("GetAssetGroup", group_id=group)).group.members


async def test_an_asset_for_a_group_that_does_not_exist_leaves_nothing_behind(registry: Client, factory: Factory) -> None:
    refused = await registry.refused("AddAssetToGroup", group_id="nobody", asset_id=await factory.asset("ETH"))
    assert refused.code == "NOT_FOUND"
    last = await registry.call("CreateAssetGroup", name="after")
    # One revision for the asset, one for the group: what was refused took none.
    assert last.revision == 2


async def test_a_group_whose_members_are_too_much_for_an_answer_is_refused_with_what_to_do(
    registry: Client, connection: asyncpg.Connection
) -> None:
    group = (await registry.call("CreateAssetGroup", name="everything")).group.group_id
    await connection.execute(
        "INSERT INTO assets (asset_id, symbol, name, asset_type)"
        " SELECT 'asset-' || n, 'A' || n, 'A' || n, 1 FROM generate_series(1, 50000) n"
    )
    many = (
        "INSERT INTO asset_group_members (member_id, group_id, asset_id)"
        " SELECT gen_random_uuid(), $1, 'asset-' || n FROM generate_series($2::int, $3::int) n"
    )
    await connection.execute(many, group, 1, 20_000)
    assert len((await registry.call("GetAssetGroup", group_id=group, deadline=60)).group.members) == 20_000
    await connection.execute(many, group, 20_001, 50_000)
    refused = await registry.refused("GetAssetGroup", group_id=group, deadline=60)
    assert refused.code == "RESOURCE_EXHAUSTED"
    assert "split the group" in refused.message
    change = registry_pb2.UpdateAssetGroupRequest(group_id=group, description="all")
    with pytest.raises(grpc.aio.AioRpcError) as unmade:
        await registry.raw("/cqar.v1.Registry/UpdateAssetGroup", change.SerializeToString(), deadline=60)
    assert refusal(unmade.value)[:2] == refused[:2]
    assert await connection.fetchval("SELECT description FROM asset_groups") is None
