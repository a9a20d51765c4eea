"""What is pruned after its retention, and what is not."""

import asyncpg
import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.replication import outbox
from tests.client import Client
from tests.hotpath.stack import admin_of, changed, listed


async def _aged(connection: asyncpg.Connection, days: float) -> None:
    """Make half of the audit and of the idempotency keys this old."""
    await connection.execute(
        "UPDATE audit SET created_at = now() - make_interval(secs => $1) WHERE audit_id <= 3", days * 86_400
    )
    await connection.execute(
        "INSERT INTO idempotency_keys (principal, method, idempotency_key, request_hash, response, revision, created_at)"
        " SELECT 'p', 'm', i::text, '', '', 1, now() - make_interval(secs => $1) FROM generate_series(1, 7) i",
        days * 86_400,
    )


async def test_old_idempotency_keys_go_and_the_audit_stays(
    admin: Admin, registry: Client, connection: asyncpg.Connection
) -> None:
    await listed(registry)
    await registry.call("CreateVenue", name="new", venue_type=1, headers=(("idempotency-key", "of-today"),))
    await _aged(connection, 1.1)
    audited = await connection.fetchval("SELECT count(*) FROM audit")
    assert await admin._relay.outbox.prune_history() == 7
    assert [row[0] for row in await connection.fetch("SELECT idempotency_key FROM idempotency_keys")] == ["of-today"]
    assert await connection.fetchval("SELECT count(*) FROM audit") == audited


async def test_the_audit_is_pruned_to_its_setting_a_few_rows_at_a_time(
    settings: config.Settings, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_PRUNED_AT_ONCE", 2)
    kept = msgspec.structs.replace(changed(settings), retention=config.Retention(audit_days=30, idempotency_hours=24 * 365))
    async with admin_of(kept) as admin, Client(admin.port) as registry:
        await listed(registry)
        audited = await connection.fetchval("SELECT count(*) FROM audit")
        await _aged(connection, 31)
        assert await admin._relay.outbox.prune_history() == 3
        assert await connection.fetchval("SELECT count(*) FROM audit") == audited - 3
        assert await connection.fetchval("SELECT count(*) FROM idempotency_keys") == 7
        assert await admin._relay.outbox.prune_history() == 0
