"""Batches and freshness: changes show in the next batch, and a worker that is cut off serves only what it may."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from cqar import config
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.hotpath.app import Hotpath
from cqar.hotpath.response_cache import body
from cqar.lane.grpc import framed
from cqar.model.call import ANYONE, Call, Principal, Role
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.resolving import assets, key, refused, request, resolved, results, statuses, streamed
from tests.hotpath.stack import Listed, admin_of, changed, eventually, found, listed, own_call, ticked, worker_of
from tests.registry.factory import Factory, at, stamp


def cached(worker: Hotpath, *keys: pb.VenueSymbolKey, principal: Principal = ANYONE) -> pb.ResolveVenueSymbolsResponse | None:
    """The cached response, or None."""
    worker.engine.freshness.tick(time.monotonic())
    row = worker._batches["ResolveVenueSymbols"].lookup_for(principal)(framed(request(*keys).SerializeToString()))
    return None if row is None else pb.ResolveVenueSymbolsResponse.FromString(body(row))


async def test_every_change_of_a_part_is_in_the_next_batch(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    factory = Factory(feed)
    asked = key(btc.venue, btc.text)
    listing = (await found(feed, btc)).venue_symbol.listing_id

    async def now() -> pb.VenueSymbolResolution:
        """The result, which is then cached: a change must end that."""
        one = (await resolved(feed, asked)).results[0]
        assert cached(hotpath, asked) is not None
        return one

    assert not (await now()).trading_blocked
    flag = await factory.flag(btc.quote)
    assert (await now()).trading_blocked
    await feed.call("ResolveQualityFlag", flag_id=flag, resolved_by="test", resolution_notes="")
    assert not (await now()).trading_blocked
    await ticked(feed, btc, "0.25")
    assert (await now()).tick_size_decimal == "0.25"
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing, tick_size_decimal="0.125")
    assert (await now()).tick_size_decimal == "0.125"
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing, is_active=False)
    assert not (await now()).is_active
    perpetual = await factory.symbol(btc.base, btc.quote, 2)
    await factory.listing(btc.venue, perpetual, btc.text)
    assert (await now()).status == pb.AMBIGUOUS
    await own_call(feed, "UpdateVenue", venue_id=btc.venue, default_symbol_type=2)
    assert (await now()).symbol_id == perpetual
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing, venue_symbol="BTC-USDT", is_active=True)
    assert (await resolved(feed, key(btc.venue, "BTC-USDT"))).results[0].symbol_id == btc.symbol
    await own_call(feed, "DelistVenueSymbol", listing_id=listing)
    assert statuses(await resolved(feed, key(btc.venue, "BTC-USDT"), asked)) == ["DELISTED", "RESOLVED"]
    await own_call(feed, "DeleteVenueSymbol", listing_id=listing)
    assert statuses(await resolved(feed, key(btc.venue, "BTC-USDT"), asked)) == ["NOT_FOUND", "RESOLVED"]


async def test_an_evicted_result_is_not_served(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    asked, other = key(btc.venue, btc.text), key(btc.venue, "OTHER")
    await Factory(feed).listing(btc.venue, btc.symbol, "OTHER")
    listing = (await found(feed, btc)).venue_symbol.listing_id
    await resolved(feed, asked)
    assert cached(hotpath, asked) is not None
    hotpath.engine.responses._entries = 1
    await resolved(feed, other)
    assert cached(hotpath, other) is not None
    # No response depends on its parts now, so a change of them ends none.
    await own_call(feed, "UpdateVenueSymbol", listing_id=listing, tick_size_decimal="0.125")
    assert (await resolved(feed, asked)).results[0].tick_size_decimal == "0.125"


async def test_an_absent_key_is_resolved_once_it_exists(feed: Client, hotpath: Hotpath, btc: Listed) -> None:
    new = [key(btc.venue, "NEW"), key("okx", "NEW")]
    for _ in range(2):
        assert statuses(await resolved(feed, *new)) == ["NOT_FOUND"] * 2
    assert cached(hotpath, *new) is not None, "each batch would query the database"
    factory = Factory(feed)
    await factory.listing(btc.venue, btc.symbol, "NEW")
    assert statuses(await resolved(feed, *new)) == ["RESOLVED", "NOT_FOUND"]
    await factory.listing(await factory.venue("okx"), btc.symbol, "NEW")
    assert statuses(await resolved(feed, *new)) == ["RESOLVED"] * 2


async def test_absences_expire_and_are_limited_in_number(settings: config.Settings, btc: Listed) -> None:
    small = changed(settings, hotpath={"cache_entries": 200}, coherence={"absent_ttl": 0.4})
    async with worker_of(small) as worker, Client(worker.port) as feed:
        known = key(btc.venue, btc.text)
        await resolved(feed, known)
        for turn in range(30):
            await resolved(feed, *(key(btc.venue, f"{turn}-{at}") for at in range(40)))
        assert worker.engine.responses.count <= 21
        # Nothing asks for it again, so it comes back with the lease and not once it is evicted.
        await eventually(lambda: cached(worker, known) is not None)
        last = key(btc.venue, "29-39")

        async def stands() -> bool:
            await resolved(feed, last)
            return cached(worker, last) is not None

        await eventually(stands)
        await eventually(lambda: cached(worker, last) is None)


async def test_a_cached_result_follows_the_beginning_and_end_of_its_listing(
    feed: Client, hotpath: Hotpath, registry: Client, btc: Listed
) -> None:
    factory = Factory(registry)
    begins, ends = datetime.now(UTC) + timedelta(seconds=1.5), datetime.now(UTC) + timedelta(seconds=4)
    await factory.listing(btc.venue, btc.symbol, "SHORT", listed_at=stamp(begins), delisted_at=stamp(ends))
    asked = [key(btc.venue, btc.text), key(btc.venue, "SHORT")]
    await eventually(lambda: hotpath.cache.applied == 6)
    seen: dict[str, datetime] = {}
    hits = 0
    async with asyncio.timeout(60):
        while "DELISTED" not in seen:
            before = datetime.now(UTC)
            stood = cached(hotpath, *asked)
            hits += stood is not None
            status = statuses(stood or await resolved(feed, *asked))[1]
            seen.setdefault(status, before)
            if status == "NOT_FOUND":
                assert before < begins
            elif status == "RESOLVED":
                assert before < ends
            await asyncio.sleep(0.005)
    assert list(seen) == ["NOT_FOUND", "RESOLVED", "DELISTED"]
    assert hits > 20, "it was not cached, so this proves little"
    assert hotpath.cache.applied == 6


# ---- cut off -------------------------------------------------------------------------------------------------------


class Apart(NamedTuple):
    """Servers that may be killed, a worker, and a listing."""

    servers: Servers
    worker: Hotpath
    feed: Client
    btc: Listed


@pytest.fixture(params=["grpcio", "lane"])
async def apart(mortal: Servers, mortal_settings: config.Settings, request: pytest.FixtureRequest) -> AsyncIterator[Apart]:
    settings = changed(mortal_settings, hotpath={"transport": request.param})
    async with admin_of(settings) as admin, worker_of(settings, admin.port) as worker, Client(worker.port) as feed:
        yield Apart(mortal, worker, feed, await listed(feed))


async def test_without_the_database_known_names_are_stale_and_unknown_ones_unavailable(
    apart: Apart,
) -> None:
    servers, worker, feed, btc = apart
    known, unknown, never_asked = key(btc.venue, btc.text), key(btc.venue, "NOPE"), key(btc.venue, btc.text, symbol_type=1)
    await Factory(feed).listing(btc.venue, btc.symbol, "SOON", listed_at=at(1))
    soon = key(btc.venue, "SOON")
    fresh = await resolved(feed, known, unknown)
    assert statuses(await resolved(feed, soon)) == ["NOT_FOUND"]
    await assets(feed, pb.AssetKey(asset_id=btc.base))
    servers.postgres.kill()
    await eventually(lambda: worker.feed.age() > 1)
    for keys in ([known], [known, never_asked], [known] * 500):
        for _ in range(2):
            stale = await resolved(feed, *keys)
            assert stale.stale
            assert stale.age_ms > 1_000
            assert feed.trailing["cqar-stale"] == "true"
            assert {each.symbol_id for each in stale.results} == {btc.symbol}
            assert stale.revision == fresh.revision
    assert (await assets(feed, pb.AssetKey(asset_id=btc.base))).stale
    assert [each.stale async for each in streamed(feed, [request(known), request(known)])] == [True, True]
    for keys in ([unknown], [known, unknown], [key("nowhere", "x")], [soon], [key(btc.venue, "SOON", symbol_type=1)]):
        assert (await refused(feed, "ResolveVenueSymbols", keys=keys)).code == "UNAVAILABLE"
    assert (await refused(feed, "ResolveAssets", keys=[pb.AssetKey(asset_id="nobody")])).code == "UNAVAILABLE"
    servers.postgres.start()
    await eventually(lambda: worker.feed.age() < 1)
    assert results(await resolved(feed, known, unknown)) == results(fresh)


async def test_a_strict_caller_gets_no_stale_batch(apart: Apart) -> None:
    servers, worker, feed, btc = apart
    known = key(btc.venue, btc.text)
    await resolved(feed, known)
    strict = Principal(name="gateway", role=Role.READER, strict=True)
    assert cached(worker, known, principal=strict) is not None
    servers.postgres.kill()
    await eventually(lambda: worker.feed.age() > 1)
    assert cached(worker, known) is not None
    assert cached(worker, known, principal=strict) is None
    serve = worker._batches["ResolveVenueSymbols"].serve
    data = request(known).SerializeToString()
    assert pb.ResolveVenueSymbolsResponse.FromString((await serve(data, Call(method="x"))).body).stale
    with pytest.raises(Exception, match="database is unavailable"):
        await serve(data, Call(method="x", principal=strict))
