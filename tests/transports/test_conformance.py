"""What a call is answered does not depend on the transport: bytes, status, message, details and metadata are the same."""

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
from tests.transports.conftest import Held
from tests.transports.pair import RESOLVER, TAIL, Both, Outcome, outcome

KIBI, MEBI = 1024, 1024 * 1024
HEALTH, REFLECTION = "/grpc.health.v1.Health/", "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


def path_of(name: str) -> str:
    """The path of a lookup."""
    return (RESOLVER if name in resolver_pb2.DESCRIPTOR.services_by_name["Resolver"].methods_by_name else SERVICE) + name


def known(held: Held) -> dict[str, list[Any]]:
    """Requests of every lookup that are answered."""
    base, venue = held.base, held.venue
    return {
        "GetAsset": [pb.GetAssetRequest(asset_id=each) for each in (base, held.quote)],
        "GetSymbol": [pb.GetSymbolRequest(symbol_id=each) for each in (held.symbol, held.perpetual)],
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
            pb.ListAssetDeploymentsRequest(chain_id=held.chain, address=USDC),
            pb.ListAssetDeploymentsRequest(asset_id=held.quote),  # passed on
        ],
        "FindVenueSymbols": [resolver_pb2.FindVenueSymbolsRequest(symbol_id=held.symbol)],
    }


async def test_every_lookup_has_the_same_answer_derived_and_ready(both: Both, held: Held) -> None:
    asked = known(held)
    assert set(asked) == set(LOOKUPS)
    for name, each in asked.items():
        for request in each:
            told = await both.call(path_of(name), request, times=3)
            assert told.body, name


async def test_other_spellings_of_a_request_have_the_answer_too(both: Both, held: Held) -> None:
    venue, text = b"\x0a" + bytes([len(held.venue)]) + held.venue.encode(), b"\x12\x07BTCUSDT"
    usual = (await both.call("GetVenueSymbol", venue + text)).body
    long = b"\x8a\x00" + venue[1:] + b"\x92\x80\x00\x87\x00BTCUSDT"
    for spelled in (text + venue, b"\x0a\x04nope" + venue + text, long, venue + text + b"\xfa\x3f\x03new"):
        assert (await both.call("GetVenueSymbol", spelled, times=3)).body == usual
    assert (await both.call("GetVenueSymbol", venue + text, packed=True)).body == usual


async def test_what_is_not_there_is_not_found(both: Both, held: Held) -> None:
    absent = [
        ("GetAsset", pb.GetAssetRequest(asset_id="nobody")),
        ("GetSymbol", pb.GetSymbolRequest(symbol_id="nothing")),
        ("GetVenue", pb.GetVenueRequest(venue_id="nowhere")),
        ("GetVenueAsset", pb.GetVenueAssetRequest(venue_id=held.venue, asset_id=held.quote)),
        ("GetVenueSymbol", pb.GetVenueSymbolRequest(venue_id=held.venue, venue_symbol="NOPE-币")),
        ("GetAssetIdentifier", pb.GetAssetIdentifierRequest(source="DATA_SOURCE_COINGECKO", external_id="dogecoin")),
        ("GetSymbolIdentifier", pb.GetSymbolIdentifierRequest(data_source="DATA_SOURCE_COINGECKO", external_id="doge")),
        ("FindVenueSymbols", resolver_pb2.FindVenueSymbolsRequest(symbol_id="nothing")),
    ]
    for name, request in absent:
        told = await both.call(path_of(name), request, times=3)
        assert told.code == "NOT_FOUND", name
        assert told.details.message == told.message


async def test_a_text_that_means_two_symbols_is_ambiguous_with_the_candidates(both: Both, held: Held) -> None:
    told = await both.call("GetVenueSymbol", pb.GetVenueSymbolRequest(venue_id=held.venue, venue_symbol="TWICE"))
    assert told.code == "FAILED_PRECONDITION"
    assert held.symbol in str(told.details)


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


async def test_requests_that_are_none_or_break_a_rule_are_told_so(both: Both) -> None:
    codes = [(await both.call(path, data)).code for path, data in _invalid()]
    assert codes.count("INVALID_ARGUMENT") > len(codes) // 2
    assert "INTERNAL" not in codes


def padded(size: int) -> bytes:
    """A GetVenue request of so many bytes."""
    return b"\x0a" + bytes([size - 4 & 0x7F | 0x80, (size - 4) >> 7 & 0x7F | 0x80, (size - 4) >> 14]) + b"x" * (size - 4)


async def test_a_request_has_so_many_bytes_at_most(both: Both) -> None:
    batch = f"{RESOLVER}ResolveAssets"
    assert (await both.call("GetVenue", padded(64 * KIBI))).code == "INVALID_ARGUMENT"
    for path, data in (("GetVenue", padded(64 * KIBI + 1)), (batch, bytes(2 * MEBI + 1))):
        assert (await both.call(path, data)).code == "RESOURCE_EXHAUSTED"
    assert (await both.call(batch, bytes(2 * MEBI))).code == "INVALID_ARGUMENT"
    for path in ("GetVenue", batch, "/cqar.v1.Registry/Apply"):
        # grpcio words it itself.
        told = await both.each(lambda client, path=path: outcome(client, path_of(path), bytes(16 * MEBI + 1)))  # type: ignore[misc]  # bound here
        assert {each.code for each in told.values()} == {"RESOURCE_EXHAUSTED"}


@pytest.mark.parametrize("data", [b"", b"\xff", bytes(70 * KIBI)])
async def test_what_nobody_serves_is_unimplemented(both: Both, data: bytes) -> None:
    for path in (
        f"{SERVICE}GetNothing",
        "/no.such.Service/Get",
        "/no.such.Service/",
        "/x",
        f"{RESOLVER}Resolve",
        f"{HEALTH}Ask",
    ):
        for _ in range(5):
            assert (await both.call(path, data)).code == "UNIMPLEMENTED", path
        assert (await both.stream(path, data, data)).code == "UNIMPLEMENTED", path


async def test_a_state_that_is_asked_for(both: Both, held: Held) -> None:
    now = min(each.cache.applied for each in both.workers.values())
    for name, every in known(held).items():
        for request in every:
            if "min_revision" not in request.DESCRIPTOR.fields_by_name:
                continue
            request.min_revision = now
            assert (await both.call(path_of(name), request)).body
            request.min_revision = now + 1_000
            assert (await both.call(path_of(name), request)).code == "FAILED_PRECONDITION"


# ---- batches and streams -------------------------------------------------------------------------------------------


def _keys(held: Held) -> list[resolver_pb2.VenueSymbolKey]:
    texts = ["BTCUSDT", "TWICE", "NOPE", "", "PAST", "x" * 300]
    return [resolver_pb2.VenueSymbolKey(venue_id=held.venue, venue_symbol=text) for text in texts]


async def test_batches_of_lookups(both: Both, held: Held) -> None:
    keys = _keys(held)
    for many in (keys[:1], keys, keys * 1_000, [*keys * 1_000, *keys * 1_000]):
        for view in resolver_pb2.View.keys()[1:]:
            await both.call(f"{RESOLVER}ResolveVenueSymbols", resolver_pb2.ResolveVenueSymbolsRequest(keys=many, view=view))
    ids = [resolver_pb2.AssetKey(asset_id=each) for each in (held.base, held.quote, "nobody", "")]
    assert (await both.call(f"{RESOLVER}ResolveAssets", resolver_pb2.ResolveAssetsRequest(keys=ids), times=3)).body
    revision = await both.each(lambda client: outcome(client, f"{RESOLVER}GetRevision"))
    told = [resolver_pb2.GetRevisionResponse.FromString(each.body) for each in revision.values()]
    assert told[0].epoch == told[1].epoch
    assert told[0].revision == told[1].revision


async def test_large_answers_that_are_asked_for_at_once_all_arrive(both: Both) -> None:
    text = {"description": "x" * 4_000, "metadata": {str(at): "y" * 1_000 for at in range(15)}}
    made = await both.clients["lane"].call("CreateAsset", symbol="LARGE", name="large", asset_type=1, **text)
    await both.settled(made.revision)
    keys = [resolver_pb2.AssetKey(asset_id=made.asset.asset_id)] * 800
    request = resolver_pb2.ResolveAssetsRequest(keys=keys).SerializeToString()
    for worker in both.workers.values():
        options = (("grpc.max_receive_message_length", 16 * MEBI),)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}", options=options) as channel:
            method: Any = channel.unary_unary(f"{RESOLVER}ResolveAssets")
            for _ in range(2):
                sizes = [len(each) for each in await asyncio.gather(*(method(request, timeout=30) for _ in range(6)))]
                assert min(sizes) == max(sizes) > 12_000_000


async def test_a_stream_of_batches_ends_as_it_would_elsewhere(both: Both, held: Held) -> None:
    path = f"{RESOLVER}StreamVenueSymbols"
    good = resolver_pb2.ResolveVenueSymbolsRequest(keys=_keys(held))
    told = await both.stream(path, good, good, good)
    assert (told.code, len(told.bodies)) == ("OK", 3)
    assert await both.stream(path) == Outcome("OK", "", (), told.initial, told.trailing)
    broken = await both.stream(path, good, b"\xff", good)
    assert (broken.code, broken.bodies) == ("INVALID_ARGUMENT", told.bodies[:1])


async def test_the_events_of_the_registry_pass_through(both: Both) -> None:
    async def first(client: Client) -> list[bytes]:
        method: Any = client.channel.unary_stream(TAIL)
        call = method(access_pb2.TailEventsRequest(from_revision=0).SerializeToString())
        try:
            async with asyncio.timeout(20):
                await call.initial_metadata()
                return [await call.read() for _ in range(8)]
        finally:
            call.cancel()

    changes = [access_pb2.TailEventsResponse.FromString(each) for each in await both.alike(first)]
    assert [each.revision for each in changes] == list(range(1, 9))


async def test_what_is_written_through_a_worker_is_read_back_on_the_same_connection(both: Both) -> None:
    for number, (name, client) in enumerate(both.clients.items()):
        for at_all in range(5):
            fields = {"symbol": f"W{number}{at_all}", "name": "written", "asset_type": 1}
            made = await client.call("CreateAsset", **fields)
            assert client.trailing["cqar-revision"] == str(made.revision), name
            read = await client.call("GetAsset", asset_id=made.asset.asset_id)
            assert read.asset == made.asset, name
            await both.settled(made.revision)
            await both.call("GetAsset", pb.GetAssetRequest(asset_id=made.asset.asset_id))


async def test_whatever_admin_says_of_a_call_comes_back(both: Both) -> None:
    for name, request, code in (
        ("SearchAssets", pb.SearchAssetsRequest(query="BTC"), "OK"),
        ("GetChain", pb.GetChainRequest(chain_id="nowhere"), "NOT_FOUND"),
        ("ListVenues", pb.ListVenuesRequest(page_size=-1), "INVALID_ARGUMENT"),
        ("CreateAsset", pb.CreateAssetRequest(symbol="W"), "INVALID_ARGUMENT"),
    ):
        assert (await both.call(name, request)).code == code, name


async def test_big_answers_and_metadata_of_any_bytes_pass_through(both: Both, held: Held) -> None:
    headers = (("x-any-bin", bytes(range(256))), ("x-any-bin", b""), ("x-any", "a, b"), ("idempotency-key", "k" * 128))
    for path, request in (
        (f"{SERVICE}ListAssets", pb.ListAssetsRequest()),
        (f"{SERVICE}GetAsset", pb.GetAssetRequest(asset_id=held.base)),
        (f"{SERVICE}ListVenueSymbols", pb.ListVenueSymbolsRequest(venue_id=held.venue)),
    ):
        assert (await both.call(path, request, headers)).body
        assert (await both.call(path, request, headers, packed=True)).body
    many = registry_pb2.ApplyRequest().SerializeToString() + b"\xfa\x3f\x80\x80\x40" + bytes(MEBI)
    await both.call("/cqar.v1.Registry/Apply", many)


# ---- health, reflection --------------------------------------------------------------------------------------------


async def test_health_is_told_and_watched(both: Both) -> None:
    for service in ("", "cqc.services.v1.AssetRegistry", "cqar.v1.Resolver", "cqar.v1.Registry"):
        request = health_pb2.HealthCheckRequest(service=service)
        assert (await both.call(f"{HEALTH}Check", request)).body == b"\x08\x01"
    assert (await both.call(f"{HEALTH}Check", health_pb2.HealthCheckRequest(service="no"))).code == "NOT_FOUND"

    async def watched(client: Client) -> bytes:
        method: Any = client.channel.unary_stream(f"{HEALTH}Watch")
        call = method(b"")
        try:
            async with asyncio.timeout(20):
                return bytes(await call.read())
        finally:
            call.cancel()

    assert await both.alike(watched) == b"\x08\x01"


async def test_reflection_describes_the_same_services(both: Both) -> None:
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="cqar.v1.Resolver"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Thing"),
    ]
    told = await both.stream(REFLECTION, *asked)
    assert (told.code, len(told.bodies)) == ("OK", 3)
    assert b"cqar.v1.Resolver" in told.bodies[0]


# ---- calls that end early ------------------------------------------------------------------------------------------


async def test_a_call_without_time_left_ends_so(both: Both, held: Held) -> None:
    for path in (f"{SERVICE}GetAsset", f"{SERVICE}ListAssets", f"{RESOLVER}ResolveAssets"):
        told = await both.each(lambda client, path=path: outcome(client, path, deadline=-1))  # type: ignore[misc]  # bound here
        assert {each.code for each in told.values()} == {"DEADLINE_EXCEEDED"}
    assert (await both.call("GetAsset", pb.GetAssetRequest(asset_id=held.base))).body


async def test_one_who_cancels_leaves_nothing_behind(both: Both, held: Held) -> None:
    async def cancelled(client: Client) -> str:
        method: Any = client.channel.unary_stream(TAIL)
        call = method(b"")
        async with asyncio.timeout(20):
            await call.initial_metadata()
        call.cancel()
        return str((await call.code()).name)

    assert await both.alike(cancelled) == "CANCELLED"
    for each in both.workers.values():
        port, labels = each.metrics_port, {"method": "TailEvents", "status_code": "CANCELLED"}

        async def ended(port: int = port, labels: dict[str, str] = labels) -> bool:
            return of(await scrape(port), "cqar_grpc_calls_total", **labels) >= 1

        await eventually(ended)
        assert not each._passthrough._streams
    assert (await both.call("GetAsset", pb.GetAssetRequest(asset_id=held.base))).body


# ---- whatever is asked ---------------------------------------------------------------------------------------------

_PATHS = [*(path_of(name) for name in LOOKUPS), f"{RESOLVER}ResolveVenueSymbols", f"{RESOLVER}ResolveAssets", f"{SERVICE}No"]

examples = generated.examples(120)


@examples
@given(path=st.sampled_from(_PATHS), data=st.binary(max_size=60))
async def test_any_bytes_have_the_same_outcome(both: Both, path: str, data: bytes) -> None:
    await both.call(path, data)


@examples
@given(call=st.one_of(requests.anything("Get"), requests.anything("List"), requests.bent()))
async def test_any_values_have_the_same_outcome(both: Both, call: tuple[AnyMethod, Any]) -> None:
    method, request = call
    if method.kind == "read":
        await both.call(method.path, request)


@examples
@given(data=st.data())
async def test_a_request_after_an_accident_has_the_same_outcome(both: Both, held: Held, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(LOOKUPS)))
    sent = bytearray(data.draw(st.sampled_from(known(held)[name])).SerializeToString())
    place = data.draw(st.integers(0, len(sent)))
    sent[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    await both.call(path_of(name), bytes(sent))
