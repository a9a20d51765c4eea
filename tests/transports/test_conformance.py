"""Pair transports give the same bytes, status, message, details and metadata."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from hypothesis import given
from hypothesis import strategies as st

from cqar.contract.cqar.v1 import access_pb2, registry_pb2, resolver_pb2
from cqar.contract.cqc.services.v1 import asset_registry_pb2 as pb
from cqar.lookups.single import LOOKUPS
from cqar.services.method import AnyMethod
from tests import generated
from tests.client import SERVICE, Client
from tests.hotpath.stack import eventually
from tests.registry import requests
from tests.registry.factory import PERPETUAL, USDC, at
from tests.signals.scrape import of, scrape
from tests.transports.conftest import Filled
from tests.transports.pair import RESOLVER, TAIL, Outcome, Pair, outcome

KIBI, MEBI = 1024, 1024 * 1024
HEALTH, REFLECTION = "/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def path_of(name: str) -> str:
    """Return the path of a lookup."""
    return (RESOLVER if name in resolver_pb2.DESCRIPTOR.services_by_name["Resolver"].methods_by_name else SERVICE) + name


def known(filled: Filled) -> dict[str, list[Any]]:
    """Return requests with a response for every lookup."""
    base, venue = filled.base, filled.venue
    return {
        "GetAsset": [pb.GetAssetRequest(asset_id=each) for each in (base, filled.quote)],
        "GetSymbol": [pb.GetSymbolRequest(symbol_id=each) for each in (filled.symbol, filled.perpetual)],
        "GetVenue": [pb.GetVenueRequest(venue_id=venue)],
        "GetVenueAsset": [pb.GetVenueAssetRequest(venue_id=venue, asset_id=base)],
        "GetVenueSymbol": [
            pb.GetVenueSymbolRequest(venue_id=venue, venue_symbol="BTCUSDT"),
            pb.GetVenueSymbolRequest(venue_id=venue, venue_symbol="TWICE", symbol_type=PERPETUAL),
            pb.GetVenueSymbolRequest(venue_id=venue, venue_symbol="PAST", as_of=at(-15)),
        ],
        "GetAssetIdentifier": [pb.GetAssetIdentifierRequest(source="DATA_SOURCE_COINGECKO", external_id="bitcoin")],
        "GetSymbolIdentifier": [pb.GetSymbolIdentifierRequest(data_source="DATA_SOURCE_COINGECKO", external_id="btc-usdt")],
        "ListAssetDeployments": [
            pb.ListAssetDeploymentsRequest(chain_id=filled.chain, address=USDC),
            pb.ListAssetDeploymentsRequest(asset_id=filled.quote),  # proxied
        ],
        "FindVenueSymbols": [resolver_pb2.FindVenueSymbolsRequest(symbol_id=filled.symbol)],
    }


async def test_every_lookup_has_the_same_response_derived_and_cached(pair: Pair, filled: Filled) -> None:
    queries = known(filled)
    assert set(queries) == set(LOOKUPS)
    for name, each in queries.items():
        for request in each:
            result = await pair.call(path_of(name), request, times=3)
            assert result.body, name


async def test_other_encodings_of_a_request_have_the_same_response(pair: Pair, filled: Filled) -> None:
    venue, text = b"\x0a" + bytes([len(filled.venue)]) + filled.venue.encode(), b"\x12\x07BTCUSDT"
    usual = (await pair.call("GetVenueSymbol", venue + text)).body
    long = b"\x8a\x00" + venue[1:] + b"\x92\x80\x00\x87\x00BTCUSDT"
    for spelled in (text + venue, b"\x0a\x04nope" + venue + text, long, venue + text + b"\xfa\x3f\x03new"):
        assert (await pair.call("GetVenueSymbol", spelled, times=3)).body == usual
    assert (await pair.call("GetVenueSymbol", venue + text, compressed=True)).body == usual


async def test_unknown_entities_are_not_found(pair: Pair, filled: Filled) -> None:
    absent = [
        ("GetAsset", pb.GetAssetRequest(asset_id="unknown")),
        ("GetSymbol", pb.GetSymbolRequest(symbol_id="unknown")),
        ("GetVenue", pb.GetVenueRequest(venue_id="unknown")),
        ("GetVenueAsset", pb.GetVenueAssetRequest(venue_id=filled.venue, asset_id=filled.quote)),
        ("GetVenueSymbol", pb.GetVenueSymbolRequest(venue_id=filled.venue, venue_symbol="NOPE-币")),
        ("GetAssetIdentifier", pb.GetAssetIdentifierRequest(source="DATA_SOURCE_COINGECKO", external_id="dogecoin")),
        ("GetSymbolIdentifier", pb.GetSymbolIdentifierRequest(data_source="DATA_SOURCE_COINGECKO", external_id="doge")),
        ("FindVenueSymbols", resolver_pb2.FindVenueSymbolsRequest(symbol_id="unknown")),
    ]
    for name, request in absent:
        result = await pair.call(path_of(name), request, times=3)
        assert result.code == "NOT_FOUND", name
        assert result.details.message == result.message


async def test_an_ambiguous_text_returns_the_candidates(pair: Pair, filled: Filled) -> None:
    result = await pair.call("GetVenueSymbol", pb.GetVenueSymbolRequest(venue_id=filled.venue, venue_symbol="TWICE"))
    assert result.code == "FAILED_PRECONDITION"
    assert filled.symbol in str(result.details)


def _invalid() -> list[tuple[str, bytes]]:
    every = [(path_of(name), data) for name in LOOKUPS for data in (b"", b"\xff", b"\x0a\x05abc", b"\x0a\x02\xff\xfe", b"\x07")]
    symbol: Any = pb.GetVenueSymbolRequest
    texts = [symbol(venue_id="x" * 5_000, venue_symbol="y"), symbol(venue_id="a\x00", venue_symbol="\x00")]
    types = [symbol(venue_id="a", venue_symbol="b", symbol_type=99)]
    times = [symbol(venue_id="a", venue_symbol="b", as_of=Timestamp(seconds=2**60, nanos=-1))]
    least = [symbol(venue_id="a", venue_symbol="b", min_revision=-1)]
    more = [(SERVICE + "GetVenueSymbol", each.SerializeToString()) for each in (*texts, *types, *times, *least)]
    batches = [(f"{RESOLVER}Resolve{what}", b"\xff") for what in ("VenueSymbols", "Assets")]
    return [*every, *more, *batches, (f"{RESOLVER}GetRevision", b"\xff")]


async def test_invalid_requests_are_refused(pair: Pair) -> None:
    codes = [(await pair.call(path, data)).code for path, data in _invalid()]
    assert codes.count("INVALID_ARGUMENT") > len(codes) // 2
    assert "INTERNAL" not in codes


def padded(size: int) -> bytes:
    """Return a GetVenue request of `size` bytes."""
    return b"\x0a" + bytes([size - 4 & 0x7F | 0x80, (size - 4) >> 7 & 0x7F | 0x80, (size - 4) >> 14]) + b"x" * (size - 4)


async def test_the_size_of_requests_is_limited(pair: Pair) -> None:
    batch = f"{RESOLVER}ResolveAssets"
    assert (await pair.call("GetVenue", padded(64 * KIBI))).code == "INVALID_ARGUMENT"
    for path, data in (("GetVenue", padded(64 * KIBI + 1)), (batch, bytes(2 * MEBI + 1))):
        assert (await pair.call(path, data)).code == "RESOURCE_EXHAUSTED"
    assert (await pair.call(batch, bytes(2 * MEBI))).code == "INVALID_ARGUMENT"
    for path in ("GetVenue", batch, "/cqar.v1.Registry/Apply"):
        # The messages of grpcio differ.
        result = await pair.each(lambda client, path=path: outcome(client, path_of(path), bytes(16 * MEBI + 1)))  # type: ignore[misc]  # bound here
        assert {each.code for each in result.values()} == {"RESOURCE_EXHAUSTED"}


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(70 * KIBI)])
async def test_unknown_methods_are_unimplemented(pair: Pair, data: bytes) -> None:
    for path in (
        f"{SERVICE}GetNothing",
        "/no.such.Service/Get",
        "/no.such.Service/",
        "/x",
        f"{RESOLVER}Resolve",
        f"{HEALTH}Ask",
    ):
        for _ in range(5):
            assert (await pair.call(path, data)).code == "UNIMPLEMENTED", path
        assert (await pair.stream(path, data, data)).code == "UNIMPLEMENTED", path


async def test_min_revision(pair: Pair, filled: Filled) -> None:
    now = min(each.cache.applied for each in pair.workers.values())
    for name, every in known(filled).items():
        for request in every:
            if "min_revision" not in request.DESCRIPTOR.fields_by_name:
                continue
            request.min_revision = now
            assert (await pair.call(path_of(name), request)).body
            request.min_revision = now + 1_000
            assert (await pair.call(path_of(name), request)).code == "FAILED_PRECONDITION"


# ---- batches and streams -------------------------------------------------------------------------------------------


def _keys(filled: Filled) -> list[resolver_pb2.VenueSymbolKey]:
    texts = ["BTCUSDT", "TWICE", "NOPE", "", "PAST", "x" * 300]
    return [resolver_pb2.VenueSymbolKey(venue_id=filled.venue, venue_symbol=text) for text in texts]


async def test_batches_of_lookups(pair: Pair, filled: Filled) -> None:
    keys = _keys(filled)
    for many in (keys[:1], keys, keys * 1_000, [*keys * 1_000, *keys * 1_000]):
        for view in resolver_pb2.View.keys()[1:]:
            await pair.call(f"{RESOLVER}ResolveVenueSymbols", resolver_pb2.ResolveVenueSymbolsRequest(keys=many, view=view))
    ids = [resolver_pb2.AssetKey(asset_id=each) for each in (filled.base, filled.quote, "unknown", "")]
    assert (await pair.call(f"{RESOLVER}ResolveAssets", resolver_pb2.ResolveAssetsRequest(keys=ids), times=3)).body
    revision = await pair.each(lambda client: outcome(client, f"{RESOLVER}GetRevision"))
    result = [resolver_pb2.GetRevisionResponse.FromString(each.body) for each in revision.values()]
    assert result[0].epoch == result[1].epoch
    assert result[0].revision == result[1].revision


async def test_concurrent_large_responses_all_arrive(pair: Pair) -> None:
    text = {"description": "x" * 4_000, "metadata": {str(at): "y" * 1_000 for at in range(15)}}
    made = await pair.clients["lane"].call("CreateAsset", symbol="LARGE", name="large", asset_type=1, **text)
    await pair.settled(made.revision)
    keys = [resolver_pb2.AssetKey(asset_id=made.asset.asset_id)] * 800
    request = resolver_pb2.ResolveAssetsRequest(keys=keys).SerializeToString()
    for worker in pair.workers.values():
        options = (("grpc.max_receive_message_length", 16 * MEBI),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}", options=options) as channel:
            method: Any = channel.unary_unary(f"{RESOLVER}ResolveAssets")
            for _ in range(2):
                sizes = [len(each) for each in await asyncio.gather(*(method(request, timeout=30) for _ in range(6)))]
                assert min(sizes) == max(sizes) > 12_000_000


async def test_streams_of_batches(pair: Pair, filled: Filled) -> None:
    path = f"{RESOLVER}StreamVenueSymbols"
    good = resolver_pb2.ResolveVenueSymbolsRequest(keys=_keys(filled))
    result = await pair.stream(path, good, good, good)
    assert (result.code, len(result.bodies)) == ("OK", 3)
    assert await pair.stream(path) == Outcome("OK", "", (), result.initial, result.trailing)
    broken = await pair.stream(path, good, b"\xff", good)
    assert (broken.code, broken.bodies) == ("INVALID_ARGUMENT", result.bodies[:1])


async def test_registry_events_are_proxied(pair: Pair) -> None:
    async def first(client: Client) -> list[bytes]:
        method: Any = client.channel.unary_stream(TAIL)
        call = method(access_pb2.TailEventsRequest(from_revision=0).SerializeToString())
        try:
            async with asyncio.timeout(20):
                await call.initial_metadata()
                return [await call.read() for _ in range(8)]
        finally:
            call.cancel()

    changes = [access_pb2.TailEventsResponse.FromString(each) for each in await pair.same(first)]
    assert [each.revision for each in changes] == list(range(1, 9))


async def test_a_connection_reads_its_own_writes(pair: Pair) -> None:
    for number, (name, client) in enumerate(pair.clients.items()):
        for at_all in range(5):
            fields = {"symbol": f"W{number}{at_all}", "name": "written", "asset_type": 1}
            made = await client.call("CreateAsset", **fields)
            assert client.trailing["cqar-revision"] == str(made.revision), name
            read = await client.call("GetAsset", asset_id=made.asset.asset_id)
            assert read.asset == made.asset, name
            await pair.settled(made.revision)
            await pair.call("GetAsset", pb.GetAssetRequest(asset_id=made.asset.asset_id))


async def test_responses_of_admin_are_proxied(pair: Pair) -> None:
    for name, request, code in (
        ("SearchAssets", pb.SearchAssetsRequest(query="BTC"), "OK"),
        ("GetChain", pb.GetChainRequest(chain_id="unknown"), "NOT_FOUND"),
        ("ListVenues", pb.ListVenuesRequest(page_size=-1), "INVALID_ARGUMENT"),
        ("CreateAsset", pb.CreateAssetRequest(symbol="W"), "INVALID_ARGUMENT"),
    ):
        assert (await pair.call(name, request)).code == code, name


async def test_large_responses_and_binary_metadata_are_proxied(pair: Pair, filled: Filled) -> None:
    headers = (("x-any-bin", bytes(range(256))), ("x-any-bin", b""), ("x-any", "a, b"), ("idempotency-key", "k" * 128))
    for path, request in (
        (f"{SERVICE}ListAssets", pb.ListAssetsRequest()),
        (f"{SERVICE}GetAsset", pb.GetAssetRequest(asset_id=filled.base)),
        (f"{SERVICE}ListVenueSymbols", pb.ListVenueSymbolsRequest(venue_id=filled.venue)),
    ):
        assert (await pair.call(path, request, headers)).body
        assert (await pair.call(path, request, headers, compressed=True)).body
    many = registry_pb2.ApplyRequest().SerializeToString() + b"\xfa\x3f\x80\x80\x40" + bytes(MEBI)
    await pair.call("/cqar.v1.Registry/Apply", many)


# ---- health, reflection --------------------------------------------------------------------------------------------


async def test_health_check_and_watch(pair: Pair) -> None:
    for service in ("", "cqc.services.v1.AssetRegistry", "cqar.v1.Resolver", "cqar.v1.Registry"):
        request = health_pb2.HealthCheckRequest(service=service)
        assert (await pair.call(f"{HEALTH}Check", request)).body == b"\x08\x01"
    assert (await pair.call(f"{HEALTH}Check", health_pb2.HealthCheckRequest(service="no"))).code == "NOT_FOUND"

    async def watched(client: Client) -> bytes:
        method: Any = client.channel.unary_stream(f"{HEALTH}Watch")
        call = method(b"")
        try:
            async with asyncio.timeout(20):
                return bytes(await call.read())
        finally:
            call.cancel()

    assert await pair.same(watched) == b"\x08\x01"


async def test_reflection_describes_the_same_services(pair: Pair) -> None:
    queries = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="cqar.v1.Resolver"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Thing"),
    ]
    result = await pair.stream(REFLECTION, *queries)
    assert (result.code, len(result.bodies)) == ("OK", 3)
    assert b"cqar.v1.Resolver" in result.bodies[0]


# ---- calls that end early ------------------------------------------------------------------------------------------


async def test_a_call_past_its_deadline_is_refused(pair: Pair, filled: Filled) -> None:
    for path in (f"{SERVICE}GetAsset", f"{SERVICE}ListAssets", f"{RESOLVER}ResolveAssets"):
        result = await pair.each(lambda client, path=path: outcome(client, path, deadline=-1))  # type: ignore[misc]  # bound here
        assert {each.code for each in result.values()} == {"DEADLINE_EXCEEDED"}
    assert (await pair.call("GetAsset", pb.GetAssetRequest(asset_id=filled.base))).body


async def test_a_cancelled_call_leaves_nothing_behind(pair: Pair, filled: Filled) -> None:
    async def cancelled(client: Client) -> str:
        method: Any = client.channel.unary_stream(TAIL)
        call = method(b"")
        async with asyncio.timeout(20):
            await call.initial_metadata()
        call.cancel()
        return str((await call.code()).name)

    assert await pair.same(cancelled) == "CANCELLED"
    for each in pair.workers.values():
        port, labels = each.metrics_port, {"method": "TailEvents", "status_code": "CANCELLED"}

        async def ended(port: int = port, labels: dict[str, str] = labels) -> bool:
            return of(await scrape(port), "cqar_grpc_calls_total", **labels) >= 1

        await eventually(ended)
        assert not each._passthrough._streams
    assert (await pair.call("GetAsset", pb.GetAssetRequest(asset_id=filled.base))).body


# ---- any request ---------------------------------------------------------------------------------------------------

_PATHS = [*(path_of(name) for name in LOOKUPS), f"{RESOLVER}ResolveVenueSymbols", f"{RESOLVER}ResolveAssets", f"{SERVICE}No"]

examples = generated.examples(120)


@examples
@given(path=st.sampled_from(_PATHS), data=st.binary(max_size=60))
async def test_any_bytes_have_the_same_outcome(pair: Pair, path: str, data: bytes) -> None:
    await pair.call(path, data)


@examples
@given(call=st.one_of(requests.anything("Get"), requests.anything("List"), requests.bent()))
async def test_any_values_have_the_same_outcome(pair: Pair, call: tuple[AnyMethod, Any]) -> None:
    method, request = call
    if method.kind == "read":
        await pair.call(method.path, request)


@examples
@given(data=st.data())
async def test_a_corrupted_request_has_the_same_outcome(pair: Pair, filled: Filled, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LOOKUPS)))
    sent = bytearray(data.draw(st.sampled_from(known(filled)[name])).SerializeToString())
    place = data.draw(st.integers(0, len(sent)))
    sent[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    await pair.call(path_of(name), bytes(sent))
