"""A database of an earlier version migrates to the schema of a new one and keeps its data.

`dumps/` has one file for each revision that Alembic left behind, made by `pg_dump --inserts`.
"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cqar.storage import migrate
from tests.conftest import Servers, execute

DUMPS = {each.stem: each for each in sorted((Path(__file__).parent / "dumps").glob("*.sql"))}

_OURS = "relnamespace = 'public'::regnamespace"
#: What makes up a schema, one text for each thing in it.
_SCHEMA = f"""
SELECT concat_ws(' ', c.relname, c.relkind, c.reloptions) FROM pg_class c WHERE {_OURS}
UNION ALL
SELECT concat_ws(' ', c.relname, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                 a.attgenerated, l.collname, pg_get_expr(d.adbin, d.adrelid))
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_collation l ON l.oid = a.attcollation
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE {_OURS} AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT concat_ws(' ', c.relname, d.objsubid, d.description) FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
WHERE d.classoid = 'pg_class'::regclass AND {_OURS}
UNION ALL
SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prokind = 'f'
UNION ALL
SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT concat_ws(' ', extname, extversion) FROM pg_extension
ORDER BY 1
"""
_TABLES = f"SELECT relname FROM pg_class WHERE {_OURS} AND relkind = 'r' AND relname <> 'alembic_version' ORDER BY 1"

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=DUMPS)
def old(request: pytest.FixtureRequest, servers: Servers) -> Iterator[tuple[str, str]]:
    """The revision of a dump, and the URL of a database restored from it."""
    url = servers.postgres.url
    asyncio.run(execute(url, "CREATE DATABASE old TEMPLATE template0"))
    restored = url.replace("/cqar?", "/old?")
    asyncio.run(execute(restored, DUMPS[request.param].read_text(encoding="utf-8")))
    yield request.param, restored
    asyncio.run(execute(url, "DROP DATABASE old WITH (FORCE)"))


async def _schema(url: str) -> list[str]:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        return [row[0] for row in await connection.fetch(_SCHEMA)]
    finally:
        await connection.close()


async def _rows(url: str) -> Rows:
    """All rows of all tables except the revision table."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        tables = [row[0] for row in await connection.fetch(_TABLES)]
        return {
            table: [json.loads(row[0]) for row in await connection.fetch(f"SELECT to_jsonb(t) FROM {table} t ORDER BY t::text")]
            for table in tables
        }
    finally:
        await connection.close()


def test_an_old_database_gets_the_schema_of_a_new_one_and_keeps_its_rows(
    old: tuple[str, str], servers: Servers, template: str
) -> None:
    revision, url = old
    missing = [each for each in migrate.load() if each.revision > revision]
    before, lines = asyncio.run(_rows(url)), list[str]()
    migrate.up(url, report=lines.append)
    after = asyncio.run(_rows(url))

    applied = [f"{each.revision} {each.title}: applied" for each in missing]
    assert lines == (applied or [f"nothing to do: the database is at {revision}"])
    assert asyncio.run(_schema(url)) == asyncio.run(_schema(servers.postgres.url.replace("/cqar?", f"/{template}?")))
    assert before["assets"]
    for table, rows in before.items():
        projected = [{column: row[column] for column in rows[0]} for row in after[table]] if rows else after[table]
        assert projected == rows, table


def test_an_old_database_can_be_reverted_to_an_empty_one(old: tuple[str, str]) -> None:
    _, url = old
    migrate.down(url, "base", report=lambda _line: None)
    assert asyncio.run(_rows(url)) == {}
    assert migrate.current(url) is None


def test_the_printed_sql_creates_the_same_schema_as_up(servers: Servers, template: str) -> None:
    url = servers.postgres.url
    asyncio.run(execute(url, "CREATE DATABASE printed TEMPLATE template0"))
    try:
        printed = url.replace("/cqar?", "/printed?")
        asyncio.run(execute(printed, migrate.script()))
        assert asyncio.run(_schema(printed)) == asyncio.run(_schema(url.replace("/cqar?", f"/{template}?")))
    finally:
        asyncio.run(execute(url, "DROP DATABASE printed WITH (FORCE)"))
