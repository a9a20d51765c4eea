"""The relay's cursors: they reach the head, so that nothing counts as waiting and the outbox can be pruned."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from cqar import config
from cqar.admin.app import Admin
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.stack import admin_of, eventually, listed, ticked
from tests.signals.scrape import of, scrape


@pytest.fixture
async def outbox(mortal_settings: config.Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(mortal_settings.database.url)
    yield connection
    await connection.close()


async def _at_head(outbox: asyncpg.Connection) -> bool:
    """Whether both cursors are at the head."""
    return bool(await outbox.fetchval("SELECT count(*) = 2 AND bool_and(c.revision = h.seq) FROM relay_cursors c, head h"))


async def _published(admin: Admin, *, changes: int) -> bool:
    return sum(many for name, many in admin._relay.published.items() if name.startswith("changes.")) >= changes


async def test_a_change_whose_acknowledgement_an_outage_of_nats_delays_counts_as_published(
    mortal: Servers, mortal_settings: config.Settings, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        await eventually(lambda: _at_head(outbox))
        before = admin._relay.published["changes.symbol"]
        mortal.nats.pause()
        await ticked(registry, btc, "0.25")
        await eventually(lambda: not admin._relay.active)
        mortal.nats.resume()
        await eventually(lambda: admin._relay.active)
        await eventually(lambda: _at_head(outbox))
        await eventually(lambda: admin._relay.published["changes.symbol"] == before + 1)
        admin._relay.outbox._counted = float("-inf")
        samples = await scrape(admin.http_port)
    assert of(samples, "cqar_outbox_depth", relay="changes") == 0
    assert of(samples, "cqar_outbox_age_seconds", relay="changes") == 0


async def test_every_change_is_counted_once_however_often_the_relay_is_interrupted(
    mortal: Servers, mortal_settings: config.Settings, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        for number in range(3):
            mortal.nats.kill()
            await ticked(registry, btc, f"0.{number}1")
            await asyncio.sleep(0.1)
            mortal.nats.start()
            await ticked(registry, btc, f"0.{number}2")
            await eventually(lambda: _at_head(outbox))
        await eventually(lambda: _published(admin, changes=11))
        assert admin._relay.published["changes.symbol"] == 1 + 6


async def test_the_outbox_of_a_registry_that_is_only_updated_is_pruned(
    mortal_settings: config.Settings, outbox: asyncpg.Connection
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        for number in range(5):
            await ticked(registry, btc, f"0.{number}1")
        await eventually(lambda: _at_head(outbox))
        await outbox.execute("UPDATE outbox SET created_at = now() - interval '25 hours'")
        admin._relay.outbox._counted = float("-inf")
        samples = await scrape(admin.http_port)
        assert of(samples, "cqar_outbox_rows") == 10
        assert of(samples, "cqar_outbox_oldest_seconds") > 24 * 3600
        assert await admin._relay.outbox.prune() == 10
        admin._relay.outbox._counted = float("-inf")
        samples = await scrape(admin.http_port)
        assert of(samples, "cqar_outbox_rows") == of(samples, "cqar_outbox_oldest_seconds") == 0
        # What is pruned is not published again, and the next change is.
        await ticked(registry, btc, "0.75")
        await eventually(lambda: _at_head(outbox))
        assert admin._relay.published["changes.symbol"] == 1 + 6
