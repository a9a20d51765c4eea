"""A worker that may open few files serves good callers while idle peers take connections."""

import asyncio
import sys
from contextlib import AsyncExitStack

import pytest

from cqar import config
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import bearer
from tests.client import SERVICE, Client
from tests.hotpath.stack import Process, admin_of, eventually, listed
from tests.signals.scrape import of, scrape

DESCRIPTORS, PEERS = 100, 150


class Poor(Process):
    """A process that may open few files."""

    def _command(self, name: str) -> list[str]:
        return ["sh", "-c", f'ulimit -n {DESCRIPTORS} && exec "$0" "$@"', *super()._command(name)]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit and the metrics of descriptors are those of Linux")
async def test_idle_peers_leave_descriptors_for_everything_else(settings: config.Settings) -> None:
    async with admin_of(settings) as process, Client(process.port) as client:
        at = await listed(client)
    locked = credentials.locked(settings)
    headers = bearer(await credentials.make(locked, Role.READER))
    keys = {"CQAR_AUTH": "keys", "CQAR_PEPPER": credentials.PEPPER, "CQAR_HOTPATH_PRELOAD": "false"}
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(admin_of(locked))
        worker = Poor("hotpath", locked, CQAR_HOTPATH_ADMIN_ADDRESS=f"127.0.0.1:{admin.port}", **keys)
        stack.callback(worker.close)
        where = await worker.says("hotpath_listening")
        await worker.says("hotpath_ready")
        port, metrics = (int(where[each].rpartition(":")[2]) for each in ("grpc", "metrics"))

        for _ in range(PEERS):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            stack.callback(writer.close)
        good = await stack.enter_async_context(Client(port))
        # A fill, from PostgreSQL and offered to Redis, and calls that are passed on.
        found = await good.call("GetVenueSymbol", venue_id=at.venue, venue_symbol=at.text, headers=headers)
        assert found.symbol.symbol_id == at.symbol
        for path in (f"{SERVICE}ListVenues", f"{SERVICE}ListAssets"):
            assert await good.raw(path, b"", headers=headers)
        second = await stack.enter_async_context(Client(port))
        await second.call("GetAsset", asset_id=at.quote, headers=headers)

        async def settled() -> bool:
            return of(await scrape(metrics), "cqar_grpc_connections") <= DESCRIPTORS // 2

        await eventually(settled)
        samples = await scrape(metrics)
        assert of(samples, "process_max_fds") == DESCRIPTORS
        assert of(samples, "process_open_fds") < DESCRIPTORS - 10
        assert of(samples, "cqar_redis_failures_total") == 0
        assert of(samples, "cqar_strangers_refused_total", reason="connections") >= PEERS - DESCRIPTORS // 2
        assert worker.said("internal_error") is None
