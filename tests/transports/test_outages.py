"""With a server down or slow, both transports give the same responses."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from cqar import config
from cqar.contract.cqar.v1 import resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import bearer
from tests.client import SERVICE, Client
from tests.coherence.links import Link
from tests.hotpath.stack import admin_of, changed, eventually, without_periodic_probes
from tests.transports.conftest import Filled, fill
from tests.transports.pair import RESOLVER, Pair, outcome, pair_of

_SHORT_TIMEOUTS = {f"{what}_timeout": 1.0 for what in ("acquire", "connect", "fill", "statement", "lock")}


class CutOff(NamedTuple):
    """Workers without admin whose connection to PostgreSQL can be cut."""

    pair: Pair
    link: Link
    filled: Filled
    reader: tuple[tuple[str, str], ...]
    strict: tuple[tuple[str, str], ...]

    async def age(self, seconds: float) -> None:
        """Set the last successful probe of both workers to `seconds` ago."""
        for worker in self.pair.workers.values():
            await without_periodic_probes(worker)
        now = asyncio.get_running_loop().time()
        for worker in self.pair.workers.values():
            worker.feed.fresh_as_of = now - seconds


@pytest.fixture
async def apart(settings: config.Settings) -> AsyncIterator[CutOff]:
    locked = credentials.locked(settings)
    url = urlsplit(locked.database.url)
    socket = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
    link = Link(lambda: asyncio.open_unix_connection(socket))
    await link.listen()
    reader = await credentials.make(locked, Role.READER)
    strict = await credentials.make(locked, Role.READER, principal="strict", strict=True)
    async with admin_of(settings) as admin, Client(admin.port) as client:
        filled = await fill(client)
    there = {"url": f"postgresql://cqar@127.0.0.1:{link.port}{url.path}", **_SHORT_TIMEOUTS}
    try:
        async with pair_of(changed(locked, database=there)) as pair:
            yield CutOff(pair, link, filled, bearer(reader), bearer(strict))
    finally:
        await link.close()


async def test_without_postgresql_responses_are_marked_stale_then_refused(apart: CutOff) -> None:
    pair, filled = apart.pair, apart.filled
    known = pb.GetVenueSymbolRequest(venue_id=filled.venue, venue_symbol="BTCUSDT")
    unknown = pb.GetVenueSymbolRequest(venue_id=filled.venue, venue_symbol="NOPE")
    key = resolver_pb2.VenueSymbolKey(venue_id=filled.venue, venue_symbol="BTCUSDT")
    batch = resolver_pb2.ResolveVenueSymbolsRequest(keys=[key])
    either = ((f"{SERVICE}GetVenueSymbol", known), (f"{RESOLVER}ResolveVenueSymbols", batch))
    for headers in (apart.reader, apart.strict):
        for path, request in either:
            assert (await pair.call(path, request, headers)).body
    apart.link.set("cut")
    await apart.age(5)
    stale = await pair.call("GetVenueSymbol", known, apart.reader)
    assert ("cqar-stale", "true") in stale.trailing
    assert pb.GetVenueSymbolResponse.FromString(stale.body + b"\x01").stale
    marked = await pair.call(f"{RESOLVER}ResolveVenueSymbols", batch, apart.reader)
    assert ("cqar-stale", "true") in marked.trailing
    for path, request in either:
        assert (await pair.call(path, request, apart.strict, times=1)).code == "UNAVAILABLE", path
    assert (await pair.call("GetVenueSymbol", unknown, apart.reader, times=1)).code == "UNAVAILABLE"
    assert (await pair.call("ListAssets", b"", apart.reader, times=1)).code == "UNAVAILABLE"
    ages = await pair.each(lambda client: client.call("GetVenueSymbol", known, headers=apart.reader))
    assert all(5_000 <= each.age_ms < 600_000 for each in ages.values())
    await apart.age(pair.settings.coherence.detached_serve + 1)
    for path, request in either:
        assert (await pair.call(path, request, apart.reader, times=1)).code == "UNAVAILABLE", path
    assert (await pair.stream(f"{RESOLVER}StreamVenueSymbols", batch, headers=apart.reader)).code == "UNAVAILABLE"
    revision = await pair.each(lambda client: outcome(client, f"{RESOLVER}GetRevision", headers=apart.reader))
    assert revision["lane"].code == revision["grpcio"].code


async def test_the_last_periodic_probe_may_fail(apart: CutOff) -> None:
    feed = apart.pair.workers["lane"].feed
    probe_and_apply = feed._probe_and_apply
    begun, cut = asyncio.Event(), asyncio.Event()

    async def interrupted() -> None:
        begun.set()
        await cut.wait()
        await probe_and_apply()

    feed._probe_and_apply = interrupted  # type: ignore[method-assign]
    await begun.wait()
    feed._probe_and_apply = probe_and_apply  # type: ignore[method-assign]
    apart.link.set("cut")
    asyncio.get_running_loop().call_later(0.05, cut.set)
    await apart.age(5)
    assert 5 <= feed.age() < 600


async def test_a_strict_caller_is_answered_from_postgresql(apart: CutOff) -> None:
    request = pb.GetVenueRequest(venue_id=apart.filled.venue)
    for headers in (apart.reader, apart.strict):
        assert (await apart.pair.call("GetVenue", request, headers)).body
    await apart.age(5)
    assert ("cqar-stale", "true") in (await apart.pair.call("GetVenue", request, apart.reader)).trailing
    strict = await apart.pair.call("GetVenue", request, apart.strict, times=1)
    assert not pb.GetVenueResponse.FromString(strict.body).stale


async def test_a_call_that_waits_for_redis_ends_at_its_deadline_or_when_cancelled(apart: CutOff) -> None:
    for worker in apart.pair.workers.values():
        worker.cache.follow(())
        get = worker._redis_cache.get

        async def slowly(history: str, key: str, get: Any = get) -> Any:
            await asyncio.sleep(1.0)
            return await get(history, key)

        worker._redis_cache.get = slowly  # type: ignore[method-assign]  # a slow Redis
    path, data = f"{SERVICE}GetAsset", pb.GetAssetRequest(asset_id="unknown").SerializeToString()

    async def given_up(client: Client) -> str:
        get: Any = client.channel.unary_unary(path)
        call = get(data, metadata=apart.reader)
        await asyncio.sleep(0.1)
        call.cancel()
        return str((await call.code()).name)

    # Client and server both check the deadline, and either may be first.
    late = await apart.pair.each(lambda client: outcome(client, path, data, apart.reader, deadline=0.2))
    assert {each.code for each in late.values()} == {"DEADLINE_EXCEEDED"}
    assert await apart.pair.same(given_up) == "CANCELLED"
    await eventually(lambda: not any(worker.engine.loader._running for worker in apart.pair.workers.values()))
    assert (await apart.pair.call(path, data, apart.reader)).code == "NOT_FOUND"
