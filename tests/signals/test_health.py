"""What `/health` and grpc.health.v1 report."""

import asyncio
from typing import Any

from grpc_health.v1 import health_pb2

from cqar import config
from cqar.admin.app import Admin
from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.hotpath.stack import changed, worker_of
from tests.signals.scrape import health


async def test_a_running_process_is_live(hotpath: Hotpath, admin: Admin) -> None:
    for port in (hotpath.http_port, admin.http_port):
        assert await health(port, "/health/live") == (200, {"status": "ok"})


async def test_components_are_reported_with_their_latencies(hotpath: Hotpath, admin: Admin) -> None:
    for port, names in (
        (hotpath.http_port, ["database", "cache", "event_bus", "feed"]),
        (admin.http_port, ["database", "cache", "event_bus"]),
    ):
        status, told = await health(port)
        assert (status, told["status"], told["components"]) == (200, "ready", dict.fromkeys(names, "ok"))
        assert list(told["latencies_ms"]) == names
        assert told["latencies_ms"]["database"] > 0


async def test_without_a_dependency_it_is_degraded_and_answers(settings: config.Settings, admin: Admin) -> None:
    without = changed(settings, redis={"url": "redis://127.0.0.1:1/0"}, nats={"url": "nats://127.0.0.1:1"})
    async with worker_of(without, admin.port) as worker:
        status, told = await health(worker.http_port)
    assert (status, told["status"]) == (200, "degraded")
    assert told["components"] == {"database": "ok", "cache": "down", "event_bus": "down", "feed": "ok"}


async def test_before_it_can_answer_it_is_unready(settings: config.Settings) -> None:
    without = changed(settings, database={"url": "postgresql://127.0.0.1:1/cqar"})
    async with worker_of(without, loaded=False) as worker:
        status, told = await health(worker.http_port)
    assert (status, told["status"], told["components"]["database"]) == (503, "unready", "down")


async def test_a_stopping_process_is_unready_until_its_calls_end(settings: config.Settings, admin: Admin) -> None:
    async with worker_of(settings, admin.port) as worker, Client(worker.port) as client:
        watch: Any = client.channel.unary_stream(
            "/grpc.health.v1.Health/Watch", response_deserializer=health_pb2.HealthCheckResponse.FromString
        )
        watching = watch(b"")
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.SERVING
        proceed, entered = asyncio.Event(), asyncio.Event()
        resolve = worker.engine.resolve

        async def slowly(*values: object, **more: object) -> object:
            entered.set()
            await proceed.wait()
            return await resolve(*values, **more)  # type: ignore[arg-type]  # what it was called with

        worker.engine.resolve = slowly  # type: ignore[method-assign,assignment]  # a fault
        asked = asyncio.create_task(client.refused("GetVenue", venue_id="none"))
        await entered.wait()
        stopping = asyncio.create_task(worker.stop())
        assert (await watching.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert (await health(worker.http_port))[0] == 503
        assert not stopping.done()
        proceed.set()
        assert (await asked).code == "NOT_FOUND"
        await stopping
