"""Fixtures of the registry tests."""

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from cqar.dev.embedded import Postgres
from tests.client import Client
from tests.registry.factory import Factory

# Emptying a database takes a tenth of the time of a new one. A new head is a new epoch.
_EMPTY = """
DO $$ DECLARE each record; BEGIN
 PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
 PERFORM set_config('session_replication_role', 'replica', true);
 FOR each IN SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
   AND relname NOT LIKE 'alembic%' LOOP
  EXECUTE format('DELETE FROM %I', each.relname);
 END LOOP;
 INSERT INTO head DEFAULT VALUES;
END $$
"""


async def execute(url: str, sql: str) -> None:
    """Run SQL in a database."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def named(server: Postgres, name: str) -> str:
    """The URL of another database of the server."""
    return server.url.replace("/cqar?", f"/{name}?")


@pytest.fixture(scope="package")
def emptied(session_postgres: Postgres, template: str) -> Iterator[str]:
    """The URL of a migrated database, reused by one test after the other."""
    asyncio.run(execute(session_postgres.url, f"CREATE DATABASE emptied TEMPLATE {template}"))
    yield named(session_postgres, "emptied")
    asyncio.run(execute(session_postgres.url, "DROP DATABASE emptied WITH (FORCE)"))


@pytest.fixture
async def database(emptied: str) -> str:
    """The URL of a migrated, empty database with a new epoch."""
    await execute(emptied, _EMPTY)
    return emptied


@pytest.fixture
def factory(registry: Client) -> Factory:
    """Creates entities through admin."""
    return Factory(registry)
