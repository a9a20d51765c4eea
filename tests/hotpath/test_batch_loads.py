"""Batches that a worker must load: one statement for any number of keys, without blocking other calls."""

import asyncio
import functools
import random
import time
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import asyncpg
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.hotpath.app import Hotpath
from cqar.model import part_kinds
from cqar.model.call import ANYONE, Call, Principal, Role
from tests.client import Client
from tests.hotpath.crowd import MANY, crowd
from tests.hotpath.resolving import assets, key, refused, request, resolved, resolver, results, statuses, streamed
from tests.hotpath.stack import Reads, changed, eventually, worker_of


class Cold(NamedTuple):
    """A worker with an empty cache, a client of it, and the keys of all listings."""

    worker: Hotpath
    feed: Client
    keys: list[pb.VenueSymbolKey]

    def statements(self) -> int:
        """The number of loads that it has made."""
        return sum(self.worker.metrics.queries.count(f"fill_{kind}") for kind in part_kinds.BY_NAME)


@pytest.fixture
async def cold(settings: config.Settings, admin: Admin, connection: asyncpg.Connection) -> AsyncIterator[Cold]:
    names = await crowd(connection)
    empty = changed(settings, hotpath={"preload": False, "max_fills": 4})
    async with worker_of(empty, admin.port) as worker, Client(worker.port) as feed:
        await worker._redis_cache._redis.flushall()
        yield Cold(worker, feed, [key(*each) for each in names])


async def test_one_statement_answers_ten_thousand_keys_one_of_them_malformed(cold: Cold) -> None:
    asked = [*cold.keys[: MANY // 2], key("v0", ""), *cold.keys[MANY // 2 : MANY - 1]]
    response = await resolved(cold.feed, *asked)
    assert len(response.results) == MANY
    told = statuses(response)
    assert told.count("RESOLVED") == MANY - 1
    assert told[MANY // 2] == "INVALID"
    assert [each.symbol_id for each in response.results[:3]] == ["s1", "s2", "s3"]
    assert cold.statements() == 1
    again = await resolved(cold.feed, *asked)
    assert results(again) == results(response)
    assert cold.statements() == 1
    assert cold.worker.engine.misses["ResolveVenueSymbols"] == MANY + 1
    assert cold.worker.engine.hits["ResolveVenueSymbols"] == MANY - 1


async def test_other_calls_are_served_while_a_large_batch_loads(cold: Cold) -> None:
    await resolved(cold.feed, cold.keys[0])
    large = asyncio.create_task(resolved(cold.feed, *cold.keys))
    turns = 0
    began = time.perf_counter()
    while not large.done():
        await asyncio.sleep(0)
        turns += 1
    # At least some hundred turns of milliseconds each, not a few long ones.
    assert turns > 200, f"{turns} turns in {time.perf_counter() - began:.2f} s"
    assert len((await large).results) == MANY


async def test_assets_take_one_statement_per_form_of_key(cold: Cold, connection: asyncpg.Connection) -> None:
    await connection.execute(
        "INSERT INTO asset_identifiers (identifier_id, asset_id, source, external_id)"
        " SELECT 'i' || g, 'a' || g, 1, 'x' || g FROM generate_series(1, 500) g;"
        "INSERT INTO venue_assets (venue_id, asset_id, venue_asset_symbol, is_active)"
        " SELECT 'v0', 'a' || g, 'C' || g, true FROM generate_series(1, 500) g"
    )
    keys = [pb.AssetKey(asset_id=f"a{at}") for at in range(1, 501)]
    keys += [pb.AssetKey(external=pb.AssetKey.External(source=1, external_id=f"x{at}")) for at in range(1, 501)]  # type: ignore[arg-type]  # an int
    keys += [pb.AssetKey(venue_code=pb.AssetKey.VenueCode(venue_id="v0", venue_asset_symbol=f"C{at}")) for at in range(1, 501)]
    response = await assets(cold.feed, *keys)
    assert [each.asset.asset_id for each in response.results] == [f"a{at}" for at in range(1, 501)] * 3
    assert cold.statements() == 3


async def test_a_key_that_is_being_loaded_is_not_loaded_again(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    single = asyncio.create_task(cold.feed.call("GetVenueSymbol", venue_id="v0", venue_symbol="T0USDT"))
    await eventually(lambda: len(reads.made) == 1)
    first = asyncio.create_task(resolved(cold.feed, *cold.keys[:100]))
    await eventually(lambda: len(reads.made) == 2)
    second = asyncio.create_task(resolved(cold.feed, *cold.keys[:100]))
    other = asyncio.create_task(cold.feed.call("GetVenueSymbol", venue_id="v1", venue_symbol="T1USDT"))
    await asyncio.sleep(0.2)
    reads.open.set()
    assert results(await first) == results(await second)
    assert (await single).symbol.symbol_id == "s1"
    assert (await other).symbol.symbol_id == "s2"
    # The venues, which single lookups need first, and the hundred texts.
    asked = reads.keys
    assert len(asked) == len(set(asked))
    assert sorted(map(len, reads.made)) in ([1, 1, 100], [1, 1, 1, 100])


async def test_a_batch_counts_as_one_of_the_concurrent_loads(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    waiting = [asyncio.create_task(resolved(cold.feed, *cold.keys[at : at + 500])) for at in range(0, 2_000, 500)]
    await eventually(lambda: len(cold.worker.engine.loader) == 4)
    assert (await refused(cold.feed, "ResolveVenueSymbols", keys=cold.keys[2_000:2_010])).code == "RESOURCE_EXHAUSTED"
    reads.open.set()
    for each in waiting:
        assert statuses(await each) == ["RESOLVED"] * 500
    assert statuses(await resolved(cold.feed, *cold.keys[2_000:2_010])) == ["RESOLVED"] * 10


async def test_a_cancelled_caller_leaves_nothing_and_the_others_get_their_response(cold: Cold, reads: Reads) -> None:
    reads.open.clear()
    hasty = asyncio.create_task(resolved(cold.feed, *cold.keys[:100]))
    await eventually(lambda: len(reads.made) == 1)
    patient = asyncio.create_task(resolved(cold.feed, *cold.keys[:100]))
    await asyncio.sleep(0.1)
    hasty.cancel()
    reads.open.set()
    assert statuses(await patient) == ["RESOLVED"] * 100
    await eventually(lambda: not len(cold.worker.engine.loader) and not cold.worker.engine.loader._by_key)


async def test_a_strict_caller_gets_nothing_that_turned_stale_while_it_loaded(cold: Cold, reads: Reads) -> None:
    strict = Principal(name="gateway", role=Role.READER, strict=True)
    reads.open.clear()
    serve = cold.worker._batches["ResolveVenueSymbols"].serve
    data = request(*cold.keys[:10]).SerializeToString()
    asked = [asyncio.create_task(serve(data, Call(method="x", principal=each))) for each in (strict, ANYONE)]
    await eventually(lambda: len(reads.made) == 1)
    await cold.worker.feed.stop()
    cold.worker.feed.fresh_as_of -= 5
    reads.open.set()
    confirmed, marked = [pb.ResolveVenueSymbolsResponse.FromString((await each).body) for each in asked]
    assert results(confirmed) == results(marked)
    assert marked.stale
    assert not confirmed.stale


async def test_a_cache_too_small_for_a_batch_still_answers_it(
    settings: config.Settings, admin: Admin, connection: asyncpg.Connection
) -> None:
    names = await crowd(connection)
    small = changed(settings, hotpath={"preload": False, "cache_entries": 50})
    async with worker_of(small, admin.port) as worker, Client(worker.port) as feed:
        for _ in range(2):
            response = await resolved(feed, *(key(*each) for each in names[:2_000]))
            assert [each.symbol_id for each in response.results] == [f"s{at % 500 + 1}" for at in range(2_000)]
        assert len(worker.cache) <= 60
        assert worker.engine.responses.count <= 50


async def test_a_stream_whose_responses_are_not_read_is_paused(cold: Cold) -> None:
    asked = request(*cold.keys[:2_000], view=pb.FULL)
    answers = aiter(streamed(cold.feed, [asked] * 200))
    await anext(answers)
    count = cold.worker.engine.hits

    async def stands() -> bool:
        before = count["ResolveVenueSymbols"]
        await asyncio.sleep(0.3)
        return count["ResolveVenueSymbols"] == before

    await eventually(stands)
    assert count["ResolveVenueSymbols"] < 150 * 2_000, "all requests are answered, into memory"
    assert [len(each.results) async for each in answers] == [2_000] * 199


async def test_a_stream_ends_as_unavailable_with_its_worker(settings: config.Settings, admin: Admin) -> None:
    for transport in ("grpcio", "lane"):
        async with (
            worker_of(changed(settings, hotpath={"transport": transport}), admin.port) as worker,
            Client(worker.port) as feed,
        ):
            more = asyncio.Event()

            async def requests(more: asyncio.Event = more) -> AsyncIterator[pb.ResolveVenueSymbolsRequest]:
                yield request()
                await more.wait()

            call = streamed(feed, requests())
            await call.read()
            began = asyncio.get_running_loop().time()
            await worker.stop()
            assert asyncio.get_running_loop().time() - began < 25
            with pytest.raises(Exception, match="UNAVAILABLE"):
                await call.read()
            more.set()


# ---- the same as one at a time -------------------------------------------------------------------------------------

_TEXTS = ("BTCUSDT", "ETHUSDT", "X", "Y", " ", "")


async def test_a_batch_gives_the_results_of_single_lookups_for_any_registry(
    settings: config.Settings, admin: Admin, connection: asyncpg.Connection
) -> None:
    drawn = random.Random(7)  # noqa: S311 - the same in each run
    seen = set[str]()
    async with worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        for turn in range(6):
            await _populate(connection, drawn)
            await connection.execute("UPDATE head SET epoch = gen_random_uuid(), seq = seq + 1")
            await eventually(functools.partial(_follows, worker, turn + 1))
            keys = [_key(drawn) for _ in range(60)]
            slim, full = [await resolved(feed, *keys, view=view) for view in (pb.SLIM, pb.FULL)]
            for asked, short, whole in zip(keys, slim.results, full.results, strict=True):
                await _compare(feed, asked, short, whole)
            seen.update(statuses(slim))
    assert seen == {"RESOLVED", "NOT_FOUND", "AMBIGUOUS", "DELISTED", "INVALID"}


def _follows(worker: Hotpath, revision: int) -> bool:
    return worker.feed.loaded and worker.cache.applied == revision


async def _compare(feed: Client, asked: pb.VenueSymbolKey, short: Any, whole: Any) -> None:
    fields = {field.name: value for field, value in asked.ListFields()}
    try:
        single = await feed.call("GetVenueSymbol", **fields)
    except Exception as error:  # noqa: BLE001 - compared by its code
        code = error.code().name  # type: ignore[attr-defined]  # an AioRpcError
        expected = {"NOT_FOUND": pb.NOT_FOUND, "FAILED_PRECONDITION": pb.AMBIGUOUS, "INVALID_ARGUMENT": pb.INVALID}[code]
        assert short.status == whole.status == expected, asked
        assert not whole.HasField("full")
        return
    single.ClearField("revision")
    assert whole.full == single, asked
    assert short.status == whole.status
    listing = single.venue_symbol
    assert (short.symbol_id, short.symbol_type) == (listing.symbol_id, single.symbol.symbol_type)
    assert short.tick_size_decimal == single.symbol.tick_size_decimal
    assert (short.is_active, short.trading_blocked) == (listing.is_active, single.trading_blocked)
    assert short.status in (pb.RESOLVED, pb.DELISTED)


async def _populate(connection: asyncpg.Connection, drawn: random.Random) -> None:
    """Insert listings with all kinds of intervals, types and switches into the tables."""
    await connection.execute("TRUNCATE venue_symbols, quality_flags, symbols, venues, assets CASCADE")
    await connection.executemany(
        "INSERT INTO assets (asset_id, symbol, name, asset_type) VALUES ($1, $1, $1, 1)", [["a"], ["b"], ["c"]]
    )
    kinds = [None, 1, 2]
    venues = [(f"v{at}", drawn.choice(kinds)) for at in range(3)]
    await connection.executemany(
        "INSERT INTO venues (venue_id, name, venue_type, default_symbol_type) VALUES ($1, $1, 1, $2)", venues
    )
    symbols = [(f"s{kind}{base}", kind, base, drawn.choice([None, "0.1", "5"])) for kind in (1, 2) for base in "ab"]
    await connection.executemany(
        "INSERT INTO symbols (symbol_id, symbol, symbol_type, base_asset_id, quote_asset_id, settlement_asset_id, margin_kind,"
        " tick_size, is_active) VALUES ($1, $1, $2::int, $3, 'c', CASE WHEN $2::int = 2 THEN 'c' END,"
        " CASE WHEN $2::int = 2 THEN 'linear' END, $4::text::numeric, true)",
        symbols,
    )
    if drawn.random() < 0.5:
        await connection.execute(
            "INSERT INTO quality_flags (flag_id, asset_id, flag_type, severity, source, reason)"
            " VALUES ('f', 'a', 1, 5, 's', 'r')"
        )
    for at in range(60):
        symbol, kind, *_ = drawn.choice(symbols)
        begins, ends = sorted(drawn.sample(range(-50, 50), 2))
        values = (f"l{at}", f"v{drawn.randrange(3)}", symbol, kind, drawn.choice(_TEXTS[:4]), drawn.random() < 0.8)
        bounds = [None if drawn.random() < 0.3 else each for each in (begins, ends)]
        try:
            await connection.execute(
                "INSERT INTO venue_symbols (listing_id, venue_id, symbol_id, symbol_type, venue_symbol, is_active, listed_at,"
                " delisted_at) VALUES ($1, $2, $3, $4, $5, $6, now() + $7::int * interval '1 day',"
                " now() + $8::int * interval '1 day')",
                *values,
                *bounds,
            )
        except asyncpg.IntegrityConstraintViolationError:
            continue


def _key(drawn: random.Random) -> pb.VenueSymbolKey:
    asked = key(drawn.choice(["v0", "v1", "v2", "nowhere", "No Slug"]), drawn.choice(_TEXTS))
    if drawn.random() < 0.4:
        asked.symbol_type = drawn.choice([1, 2, 3, 77])  # type: ignore[assignment]  # an int
    if drawn.random() < 0.3:
        asked.as_of.FromSeconds(int(time.time()) + drawn.randrange(-60, 60) * 86_400)
    return asked


async def test_a_worker_that_has_not_started_to_follow_is_unavailable(settings: config.Settings) -> None:
    away = changed(settings, database={"url": "postgresql://cqar@127.0.0.1:1/none"})
    async with worker_of(away, loaded=False) as worker, Client(worker.port) as feed:
        assert (await refused(feed, "GetRevision")).code == "UNAVAILABLE"
        assert (await refused(feed, "ResolveVenueSymbols", keys=[key("v", "x")])).code == "UNAVAILABLE"
        with pytest.raises(Exception, match="UNAVAILABLE"):
            await resolver(feed, "ResolveAssets", keys=[pb.AssetKey(asset_id="x")])


async def test_no_part_is_loaded_under_a_longer_key_than_a_row_may_have(
    cold: Cold, connection: asyncpg.Connection, reads: Reads
) -> None:
    """What a caller sends becomes a key of the cache only in the form, and up to the length, that rows have."""
    await connection.execute(
        "INSERT INTO chains (chain_id, chain_name, chain_type, caip2)"
        " VALUES ('ethereum', 'E', 'EVM', 'eip155:1'), ('bitcoin', 'B', 'BITCOIN', NULL)"
    )
    long = "x" * 100_000
    chains = ("ethereum", "eip155:1", "bitcoin", "nowhere", long)
    keys = [pb.AssetKey(on_chain=pb.AssetKey.OnChain(chain=each, address=long)) for each in chains]
    keys += [pb.AssetKey(asset_id=long), pb.AssetKey(external=pb.AssetKey.External(source=1, external_id=long))]  # type: ignore[arg-type]  # an int
    keys += [pb.AssetKey(venue_code=pb.AssetKey.VenueCode(venue_id="v0", venue_asset_symbol=long))]
    for _ in range(2):
        assert set(statuses(await assets(cold.feed, *keys))) == {"INVALID", "NOT_FOUND"}
        assert statuses(await resolved(cold.feed, key("v0", long), key(long, "x"))) == ["INVALID", "INVALID"]
    usdt = "0xdac17f958d2ee523a2206206994597c13d831ec7"
    await assets(cold.feed, pb.AssetKey(on_chain=pb.AssetKey.OnChain(chain="ethereum", address=usdt)))
    assert "deployment:ethereum:0xdAC17F958D2ee523a2206206994597C13D831ec7" in reads.keys
    cache = cold.worker.cache
    assert max(map(len, [*reads.keys, *cache.keys()])) < 100


async def test_a_batch_does_not_mix_results_of_two_histories(
    cold: Cold, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One result was cached before a restore; the part of the other is loaded after it."""
    first, second = cold.keys[:2]
    [before] = (await resolved(cold.feed, first)).results
    assert before.tick_size_decimal == "0.5"
    load_many, arrived, go_on = cold.worker.engine.loader.load_many, asyncio.Event(), asyncio.Event()

    async def late(keys: Any) -> Any:
        arrived.set()
        await go_on.wait()
        return await load_many(keys)

    monkeypatch.setattr(cold.worker.engine.loader, "load_many", late)
    asked = asyncio.create_task(resolved(cold.feed, first, second))
    await arrived.wait()
    await connection.execute("UPDATE venue_symbols SET tick_size = 7")
    await connection.execute("UPDATE head SET epoch = gen_random_uuid()")
    await eventually(lambda: cold.worker.feed.resyncs == 1)
    go_on.set()
    assert [each.tick_size_decimal for each in (await asked).results] == ["7", "7"]
