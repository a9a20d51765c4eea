"""With a hundred thousand rows per table, frequent queries read few pages, according to EXPLAIN."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest

from cqar.model import part_kinds
from cqar.model.entities import ASSET, RELATIONSHIP
from cqar.replication import changes
from cqar.services.asset_registry import BY_NAME, METHODS
from cqar.storage import parts
from cqar.storage.postgres import Sql
from cqar.writes import paging, prepare, procedures, search
from cqar.writes.operations import List, children_sql, parents_sql
from tests.conftest import Servers
from tests.registry.conftest import execute, named

_ROWS = 100_000
#: Pages that one page of a list may read: its rows lie anywhere, and each may look at others.
_LIST_PAGES = 2_000
#: Pages of eight kilobytes that a lookup may read.
_LOOKUP_PAGES = 150
_BIG = {
    *("assets", "deployments", "asset_identifiers", "relationships", "quality_flags"),
    *("symbols", "symbol_identifiers", "venue_assets", "venue_symbols", "outbox"),
}

# Numbers are spread by remainders of primes, so that no two columns go together. Trigrams are indexed at the end, all at
# once, and two connections share the work: tests wait for it.
_ALONE = "SET session_replication_role = replica; SET maintenance_work_mem = '128MB';"
_NAMES = f"""
DROP INDEX assets_search, symbols_search;
INSERT INTO assets (asset_id, symbol, name, asset_type, category)
 SELECT 'a' || g, 'T' || md5(g::text), md5((g * 7)::text), g % 9 + 1, 'k' || g % 97 FROM generate_series(1, {_ROWS}) g;
INSERT INTO symbols (symbol_id, symbol, symbol_type, base_asset_id, quote_asset_id)
 SELECT 's' || g, 'T' || md5(g::text) || '/Q' || g % 97, CASE WHEN g % 2 = 0 THEN 1 ELSE 5 END, 'a' || g, 'a' || g % 97 + 1
 FROM generate_series(1, {_ROWS}) g;
"""
_REST = f"""
ALTER TABLE venue_symbols DROP CONSTRAINT venue_symbols__venue_symbol__taken;
INSERT INTO chains (chain_id, chain_name, chain_type) SELECT 'c' || g, 'C', 'EVM' FROM generate_series(0, 99) g;
INSERT INTO venues (venue_id, name, venue_type, chain_id)
 SELECT 'v' || g, 'V', g % 5 + 1, 'c' || g FROM generate_series(0, 99) g;
INSERT INTO deployments (deployment_id, asset_id, chain_id, address)
 SELECT 'd' || g, 'a' || g, 'c' || g % 97, '0x' || g FROM generate_series(1, {_ROWS}) g;
INSERT INTO asset_identifiers (identifier_id, asset_id, source, external_id)
 SELECT 'i' || g, 'a' || g, g % 5 + 1, 'x' || g FROM generate_series(1, {_ROWS // 2}) g;
INSERT INTO relationships (relationship_id, from_asset_id, to_asset_id, relationship_type)
 SELECT 'r' || g, 'a' || g, 'a' || g / 50 + 1, g % 8 + 1 FROM generate_series(100, {_ROWS}) g;
INSERT INTO quality_flags (flag_id, asset_id, flag_type, severity, source, reason, resolved_at)
 SELECT 'f' || g, 'a' || g % 9973, g % 9 + 1, CASE WHEN g % 1009 = 0 THEN 5 ELSE g % 4 + 1 END, 's', 'r',
 CASE WHEN g % 3 = 0 THEN now() END FROM generate_series(1, {_ROWS}) g;
INSERT INTO symbol_identifiers (identifier_id, symbol_id, data_source, external_id)
 SELECT 'i' || g, 's' || g, g % 5 + 1, 'x' || g FROM generate_series(1, {_ROWS // 2}) g;
INSERT INTO venue_assets (venue_id, asset_id, venue_asset_symbol, venue_asset_aliases)
 SELECT 'v' || g % 97, 'a' || g, 'T' || g, CASE WHEN g % 10 = 0 THEN ARRAY['U' || g] END FROM generate_series(1, {_ROWS}) g;
INSERT INTO venue_symbols (listing_id, venue_id, symbol_id, symbol_type, venue_symbol, delisted_at)
 SELECT 'l' || g, 'v' || g % 97, 's' || g, CASE WHEN g % 2 = 0 THEN 1 ELSE 5 END, 'T' || g,
 CASE WHEN g % 10 = 0 THEN now() - interval '1 day' END FROM generate_series(1, {_ROWS}) g;
INSERT INTO outbox (revision, event_id, entity, row_id, op, keys, left_keys, actor)
 SELECT g, gen_random_uuid(), 'asset', 'a' || g, 'create', ARRAY['asset:a' || g], ARRAY[]::text[], 'x'
 FROM generate_series(1, {_ROWS // 2}) g;
UPDATE head SET seq = {_ROWS // 2};
"""

#: A value for every filter of a list.
_VALUES: dict[str, Any] = {
    "asset_type": 3,
    "category": "k5",
    "asset_id": "a777",
    "chain_id": "c7",
    "address": ["0x777"],
    "source": 2,
    "data_source": 2,
    "relationship_type": 1,
    "ends": ["a5"],
    "min_severity": 5,
    "flag_type": 2,
    "chain_type": "EVM",
    "symbol_type": 1,
    "symbol_id": "s777",
    "base_asset_id": "a777",
    "quote_asset_id": "a7",
    "venue_type": 2,
    "venue_id": "v7",
    "venue_asset_symbol": "U770",
    "venue_symbol": ["T777"],
}


@pytest.fixture(scope="module")
def crowded(servers: Servers, template: str) -> Iterator[str]:
    """The URL of a database with a hundred thousand rows per table."""
    asyncio.run(execute(servers.postgres.url, f"CREATE DATABASE crowded TEMPLATE {template}"))
    asyncio.run(_fill(named(servers.postgres, "crowded")))
    yield named(servers.postgres, "crowded")
    asyncio.run(execute(servers.postgres.url, "DROP DATABASE crowded WITH (FORCE)"))


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url)
    made = "; ".join(
        row["made"]
        for row in await connection.fetch(
            "SELECT pg_get_indexdef(c.oid) AS made FROM pg_class c WHERE relname ~ '^(assets|symbols)_search$'"
        )
    )
    await connection.close()
    await asyncio.gather(execute(url, f"{_ALONE}{_NAMES}{made}"), execute(url, f"{_ALONE}{_REST}"))
    # As autovacuum would: what was inserted at once waits in a list, which a search reads from end to end.
    await execute(url, "SELECT gin_clean_pending_list('venue_assets_by_alias')")
    await execute(url, "ANALYZE")


@pytest.fixture
async def plans(crowded: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(crowded, server_settings={"jit": "off"})
    yield connection
    await connection.close()


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for each in plan.get("Plans", ()):
        yield from _nodes(each)


async def _checked(connection: asyncpg.Connection, sql: Sql, values: list[Any], pages: int) -> None:
    """The statement scans no large table sequentially and reads at most this many pages."""
    analyzed = f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {sql.text}"
    async with connection.transaction():
        [explained] = json.loads(await connection.fetchval(analyzed, *values))
    plan = explained["Plan"]
    read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    whole = [
        each["Relation Name"] for each in _nodes(plan) if each["Node Type"] == "Seq Scan" and each["Relation Name"] in _BIG
    ]
    assert not whole, f"{sql.name} scans {whole}: {json.dumps(plan, indent=1)[:6_000]}"
    assert read <= pages, f"{sql.name} reads {read} pages: {json.dumps(plan, indent=1)[:6_000]}"


#: What a root key of each kind names here.
_NAMED = {
    "asset": ["a777"],
    "asset_identifiers": ["a777"],
    "chain": ["c7"],
    "deployment": ["c1", "0x777"],
    "external_asset": ["2", "x777"],
    "external_symbol": ["2", "x777"],
    "listings": ["v1", "T777"],
    "symbol": ["s777"],
    "symbol_identifiers": ["s777"],
    "symbol_listings": ["s777"],
    "venue": ["v7"],
    "identity": ["v1", "a777"],
    "venue_asset": ["v1", "a777"],
    "venue_code": ["v1", "T777"],
}


def _named(kind: str) -> list[list[str]]:
    """What a root key of the kind names; of a kind that is not of these tables, something."""
    return [[each] for each in _NAMED.get(kind) or ["?"] * part_kinds.BY_NAME[kind].arity]


async def test_every_lookup_reads_a_few_pages(plans: asyncpg.Connection) -> None:
    for kind in sorted(part_kinds.BY_NAME):
        await _checked(plans, parts.fill_sql(kind), _named(kind), _LOOKUP_PAGES)


async def test_every_lookup_keeps_to_its_indexes_when_planned_once_for_all_values(plans: asyncpg.Connection) -> None:
    await plans.execute("SET plan_cache_mode = force_generic_plan")
    for kind in sorted(part_kinds.BY_NAME):
        await plans.execute(f"PREPARE fill AS {parts.fill_sql(kind).text}")
        values = ", ".join(f"ARRAY['{each}']" for [each] in _named(kind))
        [explained] = json.loads(await plans.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE fill({values})"))
        whole = [each["Relation Name"] for each in _nodes(explained["Plan"]) if each["Node Type"] == "Seq Scan"]
        assert not _BIG & set(whole), f"{kind} scans {whole}: {json.dumps(explained, indent=1)[:6_000]}"
        await plans.execute("DEALLOCATE fill")


async def test_the_sweep_reads_keys_in_their_order(plans: asyncpg.Connection) -> None:
    for kind in part_kinds.names(lambda kind: kind.preloaded):
        after = [each for [each] in _named(kind)]
        await _checked(plans, parts.keys_sql(kind), [*after, 250], _LIST_PAGES)


async def test_every_filter_of_every_list_reads_a_few_pages(plans: asyncpg.Connection) -> None:
    count = 0
    for method in METHODS:
        if not isinstance(method.serve, List):
            continue
        entity, filters = method.serve.entity, method.serve.filters
        always = [each for each in filters if each.unless or each.field in method.serve.needs]
        for chosen in (None, *(each for each in filters if each not in always)):
            used = [*always, *([] if chosen is None else [chosen])]
            conditions = tuple(each.condition for each in used)
            values = [_VALUES[each.field] for each in used for _ in range(each.condition.count("{}"))]
            last = [f"{column[0]}5" for column in entity.key]
            await _checked(plans, paging.list_sql(entity, conditions, after=False), [*values, 101], _LIST_PAGES)
            await _checked(plans, paging.list_sql(entity, conditions, after=True), [*values, *last, 101], _LIST_PAGES)
            count += 1
    assert count > 25


async def test_relationships_of_an_asset_read_a_few_pages(plans: asyncpg.Connection) -> None:
    for ends in procedures._DIRECTIONS.values():
        for more in ((), (procedures._KIND,)):
            used = (ends, *more)
            values = [_VALUES[each.field] for each in used for _ in range(each.condition.count("{}"))]
            sql = paging.list_sql(RELATIONSHIP, tuple(each.condition for each in used), after=False)
            await _checked(plans, sql, [*values, 101], _LIST_PAGES)
    for sql in (procedures._MADE_OF, procedures._VARIANTS):
        await _checked(plans, sql, ["a777", [1, 2, 3, 4, 8]], _LIST_PAGES)
    await _checked(plans, prepare._REACHES, ["a90000", "a1", [1, 2, 3, 4, 8]], _LIST_PAGES)


async def test_a_search_reads_no_table_from_end_to_end(plans: asyncpg.Connection) -> None:
    for sql in (search.ASSETS, search.SYMBOLS):
        for query in ("T0cc175b9c0f1b6a831c399e269772661", "T0cc", "0cc175b9"):
            await _checked(plans, sql, [query, f"{query}%", None, None, 101, None, None, None], 40_000)


async def test_what_a_write_asks_reads_a_few_pages(plans: asyncpg.Connection) -> None:
    for name, values in (("DeleteAsset", ["a777"]), ("DeleteSymbol", ["s777"])):
        delete: Any = BY_NAME[name].serve
        await _checked(plans, delete.used, values, _LOOKUP_PAGES)
        for child, column in delete.along:
            await _checked(plans, children_sql(child, column), values, _LOOKUP_PAGES)
    await _checked(plans, procedures._SIMILAR, ["T777", "a777"], _LOOKUP_PAGES)
    await _checked(plans, prepare._BLOCKED, [["a777", "a5", "a6"]], _LOOKUP_PAGES)
    await _checked(plans, prepare._LISTED, ["s777"], _LOOKUP_PAGES)
    await _checked(plans, parents_sql(ASSET), [["a1", "a2", "a777"]], _LOOKUP_PAGES)


async def test_what_came_after_a_revision_is_read_without_what_came_before(plans: asyncpg.Connection) -> None:
    await _checked(plans, changes.CHANGES, [_ROWS // 2 - 5, 1_000], _LOOKUP_PAGES)
    await _checked(plans, changes.CHANGES, [_ROWS // 2, 1_000], 10)
