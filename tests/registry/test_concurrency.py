"""Concurrent writers: one of two conflicting writes succeeds, and no invalid combination is stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import asyncpg
import pytest

from cqar import config
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.model.call import Call
from cqar.services import asset_registry
from cqar.storage.postgres import Pool
from cqar.writes.transaction import Transaction
from tests.client import Client, Refused
from tests.registry.factory import USDC, Factory, at, waiting

_LOST = {"ALREADY_EXISTS", "ABORTED"}


@asynccontextmanager
async def under_way(settings: config.Settings, name: str, **fields: Any) -> AsyncIterator[None]:
    """A write of another process that has run but is not yet committed; it commits at the end of the context."""
    pool = Pool(settings.database, statement_timeout=10, name="other")
    await pool.open()
    try:
        async with pool.transaction() as session:
            write = Transaction(session, Call(method=name))
            method = asset_registry.BY_NAME[name]
            await method.serve(write, method.request(**fields))
            yield
            await write.finish()
    finally:
        await pool.close()


async def tried(call: Awaitable[Any]) -> str:
    """OK, or the code of the error."""
    try:
        refused = await call
    except AssertionError:
        return "OK"
    assert isinstance(refused, Refused)
    return refused.code


# ---- natural keys --------------------------------------------------------------------------------------------------


async def test_of_two_writers_of_one_natural_key_one_wins(registry: Client, factory: Factory) -> None:
    btc, usdt, venue, chain = (
        await factory.asset("BTC"),
        await factory.asset("USDT"),
        await factory.venue(),
        await factory.chain(),
    )
    symbol, group = await factory.symbol(btc, usdt), (await registry.call("CreateAssetGroup", name="G")).group.group_id
    for method, fields in (
        ("CreateChain", {"name": "Base", "chain_type": "EVM"}),
        ("CreateVenue", {"name": "Kraken", "venue_type": 1}),
        ("CreateAssetDeployment", {"asset_id": btc, "chain_id": chain, "contract_address": USDC}),
        ("CreateAssetIdentifier", {"asset_id": btc, "source": 1, "external_id": "bitcoin"}),
        ("CreateAssetRelationship", {"source_asset_id": btc, "target_asset_id": usdt, "relationship_type": 1}),
        ("CreateAssetGroup", {"name": "H"}),
        ("AddAssetToGroup", {"group_id": group, "asset_id": btc}),
        ("CreateSymbol", {"symbol_type": 2, "base_asset_id": btc, "quote_asset_id": usdt}),
        ("CreateSymbolIdentifier", {"symbol_id": symbol, "data_source": 1, "external_id": "btc-usdt"}),
        ("CreateVenueAsset", {"venue_id": venue, "asset_id": btc, "venue_asset_symbol": "BTC"}),
        ("CreateVenueSymbol", {"venue_id": venue, "symbol_id": symbol, "venue_symbol": "BTCUSDT"}),
    ):
        codes = Counter(await asyncio.gather(*(tried(registry.refused(method, **fields)) for _ in range(4))))
        assert codes["OK"] == 1, (method, codes)
        assert set(codes) <= {"OK", *_LOST}, (method, codes)


async def test_of_two_writers_that_expect_one_revision_one_wins(registry: Client, factory: Factory) -> None:
    asset = await factory.asset()
    calls = [registry.refused("UpdateAsset", asset_id=asset, name=f"N{at}", expected_revision=1) for at in range(8)]
    codes = Counter(await asyncio.gather(*map(tried, calls)))
    assert codes == {"OK": 1, "ABORTED": 7}


async def test_fifty_listings_of_one_text_at_once_never_overlap(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    venue, base, quote = await factory.venue(), await factory.asset("BTC"), await factory.asset("USDT")
    symbols = [await factory.symbol(await factory.asset("X"), quote) for _ in range(5)]
    symbols.append(await factory.symbol(base, quote))
    calls = [
        registry.refused(
            "CreateVenueSymbol",
            venue_id=venue,
            symbol_id=symbols[number % 6],
            venue_symbol="BTCUSDT",
            listed_at=at(number % 7),
            delisted_at=at(number % 7 + 1 + number % 3),
        )
        for number in range(50)
    ]
    codes = Counter(await asyncio.gather(*map(tried, calls)))
    assert codes["OK"] >= 1
    assert set(codes) <= {"OK", *_LOST}, codes
    rows = await connection.fetch("SELECT listed_at, delisted_at FROM venue_symbols ORDER BY listed_at")
    assert len(rows) == codes["OK"]
    for earlier, later in pairwise(rows):
        assert earlier["delisted_at"] <= later["listed_at"]


# ---- relationships -------------------------------------------------------------------------------------------------


async def test_fifty_relationships_at_once_never_close_a_circle(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    ids = [await factory.asset(f"A{number}") for number in range(6)]
    calls = []
    for number in range(50):
        source, target = ids[number % 6], ids[(number + 1 + number // 6 % 5) % 6]
        kind = (1, 2, 3, 4, 8)[number % 5]
        calls.append(
            registry.refused("CreateAssetRelationship", source_asset_id=source, target_asset_id=target, relationship_type=kind)
        )
    codes = Counter(await asyncio.gather(*map(tried, calls)))
    assert codes["OK"] >= 5
    assert set(codes) <= {"OK", "FAILED_PRECONDITION", *_LOST}, codes
    circles = await connection.fetchval(
        "WITH RECURSIVE walk(start, id) AS (SELECT from_asset_id, to_asset_id FROM relationships"
        " UNION SELECT w.start, r.to_asset_id FROM walk w JOIN relationships r ON r.from_asset_id = w.id)"
        " SELECT count(*) FROM walk WHERE start = id"
    )
    assert circles == 0


# ---- a child beside the end of its parent ---------------------------------------------------------------------------


async def test_nothing_is_made_of_an_asset_whose_delete_is_under_way(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset, other, venue, chain = await factory.asset(), await factory.asset(), await factory.venue(), await factory.chain()
    group = (await registry.call("CreateAssetGroup", name="G")).group.group_id
    children = (
        ("CreateSymbol", {"symbol_type": 1, "base_asset_id": asset, "quote_asset_id": other}),
        ("CreateSymbol", {"symbol_type": 2, "base_asset_id": other, "quote_asset_id": other, "settlement_asset_id": asset}),
        ("CreateAssetDeployment", {"asset_id": asset, "chain_id": chain, "is_native": True}),
        ("CreateAssetIdentifier", {"asset_id": asset, "source": 1, "external_id": "x"}),
        ("CreateAssetRelationship", {"source_asset_id": other, "target_asset_id": asset, "relationship_type": 1}),
        ("CreateAssetGroup", {"name": "H", "members": [{"asset_id": asset}]}),
        ("AddAssetToGroup", {"group_id": group, "asset_id": asset}),
        ("RaiseQualityFlag", {"asset_id": asset, "flag_type": 1, "severity": 1, "description": "?", "raised_by": "x"}),
        ("CreateChain", {"name": "New", "chain_type": "EVM", "native_asset_id": asset}),
        ("CreateVenueAsset", {"venue_id": venue, "asset_id": asset, "venue_asset_symbol": "X"}),
        ("UpdateAsset", {"asset_id": asset, "name": "Back"}),
    )
    async with under_way(settings, "DeleteAsset", asset_id=asset):
        calls = [asyncio.create_task(registry.refused(method, **fields)) for method, fields in children]
        # A pool has ten connections; what waits for one of them comes later, to the same end.
        await waiting(connection, 9)
        assert not any(call.done() for call in calls)
    for (method, _), call in zip(children, calls, strict=True):
        assert (await call).code == "NOT_FOUND", method


async def test_an_asset_is_not_deleted_beside_a_child_that_is_under_way(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset, other = await factory.asset(), await factory.asset()
    async with under_way(settings, "CreateSymbol", symbol_type=1, base_asset_id=asset, quote_asset_id=other):
        delete = asyncio.create_task(registry.refused("DeleteAsset", asset_id=asset))
        await waiting(connection)
    refused = await delete
    assert (refused.code, refused.preconditions[0][0]) == ("FAILED_PRECONDITION", "IN_USE")


async def test_nothing_is_listed_on_a_symbol_whose_delete_is_under_way(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    async with under_way(settings, "DeleteSymbol", symbol_id=symbol):
        calls = [
            asyncio.create_task(registry.refused("CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="X")),
            asyncio.create_task(registry.refused("CreateSymbolIdentifier", symbol_id=symbol, data_source=1, external_id="x")),
        ]
        await waiting(connection, 2)
    assert [(await call).code for call in calls] == ["NOT_FOUND", "NOT_FOUND"]
    symbol = await factory.pair()
    async with under_way(settings, "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="Y"):
        delete = asyncio.create_task(registry.refused("DeleteSymbol", symbol_id=symbol))
        await waiting(connection)
    assert (await delete).code == "FAILED_PRECONDITION"


@pytest.mark.parametrize("side", ["base", "quote", "settlement"])
async def test_nothing_is_listed_of_an_asset_whose_critical_flag_is_under_way(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection, side: str
) -> None:
    sides = {each: await factory.asset(each) for each in ("base", "quote", "settlement")}
    symbol = await factory.symbol(sides["base"], sides["quote"], 2, settlement_asset_id=sides["settlement"])
    venue = await factory.venue()
    flag = {"flag_type": 1, "severity": assets.FLAG_SEVERITY_CRITICAL, "description": "!", "raised_by": "x"}
    async with under_way(settings, "RaiseQualityFlag", asset_id=sides[side], **flag):
        calls = [
            asyncio.create_task(registry.refused("CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="X")),
            asyncio.create_task(
                registry.refused("CreateVenueAsset", venue_id=venue, asset_id=sides[side], venue_asset_symbol="X")
            ),
        ]
        await waiting(connection, 2)
    for call in calls:
        refused = await call
        assert refused.code == "FAILED_PRECONDITION"
        assert [(each[0], each[1]) for each in refused.preconditions] == [("TRADING_BLOCKED", f"asset:{sides[side]}")]


async def test_a_critical_flag_waits_for_a_listing_that_is_under_way_and_blocks_it_then(
    settings: config.Settings, registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    symbol, venue = await factory.pair(), await factory.venue()
    asset = (await registry.call("GetSymbol", symbol_id=symbol)).symbol.base_asset_id
    async with under_way(settings, "CreateVenueSymbol", venue_id=venue, symbol_id=symbol, venue_symbol="X"):
        flag = asyncio.create_task(factory.flag(asset))
        await waiting(connection)
    await flag
    assert (await factory.resolved(venue, "X")).trading_blocked


async def test_a_flag_is_resolved_by_one_of_two(registry: Client, factory: Factory) -> None:
    flag = await factory.flag(await factory.asset())
    codes = Counter(await asyncio.gather(*(tried(registry.refused("ResolveQualityFlag", flag_id=flag)) for _ in range(5))))
    assert codes == {"OK": 1, "FAILED_PRECONDITION": 4}


async def test_many_writers_leave_no_gap_in_the_revisions(
    registry: Client, factory: Factory, connection: asyncpg.Connection
) -> None:
    asset = await factory.asset()
    calls = [registry.call("CreateAsset", symbol=f"A{at}", name="A", asset_type=1) for at in range(40)]
    calls += [registry.call("UpdateAsset", asset_id=asset, name=f"N{at}") for at in range(20)]
    answers = await asyncio.gather(*calls)
    assert sorted(answer.revision for answer in answers) == list(range(2, 62))
    outbox = await connection.fetch("SELECT revision FROM outbox ORDER BY revision")
    assert [row["revision"] for row in outbox] == list(range(1, 62))
    newest = max(answer.revision for answer in answers[40:])
    assert (await registry.call("GetAsset", asset_id=asset)).asset.revision == newest
