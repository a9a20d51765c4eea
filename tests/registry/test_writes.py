"""Writes: dense revisions, one change each, safe to repeat, and no lost updates."""

import asyncio
import json
from typing import Any

import asyncpg
import grpc
import grpc.aio
import msgspec
import pytest
from google.protobuf.struct_pb2 import Struct
from google.rpc import error_details_pb2, status_pb2

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from tests.client import Client
from tests.registry.factory import Factory, at, waiting


def key(name: str) -> tuple[tuple[str, str], ...]:
    return (("idempotency-key", name),)


# ---- revisions -----------------------------------------------------------------------------------------------------


async def test_revisions_are_dense_and_rows_answers_outbox_and_audit_agree_on_them(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    refused = await registry.refused("CreateAsset", symbol="X", name="X", asset_type=99)
    assert refused.code == "INVALID_ARGUMENT"
    await registry.refused("CreateAssetIdentifier", asset_id="nobody", source=1, external_id="x")
    await registry.call("CreateAssetIdentifier", asset_id=asset, source=1, external_id="x")
    await registry.refused("CreateAssetIdentifier", asset_id=asset, source=1, external_id="x")
    group = await registry.call("CreateAssetGroup", name="G", members=[{"asset_id": asset}])
    assert registry.trailing["cqar-revision"] == str(group.revision) == "4"
    assert (group.group.revision, group.group.members[0].revision) == (3, 4)
    await registry.call("RemoveAssetFromGroup", group_id=group.group.group_id, asset_id=asset)
    deleted = await registry.call("DeleteAsset", asset_id=asset)
    # The membership and its group; the identifier and the asset.
    assert deleted.revision == 8
    outbox = await connection.fetch("SELECT revision, entity, op FROM outbox ORDER BY revision")
    assert [row["revision"] for row in outbox] == list(range(1, 9))
    audit = await connection.fetch("SELECT revision, entity, op FROM audit ORDER BY revision")
    assert outbox == audit
    assert [(row["entity"], row["op"]) for row in outbox[-4:]] == [
        ("asset_group", "update"),
        ("asset_group_member", "delete"),
        ("asset_identifier", "delete"),
        ("asset", "delete"),
    ]
    assert await connection.fetchval("SELECT seq FROM head") == 8
    assert await connection.fetchval("SELECT revision FROM assets") == 8


async def test_the_audit_records_actor_entity_and_both_values(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    metadata = Struct()
    metadata.update({"a": [1, "x"]})
    symbol = await factory.pair(tick_size_decimal="0.10", metadata=metadata)
    await registry.call("UpdateSymbol", symbol_id=symbol, tick_size_decimal="1e-8", clear=["metadata"])
    row = await connection.fetchrow("SELECT * FROM audit WHERE entity = 'symbol' ORDER BY audit_id DESC LIMIT 1")
    assert row is not None
    assert (row["row_id"], row["op"], row["actor"], row["method"]) == (symbol, "update", "anonymous", "UpdateSymbol")
    changes = json.loads(row["changes"])
    assert changes["tick_size"] == ["0.1", "0.00000001"]
    assert changes["metadata"] == [{"a": [1, "x"]}, None]
    assert set(changes) == {"tick_size", "metadata", "updated_at"}
    created = await connection.fetchval("SELECT changes FROM audit WHERE entity = 'symbol' AND op = 'create'")
    assert json.loads(created)["tick_size"] == [None, "0.1"]


# ---- expected revision ---------------------------------------------------------------------------------------------


async def test_a_write_with_an_outdated_expected_revision_is_aborted(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    first = (await registry.call("GetAsset", asset_id=asset)).asset.revision
    second = (await registry.call("UpdateAsset", asset_id=asset, name="B", expected_revision=first)).asset.revision
    assert second > first
    await factory.asset()
    for method, fields in (("UpdateAsset", {"name": "C"}), ("DeleteAsset", {})):
        refused = await registry.refused(method, asset_id=asset, expected_revision=first, **fields)
        assert refused.code == "ABORTED"
        assert str(second) in refused.message
    # It is the row's own revision that counts, not the registry's.
    await registry.call("DeleteAsset", asset_id=asset, expected_revision=second)


async def test_every_update_and_delete_takes_an_expected_revision(registry: Client, factory: Factory) -> None:
    symbol = await factory.pair()
    asset = (await registry.call("GetSymbol", symbol_id=symbol)).symbol.base_asset_id
    group = (await registry.call("CreateAssetGroup", name="G", members=[{"asset_id": asset}])).group
    flag = await factory.flag(asset, 1)
    for method, fields in (
        ("UpdateSymbol", {"symbol_id": symbol, "tick_size": 1.0}),
        ("DeleteSymbol", {"symbol_id": symbol}),
        ("RemoveAssetFromGroup", {"group_id": group.group_id, "asset_id": asset}),
        ("ResolveQualityFlag", {"flag_id": flag}),
    ):
        refused = await registry.refused(method, expected_revision=999, **fields)
        assert refused.code == "ABORTED", method
    member = group.members[0].revision
    await registry.call("RemoveAssetFromGroup", group_id=group.group_id, asset_id=asset, expected_revision=member)


async def test_the_loser_of_a_race_gets_a_retry_delay(registry: Client, factory: Factory) -> None:
    request = pb.UpdateAssetRequest(asset_id=await factory.asset(), name="B", expected_revision=99)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await registry.call("UpdateAsset", request)
    [details] = [value for name, value in raised.value.trailing_metadata() or () if name == "grpc-status-details-bin"]
    status, retry = status_pb2.Status.FromString(details), error_details_pb2.RetryInfo()
    assert (status.code, [box.Unpack(retry) for box in status.details]) == (grpc.StatusCode.ABORTED.value[0], [True])
    assert retry.retry_delay.ToMilliseconds() == 50


# ---- repeats -------------------------------------------------------------------------------------------------------


async def test_a_repeat_under_the_same_key_is_done_once_and_answered_the_same(
    registry: Client, feed: Client, factory: Factory
) -> None:
    fields = {"symbol": "BTC", "name": "Bitcoin", "asset_type": 1}
    first = await registry.call("CreateAsset", headers=key("a"), **fields)
    await factory.asset("OTHER")
    for client in (registry, feed):
        again = await client.call("CreateAsset", headers=key("a"), **fields)
        assert again == first
        assert client.trailing["cqar-revision"] == str(first.revision)
    other = await registry.call("CreateAsset", headers=key("b"), **fields)
    assert other.asset.asset_id != first.asset.asset_id
    # A key belongs to one method.
    await registry.call("CreateAssetGroup", headers=key("a"), name="G")


async def test_another_request_under_the_same_key_is_refused(registry: Client) -> None:
    await registry.call("CreateAsset", headers=key("a"), symbol="BTC", name="Bitcoin", asset_type=1)
    refused = await registry.refused("CreateAsset", headers=key("a"), symbol="BTC", name="Bitcoin", asset_type=2)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("idempotency-key", "REUSED")])
    refused = await registry.refused("CreateAsset", headers=key("x" * 129), symbol="BTC", name="Bitcoin", asset_type=2)
    assert (refused.code, refused.fields) == ("INVALID_ARGUMENT", [("idempotency-key", "BAD_KEY")])


async def test_what_failed_under_a_key_can_be_tried_again(registry: Client, factory: Factory) -> None:
    symbol = await factory.pair()
    fields = {"venue_id": "binance", "symbol_id": symbol, "venue_symbol": "X"}
    assert (await registry.refused("CreateVenueSymbol", headers=key("a"), **fields)).code == "NOT_FOUND"
    await factory.venue()
    await registry.call("CreateVenueSymbol", headers=key("a"), **fields)
    await registry.call("CreateVenueSymbol", headers=key("a"), **fields)


async def test_a_delete_can_be_repeated_under_its_key(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    first = await registry.call("DeleteAsset", headers=key("a"), asset_id=asset)
    assert await registry.call("DeleteAsset", headers=key("a"), asset_id=asset) == first
    assert (await registry.refused("DeleteAsset", asset_id=asset)).code == "NOT_FOUND"


async def test_a_key_is_forgotten_after_a_day(registry: Client, connection: asyncpg.Connection) -> None:
    fields = {"symbol": "BTC", "name": "Bitcoin", "asset_type": 1}
    first = await registry.call("CreateAsset", headers=key("a"), **fields)
    await connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes'")
    assert await registry.call("CreateAsset", headers=key("a"), **fields) == first
    await connection.execute("UPDATE idempotency_keys SET created_at = now() - interval '24 hours 1 minute'")
    second = await registry.call("CreateAsset", headers=key("a"), **{**fields, "symbol": "XBT"})
    assert second.asset.asset_id != first.asset.asset_id
    assert await registry.call("CreateAsset", headers=key("a"), **{**fields, "symbol": "XBT"}) == second


async def test_a_repeat_beside_the_first_waits_for_its_answer(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    fields = {"asset_id": asset, "source": 1, "external_id": "x"}
    async with connection.transaction():
        await connection.fetch("SELECT FROM assets WHERE asset_id = $1 FOR UPDATE", asset)
        calls = [asyncio.create_task(registry.call("CreateAssetIdentifier", headers=key("a"), **fields)) for _ in range(3)]
        await waiting(connection, 3)
        assert not any(call.done() for call in calls)
    answers = await asyncio.gather(*calls)
    assert answers[0] == answers[1] == answers[2]
    assert len((await registry.call("ListAssetIdentifiers", asset_id=asset)).identifiers) == 1


# ---- transactions --------------------------------------------------------------------------------------------------


async def test_a_call_that_the_client_gives_up_leaves_nothing_behind(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    async with connection.transaction():
        await connection.fetch("SELECT FROM assets WHERE asset_id = $1 FOR UPDATE", asset)
        refused = await registry.refused("CreateAssetIdentifier", asset_id=asset, source=1, external_id="x", deadline=0.2)
        assert refused.code == "DEADLINE_EXCEEDED"
        async with asyncio.timeout(60):
            while await connection.fetchval(_BUSY):
                await connection.execute("SELECT pg_stat_clear_snapshot()")
                await asyncio.sleep(0.01)
    assert not (await registry.call("ListAssetIdentifiers", asset_id=asset)).identifiers
    assert (await registry.call("UpdateAsset", asset_id=asset, name="after")).revision == 2


_BUSY = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'cqar-admin'"
    " AND (state LIKE 'idle in transaction%' OR wait_event_type = 'Lock')"
)


async def test_a_write_that_waits_too_long_for_a_lock_is_aborted(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    impatient = msgspec.structs.replace(settings.database, lock_timeout=0.1)
    process = Admin(msgspec.structs.replace(settings, database=impatient))
    await process.start()
    try:
        async with Client(process.port) as client, connection.transaction():
            await connection.fetch("SELECT FROM assets WHERE asset_id = $1 FOR UPDATE", asset)
            refused = await client.refused("UpdateAsset", asset_id=asset, name="B")
            assert refused.code == "ABORTED"
    finally:
        await process.stop()
    await registry.call("UpdateAsset", asset_id=asset, name="B")


async def test_without_the_database_nothing_is_known_and_nothing_denied(settings: config.Settings) -> None:
    gone = msgspec.structs.replace(settings.database, url="postgresql://cqar@127.0.0.1:1/cqar")
    process = Admin(msgspec.structs.replace(settings, database=gone))
    await process.start()
    try:
        async with Client(process.port) as client:
            for method, fields in (
                ("GetAsset", {"asset_id": "a"}),
                ("GetChain", {"chain_id": "ethereum"}),
                ("GetVenueSymbol", {"venue_id": "binance", "venue_symbol": "BTCUSDT"}),
                ("ListAssets", {}),
                ("SearchAssets", {"query": "BTC"}),
                ("CreateAsset", {"symbol": "BTC", "name": "Bitcoin", "asset_type": 1}),
                ("DeleteAsset", {"asset_id": "a"}),
            ):
                refused = await client.refused(method, **fields)
                assert refused.code == "UNAVAILABLE", method
                assert "127.0.0.1" not in refused.message
    finally:
        await process.stop()


async def test_a_write_is_seen_at_once_through_the_connection_that_made_it(feed: Client, factory: Factory) -> None:
    venue = await factory.venue()
    for number in range(20):
        symbol = await Factory(feed).pair(f"A{number}")
        await Factory(feed).listing(venue, symbol, "SAME", listed_at=at(-40 + number), delisted_at=at(-39 + number))
        found = await Factory(feed).resolved(venue, "SAME")
        assert found.symbol.symbol_id == symbol
        await feed.call("UpdateSymbol", symbol_id=symbol, tick_size_decimal="0.5")
        answer: Any = await feed.call("GetSymbol", symbol_id=symbol)
        assert answer.symbol.tick_size_decimal == "0.5"
