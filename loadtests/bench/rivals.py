"""The alternatives to cqar with the same kind of client: Redis GET over redis-py, one SQL query per lookup over asyncpg."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import grpc.aio
import redis
import redis.asyncio
import uvloop

from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from loadtests.bench.context import GET, Bench
from loadtests.bench.report import Line
from loadtests.generator import Run, pinned, spent

_SECTION = "Side by side, by one Python process as the client"
_AT_ONCE = 32
_QUERY = """
SELECT l.listing_id, l.venue_symbol, l.symbol_id, l.symbol_type, l.is_active, l.maker_fee, l.taker_fee,
    coalesce(l.tick_size, s.tick_size) AS tick_size, coalesce(l.lot_size, s.lot_size) AS lot_size,
    s.symbol, b.asset_id, b.symbol AS base, q.asset_id, q.symbol AS quote
FROM venue_symbols l JOIN symbols s USING (symbol_id) JOIN assets b ON b.asset_id = s.base_asset_id
    JOIN assets q ON q.asset_id = s.quote_asset_id
WHERE l.venue_id = $1 AND l.venue_symbol = $2 AND (l.listed_at IS NULL OR l.listed_at <= now())
    AND (l.delisted_at IS NULL OR l.delisted_at > now())
"""
#: Looks up one key by its number.
Lookup = Callable[[int], Awaitable[object]]


def rivals(bench: Bench) -> None:
    """Look up the same keys with each alternative, 32 at once."""
    for name, measure in (
        ("Redis GET over redis-py", _redis),
        ("one SQL query over asyncpg", _sql),
        ("cqar, lane, over grpc.aio", _cqar),
    ):
        bench.report.doing(name)
        with pinned(1):
            found = uvloop.run(measure(bench))
        bench.report.add(Line(_SECTION, name, found, times=found.rate / bench.yard().rate))


async def _drive(bench: Bench, look_up: Lookup, pid: int) -> Run:
    """Look up random keys for the duration of a measurement."""
    count, spans = len(bench.calls.pairs), list[float]()
    chance = random.Random(1)  # noqa: S311 - the same in every run
    for number in range(min(count, 500)):
        await look_up(number)
    before, began = spent(pid), time.perf_counter()
    end = began + bench.options.seconds

    async def one() -> None:
        while (start := time.perf_counter()) < end:
            await look_up(chance.randrange(count))
            spans.append(time.perf_counter() - start)

    await asyncio.gather(*(one() for _ in range(_AT_ONCE)))
    seconds, processor = time.perf_counter() - began, spent(pid) - before
    spans.sort()
    p50, p99, p999 = (spans[int(len(spans) * part)] * 1e6 for part in (0.5, 0.99, 0.999))
    return Run(len(spans) / seconds, processor / len(spans) * 1e6, sum(spans) / len(spans) * 1e6, p50, p99, p999)


async def _redis(bench: Bench) -> Run:
    """The responses as Redis values."""
    pairs = bench.calls.pairs
    client = redis.asyncio.Redis.from_url(bench.stack.valkey.url, max_connections=_AT_ONCE)

    async def look_up(number: int) -> object:
        found = await client.get(pairs[number][0])
        assert isinstance(found, bytes)  # noqa: S101 - it was set
        return pb.GetVenueSymbolResponse.FromString(found)

    try:
        for request, answer in pairs:
            await client.set(request, answer)
        return await _drive(bench, look_up, bench.stack.valkey.pid)
    finally:
        await client.aclose()


async def _sql(bench: Bench) -> Run:
    """A prepared statement over a pool."""
    requests = [pb.GetVenueSymbolRequest.FromString(request) for request, _ in bench.calls.pairs]
    keys = [(each.venue_id, each.venue_symbol) for each in requests]
    async with asyncpg.create_pool(bench.registry.url, min_size=10, max_size=10) as pool:

        async def look_up(number: int) -> object:
            return await pool.fetch(_QUERY, *keys[number])

        return await _drive(bench, look_up, bench.stack.postgres.pid)


async def _cqar(bench: Bench) -> Run:
    """One key per call."""
    pairs, metadata = bench.calls.pairs, (("authorization", bench.calls.token),)
    with bench.worker("lane") as (port, pid):
        bench.warm((port, pid), bench.calls)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary(GET)

            async def look_up(number: int) -> object:
                return pb.GetVenueSymbolResponse.FromString(await call(pairs[number][0], metadata=metadata, timeout=10))

            return await _drive(bench, look_up, pid)
