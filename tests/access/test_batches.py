"""Batches of lookups with keys restricted to venues, rate-limited, strict and expired keys: the same as single lookups."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import grpc
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.auth.keys import parse
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.contract.cqc.venues.v1 import venues_pb2
from cqar.model.call import Role
from tests.access import credentials
from tests.access.credentials import bearer, outcome
from tests.client import Client
from tests.hotpath.resolving import PATH, key, statuses
from tests.hotpath.stack import changed, eventually, worker_of


@pytest.fixture(params=["admin", "grpcio", "lane"])
async def client(request: pytest.FixtureRequest, settings: config.Settings, admin: Admin) -> AsyncIterator[Client]:
    """A client of each process, and of each transport of hotpath."""
    if request.param == "admin":
        async with Client(admin.port) as made:
            yield made
        return
    chosen = changed(settings, hotpath={"transport": request.param})
    async with worker_of(chosen, admin.port) as worker, Client(worker.port) as made:
        yield made


@pytest.fixture
async def venues(admin: Admin, api_keys: Mapping[Role, str]) -> Sequence[str]:
    """Two venues."""
    async with Client(admin.port) as made:
        for name in ("binance", "kraken"):
            await made.call(
                "CreateVenue", name=name, venue_type=venues_pb2.VENUE_TYPE_CEX, headers=bearer(api_keys[Role.WRITER])
            )
    return "binance", "kraken"


def batch(*venues: str) -> bytes:
    """A batch that asks for something at each of the venues."""
    keys = [key(each, "BTCUSDT") for each in venues]
    return pb.ResolveVenueSymbolsRequest(keys=keys).SerializeToString()


async def streamed(client: Client, token: str, *requests: bytes) -> list[Any]:
    """How many results each answer of a stream has, and how it was refused."""
    method: Any = client.channel.stream_stream(f"{PATH}StreamVenueSymbols")
    call = method(metadata=bearer(token), timeout=20)
    ended: list[Any] = []
    try:
        for each in requests:
            await call.write(each)
            data: Any = await call.read()
            if data is grpc.aio.EOF:
                break
            ended.append(len(pb.ResolveVenueSymbolsResponse.FromString(data).results))
        else:
            await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass  # the status says more than whether it was the write or the read that met the end
    code = (await call.code()).name
    return ended if code == "OK" else [*ended, code]


async def test_one_key_of_another_venue_refuses_the_whole_batch(
    client: Client, settings: config.Settings, venues: Sequence[str], api_keys: Mapping[Role, str]
) -> None:
    ours, theirs = venues
    token = await credentials.make(settings, Role.READER, venue_ids=[ours])
    method = f"{PATH}ResolveVenueSymbols"
    for _ in range(2):  # the second time, all stands ready
        assert await outcome(client, method, api_keys[Role.READER], batch(ours, theirs)) is None
        for named, denied in (((ours, ours), False), ((ours, theirs), True), ((theirs,), True), ((), False)):
            refused = await outcome(client, method, token, batch(*named))
            assert (refused is not None and refused.code == "PERMISSION_DENIED") is denied, named
    # Where bytes name two venues, the last one counts: for what is answered, and for what is allowed.
    smuggled = b"\x0a%c%s" % (len(ours), ours.encode()) + key(theirs, "BTCUSDT").SerializeToString()
    refused = await outcome(client, method, token, b"\x0a%c%s" % (len(smuggled), smuggled))
    assert refused is not None
    assert refused.code == "PERMISSION_DENIED"
    refused = await outcome(client, method, token, b"\x0a\x03\x0a\x01\xff")
    assert refused is not None
    assert refused.code == "INVALID_ARGUMENT"
    assert await streamed(client, token, batch(ours), batch(ours, theirs), batch(ours)) == [1, "PERMISSION_DENIED"]
    assets = pb.ResolveAssetsRequest(keys=[pb.AssetKey(asset_id="x")]).SerializeToString()
    for _ in range(2):
        assert await outcome(client, f"{PATH}ResolveAssets", api_keys[Role.READER], assets) is None
        refused = await outcome(client, f"{PATH}ResolveAssets", token, assets)
        assert refused is not None
        assert refused.code == "PERMISSION_DENIED"


async def test_a_batch_is_one_call_of_a_key_with_a_limit_and_so_is_each_request_of_a_stream(
    client: Client, settings: config.Settings, venues: Sequence[str]
) -> None:
    token = await credentials.make(settings, Role.READER, rate_limit=3)
    large = batch(*[*venues] * 10)
    for _ in range(2):
        assert await outcome(client, f"{PATH}ResolveVenueSymbols", token, large) is None
    codes = [await outcome(client, f"{PATH}ResolveVenueSymbols", token, large) for _ in range(6)]
    assert "RESOURCE_EXHAUSTED" in {each.code for each in codes if each is not None}
    await asyncio.sleep(1.2)
    ended = await streamed(client, token, *[large] * 40)
    assert ended[-1] == "RESOURCE_EXHAUSTED"
    assert 1 <= len(ended) - 1 < 40


async def test_a_key_that_is_revoked_ends_a_stream_that_is_open(
    client: Client, settings: config.Settings, venues: Sequence[str]
) -> None:
    token = await credentials.make(settings, Role.READER)
    method: Any = client.channel.stream_stream(f"{PATH}StreamVenueSymbols")
    call = method(metadata=bearer(token), timeout=20)
    await call.write(batch(*venues))
    assert statuses(pb.ResolveVenueSymbolsResponse.FromString(await call.read())) == ["NOT_FOUND"] * 2
    revoked = parse(token)
    assert revoked is not None
    await credentials.revoke(settings, revoked)

    async def refused() -> bool:
        try:
            await call.write(batch(*venues))
            return (await call.read()) is grpc.aio.EOF
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            return True

    await eventually(refused)
    assert (await call.code()).name == "UNAUTHENTICATED"
