"""Many venue symbols in one worker: cold start, memory, and the hit rate in random order."""

import asyncio
import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import asyncpg

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from loadtests import scripts, symbols
from loadtests.bench.context import CONNECTIONS, GET, Bench, ask
from loadtests.bench.report import Line, Mark
from loadtests.generator import Shape
from loadtests.scripts import Calls
from loadtests.stack import Registry, Worker

_SECTION = "Many venue symbols"
_VENUE = "many"
#: The size whose cold start is reported. Memory is reported for the last size, where the process itself weighs least.
_START_SIZE = 100_000
#: Listings, symbols and assets of a block, in the proportions of large exchanges.
BLOCK, _SYMBOLS, _ASSETS = 1_000, 600, 400
#: Limits that hold all of them.
_ROOM = {"CQAR_HOTPATH_CACHE_ENTRIES": "20000000", "CQAR_HOTPATH_CACHE_BYTES": str(16 << 30)}
_TIMEOUT = 600.0
#: Drops the indexes for write checks, lists and search, which this section does not use and which slow the load down most.
_BARE = """
ALTER TABLE venue_symbols DROP CONSTRAINT venue_symbols__venue_symbol__taken;
DROP INDEX assets_search, assets_by_type, assets_by_category, assets_by_symbol, assets_by_ticker,
    symbols_search, symbols__base_asset_id__taken, symbols_by_base, symbols_by_quote, symbols_by_settlement, symbols_by_type,
    symbols_by_label, venue_symbols_by_venue, venue_symbols_by_symbol;
"""
_FILL = (
    """
INSERT INTO assets (asset_id, symbol, name, asset_type)
SELECT md5('a' || k)::uuid, 'A' || k, 'Asset ' || k, 1 FROM generate_series($1::int * 400, $2::int * 400 - 1) k
""",
    """
INSERT INTO symbols
    (symbol_id, symbol, symbol_type, base_asset_id, quote_asset_id, tick_size, lot_size, created_at, updated_at)
SELECT md5('s' || k)::uuid, 'A' || base || '/A' || quote, 1, md5('a' || base)::uuid, md5('a' || quote)::uuid, 0.01, 0.0001,
    '2026-01-01', '2026-01-01'
FROM generate_series($1::int * 600, $2::int * 600 - 1) k,
    LATERAL (SELECT k / 600 * 400 AS block, k % 600 AS at) place,
    LATERAL (SELECT block + at % 400 AS base, block + (at % 400 + 1 + at / 400) % 400 AS quote) sides
""",
    """
INSERT INTO venue_symbols (listing_id, venue_id, symbol_id, symbol_type, venue_symbol, maker_fee, taker_fee)
SELECT md5('l' || i)::uuid, 'many', md5('s' || (i / 1000 * 600 + i % 1000 % 600))::uuid, 1, 'SYM' || i, 0.0002, 0.001
FROM generate_series($1::int * 1000, $2::int * 1000 - 1) i
""",
)


def sizes(bench: Bench) -> None:
    """Start a worker per size; look up every key once, then all at random."""
    registry = bench.stack.registry("many")
    with registry.admin() as channel:
        symbols.load(channel, [each._replace(venue=_VENUE) for each in symbols.generated(1)])
    asyncio.run(_run(registry.url, _BARE))
    with registry.worker("lane", **_ROOM) as worker:
        empty = worker.memory()
    blocks, base = 0, 0.0
    for size in bench.options.sizes:
        bench.report.doing(f"{size:,} venue symbols: filling PostgreSQL")
        asyncio.run(_fill(registry.url, blocks, size // BLOCK))
        blocks = size // BLOCK
        with registry.worker("lane", **_ROOM) as worker, bench.apart(worker.pid):
            loaded = worker.memory()
            calls = _calls(bench, registry, size)
            rate = _measured(bench, worker, calls, size, base)
            base = base or rate
            if size == _START_SIZE:
                name = f"cold start with {_START_SIZE:,} venue symbols, until it is ready"
                marks = [Mark("<= 5 s", worker.started <= 5)]
                bench.report.add(Line(_SECTION, name, value=f"{worker.started:.1f} s", marks=marks))
            if size == bench.options.sizes[-1]:
                _report_memory(bench, size, (loaded - empty) / size, (worker.memory() - empty) / size)


def _measured(bench: Bench, worker: Worker, calls: Calls, size: int, base: float) -> float:
    bench.report.doing(f"{size:,} venue symbols: looking up all of them")
    at = worker.port, worker.pid
    files = scripts.deal(bench.folder, "equal", CONNECTIONS, calls)
    bench.measure(at, files, Shape(CONNECTIONS, 32, _TIMEOUT, loop=-2))
    bench.report.doing(f"{size:,} venue symbols: at random")
    run = max((bench.measure(at, files, bench.shape(32)) for _ in range(bench.options.rounds)), key=lambda each: each.rate)
    marks = []
    if size >= 1_000_000 and base:
        marks = [Mark(f">= 0.55 x the rate at {bench.options.sizes[0]:,} ({run.rate / base:.2f})", run.rate / base >= 0.55)]
    name = f"lane: hit, {size:,} cached, random order, 8x32"
    bench.report.add(Line(_SECTION, name, run, times=run.rate / bench.yard().rate, marks=marks))
    return run.rate


def _report_memory(bench: Bench, size: int, loaded: float, cached: float) -> None:
    """Report memory per venue symbol."""
    for what, spent, most in (("", loaded, 1_000), (" and its cached response", cached, 1_500)):
        name = f"memory of a venue symbol of {size:,}, its share of symbols and assets{what}"
        marks = [Mark(f"<= {most:,} bytes", spent <= most)]
        bench.report.add(Line(_SECTION, name, value=f"{spent:,.0f} bytes", marks=marks))


def _calls(bench: Bench, registry: Registry, size: int) -> Calls:
    """All keys with the responses derived from one of admin's; a sample is compared with admin."""
    bench.report.doing(f"{size:,} venue symbols: their answers")
    pairs = list(_pairs(_responses(registry, [_request(0)])[0], size))
    some = range(0, size, max(1, size // 50))
    if _responses(registry, [pairs[at][0] for at in some]) != [pairs[at][1] for at in some]:
        message = "admin returned an unexpected response"
        raise AssertionError(message)
    return Calls(GET, registry.token, pairs)


def _responses(registry: Registry, requests: list[bytes]) -> list[Any]:
    return list(asyncio.run(ask(registry.port, registry.token, GET, requests)))


def _pairs(first: bytes, size: int) -> Iterator[tuple[bytes, bytes]]:
    answer = pb.GetVenueSymbolResponse.FromString(first)
    listing, symbol, base, quote = answer.venue_symbol, answer.symbol, answer.base_asset, answer.quote_asset
    for number in range(size):
        block, at = divmod(number, BLOCK)
        of = block * _SYMBOLS + at % _SYMBOLS
        side = at % _SYMBOLS % _ASSETS
        other = (side + 1 + at % _SYMBOLS // _ASSETS) % _ASSETS
        sides = [block * _ASSETS + each for each in (side, other)]
        listing.listing_id, listing.venue_symbol = _id(f"l{number}"), f"SYM{number}"
        listing.symbol_id = symbol.symbol_id = _id(f"s{of}")
        symbol.symbol = f"A{sides[0]}/A{sides[1]}"
        for asset, each in zip((base, quote), sides, strict=True):
            asset.asset_id, asset.symbol, asset.name = _id(f"a{each}"), f"A{each}", f"Asset {each}"
        symbol.base_asset_id, symbol.quote_asset_id = base.asset_id, quote.asset_id
        yield _request(number), answer.SerializeToString()


def _request(number: int) -> bytes:
    return pb.GetVenueSymbolRequest(venue_id=_VENUE, venue_symbol=f"SYM{number}").SerializeToString()


def _id(text: str) -> str:
    return str(uuid.UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()))


async def _run(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url, timeout=10)
    try:
        await connection.execute(sql, timeout=_TIMEOUT)
    finally:
        await connection.close()


async def _fill(url: str, begin: int, end: int) -> None:
    """Blocks of rows, all at the revision 0 as of a registry that was copied; times are the same for all."""
    connection = await asyncpg.connect(url, timeout=10)
    try:
        async with connection.transaction():
            await connection.execute("SET LOCAL session_replication_role = replica")  # references are right by themselves
            for sql in _FILL:
                await connection.execute(sql, begin, end, timeout=_TIMEOUT)
        await connection.execute("ANALYZE", timeout=_TIMEOUT)
    finally:
        await connection.close()
