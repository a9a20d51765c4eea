"""Servers that tests may stop, pause and kill. They run again for each test."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from cqar import config
from cqar.dev.embedded import Nats, Postgres, Valkey
from cqar.storage import migrate, parts
from tests.client import Client
from tests.conftest import Servers, execute, url_of
from tests.hotpath.stack import Listed, Reads, listed


@pytest.fixture(scope="package")
def spare() -> Iterator[Servers]:
    """Servers for these tests alone. PostgreSQL is durable: it keeps acknowledged commits when killed."""
    folder = Path(tempfile.mkdtemp(prefix="cqar-"))
    folder.chmod(0o755)
    made = Servers(
        Postgres(folder / "postgres", throwaway=True, durable=True),
        Valkey(folder / "valkey", throwaway=True),
        Nats(folder / "nats", throwaway=True),
    )
    try:
        for server in made:
            server.start()
        asyncio.run(execute(made.postgres.url, "CREATE DATABASE template_cqar TEMPLATE template0"))
        migrate.up(url_of(made.postgres.url, "template_cqar"), report=lambda _line: None)
        yield made
    finally:
        for server in reversed(made):
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
async def mortal(spare: Servers) -> AsyncIterator[Servers]:
    """Servers that a test may stop, pause and kill."""
    yield spare
    for server in spare:
        server.resume()
        if server.poll() is not None:
            server.start()


@pytest.fixture
async def mortal_settings(mortal: Servers, bare: config.Settings) -> config.Settings:
    """Settings for processes on those servers, with a database of the test's own and the default timeout for Redis."""
    name = f"t_{uuid.uuid4().hex[:12]}"
    await execute(mortal.postgres.url, f"CREATE DATABASE {name} TEMPLATE template_cqar")
    url = url_of(mortal.postgres.url, name)
    await execute(url, "UPDATE head SET epoch = gen_random_uuid()")
    replace = msgspec.structs.replace
    base = bare
    return replace(
        base,
        database=replace(base.database, url=url),
        redis=replace(base.redis, url=mortal.valkey.url),
        nats=replace(base.nats, url=mortal.nats.url),
    )


@pytest.fixture
def bare() -> config.Settings:
    """The defaults, on free ports."""
    base = config.Settings()
    replace = msgspec.structs.replace
    return replace(
        base,
        reflection=True,
        admin=replace(base.admin, port=0, http_port=0),
        hotpath=replace(base.hotpath, port=0, http_port=0),
        metrics=replace(base.metrics, port=0),
    )


@pytest.fixture
async def btc(registry: Client) -> Listed:
    """BTCUSDT at binance, in the registry of the session's servers."""
    return await listed(registry)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """Records the reads of parts from now on."""
    seen = Reads()
    monkeypatch.setattr(parts, "read", seen.of(parts.read))
    return seen
