"""A revocation reaches every worker; a disconnected worker follows the rules of freshness."""

import asyncio
import functools
import time
from collections.abc import Mapping
from typing import Any

import grpc
import msgspec
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.hotpath.app import Hotpath
from cqar.model.call import Key, Role
from cqar.storage import parts
from tests.access import credentials
from tests.access.credentials import bearer
from tests.client import Client
from tests.hotpath.stack import Reads, changed, eventually, worker_of

WITHIN = 1.0


async def ask(client: Client, key: str) -> Any:
    """The answer of GetVenue, or the name of the status."""
    try:
        return await client.call("GetVenue", venue_id="binance", headers=bearer(key))
    except grpc.aio.AioRpcError as error:
        return error.code().name


async def venue(client: Client, key: str) -> None:
    await client.call("CreateVenue", name="binance", venue_type=venues_pb2.VENUE_TYPE_CEX, headers=bearer(key))


async def test_every_worker_refuses_a_revoked_key_within_a_second_of_the_acknowledgement(
    settings: config.Settings, admin: Admin, api_keys: Mapping[Role, str]
) -> None:
    key = api_keys[Role.READER]
    found = keys.parse(key)
    assert found is not None
    async with (
        worker_of(settings, admin.port) as one,
        worker_of(settings, admin.port) as two,
        Client(admin.port) as admin_client,
        Client(one.port) as first,
        Client(two.port) as second,
    ):
        clients = [first, second, admin_client]
        await venue(admin_client, api_keys[Role.WRITER])
        for client in clients:
            await eventually(functools.partial(_answered, client, key))
        acknowledged = float("inf")
        late: list[Any] = []
        refused: set[int] = set()

        async def read(number: int, client: Client) -> None:
            while number not in refused or time.monotonic() < acknowledged + 2 * WITHIN:
                began = time.monotonic()
                answer = await ask(client, key)
                if isinstance(answer, str):
                    # Whoever is refused too often in a second is told only that.
                    assert answer in ("UNAUTHENTICATED", "RESOURCE_EXHAUSTED")
                    refused.add(number)
                elif began > acknowledged + WITHIN and not answer.stale:
                    late.append(answer)
                await asyncio.sleep(0.005)

        async with asyncio.timeout(30), asyncio.TaskGroup() as group:
            for number, client in enumerate(clients):
                group.create_task(read(number, client))
            await asyncio.sleep(0.1)
            assert not refused
            await credentials.own(admin_client, api_keys[Role.ADMIN], "RevokeKey", key_id=found.key_id)
            acknowledged = time.monotonic()
        assert refused == {0, 1, 2}
        assert not late


async def _answered(client: Client, key: str) -> bool:
    return not isinstance(await ask(client, key), str)


async def test_a_new_key_works_at_once_even_where_its_id_was_guessed_before(
    settings: config.Settings, hotpath: Hotpath, admin: Admin, api_keys: Mapping[Role, str]
) -> None:
    async with Client(hotpath.port) as worker, Client(admin.port) as admin_client:
        await venue(admin_client, api_keys[Role.WRITER])
        assert await ask(worker, keys.make("dev").text) == "UNAUTHENTICATED"
        made = await credentials.own(worker, api_keys[Role.ADMIN], "CreateKey", principal="feed", role="READER")
        assert (await ask(worker, made.secret)).venue.venue_id == "binance"
        await credentials.revoke(settings, Key(made.key.key_id, made.secret))
        await eventually(lambda: _is(worker, made.secret, "UNAUTHENTICATED"))


async def _is(client: Client, key: str, code: str) -> bool:
    return bool(await ask(client, key) == code)


async def cut_off(worker: Hotpath, lease: float) -> None:
    """Disconnect the worker from all changes."""
    await worker.feed.stop()
    await eventually(lambda: worker.feed.age() > lease)


async def test_a_worker_that_is_cut_off_serves_known_readers_stale_and_refuses_strict_ones(
    settings: config.Settings, hotpath: Hotpath, admin: Admin, api_keys: Mapping[Role, str]
) -> None:
    strict = await credentials.make(settings, Role.READER, strict=True)
    async with Client(hotpath.port) as worker, Client(admin.port) as admin_client:
        await venue(admin_client, api_keys[Role.WRITER])
        for key in (api_keys[Role.READER], strict):
            await eventually(functools.partial(_answered, worker, key))
        await cut_off(hotpath, settings.coherence.lease)
        assert (await ask(worker, api_keys[Role.READER])).stale
        assert not (await ask(worker, strict)).stale  # PostgreSQL itself still answers
        unheard = await credentials.make(settings, Role.READER)
        await hotpath._pool.close()
        assert (await ask(worker, api_keys[Role.READER])).stale
        assert await ask(worker, strict) == "UNAVAILABLE"
        assert await ask(worker, unheard) == "UNAVAILABLE"


async def test_a_worker_knows_the_keys_that_were_there_when_it_started(api_keys: Mapping[Role, str], hotpath: Hotpath) -> None:
    await hotpath._pool.close()
    async with Client(hotpath.port) as worker:
        assert await ask(worker, api_keys[Role.READER]) != "UNAUTHENTICATED"
        assert hotpath.authority is not None
        assert hotpath.authority.known(f"Bearer {api_keys[Role.READER]}") is not None


async def test_a_worker_that_was_cut_off_for_too_long_asks_postgresql_who_calls(
    settings: config.Settings, admin: Admin, api_keys: Mapping[Role, str]
) -> None:
    short = msgspec.structs.replace(settings.coherence, detached_serve=1.5)
    async with (
        worker_of(msgspec.structs.replace(settings, coherence=short), admin.port) as worker,
        Client(worker.port) as client,
        Client(admin.port) as admin_client,
    ):
        await venue(admin_client, api_keys[Role.WRITER])
        await eventually(lambda: _answered(client, api_keys[Role.READER]))
        await cut_off(worker, 1.5)
        found = keys.parse(api_keys[Role.READER])
        assert found is not None
        assert not isinstance(await ask(client, api_keys[Role.READER]), str)
        await credentials.revoke(settings, found)
        assert await ask(client, api_keys[Role.READER]) == "UNAUTHENTICATED"


async def test_a_worker_cut_off_leaves_writers_to_admin(
    hotpath: Hotpath, settings: config.Settings, api_keys: Mapping[Role, str]
) -> None:
    async with Client(hotpath.port) as worker:
        await cut_off(hotpath, settings.coherence.lease)
        await venue(worker, api_keys[Role.WRITER])
        found = keys.parse(api_keys[Role.WRITER])
        assert found is not None
        await credentials.revoke(settings, found)

        async def refused() -> bool:
            ended = await credentials.outcome(worker, "/cqc.services.v1.AssetRegistry/CreateVenue", api_keys[Role.WRITER])
            return ended is not None and ended.code == "UNAUTHENTICATED"

        await eventually(refused)


async def test_a_key_revoked_while_it_is_loaded_does_not_pass(
    settings: config.Settings, admin: Admin, api_keys: Mapping[Role, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row was read before the revocation, which the worker has applied when the row arrives."""
    key = api_keys[Role.READER]
    found = keys.parse(key)
    assert found is not None
    reads = Reads()
    monkeypatch.setattr(parts, "read", reads.of(parts.read))
    empty = changed(settings, hotpath={"preload": False})
    async with worker_of(empty, admin.port) as worker, Client(worker.port) as client, Client(admin.port) as admin_client:
        await venue(admin_client, api_keys[Role.WRITER])
        reads.open.clear()
        asked = asyncio.create_task(ask(client, key))
        await reads.arrived.wait()
        before = worker.cache.applied
        await credentials.revoke(settings, found)
        await eventually(lambda: worker.cache.applied > before)
        reads.open.set()
        assert await asked == "UNAUTHENTICATED"
