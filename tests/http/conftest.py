"""What the tests of the HTTP API start from."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from tests.conftest import Servers, execute, url_of
from tests.http.client import Api


@pytest.fixture
async def api(admin: Admin) -> AsyncIterator[Api]:
    """A client of a running admin with a registry of the test's own."""
    async with Api(admin.http_port) as client:
        yield client


@pytest.fixture(scope="package")
async def shared(servers: Servers, template: str) -> AsyncIterator[Api]:
    """A client of an admin whose registry holds what other tests have left there."""
    await execute(servers.postgres.url, f"CREATE DATABASE t_http TEMPLATE {template}")
    await execute(url_of(servers.postgres.url, "t_http"), "UPDATE head SET epoch = gen_random_uuid()")
    base, replace = config.Settings(), msgspec.structs.replace
    process = Admin(
        replace(
            base,
            database=replace(base.database, url=url_of(servers.postgres.url, "t_http")),
            redis=replace(base.redis, url=servers.valkey.url, timeout=2.0),
            # One stream holds the changes of one registry: those of this one go nowhere.
            nats=replace(base.nats, url="nats://127.0.0.1:1"),
            admin=replace(base.admin, port=0, http_port=0),
        )
    )
    await process.start()
    async with Api(process.http_port) as client:
        yield client
    await process.stop()
    await execute(servers.postgres.url, "DROP DATABASE t_http WITH (FORCE)")
