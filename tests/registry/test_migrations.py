"""The schema migrates up, down and up again on a database in use."""

import asyncio
from collections.abc import Iterator

import asyncpg
import grpc
import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.dev.sample.load import Report, load
from cqar.storage import migrate
from tests.client import Client
from tests.conftest import Servers
from tests.registry.conftest import execute, named

_TABLES = (
    "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S', 'i', 'v') ORDER BY 1"
)


@pytest.fixture
def database(servers: Servers, template: str) -> Iterator[str]:
    """The URL of a database that no other test uses afterwards."""
    asyncio.run(execute(servers.postgres.url, f"CREATE DATABASE moved TEMPLATE {template}"))
    yield named(servers.postgres, "moved")
    asyncio.run(execute(servers.postgres.url, "DROP DATABASE moved WITH (FORCE)"))


async def _loaded(settings: config.Settings) -> Report:
    """Load the sample through a running admin, twice: the second time changes nothing."""
    admin = Admin(settings)
    await admin.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{admin.port}") as channel:
            report = await asyncio.to_thread(load, channel)
            again = await asyncio.to_thread(load, channel)
        assert not any(again.created.values())
        async with Client(admin.port) as client:
            found = await client.call("GetVenueSymbol", venue_id="binance", venue_symbol="BTCUSDT", symbol_type=1)
            assert found.symbol.symbol == "BTC/USDT"
            assert found.symbol.tick_size_decimal
    finally:
        await admin.stop()
    return report


async def test_a_database_with_the_sample_migrates_down_to_nothing_and_up_to_the_same(
    settings: config.Settings, database: str
) -> None:
    first = await _loaded(settings)
    assert min(first.created.values()) > 0
    connection = await asyncpg.connect(database)
    try:
        before = await connection.fetch(_TABLES)
        await asyncio.to_thread(migrate.down, database, "base", lambda _line: None)
        left = [row["relname"] for row in await connection.fetch(_TABLES)]
        assert [each for each in left if not each.startswith("alembic_version")] == []
        await asyncio.to_thread(migrate.up, database, report=lambda _line: None)
        assert await connection.fetch(_TABLES) == before
        assert await connection.fetchval("SELECT count(*) FROM assets") == 0
    finally:
        await connection.close()
    second = await _loaded(settings)
    assert msgspec.structs.asdict(second) == msgspec.structs.asdict(first)


#: What importers and reviews recorded as evidence before there were levels -> the level.
_LEVELS = {
    "review": 1,
    "contract address 0xabc on eip155:1": 1,
    "external id coingecko:bitcoin": 1,
    "remap XXBT is BTC, external id coingecko:bitcoin": 1,
    "remap XXBT is BTC, contract address 0xabc on eip155:1": 1,
    "ticker ZEPH": 3,
    "remap XZEPH is ZEPH, ticker ZEPH": 3,
    "provisional": 5,
    "remap XFOO is FOO, provisional": 5,
    "a person wrote: the ticker is right": None,
    None: None,
}


async def test_recorded_evidence_gives_venue_assets_their_level(database: str) -> None:
    await asyncio.to_thread(migrate.down, database, "0004", lambda _line: None)
    connection = await asyncpg.connect(database)
    try:
        await connection.execute("INSERT INTO venues (venue_id, name, venue_type) VALUES ('v', 'V', 1)")
        for at, evidence in enumerate(_LEVELS):
            await connection.execute(
                "INSERT INTO assets (asset_id, symbol, name, asset_type) VALUES ($1, 'X', 'X', 1)", f"{at}"
            )
            await connection.execute(
                "INSERT INTO venue_assets (venue_id, asset_id, venue_asset_symbol, identity_evidence) VALUES ('v', $1, $1, $2)",
                f"{at}",
                evidence,
            )
        await asyncio.to_thread(migrate.up, database, "head", lambda _line: None)
        rows = await connection.fetch("SELECT identity_evidence, identity_level, blocked_reason FROM venue_assets")
    finally:
        await connection.close()
    assert {row["identity_evidence"]: row["identity_level"] for row in rows} == _LEVELS
    assert {row["blocked_reason"] for row in rows} == {None}
