"""Links that are cut, silent or slow while the servers behind them work."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.coherence.links import Link, Mode
from tests.conftest import Servers
from tests.hotpath.stack import Listed, admin_of, changed, eventually, found, listed, ticked, worker_of

SHORT_TIMEOUTS = {f"{what}_timeout": 2.0 for what in ("acquire", "connect", "fill", "statement", "lock")}


class Apart(NamedTuple):
    """A worker with its own link to PostgreSQL, an admin without one, clients of both, and a listing."""

    servers: Servers
    link: Link
    admin: Admin
    worker: Hotpath
    registry: Client
    feed: Client
    btc: Listed


@pytest.fixture
async def apart(mortal: Servers, mortal_settings: config.Settings) -> AsyncIterator[Apart]:
    url = urlsplit(mortal_settings.database.url)
    socket = f"{parse_qs(url.query)['host'][0]}/.s.PGSQL.5432"
    link = Link(lambda: asyncio.open_unix_connection(socket))
    await link.listen()
    settings = changed(mortal_settings, coherence={"detached_serve": 30.0}, database=SHORT_TIMEOUTS)
    there = changed(settings, database={"url": f"postgresql://cqar@127.0.0.1:{link.port}{url.path}"})
    try:
        async with (
            admin_of(settings) as admin,
            worker_of(there, admin.port) as worker,
            Client(admin.port) as registry,
            Client(worker.port) as feed,
        ):
            btc = await listed(registry)
            await eventually(lambda: worker.cache.applied == 5)
            yield Apart(mortal, link, admin, worker, registry, feed, btc)
    finally:
        await link.close()


@pytest.mark.parametrize("mode", ["cut", "blackhole"])
async def test_a_worker_without_the_database_stays_fresh_through_admin(apart: Apart, mode: Mode) -> None:
    apart.link.set(mode)
    before = apart.worker.feed.probes_through_admin
    await eventually(
        lambda: apart.worker.feed.probes_through_admin > before + 8
    )  # at four a second: the lease would have ended long ago
    revision = await ticked(apart.registry, apart.btc, "0.125")
    answer = await found(apart.feed, apart.btc, min_revision=revision)
    assert answer.symbol.tick_size_decimal == "0.125"
    assert not (await found(apart.feed, apart.btc)).HasField("stale")
    # Its cache is complete, so it knows absences, which a probe through admin confirms.
    assert (await apart.feed.refused("GetVenueSymbol", venue_id=apart.btc.venue, venue_symbol="NOPE")).code == "NOT_FOUND"
    assert apart.worker.feed.resyncs == 0
    # Changes without messages arrive through admin, too.
    apart.worker._bus._listeners.clear()
    client = apart.worker._bus._client
    assert client is not None
    for subscription in list(client._subs.values()):
        if subscription.subject.startswith("cqar.changes."):
            await subscription.unsubscribe()
    for tick in ("0.25", "0.5"):
        revision = await ticked(apart.registry, apart.btc, tick)
        await eventually(lambda head=revision: apart.worker.cache.applied >= head)  # type: ignore[misc]  # it is bound
    assert (await found(apart.feed, apart.btc)).symbol.tick_size_decimal == "0.5"
    apart.link.set("pass")
    detours = apart.worker.feed.probes_through_admin
    await eventually(lambda: apart.worker.feed.age() < 0.5 and apart.worker.feed.probes_through_admin <= detours + 1)


async def test_without_database_and_admin_responses_carry_their_age(apart: Apart) -> None:
    apart.link.set("cut")
    await eventually(lambda: apart.worker.feed.probes_through_admin > 0)
    apart.servers.nats.kill()

    async def stale() -> bool:
        return bool((await found(apart.feed, apart.btc)).stale)

    await eventually(stale)
    assert (await apart.feed.refused("GetAsset", asset_id="nobody")).code == "UNAVAILABLE"
    apart.servers.nats.start()

    async def fresh() -> bool:
        return not (await found(apart.feed, apart.btc)).HasField("stale")

    await eventually(fresh)


async def test_the_admin_of_another_registry_does_not_answer(apart: Apart, settings: config.Settings) -> None:
    """Several registries may share NATS: a worker that used another's answer would start over in a foreign history."""
    shared = changed(settings, nats={"url": apart.servers.nats.url})
    async with admin_of(shared):
        apart.link.set("cut")
        before = apart.worker.feed.probes_through_admin
        await eventually(lambda: apart.worker.feed.probes_through_admin > before + 8)
        assert apart.worker.feed.resyncs == 0
        assert not (await found(apart.feed, apart.btc)).HasField("stale")


async def test_a_slow_redis_delays_one_call_and_is_then_avoided(mortal: Servers, mortal_settings: config.Settings) -> None:
    url = urlsplit(mortal.valkey.url)
    link = Link(lambda: asyncio.open_unix_connection(url.path))
    await link.listen()
    there = {"url": f"redis://127.0.0.1:{link.port}/{parse_qs(url.query).get('db', ['0'])[0]}"}
    try:
        async with (
            admin_of(mortal_settings) as admin,
            worker_of(changed(mortal_settings, hotpath={"preload": False}, redis=there), admin.port) as worker,
            Client(admin.port) as registry,
            Client(worker.port) as feed,
        ):
            btc = await listed(registry)
            await eventually(lambda: worker.cache.applied == 5)
            assert await worker._redis_cache.ping()
            link.set("delay", 0.3)
            assert (await feed.call("GetAsset", asset_id=btc.base)).asset.symbol == "BTC"
            assert feed.trailing["cqar-source"] == "database"
            assert worker._redis_cache.failures >= 1
            assert not worker._redis_cache.up
            failures = worker._redis_cache.failures
            for at in range(20):
                assert (await feed.refused("GetAsset", asset_id=f"nobody{at}")).code == "NOT_FOUND"
            assert worker._redis_cache.failures <= failures + 2, "each of them waited for Redis"
            link.set("pass")

            async def used() -> bool:
                await feed.refused("GetAsset", asset_id=f"nobody{asyncio.get_running_loop().time()}")
                return worker._redis_cache.up and await worker._redis_cache.ping()

            await eventually(used)
    finally:
        await link.close()
