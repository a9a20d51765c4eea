"""How processes stop: in order, without losing running work; and immediately on a second signal."""

import asyncio
import signal
import time
from typing import Any

import asyncpg
import pytest

from cqar import config
from cqar.admin.app import Admin
from loadtests.servers import free_port
from tests.client import Client
from tests.hotpath.stack import admin_of, changed, eventually, listed, process_of
from tests.signals.policy import Load
from tests.signals.scrape import health


def port_of(said: dict[str, Any], name: str) -> int:
    return int(said[name].rpartition(":")[2])


PATIENT = {"CQAR_DATABASE_LOCK_TIMEOUT": "20", "CQAR_DATABASE_STATEMENT_TIMEOUT": "20"}


async def waiting_for_a_lock(connection: asyncpg.Connection) -> bool:
    """Whether a session of this database waits for a lock."""
    asked = (
        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
        " WHERE NOT l.granted AND a.datname = current_database()"
    )
    await connection.execute("SELECT pg_stat_clear_snapshot()")
    return bool(await connection.fetchval(asked))


async def test_a_write_under_way_is_finished_and_everything_ends_well(
    settings: config.Settings, connection: asyncpg.Connection
) -> None:
    with process_of("admin", settings, **PATIENT) as admin:
        port = port_of(await admin.says("admin_ready"), "grpc")
        with process_of("hotpath", settings, CQAR_HOTPATH_ADMIN_ADDRESS=f"127.0.0.1:{port}") as worker:
            at = await worker.says("hotpath_listening")
            await worker.says("hotpath_ready")
            async with Client(port_of(at, "grpc")) as client:
                async with connection.transaction():
                    await connection.execute("SELECT FROM head FOR UPDATE")
                    writing = asyncio.create_task(client.call("CreateVenue", name="kraken", venue_type=1, deadline=20))
                    await eventually(lambda: waiting_for_a_lock(connection))
                    worker.send(signal.SIGTERM)
                    admin.send(signal.SIGINT)
                    await worker.says("stopping")
                    await admin.says("stopping")
                    status, told = await health(port_of(at, "http"))
                    assert (status, told["status"]) == (503, "unready")
                    async with Client(port_of(at, "grpc")) as late:
                        assert (await late.refused("GetVenue", venue_id="kraken")).code == "UNAVAILABLE"
                assert (await writing).venue.name == "kraken"
            assert await worker.ended() == 0
        assert await admin.ended() == 0
    cursors = await connection.fetch("SELECT r.revision, h.seq FROM relay_cursors r, head h WHERE r.relay = 'changes'")
    assert [tuple(row) for row in cursors] == [(1, 1)]
    assert (worker.log[-1]["event"], admin.log[-1]["event"]) == ("hotpath_stopped", "admin_stopped")
    assert not [line for line in (*worker.log, *admin.log) if line.get("level") in {"error", "critical"}]


async def test_a_second_signal_ends_it_at_once(settings: config.Settings, connection: asyncpg.Connection) -> None:
    with process_of("admin", settings, **PATIENT) as admin:
        port = port_of(await admin.says("admin_ready"), "grpc")
        async with Client(port) as client, connection.transaction():
            await connection.execute("SELECT FROM head FOR UPDATE")
            writing = asyncio.create_task(client.refused("CreateVenue", name="kraken", venue_type=1, deadline=20))
            await eventually(lambda: waiting_for_a_lock(connection))
            admin.send(signal.SIGTERM)
            await admin.says("stopping")
            await asyncio.sleep(0.6)
            admin.send(signal.SIGTERM)
            assert await admin.ended() == 128 + signal.SIGTERM
            assert (await writing).code == "UNAVAILABLE"


async def test_two_signals_in_quick_succession_count_as_one(settings: config.Settings) -> None:
    with process_of("admin", settings) as admin:
        await admin.says("admin_ready")
        admin.send(signal.SIGINT)
        admin.send(signal.SIGTERM)
        assert await admin.ended() == 0


async def test_a_client_with_the_documented_policy_sees_no_restart_of_a_worker(
    settings: config.Settings, admin: Admin, registry: Client
) -> None:
    await registry.call("CreateVenue", name="binance", venue_type=1)
    port = free_port()
    variables = {"CQAR_HOTPATH_ADMIN_ADDRESS": f"127.0.0.1:{admin.port}", "CQAR_HOTPATH_PORT": str(port)}
    load = Load(f"127.0.0.1:{port}")
    with process_of("hotpath", settings, **variables) as first:
        await first.says("hotpath_ready")
        running = asyncio.create_task(load.run(8))
        await eventually(lambda: load.done > 300, 60)
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
    before = load.done
    with process_of("hotpath", settings, **variables) as second:
        await second.says("hotpath_ready")
        await eventually(lambda: load.done > before + 300, 60)
        load.stop()
        await running
    assert load.failed == []


async def test_what_was_written_is_sent_before_the_end(settings: config.Settings, connection: asyncpg.Connection) -> None:
    async with admin_of(changed(settings)) as admin, Client(admin.port) as registry:
        await eventually(lambda: admin._relay.active)
        append = admin._bus.append

        async def slowly(*values: Any) -> int:
            await asyncio.sleep(0.3)
            return await append(*values)

        admin._bus.append = slowly  # type: ignore[method-assign,assignment]  # a slow NATS
        await listed(registry)
    cursor = await connection.fetchval("SELECT revision FROM relay_cursors WHERE relay = 'changes'")
    assert cursor == await connection.fetchval("SELECT seq FROM head") == 5


async def test_a_process_without_nats_stops_in_time(settings: config.Settings) -> None:
    without = changed(settings, nats={"url": "nats://127.0.0.1:1"})
    admin = Admin(without)
    await admin.start()
    async with Client(admin.port) as registry:
        await listed(registry)
    began = time.monotonic()
    await admin.stop()
    assert time.monotonic() - began < 25


@pytest.mark.parametrize("name", ["admin", "hotpath"])
async def test_an_idle_process_stops_with_code_0(name: str, settings: config.Settings) -> None:
    with process_of(name, settings) as process:
        await process.says(f"{name}_ready")
        process.send(signal.SIGTERM)
        assert await process.ended() == 0
