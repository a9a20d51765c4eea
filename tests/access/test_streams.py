"""Streams and uploads end when their key does."""

import asyncio
import contextlib
import functools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import grpc
import grpc.aio
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth import keys
from cqar.contract.cqar.v1 import access_pb2 as pb
from cqar.hotpath.app import Hotpath
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import bearer
from tests.client import Client
from tests.hotpath.stack import eventually

TAIL, STREAM = f"{credentials.ACCESS}TailEvents", "/cqar.v1.Resolver/StreamVenueSymbols"
ENDED = ("UNAUTHENTICATED", "invalid API key")


@pytest.fixture
async def key(settings: config.Settings) -> str:
    """A reader's key that the test revokes."""
    return await credentials.make(settings, Role.READER, principal="leaver")


@pytest.fixture(params=["admin", "hotpath"])
async def client(request: pytest.FixtureRequest, admin: Admin, hotpath: Hotpath) -> AsyncIterator[Client]:
    """A client of each process."""
    async with Client(admin.port if request.param == "admin" else hotpath.port) as made:
        yield made


async def revoke(settings: config.Settings, key: str) -> None:
    parsed = keys.parse(key)
    assert parsed is not None
    await credentials.revoke(settings, parsed)


async def venue(admin: Admin, api_keys: Mapping[Role, str], name: str) -> None:
    async with Client(admin.port) as writer:
        await writer.call("CreateVenue", name=name, venue_type=1, headers=bearer(api_keys[Role.WRITER]))


async def opened(client: Client, path: str, key: str, request: bytes | None = None) -> Any:
    """A stream that has begun."""
    call: Any = client.channel.stream_stream(path)(metadata=bearer(key))
    if request is not None:
        await call.write(request)
    await call.initial_metadata()
    return call


async def refused(admin: Admin, key: str) -> bool:
    """Whether admin refuses the key."""
    async with Client(admin.port) as other:
        found = await credentials.outcome(other, "/cqc.services.v1.AssetRegistry/ListVenues", key)
        return found is not None and found.code == "UNAUTHENTICATED"


async def over(call: Any) -> tuple[tuple[str, str], list[bytes]]:
    """The status with which a stream ends, and the messages until then."""
    messages: list[bytes] = []
    async with asyncio.timeout(60):
        with contextlib.suppress(grpc.aio.AioRpcError):
            while (data := await call.read()) is not grpc.aio.EOF:
                messages.append(data)
        return ((await call.code()).name, await call.details()), messages


@pytest.mark.parametrize("path", [TAIL, STREAM])
async def test_an_idle_stream_ends_when_its_key_is_revoked(
    client: Client, settings: config.Settings, key: str, path: str
) -> None:
    call = await opened(client, path, key, b"" if path == TAIL else None)
    await revoke(settings, key)
    assert (await over(call))[0] == ENDED


async def test_no_change_is_sent_once_the_key_is_refused(
    client: Client, admin: Admin, settings: config.Settings, key: str, api_keys: Mapping[Role, str]
) -> None:
    call = await opened(client, TAIL, key, pb.TailEventsRequest(from_revision=0).SerializeToString())
    await venue(admin, api_keys, "early")
    async with asyncio.timeout(60):
        while pb.TailEventsResponse.FromString(await call.read()).row_id != "early":
            pass
    await revoke(settings, key)
    await eventually(functools.partial(refused, admin, key))
    await venue(admin, api_keys, "late")
    status, later = await over(call)
    assert status == ENDED
    assert "late" not in [pb.TailEventsResponse.FromString(data).row_id for data in later]


async def test_server_sent_events_end_with_an_error_event(admin: Admin, settings: config.Settings, key: str) -> None:
    url = f"http://127.0.0.1:{admin.http_port}/v1/events"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"}) as session,
        session.get(url) as response,
    ):
        assert response.status == 200
        assert await response.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        await revoke(settings, key)
        async with asyncio.timeout(60):
            rest = await response.content.read()
    *_, last = rest.decode().removesuffix("\n\n").split("\n\n")
    kind, _, data = last.partition("\n")
    assert kind == "event: error"
    problem = json.loads(data.removeprefix("data: "))
    assert (problem["status"], problem["code"], problem["detail"]) == (401, *ENDED)


async def test_rows_that_arrive_after_the_revocation_are_not_written(admin: Admin, settings: config.Settings) -> None:
    writer = await credentials.make(settings, Role.WRITER, principal="leaver")
    line = json.dumps({"venue": {"name": "late", "venue_type": "VENUE_TYPE_CEX"}}).encode()
    asset = json.dumps({"symbol": "BTC", "name": "Bitcoin", "asset_type": "ASSET_TYPE_NATIVE"}).encode()
    revoked, begun = asyncio.Event(), 0

    def slow(data: bytes) -> Callable[[], AsyncIterator[bytes]]:
        async def parts() -> AsyncIterator[bytes]:
            nonlocal begun
            yield data[:5]
            begun += 1
            await revoked.wait()
            yield data[5:]

        return parts

    async def sent(session: aiohttp.ClientSession, path: str, kind: str, data: bytes) -> int:
        url = f"http://127.0.0.1:{admin.http_port}{path}"
        async with session.post(url, data=slow(data)(), headers={"Content-Type": kind}) as response:
            return response.status

    async def uploading() -> bool:
        return begun == 2

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {writer}"}) as session:
        uploads = [
            asyncio.create_task(sent(session, "/v1/apply", "application/x-ndjson", line)),
            asyncio.create_task(sent(session, "/v1/assets", "application/json", asset)),
        ]
        await eventually(uploading)
        await asyncio.sleep(0.1)
        await revoke(settings, writer)
        await eventually(functools.partial(refused, admin, writer))
        revoked.set()
        assert await asyncio.gather(*uploads) == [401, 401]
