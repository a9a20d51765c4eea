"""One suite over both transports of the hot path: whatever a client sends, it hears the same from either."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import asyncpg
import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from cqar import config
from cqar.admin.app import Admin
from cqar.call import Role
from cqar.contract.cqar.v1 import access_pb2, resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.hotpath.app import Hotpath
from tests.access import door
from tests.client import SERVICE, Client
from tests.hotpath.world import Listed, changed, eventually, listed, worker_of
from tests.registry import requests

RESOLVER = "/cqar.v1.Resolver/"
#: Trailing metadata that no two calls have alike.
_OWN = frozenset({"x-request-id", "cqar-age-ms"})


class Heard(NamedTuple):
    """What a client hears of a call."""

    code: str
    message: str
    body: bytes
    trailing: tuple[tuple[str, str | bytes], ...]


class Both(NamedTuple):
    """A worker of each transport, on one registry that asks for keys."""

    workers: Sequence[Hotpath]
    clients: Sequence[Client]
    admin: Admin
    keys: dict[str, str]
    btc: Listed

    async def hear(
        self, path: str, data: bytes, key: str | None = "reader", deadline: float = 10, more: Sequence[tuple[str, Any]] = ()
    ) -> Heard:
        """What both say, which is to be the same."""
        own = () if key is None else door.bearer(self.keys.get(key, key))
        heard = [await _heard(client, path, data, (*own, *more), deadline) for client in self.clients]
        assert heard[0] == heard[1], f"{path} {data[:200]!r}"
        return heard[0]

    async def lookup(self, method: str, **fields: Any) -> Heard:
        """A lookup, twice: once it may be derived, once it stands ready."""
        data = getattr(pb, f"{method}Request")(**fields).SerializeToString()
        first = await self.hear(SERVICE + method, data)
        assert await self.hear(SERVICE + method, data) == first
        return first


async def _heard(client: Client, path: str, data: bytes, metadata: Any, deadline: float) -> Heard:
    method: Any = client.channel.unary_unary(path)
    call = method(data, metadata=metadata, timeout=deadline)
    try:
        body = await call
    except grpc.aio.AioRpcError as error:
        return Heard(error.code().name, error.details() or "", b"", _trailing(error.trailing_metadata()))
    return Heard("OK", "", body, _trailing(await call.trailing_metadata()))


def _trailing(metadata: Any) -> tuple[tuple[str, str | bytes], ...]:
    return tuple(sorted((key, value) for key, value in metadata or () if key not in _OWN))


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    return door.locked(settings)


@pytest.fixture
async def both(settings: config.Settings, admin: Admin) -> AsyncIterator[Both]:
    keys = {role.name.lower(): await door.make(settings, role) for role in Role}
    async with AsyncExitStack() as stack:
        registry = await stack.enter_async_context(_Keyed(admin.port, keys["admin"]))
        btc = await listed(registry)
        keys["scoped"] = await door.make(settings, Role.READER, principal="scoped", venue_ids=["binance"])
        keys["strict"] = await door.make(settings, Role.READER, principal="strict", strict=True)
        workers = [
            await stack.enter_async_context(worker_of(changed(settings, hotpath={"transport": each}), admin.port))
            for each in ("grpcio", "lane")
        ]
        clients = [await stack.enter_async_context(Client(each.port)) for each in workers]
        yield Both(workers, clients, admin, keys, btc)


class _Keyed(Client):
    """A client that sends its key with every call."""

    def __init__(self, port: int, key: str) -> None:
        super().__init__(port)
        self._key = door.bearer(key)

    async def raw(self, path: str, data: bytes, *, headers: Any = (), deadline: float = 10) -> tuple[bytes, dict[str, Any]]:
        return await super().raw(path, data, headers=(*self._key, *headers), deadline=deadline)


# ---- answers -------------------------------------------------------------------------------------------------------


async def test_every_lookup_has_the_same_answer_derived_and_ready(both: Both) -> None:
    btc = both.btc
    for method, fields in {
        "GetAsset": {"asset_id": btc.base},
        "GetSymbol": {"symbol_id": btc.symbol},
        "GetVenue": {"venue_id": btc.venue},
        "GetVenueSymbol": {"venue_id": btc.venue, "venue_symbol": btc.text},
    }.items():
        assert (await both.lookup(method, **fields)).code == "OK", method
    at = Timestamp(seconds=1_700_000_000)
    assert (await both.lookup("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text, as_of=at)).code == "OK"
    assert (await both.lookup("GetVenueSymbol", venue_id=btc.venue, venue_symbol=btc.text, min_revision=3)).code == "OK"


async def test_every_refusal_of_a_lookup_is_the_same_with_its_details(both: Both) -> None:
    btc = both.btc
    cases: dict[str, list[tuple[str, dict[str, Any]]]] = {
        "NOT_FOUND": [
            ("GetAsset", {"asset_id": "nobody"}),
            ("GetVenue", {"venue_id": "nowhere"}),
            ("GetVenueSymbol", {"venue_id": btc.venue, "venue_symbol": "NOPE"}),
            ("GetVenueAsset", {"venue_id": btc.venue, "asset_id": btc.base}),
            ("GetAssetIdentifier", {"asset_id": btc.base, "source": 1}),
        ],
        "INVALID_ARGUMENT": [
            ("GetAsset", {}),
            ("GetVenueSymbol", {"venue_id": btc.venue}),
            ("GetVenueSymbol", {"venue_id": btc.venue, "venue_symbol": "a\u0007b"}),
            ("GetVenueSymbol", {"venue_id": btc.venue, "venue_symbol": btc.text, "symbol_type": 99}),
        ],
        "FAILED_PRECONDITION": [("GetVenue", {"venue_id": btc.venue, "min_revision": 1 << 40})],
    }
    for code, calls in cases.items():
        for method, fields in calls:
            heard = await both.lookup(method, **fields)
            assert heard.code == code, (method, fields)
            assert heard.message
            assert "grpc-status-details-bin" in dict(heard.trailing), method


async def test_bytes_that_are_no_request_and_requests_that_are_too_large(both: Both) -> None:
    for data in (b"\xff", b"\x0a\x05ab", b"\x0a\xff\xff\xff\xff\x0f", b"\x08\x01", b""):
        assert (await both.hear(f"{SERVICE}GetAsset", data)).code == "INVALID_ARGUMENT", data
    heard = await both.hear(f"{SERVICE}GetAsset", b"\x0a\xff\xff\x07" + b"x" * 131_071)
    assert heard.code == "RESOURCE_EXHAUSTED"
    keys = [resolver_pb2.VenueSymbolKey(venue_id="v", venue_symbol="s" * 100)] * 25_000
    data = resolver_pb2.ResolveVenueSymbolsRequest(keys=keys).SerializeToString()
    assert (await both.hear(f"{RESOLVER}ResolveVenueSymbols", data)).code == "RESOURCE_EXHAUSTED"


async def test_other_spellings_of_a_request_have_the_answer_of_the_usual_one(both: Both) -> None:
    venue, text = both.btc.venue.encode(), both.btc.text.encode()
    one, two = b"\x0a" + bytes([len(venue)]) + venue, b"\x12" + bytes([len(text)]) + text
    usual = await both.hear(f"{SERVICE}GetVenueSymbol", one + two)
    for other in (two + one, one + one + two, one + two + b"\xfa\x3f\x01x"):
        for _ in range(3):
            assert await both.hear(f"{SERVICE}GetVenueSymbol", other) == usual


async def test_batches_streams_and_how_far_a_worker_is(both: Both) -> None:
    keys = [resolver_pb2.VenueSymbolKey(venue_id=both.btc.venue, venue_symbol=each) for each in (both.btc.text, "NOPE", "")]
    data = resolver_pb2.ResolveVenueSymbolsRequest(keys=keys).SerializeToString()
    for _ in range(2):
        heard = await both.hear(f"{RESOLVER}ResolveVenueSymbols", data)
        told = resolver_pb2.ResolveVenueSymbolsResponse.FromString(heard.body)
        assert [each.status for each in told.results] == [1, 2, 5]
    own = door.bearer(both.keys["reader"])
    for client in both.clients:
        streaming: Any = client.channel.stream_stream(f"{RESOLVER}StreamVenueSymbols")
        assert [each async for each in streaming(iter([data] * 3), metadata=own, timeout=10)] == [heard.body] * 3


# ---- calls that are none of the worker's ---------------------------------------------------------------------------


async def test_what_is_passed_on_comes_back_the_same(both: Both) -> None:
    cases: dict[str, dict[str, Any]] = {
        "ListAssets": {},
        "SearchAssets": {"query": "BTC"},
        "GetChain": {"chain_id": "nowhere"},
        "ListVenues": {"page_size": -1},
    }
    for method, fields in cases.items():
        data = getattr(pb, f"{method}Request")(**fields).SerializeToString()
        await both.hear(SERVICE + method, data)
    assert (await both.hear(f"{SERVICE}DeleteAsset", b"", key="reader")).code == "PERMISSION_DENIED"
    for path in ("/cqar.v1.Nobody/Call", f"{SERVICE}Nothing", "/x"):
        assert (await both.hear(path, b"", key="admin")).code == "UNIMPLEMENTED", path


async def test_a_write_is_read_back_on_its_connection(both: Both) -> None:
    for at, client in enumerate(both.clients):
        own = door.bearer(both.keys["writer"])
        for number in range(10):
            name = f"venue {at} {number}"
            made = await client.call("CreateVenue", name=name, venue_type=1, headers=own)
            assert (await client.call("GetVenue", venue_id=made.venue.venue_id, headers=own)).venue.name == name


async def test_a_stream_of_admins_goes_through_and_ends_with_its_caller(both: Both) -> None:
    own = door.bearer(both.keys["admin"])
    data = access_pb2.TailEventsRequest(from_revision=0).SerializeToString()
    seen = []
    for client in both.clients:
        tail: Any = client.channel.unary_stream("/cqar.v1.Access/TailEvents")
        call = tail(data, metadata=own, timeout=30)
        seen.append([await call.read() for _ in range(5)])
        call.cancel()
    assert seen[0] == seen[1]


async def test_health_and_reflection(both: Both) -> None:
    for name in ("", "cqc.services.v1.AssetRegistry", "nobody"):
        await both.hear(
            "/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest(service=name).SerializeToString(), key=None
        )
    own = door.bearer(both.keys["reader"])
    asked = reflection_pb2.ServerReflectionRequest(list_services="").SerializeToString()
    heard = []
    for client in both.clients:
        watching: Any = client.channel.unary_stream("/grpc.health.v1.Health/Watch")
        watch = watching(b"", timeout=10)
        assert health_pb2.HealthCheckResponse.FromString(await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
        watch.cancel()
        path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        reflecting: Any = client.channel.stream_stream(path)
        heard.append([each async for each in reflecting(iter([asked]), metadata=own, timeout=10)])
    assert heard[0] == heard[1]


# ---- who calls -----------------------------------------------------------------------------------------------------


async def _head(settings: config.Settings) -> int:
    connection = await asyncpg.connect(settings.database.url)
    try:
        return int(await connection.fetchval("SELECT seq FROM head"))
    finally:
        await connection.close()


async def test_who_may_not_call_hears_why(both: Both, settings: config.Settings) -> None:
    over = Timestamp()
    over.FromDatetime(datetime.now(UTC) + timedelta(seconds=1))
    both.keys["over"] = await door.make(settings, Role.READER, principal="over", expires_at=over)
    # The key is a change, and an answer tells the revision that it was derived at.
    head = await _head(settings)
    await eventually(lambda: all(worker.cache.applied == head for worker in both.workers))
    ready = pb.GetVenueRequest(venue_id=both.btc.venue).SerializeToString()
    path = f"{SERVICE}GetVenue"
    for _ in range(2):
        assert (await both.hear(path, ready)).code == "OK"
        assert (await both.hear(path, ready, key=None)).message == "missing authorization header"
        assert (await both.hear(path, ready, key=door.WRONG)).message == "invalid API key"
        assert (await both.hear(path, ready, key="scoped")).code == "OK"
        assert (await both.hear(f"{SERVICE}GetAsset", ready, key="scoped")).code == "PERMISSION_DENIED"
    other = pb.GetVenueRequest(venue_id="kraken").SerializeToString()
    assert (await both.hear(path, other, key="scoped")).code == "PERMISSION_DENIED"
    await asyncio.sleep(1.1)
    assert (await both.hear(path, ready, key="over")).code == "UNAUTHENTICATED"


# ---- time and freshness --------------------------------------------------------------------------------------------


def _cut_off(both: Both, seconds: float) -> None:
    """As if PostgreSQL had not answered for so long."""
    for worker in both.workers:
        worker.feed._interval = 3_600
        worker.feed.fresh_as_of = time.monotonic() - seconds


async def test_answers_that_are_not_fresh_say_so_and_a_strict_caller_gets_none(both: Both) -> None:
    ready = pb.GetVenueRequest(venue_id=both.btc.venue).SerializeToString()
    path = f"{SERVICE}GetVenue"
    await both.hear(path, ready)
    await both.hear(path, ready, key="strict")
    # A look that was under way when it began may still end well.
    await asyncio.sleep(0.5)
    for _ in range(2):
        _cut_off(both, 5.0)
        await asyncio.sleep(0.3)
        _cut_off(both, 5.0)
        own = door.bearer(both.keys["reader"])
        for client in both.clients:
            heard = await _heard(client, path, ready, own, 10)
            told = pb.GetVenueResponse.FromString(heard.body)
            assert told.stale
            assert told.age_ms >= 5_000
            assert dict(heard.trailing)["cqar-stale"] == "true"
            # PostgreSQL is there: a strict caller is answered by it.
            strict = await _heard(client, path, ready, door.bearer(both.keys["strict"]), 10)
            assert not pb.GetVenueResponse.FromString(strict.body).stale


async def test_a_deadline_that_is_over_and_a_call_that_is_given_up(both: Both) -> None:
    for worker in both.workers:
        worker.cache.follow(())
        wait = worker._tier.get

        async def slowly(history: str, key: str, get: Any = wait) -> Any:
            await asyncio.sleep(1.0)
            return await get(history, key)

        worker._tier.get = slowly  # type: ignore[method-assign]  # a slow Redis
    data = pb.GetAssetRequest(asset_id="nobody").SerializeToString()
    for client in both.clients:
        # Client and server look at the clock, and either may say so first.
        heard = await _heard(client, f"{SERVICE}GetAsset", data, door.bearer(both.keys["reader"]), 0.2)
        assert heard.code == "DEADLINE_EXCEEDED"
        get: Any = client.channel.unary_unary(f"{SERVICE}GetAsset")
        call = get(data, metadata=door.bearer(both.keys["reader"]))
        await asyncio.sleep(0.1)
        call.cancel()
    await eventually(lambda: all(not worker.core.fills._running for worker in both.workers))
    assert (await both.hear(f"{SERVICE}GetAsset", data)).code == "NOT_FOUND"


async def test_metadata_of_any_kind_and_packed_requests(both: Both) -> None:
    ready = pb.GetVenueRequest(venue_id=both.btc.venue).SerializeToString()
    more = (("x-note", "a b"), ("blob-bin", b"\x00\xff"), ("x-request-id", "mine"))
    assert (await both.hear(f"{SERVICE}GetVenue", ready, more=more)).code == "OK"
    own = door.bearer(both.keys["reader"])
    for worker in both.workers:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}", compression=grpc.Compression.Gzip) as channel:
            get: Any = channel.unary_unary(f"{SERVICE}GetVenue")
            assert pb.GetVenueResponse.FromString(await get(ready, metadata=own, timeout=10)).venue.venue_id == both.btc.venue


# ---- anything ------------------------------------------------------------------------------------------------------


@examples(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(call=st.one_of(requests.anything("Get"), requests.bent()))
async def test_anything_has_the_same_outcome(both: Both, call: tuple[Any, Any]) -> None:
    method, request = call
    data = request if isinstance(request, bytes) else request.SerializeToString()
    if method.kind == "read":
        await both.hear(method.path, data, key="admin")
