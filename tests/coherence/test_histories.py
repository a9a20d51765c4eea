"""Histories that share revisions and differ: older copies of the database, and a new epoch by hand."""

import asyncio
import re

import asyncpg
from click.testing import CliRunner

from cqar import config
from cqar.admin.app import Admin
from cqar.cli.main import cli
from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.hotpath.stack import admin_of, eventually, found, listed, ticked


async def _other_history(connection: asyncpg.Connection, revision: int) -> None:
    """Replace the outbox from this revision on by that of a copy that has reached as far with other changes."""
    await connection.execute("UPDATE outbox SET event_id = gen_random_uuid() WHERE revision >= $1", revision)


async def test_an_older_copy_beyond_the_workers_revision_is_detected(
    registry: Client, feed: Client, hotpath: Hotpath, connection: asyncpg.Connection
) -> None:
    btc = await listed(registry)
    revision = await ticked(registry, btc, "0.25")
    await eventually(lambda: hotpath.cache.applied >= revision)
    await found(feed, btc)
    # A restore leaves a different row without a change, and the head as high as before.
    await connection.execute("UPDATE symbols SET tick_size = 0.125 WHERE symbol_id = $1", btc.symbol)
    await _other_history(connection, revision)
    hotpath.feed.probe()
    await eventually(lambda: hotpath.feed.resyncs == 1)
    await eventually(lambda: hotpath.feed.age() < 1)
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.125"


async def test_a_worker_stays_warm_on_another_database_with_the_same_history(
    registry: Client, feed: Client, hotpath: Hotpath, connection: asyncpg.Connection
) -> None:
    btc = await listed(registry)
    await eventually(lambda: hotpath.cache.applied >= 5)
    await found(feed, btc)
    parts = len(hotpath.cache)
    sql = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    await connection.execute(sql)
    lost = hotpath.feed.fresh_as_of
    await eventually(lambda: hotpath.feed.fresh_as_of > lost)
    assert (hotpath.feed.resyncs, len(hotpath.cache)) == (0, parts)


async def test_a_relay_gives_a_copy_that_went_on_a_new_epoch(settings: config.Settings, connection: asyncpg.Connection) -> None:
    async with admin_of(settings) as admin:
        await _listed_and_relayed(admin, connection)
    before = await connection.fetchval("SELECT epoch::text FROM head")
    await _other_history(connection, 5)
    async with admin_of(settings) as admin:
        await eventually(lambda: admin._relay.active)
        assert await connection.fetchval("SELECT epoch::text FROM head") != before
    kept = await connection.fetchval("SELECT epoch::text FROM head")
    await connection.execute("UPDATE relay_cursors SET revision = 4 WHERE relay = 'changes'")
    async with admin_of(settings) as admin:
        async with Client(admin.port) as client:
            await client.call("CreateVenue", name="kraken", venue_type=1)
        await _relayed(connection, 6)
    now = await connection.fetchval("SELECT epoch::text FROM head")
    async with admin_of(settings) as admin:
        await eventually(lambda: admin._relay.active)
        assert await connection.fetchval("SELECT epoch::text FROM head") == now
    assert kept != before


async def test_a_copy_from_an_earlier_epoch_does_not_continue_in_it(
    settings: config.Settings, connection: asyncpg.Connection
) -> None:
    async with admin_of(settings) as admin:
        await _listed_and_relayed(admin, connection)
    copied = await connection.fetchval("SELECT epoch::text FROM head")
    await connection.execute("UPDATE head SET epoch = gen_random_uuid()")
    async with admin_of(settings) as admin, Client(admin.port) as client:
        await client.call("CreateVenue", name="kraken", venue_type=1)
        await _relayed(connection, 6)
    # The copy again: without the change, and with the copy's epoch.
    await connection.execute("DELETE FROM outbox WHERE revision = 6")
    await connection.execute("UPDATE head SET seq = 5, epoch = $1::text::uuid", copied)
    await connection.execute("UPDATE relay_cursors SET revision = 5")
    async with admin_of(settings) as admin:
        await eventually(lambda: admin._relay.active)
        assert await connection.fetchval("SELECT epoch::text FROM head") != copied


async def test_a_new_epoch_by_hand_makes_workers_start_over_and_loses_nothing(
    registry: Client, feed: Client, hotpath: Hotpath, database: str
) -> None:
    btc = await listed(registry)
    await ticked(registry, btc, "0.25")
    await eventually(lambda: hotpath.cache.applied >= 6)
    result = await asyncio.to_thread(CliRunner(env={"CQAR_DATABASE_URL": database}).invoke, cli, ["epoch", "new"])
    assert result.exit_code == 0, result.output
    made = re.fullmatch(r"epoch (\S+), after revision 6\n", result.output)
    assert made is not None
    await eventually(lambda: hotpath.cache.epoch == made[1])
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.25"
    revision = await ticked(registry, btc, "0.5")
    await eventually(lambda: hotpath.cache.applied >= revision)
    assert (await found(feed, btc)).symbol.tick_size_decimal == "0.5"
    assert hotpath.feed.resyncs == 1


async def _listed_and_relayed(admin: Admin, connection: asyncpg.Connection) -> None:
    async with Client(admin.port) as client:
        await listed(client)
    await _relayed(connection, 5)


async def _relayed(connection: asyncpg.Connection, revision: int) -> None:
    async def through() -> bool:
        reached = await connection.fetchval("SELECT min(revision) FROM relay_cursors WHERE relay = 'changes'")
        return bool(reached is not None and reached >= revision)

    await eventually(through)
