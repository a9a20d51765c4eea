"""Batches of lookups: one result per key, in order, as from single lookups; on both transports and on admin."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from cqar import config
from cqar.admin.app import Admin
from cqar.contract.cqar.v1 import resolver_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2 as venues
from cqar.contract.shared.enums_pb2 import SPECS_SOURCE_LISTING, SPECS_SOURCE_SYMBOL
from cqar.hotpath.app import Hotpath
from tests.client import Client
from tests.hotpath.resolving import (
    PATH,
    assets,
    key,
    refused,
    request,
    resolved,
    resolver,
    results,
    statuses,
    streamed,
)
from tests.hotpath.stack import Listed, changed, eventually, found, own_call, ticked, worker_of
from tests.registry.factory import PERPETUAL, SPOT, USDC, USDT, Factory, at

COINGECKO, MESSARI = assets_pb2.DATA_SOURCE_COINGECKO, assets_pb2.DATA_SOURCE_MESSARI


@pytest.fixture(params=["grpcio", "lane"])
async def worker(settings: config.Settings, admin: Admin, request: pytest.FixtureRequest) -> AsyncIterator[Hotpath]:
    async with worker_of(changed(settings, hotpath={"transport": request.param}), admin.port) as process:
        yield process


@pytest.fixture
async def feed(worker: Hotpath) -> AsyncIterator[Client]:
    async with Client(worker.port) as client:
        yield client


async def same(feed: Client, registry: Client, method: str, **fields: Any) -> Any:
    """The worker's response, derived and then cached. Admin's is the same."""
    derived = await resolver(feed, method, **fields)
    ready = await resolver(feed, method, **fields)
    told = await resolver(registry, method, **fields)
    assert results(derived) == results(ready) == results(told)
    return ready


# ---- venue symbols -------------------------------------------------------------------------------------------------


async def test_each_key_has_its_own_result_in_order(feed: Client, registry: Client, worker: Hotpath, btc: Listed) -> None:
    factory = Factory(feed)
    await factory.listing(
        await factory.venue("okx"), btc.symbol, "BTC-USDT", tick_size_decimal="0.1", quantity_multiplier_decimal="1000"
    )
    keys = [
        key("okx", "BTC-USDT"),
        key("binance", "NOPE"),
        key("binance", "BTCUSDT"),
        key("nowhere", "BTCUSDT"),
        key("binance", ""),
        key("okx", "BTC-USDT"),
        key("Not A Slug", "x"),
        key("binance", "btcusdt"),
        key("binance", "BTCUSDT", symbol_type=SPOT),
        key("binance", "BTCUSDT", symbol_type=PERPETUAL),
        key("binance", "BTCUSDT", symbol_type=99),
        key("binance", " x"),
    ]
    response = await same(feed, registry, "ResolveVenueSymbols", keys=keys)
    r, n, i = "RESOLVED", "NOT_FOUND", "INVALID"
    assert statuses(response) == [r, n, r, n, i, r, i, n, r, n, i, i]
    okx, binance = response.results[0], response.results[2]
    expected: dict[str, Any] = {"symbol_id": btc.symbol, "symbol_type": SPOT, "is_active": True}
    assert binance == pb.VenueSymbolResolution(
        status=pb.RESOLVED, tick_size_decimal="0.5", specs_source=SPECS_SOURCE_SYMBOL, **expected
    )
    specs: dict[str, Any] = {"tick_size_decimal": "0.1", "quantity_multiplier_decimal": "1000"}
    specs["specs_source"] = SPECS_SOURCE_LISTING
    assert okx == response.results[5] == pb.VenueSymbolResolution(status=pb.RESOLVED, **specs, **expected)
    assert "venue_symbol: is required" in response.results[4].reason
    assert response.results[6].reason.startswith("venue_id: ")
    assert response.results[10].reason.startswith("symbol_type: ")
    assert response.revision == worker.cache.applied
    assert not response.stale
    assert max(len(each.SerializeToString()) for each in (okx, binance)) <= 200


async def test_an_empty_batch_has_an_empty_response(feed: Client, registry: Client, worker: Hotpath, btc: Listed) -> None:
    await found(feed, btc)
    for client in (feed, registry):
        assert await resolved(client) == pb.ResolveVenueSymbolsResponse(revision=5)
        assert await assets(client) == pb.ResolveAssetsResponse(revision=5)
    assert worker.cache.applied == 5


async def test_an_ended_listing_is_delisted_and_an_inactive_one_is_not(feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    venue = await factory.venue("okx")
    await factory.listing(venue, btc.symbol, "OVER", listed_at=at(-9), delisted_at=at(-1))
    await factory.listing(venue, btc.symbol, "OFF", is_active=False)
    await factory.listing(venue, btc.symbol, "SOON", listed_at=at(1))
    keys = [
        key(venue, "OVER"),
        key(venue, "OFF"),
        key(venue, "SOON"),
        key(venue, "OVER", as_of=at(-5)),
        key(venue, "OVER", as_of=at(-20)),
        key(venue, "SOON", as_of=at(2)),
    ]
    response = await same(feed, registry, "ResolveVenueSymbols", keys=keys)
    assert statuses(response) == ["DELISTED", "RESOLVED", "NOT_FOUND", "RESOLVED", "NOT_FOUND", "RESOLVED"]
    assert [each.is_active for each in response.results] == [False, False, False, True, False, True]
    over = response.results[0]
    assert (over.symbol_id, over.symbol_type, over.tick_size_decimal) == (btc.symbol, SPOT, "0.5")


async def test_a_text_of_several_types_is_ambiguous_unless_key_or_venue_decides(
    feed: Client, registry: Client, btc: Listed
) -> None:
    factory = Factory(feed)
    perpetual = await factory.symbol(btc.base, btc.quote, PERPETUAL)
    plain, decided = await factory.venue("plain"), await factory.venue("decided", default_symbol_type=PERPETUAL)
    for venue in (plain, decided):
        for symbol in (btc.symbol, perpetual):
            await factory.listing(venue, symbol, "BTCUSDT")
    keys = [key(plain, "BTCUSDT"), key(decided, "BTCUSDT"), key(plain, "BTCUSDT", symbol_type=SPOT), key(plain, "BTCUSDT")]
    response = await same(feed, registry, "ResolveVenueSymbols", keys=keys)
    assert statuses(response) == ["AMBIGUOUS", "RESOLVED", "RESOLVED", "AMBIGUOUS"]
    assert list(response.results[0].candidate_symbol_ids) == [btc.symbol, perpetual]
    assert [each.symbol_id for each in response.results] == ["", perpetual, btc.symbol, ""]
    await own_call(feed, "UpdateVenue", venue_id=plain, default_symbol_type=SPOT)
    assert (await resolved(feed, keys[0])).results[0].symbol_id == btc.symbol


async def test_the_full_view_has_the_response_of_the_single_lookup(feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    flag = await factory.flag(btc.quote)
    keys = [key(btc.venue, btc.text), key(btc.venue, "NOPE"), key(btc.venue, btc.text, symbol_type=SPOT)]
    response = await same(feed, registry, "ResolveVenueSymbols", keys=keys, view=pb.FULL)
    slim = await same(feed, registry, "ResolveVenueSymbols", keys=keys, view=pb.SLIM)
    single = await found(feed, btc)
    single.ClearField("revision")
    assert response.results[0].full == single
    assert [each.flag_id for each in single.blocking_flags] == [flag]
    assert not response.results[1].HasField("full")
    for each in response.results:
        each.ClearField("full")
    assert results(response) == results(slim)
    assert slim.results[0].trading_blocked


async def test_on_a_dex_any_form_of_an_address_is_resolved(feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    chain = await factory.chain()
    dex = await factory.venue("uniswap", venue_type=venues.VENUE_TYPE_DEX, chain_id=chain)
    await factory.listing(dex, btc.symbol, USDC)
    keys = [key(dex, USDC), key(dex, USDC.lower()), key(dex, "0x" + USDC[2:].upper()), key(dex, "0x12"), key(dex, USDT)]
    response = await same(feed, registry, "ResolveVenueSymbols", keys=keys)
    assert statuses(response) == ["RESOLVED", "RESOLVED", "RESOLVED", "INVALID", "NOT_FOUND"]


async def test_a_malformed_key_is_invalid_and_affects_no_other(feed: Client, btc: Listed) -> None:
    good = request(key(btc.venue, btc.text)).SerializeToString()
    for bad in (b"\x0a\x02\xff\xff", b"\x0a\x03\x0a\x01\xff", b"\x0a\x02\x0a\x05"):
        data, _ = await feed.raw(f"{PATH}ResolveVenueSymbols", good + bad + good)
        assert statuses(pb.ResolveVenueSymbolsResponse.FromString(data)) == ["RESOLVED", "INVALID", "RESOLVED"]


async def test_other_encodings_of_a_key_have_the_same_result(feed: Client, worker: Hotpath, btc: Listed) -> None:
    name, text = btc.venue.encode(), btc.text.encode()
    backwards = b"\x12%c%s\x0a%c%s" % (len(text), text, len(name), name)
    twice = b"\x0a\x01x\x0a%c%s\x12%c%s" % (len(name), name, len(text), text)
    unknown = key(btc.venue, btc.text).SerializeToString() + b"\xf8\x07\x01"
    elements = b"".join(b"\x0a%c%s" % (len(each), each) for each in (backwards, twice, unknown))
    for _ in range(3):
        data, _ = await feed.raw(f"{PATH}ResolveVenueSymbols", elements)
        assert statuses(pb.ResolveVenueSymbolsResponse.FromString(data)) == ["RESOLVED"] * 3
    assert worker.engine.responses.count == 0, "any number of encodings could be cached"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"keys": [key("v", "x")] * 10_001}, "RESOURCE_EXHAUSTED"),
        ({"keys": [key("v", "x")] * 2_001, "view": pb.FULL}, "RESOURCE_EXHAUSTED"),
        ({"keys": [key("v", "x" * 60_000)] * 40}, "RESOURCE_EXHAUSTED"),
        ({"view": 9}, "INVALID_ARGUMENT"),
        ({"min_revision": 999}, "FAILED_PRECONDITION"),
        ({"keys": [key("v", "x")], "min_revision": 999}, "FAILED_PRECONDITION"),
    ],
)
async def test_a_malformed_or_too_large_batch_is_rejected_as_a_whole(
    feed: Client, registry: Client, fields: Any, code: str
) -> None:
    for client in (feed, registry):
        assert (await refused(client, "ResolveVenueSymbols", **fields)).code == code
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await feed.raw(f"{PATH}ResolveVenueSymbols", b"\xff\xff")
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


async def test_a_batch_sees_its_callers_writes(feed: Client, registry: Client, btc: Listed) -> None:
    for tick in ("0.25", "0.01", "3"):
        revision = await ticked(registry, btc, tick)
        response = await resolved(feed, key(btc.venue, btc.text), min_revision=revision)
        assert response.results[0].tick_size_decimal == tick
        assert response.revision >= revision
    await ticked(feed, btc, "7")
    assert (await resolved(feed, key(btc.venue, btc.text))).results[0].tick_size_decimal == "7"


# ---- assets --------------------------------------------------------------------------------------------------------


def on_chain(chain: str, address: str) -> pb.AssetKey:
    return pb.AssetKey(on_chain=pb.AssetKey.OnChain(chain=chain, address=address))


def external(source: int, name: str) -> pb.AssetKey:
    return pb.AssetKey(external=pb.AssetKey.External(source=source, external_id=name))  # type: ignore[arg-type]  # an int


def code(venue: str, name: str) -> pb.AssetKey:
    return pb.AssetKey(venue_code=pb.AssetKey.VenueCode(venue_id=venue, venue_asset_symbol=name))


async def test_an_asset_is_found_by_every_form_of_key(feed: Client, registry: Client, btc: Listed) -> None:
    factory = Factory(feed)
    chain = await factory.chain(caip2="eip155:1")
    deployed = await feed.call("CreateAssetDeployment", asset_id=btc.quote, chain_id=chain, contract_address=USDT)
    await feed.call("CreateAssetDeployment", asset_id=btc.base, chain_id=chain, is_native=True)
    await feed.call("CreateAssetIdentifier", asset_id=btc.base, source=COINGECKO, external_id="bitcoin")
    coded = {"venue_asset_symbol": "XBT", "venue_asset_aliases": ["BTC", "XXBT"]}
    await feed.call("CreateVenueAsset", venue_id=btc.venue, asset_id=btc.base, **coded)
    flag = await factory.flag(btc.quote)
    base, quote = [(await feed.call("GetAsset", asset_id=each)).asset for each in (btc.base, btc.quote)]
    keys = [
        pb.AssetKey(asset_id=btc.base),
        on_chain("ethereum", USDT.lower()),
        on_chain("eip155:1", USDT),
        on_chain("eip155:1", "native"),
        on_chain("ethereum", "0x" + "e" * 40),
        external(COINGECKO, "bitcoin"),
        code(btc.venue, "XBT"),
        code(btc.venue, "XXBT"),
    ]
    response = await same(feed, registry, "ResolveAssets", keys=keys)
    assert statuses(response) == ["RESOLVED"] * len(keys)
    assert [each.asset for each in response.results] == [base, quote, quote, base, base, base, base, base]
    assert [each.trading_blocked for each in response.results] == [False, True, True, *[False] * 5]
    assert response.results[1].deployment.deployment_id == deployed.deployment.deployment_id
    assert response.results[1].deployment == response.results[2].deployment
    assert response.results[1].deployment.chain_name == "Ethereum"
    assert not response.results[5].HasField("deployment")
    await feed.call("ResolveQualityFlag", flag_id=flag, resolved_by="test", resolution_notes="")
    assert not (await assets(feed, keys[1])).results[0].trading_blocked


async def test_an_unknown_asset_key_is_not_found(feed: Client, registry: Client, btc: Listed) -> None:
    chain = await Factory(feed).chain(caip2="eip155:1")
    keys = [
        pb.AssetKey(asset_id="nobody"),
        on_chain(chain, USDT),
        on_chain("nowhere", USDT),
        on_chain("eip155:7", USDT),
        external(COINGECKO, "bitcoin"),
        code(btc.venue, "XBT"),
        code("nowhere", "XBT"),
        pb.AssetKey(),
        pb.AssetKey(asset_id=" x"),
        on_chain(chain, "0x12"),
        on_chain(chain, ""),
        on_chain("No Slug", USDT),
        external(0, "x"),
        external(999, "x"),
        external(COINGECKO, " x"),
        code("", ""),
    ]
    response = await same(feed, registry, "ResolveAssets", keys=keys)
    assert statuses(response) == ["NOT_FOUND"] * 7 + ["INVALID"] * 9
    assert all(each.reason for each in response.results[7:])


async def test_the_primary_of_several_assets_is_chosen_else_all_are_candidates(
    feed: Client, registry: Client, btc: Listed
) -> None:
    await feed.call("CreateAssetIdentifier", asset_id=btc.base, source=MESSARI, external_id="same")
    await feed.call("CreateAssetIdentifier", asset_id=btc.quote, source=MESSARI, external_id="same")
    for asset in (btc.base, btc.quote):
        coded = {"venue_asset_symbol": f"{asset}!", "venue_asset_aliases": ["SAME"]}
        await feed.call("CreateVenueAsset", venue_id=btc.venue, asset_id=asset, **coded)
    keys = [external(MESSARI, "same"), code(btc.venue, "SAME"), code(btc.venue, f"{btc.base}!")]
    response = await same(feed, registry, "ResolveAssets", keys=keys)
    assert statuses(response) == ["AMBIGUOUS", "AMBIGUOUS", "RESOLVED"]
    for each in response.results[:2]:
        assert sorted(each.candidate_asset_ids) == sorted([btc.base, btc.quote])
    primary = await Factory(feed).asset("PRIMARY")
    await feed.call("CreateAssetIdentifier", asset_id=primary, source=MESSARI, external_id="same", is_primary=True)
    assert (await assets(feed, keys[0])).results[0].asset.asset_id == primary


async def test_a_venues_code_means_the_asset_that_has_it_now(feed: Client, registry: Client, btc: Listed) -> None:
    asked = code(btc.venue, "LUNA")
    await feed.call("CreateVenueAsset", venue_id=btc.venue, asset_id=btc.base, venue_asset_symbol="LUNA")
    assert (await assets(feed, asked)).results[0].asset.asset_id == btc.base
    await own_call(feed, "DelistVenueAsset", venue_id=btc.venue, asset_id=btc.base)
    response = await same(feed, registry, "ResolveAssets", keys=[asked])
    assert statuses(response) == ["DELISTED"]
    assert response.results[0].asset.asset_id == btc.base
    await feed.call("CreateVenueAsset", venue_id=btc.venue, asset_id=btc.quote, venue_asset_symbol="LUNA")
    response = await same(feed, registry, "ResolveAssets", keys=[asked])
    assert [(each.status, each.asset.asset_id) for each in response.results] == [(pb.RESOLVED, btc.quote)]
    await own_call(feed, "UpdateVenueAsset", venue_id=btc.venue, asset_id=btc.quote, venue_asset_symbol="LUNC")
    assert statuses(await same(feed, registry, "ResolveAssets", keys=[asked, code(btc.venue, "LUNC")])) == [
        "DELISTED",
        "RESOLVED",
    ]


async def test_every_change_of_an_asset_is_in_the_next_batch(feed: Client, registry: Client) -> None:
    factory = Factory(feed)
    chain = await factory.chain(caip2="eip155:1")
    doge = await factory.asset("DOGE")
    made = await feed.call("CreateAssetDeployment", asset_id=doge, chain_id=chain, contract_address=USDT)
    keys = [pb.AssetKey(asset_id=doge), on_chain("eip155:1", USDT), on_chain("ethereum", USDT)]
    assert statuses(await assets(feed, *keys)) == ["RESOLVED"] * 3
    await feed.call("UpdateAsset", asset_id=doge, name="Dogecoin")
    assert {each.asset.name for each in (await assets(feed, *keys)).results} == {"Dogecoin"}
    await own_call(feed, "UpdateChain", chain_id=chain, caip2="eip155:5")
    assert statuses(await same(feed, registry, "ResolveAssets", keys=keys)) == ["RESOLVED", "NOT_FOUND", "RESOLVED"]
    await own_call(feed, "DeleteAssetDeployment", deployment_id=made.deployment.deployment_id)
    assert statuses(await same(feed, registry, "ResolveAssets", keys=keys)) == ["RESOLVED", "NOT_FOUND", "NOT_FOUND"]
    await feed.call("DeleteAsset", asset_id=doge)
    assert statuses(await same(feed, registry, "ResolveAssets", keys=keys)) == ["NOT_FOUND"] * 3


async def test_a_response_may_exceed_grpcs_default_size_up_to_a_limit(feed: Client, registry: Client, worker: Hotpath) -> None:
    large = await Factory(registry).asset("LARGE", description="x" * 4_000, metadata={str(at): "y" * 1_000 for at in range(15)})
    await eventually(lambda: worker.cache.applied == 1)
    options = (("grpc.max_receive_message_length", 16 * 1024 * 1024),)
    request = pb.ResolveAssetsRequest(keys=[pb.AssetKey(asset_id=large)] * 800)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{worker.port}", options=options) as channel:
        method: Any = channel.unary_unary(f"{PATH}ResolveAssets")
        for _ in range(2):
            data = await method(request.SerializeToString(), timeout=20)
            assert 12_000_000 < len(data) < 16_000_000
            assert len(pb.ResolveAssetsResponse.FromString(data).results) == 800
    for client in (feed, registry):
        told = await refused(client, "ResolveAssets", keys=[pb.AssetKey(asset_id=large)] * 1_000)
        assert told.code == "RESOURCE_EXHAUSTED"
        assert "request fewer keys at once" in told.message


# ---- revision, streams ---------------------------------------------------------------------------------------------


async def test_a_worker_reports_its_revision(feed: Client, registry: Client, worker: Hotpath, btc: Listed) -> None:
    revision = await ticked(feed, btc, "0.25")
    mine, theirs = await resolver(feed, "GetRevision"), await resolver(registry, "GetRevision")
    assert (mine.epoch, mine.revision) == (theirs.epoch, theirs.revision) == (worker.cache.epoch, revision)
    assert mine.age_ms <= 1_000


async def test_a_stream_answers_each_request_in_order_until_one_is_refused(feed: Client, registry: Client, btc: Listed) -> None:
    keys = [key(btc.venue, btc.text), key(btc.venue, "NOPE"), key(btc.venue, "")]
    for client in (feed, registry):
        batches = [[], keys[:1], keys, keys[1:], keys * 100]
        call = streamed(client, [request(*each) for each in batches])
        answers = [results(each) async for each in call]
        assert answers == [results(await resolved(registry, *each)) for each in batches]
        call = streamed(client, [request(*keys), request(view=9), request(*keys)])
        assert len((await call.read()).results) == 3
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
