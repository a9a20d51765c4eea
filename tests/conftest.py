"""Real servers for the tests: one of each for the session, a migrated database of its own for each test."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import hypothesis
import msgspec
import pytest

from tests import hangs, tiers

if TYPE_CHECKING:
    import asyncpg

    from cqar import config
    from cqar.admin.app import Admin
    from cqar.dev.embedded import Nats, Postgres, Valkey
    from cqar.hotpath.app import Hotpath
    from tests.client import Client

# A shared machine stalls now and then: how long an example takes says nothing.
hypothesis.settings.register_profile("cqar", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("cqar")


def pytest_configure(config: pytest.Config) -> None:
    """Sort the tests into tiers, and bound those that may hang."""
    config.pluginmanager.register(tiers)
    config.pluginmanager.register(hangs)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell ignores it in background jobs, and so would all processes that the tests start and interrupt.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Channels of one test must not break the processes that another starts: gRPC's handler of a fork can fail in the child.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop that the processes run on."""
    return {"uvloop": tiers.Loop}


class Servers(NamedTuple):
    postgres: Postgres
    valkey: Valkey
    nats: Nats


@pytest.fixture(scope="session")
def folder_of_servers() -> Iterator[Path]:
    """A folder with a short name, for the sake of sockets, that the user of PostgreSQL may enter."""
    made = Path(tempfile.mkdtemp(prefix="cqar-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="session")
def session_postgres(folder_of_servers: Path) -> Iterator[Postgres]:
    """The PostgreSQL of the session, for tests that need no other server."""
    from cqar.dev.embedded import Postgres

    with Postgres(folder_of_servers / "postgres", throwaway=True) as server:
        yield server


@pytest.fixture(scope="session")
def servers(session_postgres: Postgres, folder_of_servers: Path) -> Iterator[Servers]:
    """The servers of the session; tests that stop or kill one start their own."""
    from cqar.dev.embedded import Nats, Valkey

    folder = folder_of_servers
    with Valkey(folder / "valkey", throwaway=True) as valkey, Nats(folder / "nats", throwaway=True) as nats:
        yield Servers(session_postgres, valkey, nats)


@pytest.fixture(scope="session")
def template(session_postgres: Postgres) -> str:
    """A migrated database that others are copied from."""
    from cqar.storage import migrate

    asyncio.run(execute(session_postgres.url, "CREATE DATABASE template_cqar TEMPLATE template0"))
    migrate.up(url_of(session_postgres.url, "template_cqar"), report=lambda _line: None)
    return "template_cqar"


@pytest.fixture
async def database(session_postgres: Postgres, template: str) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database with an epoch of its own."""
    async with database_of(session_postgres, template) as url:
        yield url


@asynccontextmanager
async def database_of(postgres: Postgres, template: str) -> AsyncIterator[str]:
    """A database as of the fixture `database`, for as long as this lasts."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    await execute(postgres.url, f"CREATE DATABASE {name} TEMPLATE {template}")
    url = url_of(postgres.url, name)
    await execute(url, "UPDATE head SET epoch = gen_random_uuid()")
    yield url
    await execute(postgres.url, f"DROP DATABASE {name} WITH (FORCE)")


def url_of(url: str, database: str) -> str:
    return url.replace("/cqar?", f"/{database}?")


async def execute(url: str, sql: str) -> None:
    """Execute SQL on a connection of its own."""
    import asyncpg

    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to the test's database."""
    import asyncpg

    connected = await asyncpg.connect(database, timeout=10)
    yield connected
    await connected.close()


@pytest.fixture
def settings(servers: Servers, database: str) -> config.Settings:
    """Settings for processes of this test: its database, the session's servers, free ports."""
    return settings_of(servers, database)


def settings_of(servers: Servers, database: str) -> config.Settings:
    """Settings as of the fixture `settings`, for a database."""
    from cqar import config

    base = config.Settings()
    replace = msgspec.structs.replace
    return replace(
        base,
        database=replace(base.database, url=database),
        # A shared machine stalls now and then: the circuit breaker has tests of its own.
        redis=replace(base.redis, url=servers.valkey.url, timeout=2.0),
        nats=replace(base.nats, url=servers.nats.url),
        admin=replace(base.admin, port=0, http_port=0),
        hotpath=replace(base.hotpath, port=0, http_port=0),
        metrics=replace(base.metrics, port=0),
    )


@pytest.fixture
async def admin(settings: config.Settings) -> AsyncIterator[Admin]:
    """A running admin."""
    from cqar.admin.app import Admin

    process = Admin(settings)
    await process.start()
    yield process
    await process.stop()


@pytest.fixture
async def hotpath(settings: config.Settings, admin: Admin) -> AsyncIterator[Hotpath]:
    """A running worker beside the running admin, loaded."""
    from cqar.hotpath.app import Hotpath

    at = msgspec.structs.replace(settings.hotpath, admin_address=f"127.0.0.1:{admin.port}")
    process = Hotpath(msgspec.structs.replace(settings, hotpath=at))
    await process.start()
    async with asyncio.timeout(60):
        while not process.feed.loaded:  # noqa: ASYNC110 - the feed has no event for it
            await asyncio.sleep(0.005)
    yield process
    await process.stop()


@pytest.fixture
async def registry(admin: Admin) -> AsyncIterator[Client]:
    """A client of admin."""
    from tests.client import Client

    async with Client(admin.port) as client:
        yield client


@pytest.fixture
async def feed(hotpath: Hotpath) -> AsyncIterator[Client]:
    """A client of the hot path."""
    from tests.client import Client

    async with Client(hotpath.port) as client:
        yield client
