"""Starting, readiness and stopping, as load balancers, operators and clients see it."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
from typing import Any

import asyncpg
import grpc
import grpc.aio
import msgspec
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from cqar import config, errors
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.server.process import PortError
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.stack import admin_of, changed, eventually, found, listed, process_of, worker_of

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
SERVICES = ("cqc.services.v1.AssetRegistry", "cqar.v1.Registry")


async def _health(port: int, service: str = "") -> Any:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        return (await health_pb2_grpc.HealthStub(channel).Check(request, timeout=5)).status


async def _http(port: int, path: str) -> tuple[int, dict[str, Any]]:
    def get() -> tuple[int, dict[str, Any]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(get)


async def _reflected(port: int) -> set[str]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        request = reflection_pb2.ServerReflectionRequest(list_services="")
        async for answer in reflection_pb2_grpc.ServerReflectionStub(channel).ServerReflectionInfo(iter([request]), timeout=5):
            return {each.name for each in answer.list_services_response.service}
    return set()


async def test_both_processes_list_all_services_by_reflection(settings: config.Settings) -> None:
    open_settings = msgspec.structs.replace(settings, reflection=True)
    async with admin_of(open_settings) as admin, worker_of(open_settings, admin.port) as worker:
        for port in (admin.port, worker.port):
            names = await _reflected(port)
            assert names >= {*SERVICES, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}
            for service in ("", *SERVICES):
                assert await _health(port, service) == SERVING
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await _health(port, "no.such.Service")
            assert caught.value.code() == grpc.StatusCode.NOT_FOUND


async def test_reflection_is_off_by_default_even_if_admin_has_it(settings: config.Settings) -> None:
    open_settings = msgspec.structs.replace(settings, reflection=True)
    async with admin_of(open_settings) as admin, worker_of(settings, admin.port) as worker:
        assert await _reflected(admin.port)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await _reflected(worker.port)
        assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


async def test_a_worker_serves_from_loading_until_it_stops(mortal: Servers, mortal_settings: config.Settings) -> None:
    mortal.postgres.kill()
    async with worker_of(mortal_settings, loaded=False) as worker:
        assert await _health(worker.port) == NOT_SERVING
        assert await _health(worker.port, SERVICES[0]) == NOT_SERVING
        status, body = await _http(worker.http_port, "/health/ready")
        assert (status, body["status"], body["components"]["database"]) == (503, "unready", "down")
        assert (await _http(worker.http_port, "/health/live"))[0] == 200
        async with grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}") as channel:
            watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == NOT_SERVING
            mortal.postgres.start()
            assert (await watch.read()).status == SERVING
            status, body = await _http(worker.http_port, "/health/ready")
            assert status == 200
            assert body["components"]["database"] == "ok"
            began = asyncio.get_running_loop().time()
            await worker.stop()
            assert (await watch.read()).status == NOT_SERVING
            assert await watch.read() is grpc.aio.EOF
            # A health watch does not delay the stop, for which calls in progress have half a minute.
            assert asyncio.get_running_loop().time() - began < 25


async def test_a_dependency_that_is_down_means_degraded_and_not_unready(
    mortal: Servers, mortal_settings: config.Settings
) -> None:
    async with admin_of(mortal_settings) as admin, worker_of(mortal_settings, admin.port) as worker:
        ports = (admin.http_port, worker.http_port)

        async def well() -> bool:
            return all([(await _http(port, "/health/ready"))[1]["status"] == "ready" for port in ports])

        await eventually(well)
        for server, component in ((mortal.valkey, "cache"), (mortal.nats, "event_bus"), (mortal.postgres, "database")):
            server.kill()

            async def seen(component: str = component) -> bool:
                answers = [await _http(port, "/health/ready") for port in ports]
                return all((status, body["components"][component]) == (200, "down") for status, body in answers)

            await eventually(seen)
            server.start()
        await eventually(well)


# ---- stopping ------------------------------------------------------------------------------------------------------


async def test_a_stopped_process_leaves_no_task_and_no_connection(
    settings: config.Settings, connection: asyncpg.Connection
) -> None:
    before = asyncio.all_tasks()
    async with admin_of(settings) as admin, worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        btc = await listed(feed)
        await found(feed, btc)
        assert (await feed.refused("GetAsset", asset_id="nobody")).code == "NOT_FOUND"
        assert len(asyncio.all_tasks()) > len(before)
    await eventually(lambda: asyncio.all_tasks() <= before)
    rest = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cqar-%' AND datname = current_database()"

    async def gone() -> bool:
        return bool(await connection.fetchval(rest) == 0)

    await eventually(gone)


@pytest.mark.parametrize("down", ["nats", "valkey", "postgres"])
async def test_a_process_stops_cleanly_while_a_server_is_down(
    mortal: Servers, mortal_settings: config.Settings, down: str
) -> None:
    before = asyncio.all_tasks()
    async with admin_of(mortal_settings) as admin, worker_of(mortal_settings, admin.port):
        getattr(mortal, down).kill()
        await asyncio.sleep(0.3)
    async with admin_of(mortal_settings) as admin, worker_of(mortal_settings, admin.port, loaded=False):
        pass  # the process runs without it all the time
    await eventually(lambda: asyncio.all_tasks() <= before)


async def test_a_call_in_progress_is_answered_while_the_process_stops(
    settings: config.Settings, connection: asyncpg.Connection
) -> None:
    async with admin_of(settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        async with connection.transaction():
            await connection.execute("SELECT * FROM assets WHERE asset_id = $1 FOR UPDATE", btc.base)
            waiting = asyncio.create_task(registry.call("UpdateAsset", asset_id=btc.base, name="Bitcoin!"))

            async def locked() -> bool:
                return bool(await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"))

            await eventually(locked)
            stopping = asyncio.create_task(admin.stop())
            await asyncio.sleep(0.05)
            assert not stopping.done()
        assert (await waiting).asset.name == "Bitcoin!"
        await stopping
        assert (await registry.refused("GetAsset", asset_id=btc.base)).code == "UNAVAILABLE"


async def test_both_processes_stop_cleanly_by_signal(settings: config.Settings, connection: asyncpg.Connection) -> None:
    with process_of("admin", settings) as admin, process_of("hotpath", settings) as worker:
        port = (await worker.says("hotpath_listening"))["grpc"].rpartition(":")[2]
        await admin.says("admin_ready")
        await worker.says("hotpath_ready")
        async with Client(int(port)) as feed:
            assert (await feed.refused("GetAsset", asset_id="nobody")).code == "NOT_FOUND"
            worker.send(signal.SIGTERM)
            admin.send(signal.SIGINT)
            assert await worker.ended() == 0
            assert await admin.ended() == 0
    assert [line for process in (worker, admin) for line in process.log if line.get("level") not in ("info", "debug")] == []
    rest = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'cqar-%' AND datname = current_database()"
    assert await connection.fetchval(rest) == 0


async def test_a_taken_port_ends_the_start_with_a_message(settings: config.Settings) -> None:
    async with worker_of(settings) as worker:
        for taken in ({"port": worker.port}, {"http_port": worker.http_port}):
            (port,) = taken.values()
            with pytest.raises(PortError, match=f"127.0.0.1:{port}: the port is in use"):
                async with worker_of(changed(settings, hotpath=taken)):
                    pass
        own = {task.get_name() for task in asyncio.all_tasks()}
        assert not {name for name in own if list(own).count(name) > 1}


# ---- errors --------------------------------------------------------------------------------------------------------


async def test_an_error_with_details_too_large_for_metadata_still_arrives(
    registry: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for text in ("x", "ö", "日"):
        many = [errors.Violation(f"field_{at}", "WRONG", text * 200) for at in range(100)]

        async def broken(*_: Any, many: list[errors.Violation] = many) -> Any:
            raise errors.Invalid(*many[0], *many[1:])

        monkeypatch.setattr("cqar.admin.app.run", broken)
        refused = await registry.refused("CreateAsset", symbol="X", name="X", asset_type=assets.ASSET_TYPE_NATIVE)
        assert refused.code == "INVALID_ARGUMENT"
        assert refused.message.startswith(f"field_0: {text * 200}")
        assert refused.fields[0] == ("field_0", "WRONG")


async def test_a_bug_is_an_internal_error_without_its_text(registry: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        msg = "secret detail"
        raise RuntimeError(msg)

    monkeypatch.setattr("cqar.admin.app.run", broken)
    refused = await registry.refused("GetAsset", asset_id="x")
    assert refused.code == "INTERNAL"
    assert "secret" not in refused.message
