"""Servers that die, pause and return: the results of lookups and writes meanwhile."""

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import NamedTuple

import asyncpg
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqc.assets.v1 import assets_pb2 as assets
from cqar.contract.cqc.markets.v1 import markets_pb2 as markets
from cqar.hotpath.app import Hotpath
from cqar.model import events
from tests.client import Client
from tests.conftest import Servers
from tests.hotpath.stack import Listed, admin_of, changed, eventually, found, listed, process_of, ticked, worker_of

#: Short, so that tests need not wait: a worker counts as cut off after 0.4 s and serves stale responses for 1.5 s.
HASTE = {"probe_interval": 0.1, "lease": 0.4, "detached_serve": 1.5}

#: Settings for a database that does not answer.
SHORT_TIMEOUTS = {f"{what}_timeout": 0.5 for what in ("acquire", "connect", "fill", "statement", "lock")}


class Place(NamedTuple):
    """Admin and worker on servers that may die, clients of each, and a listing that the worker has served."""

    servers: Servers
    settings: config.Settings
    admin: Admin
    worker: Hotpath
    registry: Client
    feed: Client
    btc: Listed


@pytest.fixture
async def place(mortal: Servers, mortal_settings: config.Settings, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    coherence = {**HASTE, **getattr(request, "param", {})}
    settings = changed(mortal_settings, coherence=coherence, database=SHORT_TIMEOUTS)
    async with (
        admin_of(settings) as admin,
        worker_of(settings, admin.port) as worker,
        Client(admin.port) as registry,
        Client(worker.port) as feed,
    ):
        btc = await listed(registry)
        await eventually(lambda: worker.cache.applied == 5)
        await found(feed, btc)
        yield Place(mortal, settings, admin, worker, registry, feed, btc)


async def _shows(place: Place, tick: str) -> None:
    async def shown() -> bool:
        return bool((await found(place.feed, place.btc)).symbol.tick_size_decimal == tick)

    await eventually(shown)


# ---- NATS ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_without_nats_writes_succeed_and_no_event_is_lost(place: Place, fault: str) -> None:
    getattr(place.servers.nats, fault)()
    for tick in ("0.25", "0.125"):
        await ticked(place.registry, place.btc, tick)
        await _shows(place, tick)
        assert not (await found(place.feed, place.btc)).HasField("stale")
    await ticked(place.feed, place.btc, "0.0625")
    assert (await found(place.feed, place.btc)).symbol.tick_size_decimal == "0.0625"
    if fault == "kill":
        place.servers.nats.start()
    else:
        place.servers.nats.resume()
    head = place.worker.cache.applied

    async def published() -> bool:
        return await _ends_with(place.admin, place.worker.cache.epoch, head)

    await eventually(lambda: place.admin._bus.up and place.worker._bus.up)
    await eventually(published)
    place.worker.feed._interval = 60.0  # from now on only messages deliver changes in time
    await asyncio.sleep(0.2)
    await ticked(place.registry, place.btc, "0.75")
    await _shows(place, "0.75")


async def test_a_process_that_starts_without_nats_works_and_connects_later(
    mortal: Servers, mortal_settings: config.Settings
) -> None:
    mortal.nats.kill()
    async with (
        admin_of(mortal_settings) as admin,
        worker_of(mortal_settings, admin.port) as worker,
        Client(worker.port) as feed,
    ):
        btc = await listed(feed)
        assert (await found(feed, btc)).symbol.symbol_id == btc.symbol
        mortal.nats.start()
        await eventually(lambda: admin._relay.active and worker._bus.up)

        async def published() -> bool:
            return await _ends_with(admin, worker.cache.epoch, 5)

        await eventually(published)


# ---- Redis ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_lookups_and_writes_work_without_redis(place: Place, fault: str) -> None:
    getattr(place.servers.valkey, fault)()
    assert (await found(place.feed, place.btc)).venue_symbol.is_active
    doge = await place.feed.call("CreateAsset", symbol="DOGE", name="Dogecoin", asset_type=assets.ASSET_TYPE_NATIVE)
    assert (await place.feed.call("GetAsset", asset_id=doge.asset.asset_id)).asset.symbol == "DOGE"
    await ticked(place.feed, place.btc, "0.125")
    assert (await found(place.feed, place.btc)).symbol.tick_size_decimal == "0.125"
    place.worker.cache.follow(())  # so that it asks Redis for unknown names
    await place.feed.refused("GetAsset", asset_id="nobody")
    assert place.worker._redis_cache.failures >= 1
    assert not place.worker._redis_cache.up
    failures = place.worker._redis_cache.failures
    for at in range(20):
        assert (await place.feed.refused("GetAsset", asset_id=f"nobody{at}")).code == "NOT_FOUND"
    assert place.worker._redis_cache.failures <= failures + 3, "each of them waited for Redis"
    if fault == "kill":
        place.servers.valkey.start()
    else:
        place.servers.valkey.resume()

    async def used() -> bool:
        await place.feed.refused("GetAsset", asset_id=f"nobody{asyncio.get_running_loop().time()}")
        return place.worker._redis_cache.up and await place.worker._redis_cache.ping()

    await eventually(used)


async def test_a_flush_of_redis_is_harmless(place: Place) -> None:
    await place.worker._redis_cache._redis.flushall()
    assert (await found(place.feed, place.btc)).venue_symbol.is_active
    await ticked(place.feed, place.btc, "0.125")
    assert (await found(place.feed, place.btc)).symbol.tick_size_decimal == "0.125"


# ---- admin ---------------------------------------------------------------------------------------------------------


async def test_without_admin_lookups_work_and_other_calls_are_unavailable(place: Place) -> None:
    async with admin_of(place.settings) as other, worker_of(place.settings, other.port) as worker, Client(worker.port) as feed:
        await found(feed, place.btc)
        await other.stop()
        assert (await found(feed, place.btc)).venue_symbol.is_active
        for name, request in (("CreateAsset", {"symbol": "DOGE", "name": "Dogecoin"}), ("ListSymbols", {})):
            refused = await feed.refused(name, **request)
            assert refused.code == "UNAVAILABLE"
            assert "admin is unreachable; lookups are answered" in refused.message
        # Writes of another admin still arrive.
        await ticked(place.registry, place.btc, "0.125")

        async def shown() -> bool:
            return bool((await found(feed, place.btc)).symbol.tick_size_decimal == "0.125")

        await eventually(shown)


# ---- PostgreSQL ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["kill", "pause"])
async def test_without_the_database_responses_go_from_fresh_to_stale_to_unavailable_and_back(place: Place, fault: str) -> None:
    postgres = place.servers.postgres
    getattr(postgres, fault)()
    # Still fresh: cached responses are served without marks.
    assert not (await found(place.feed, place.btc)).HasField("stale")
    await eventually(lambda: place.worker.feed.age() > HASTE["lease"])
    answer = await found(place.feed, place.btc)
    assert answer.symbol.tick_size_decimal == "0.5"
    assert answer.stale
    assert answer.age_ms >= 400
    assert place.feed.trailing["cqar-stale"] == "true"
    assert int(place.feed.trailing["cqar-age-ms"]) == answer.age_ms
    # No process may say that it does not exist.
    for name, request in (
        ("GetVenueSymbol", {"venue_id": place.btc.venue, "venue_symbol": "NOPE"}),
        ("GetAsset", {"asset_id": "nobody"}),
        ("GetVenueAsset", {"venue_id": place.btc.venue, "asset_id": place.btc.base}),
    ):
        refused = await place.feed.refused(name, **request)
        assert refused.code == "UNAVAILABLE", name
        assert "database" in refused.message
    await eventually(lambda: place.worker.feed.age() > HASTE["detached_serve"])
    over = await place.feed.refused("GetVenueSymbol", venue_id=place.btc.venue, venue_symbol=place.btc.text)
    assert over.code == "UNAVAILABLE"
    if fault == "kill":
        postgres.start()
    else:
        postgres.resume()

    async def healed() -> bool:
        try:
            return not (await found(place.feed, place.btc)).HasField("stale")
        except Exception:  # noqa: BLE001 - retried
            return False

    await eventually(healed)
    assert (await place.feed.refused("GetAsset", asset_id="nobody")).code == "NOT_FOUND"

    async def written() -> bool:
        try:
            await ticked(place.feed, place.btc, "0.125")
        except Exception:  # noqa: BLE001 - retried
            return False
        return True

    await eventually(written)
    assert (await found(place.feed, place.btc)).symbol.tick_size_decimal == "0.125"
    assert place.worker.feed.resyncs == 0


async def test_a_worker_that_is_cut_off_asserts_no_absence(place: Place) -> None:
    """Never listed, deleted or ambiguous: while the worker is cut off, only the database may say so."""
    doge = await place.feed.call("CreateAsset", symbol="DOGE", name="Dogecoin", asset_type=assets.ASSET_TYPE_NATIVE)
    await place.feed.call("DeleteAsset", asset_id=doge.asset.asset_id)
    perpetual = await place.feed.call(
        "CreateSymbol",
        symbol_type=markets.SYMBOL_TYPE_PERPETUAL,
        base_asset_id=place.btc.base,
        quote_asset_id=place.btc.quote,
        settlement_asset_id=place.btc.quote,
    )
    await place.feed.call(
        "CreateVenueSymbol", venue_id=place.btc.venue, symbol_id=perpetual.symbol.symbol_id, venue_symbol=place.btc.text
    )
    refusals = (
        ("GetVenueSymbol", {"venue_id": place.btc.venue, "venue_symbol": "NOPE"}, "NOT_FOUND"),
        ("GetAsset", {"asset_id": doge.asset.asset_id}, "NOT_FOUND"),
        ("GetVenueSymbol", {"venue_id": place.btc.venue, "venue_symbol": place.btc.text}, "FAILED_PRECONDITION"),
    )
    for name, request, code in refusals:
        assert (await place.feed.refused(name, **request)).code == code
    place.servers.postgres.kill()
    await eventually(lambda: place.worker.feed.age() > HASTE["lease"])
    for name, request, _ in refusals:
        assert (await place.feed.refused(name, **request)).code == "UNAVAILABLE"


async def test_a_worker_that_starts_without_the_database_becomes_ready_with_it(
    mortal: Servers, mortal_settings: config.Settings
) -> None:
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
    mortal.postgres.kill()
    async with worker_of(mortal_settings, loaded=False) as worker, Client(worker.port) as feed:
        assert (await feed.refused("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text)).code == "UNAVAILABLE"
        assert not worker.feed.loaded
        mortal.postgres.start()
        await eventually(lambda: worker.feed.loaded)
        assert (await found(feed, btc)).symbol.symbol_id == btc.symbol


@pytest.mark.parametrize("place", [{"detached_serve": 60.0}], indirect=True, ids=["however long it takes"])
async def test_a_restart_of_the_database_only_pauses_writers(place: Place) -> None:
    def again() -> None:
        place.servers.postgres.stop()
        place.servers.postgres.start()

    restart = asyncio.create_task(asyncio.to_thread(again))
    while not restart.done():
        answer = await found(place.feed, place.btc)
        assert answer.symbol.tick_size_decimal == "0.5"
        await asyncio.sleep(0.01)
    await restart

    async def written() -> bool:
        try:
            await ticked(place.feed, place.btc, "0.125")
        except Exception:  # noqa: BLE001 - a client retries
            return False
        return True

    await eventually(written)
    await _shows(place, "0.125")
    await eventually(lambda: place.admin._relay.active and place.worker.feed.age() < HASTE["lease"])
    assert place.worker.feed.resyncs == 0


async def test_terminated_database_sessions_are_replaced(place: Place) -> None:
    operator = await asyncpg.connect(place.settings.database.url)
    try:
        for tick in ("0.25", "0.125", "0.0625"):
            await operator.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'cqar-%'"
                " AND datname = current_database()"
            )

            async def written(tick: str = tick) -> bool:
                try:
                    await ticked(place.feed, place.btc, tick)
                except Exception:  # noqa: BLE001 - a client retries
                    return False
                return True

            await eventually(written)
            await _shows(place, tick)
    finally:
        await operator.close()
    await eventually(lambda: place.admin._relay.active)
    assert place.worker.feed.resyncs == 0


async def _ends_with(admin: Admin, epoch: str, revision: int) -> bool:
    """Whether the stream of changes ends with this revision."""
    payload = (await admin._bus.position("CQAR_CHANGES")).payload
    last = None if payload is None else events.decode(payload)
    return last is not None and (last.epoch, last.revision) == (epoch, revision)


# ---- a paused worker -----------------------------------------------------------------------------------------------


async def test_a_resumed_worker_does_not_serve_old_data_as_fresh(
    mortal_settings: config.Settings,
) -> None:
    """As after a debugger, a live migration or a closed laptop: its cache is out of date."""
    async with admin_of(mortal_settings) as admin, Client(admin.port) as registry:
        btc = await listed(registry)
        address = f"127.0.0.1:{admin.port}"
        with process_of("hotpath", mortal_settings, CQAR_HOTPATH_ADMIN_ADDRESS=address) as worker:
            port = int((await worker.says("hotpath_listening"))["grpc"].rpartition(":")[2])
            await worker.says("hotpath_ready")
            async with Client(port) as feed:
                assert (await found(feed, btc)).symbol.tick_size_decimal == "0.5"
                worker.send(signal.SIGSTOP)
                await ticked(registry, btc, "0.125")
                await asyncio.sleep(1.5)
                waiting = [asyncio.create_task(found(feed, btc)) for _ in range(50)]
                await asyncio.sleep(0.1)
                worker.send(signal.SIGCONT)
                for answer in await asyncio.gather(*waiting):
                    assert answer.stale or answer.symbol.tick_size_decimal == "0.125"

                async def seen() -> bool:
                    answer = await found(feed, btc)
                    return not answer.stale and bool(answer.symbol.tick_size_decimal == "0.125")

                await eventually(seen)
