"""Decisions of the review queue, one by one and many at once."""

from typing import Any

import asyncpg
import grpc.aio
import pytest

from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.writes import meanings
from tests.client import Client, refusal
from tests.registry.factory import USDC, Factory, at
from tests.registry.queue import (
    ASSET,
    CORRECTION,
    NEW,
    PROVISIONAL,
    REJECT,
    REUSE,
    Queue,
    decision,
    outcome,
)

OPEN, SUPERSEDED = pb.REVIEW_STATUS_OPEN, pb.REVIEW_STATUS_SUPERSEDED


@pytest.fixture
def queue(registry: Client, factory: Factory) -> Queue:
    return Queue(registry, factory)


async def head(connection: asyncpg.Connection) -> int:
    return int(await connection.fetchval("SELECT seq FROM head"))


async def refused(queue: Queue, method: str, **fields: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await queue.call(method, **fields)
    return refusal(raised.value)


# ---- many at once --------------------------------------------------------------------------------------------------


async def test_decisions_are_made_together_and_a_second_call_changes_nothing(
    queue: Queue, factory: Factory, connection: asyncpg.Connection
) -> None:
    zeph, gas = await factory.asset("ZEPH"), await factory.asset("GAS")
    first, second, third = [await queue.asked("gate", code) for code in ("ZEPH", "GAS", "QQQX")]
    wanted = [decision(first, ASSET, zeph), decision(second, ASSET, gas), decision(third, REJECT)]
    results = await queue.decide(*wanted)
    assert [outcome(each)[0] for each in results] == ["DECIDED"] * 3
    assert [each.asset_id for each in results] == [zeph, gas, third.asset]
    assert (await queue.base(first)).asset_id == zeph
    assert (await queue.base(second)).asset_id == gas
    assert await queue.reviews() == []
    before = await head(connection)
    again = await queue.decide(*wanted)
    assert [outcome(each)[0] for each in again] == ["ALREADY_DECIDED"] * 3
    assert await head(connection) == before


async def test_a_dry_run_reports_the_same_and_changes_nothing(
    queue: Queue, factory: Factory, connection: asyncpg.Connection
) -> None:
    zeph = await factory.asset("ZEPH")
    known, unknown = await queue.asked("gate", "ZEPH"), await queue.asked("gate", "NOPE")
    before = await head(connection)
    results = await queue.decide(decision(known, ASSET, zeph), decision(unknown, ASSET, "nothing"), dry_run=True)
    assert [outcome(each) for each in results] == [("DECIDED", "", ""), ("REFUSED", "NOT_FOUND", "asset")]
    assert await head(connection) == before
    assert len(await queue.reviews()) == 2


async def test_a_refused_decision_leaves_nothing_half_done(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    good, bad = await queue.asked("gate", "ZEPH"), await queue.asked("gate", "GAS")
    # The asset exists, but the name is too long for it.
    wrong = decision(bad, NEW, symbol="GAS", name="x" * 257)
    results = await queue.decide(wrong, decision(good, ASSET, zeph))
    assert [outcome(each) for each in results] == [("REFUSED", "INVALID_ARGUMENT", "name"), ("DECIDED", "", "")]
    [left] = await queue.reviews()
    assert left.code == "GAS"
    assert (await queue.client.call("GetAsset", asset_id=bad.asset)).asset.category == "provisional"


async def test_two_different_decisions_about_one_code_are_both_refused(queue: Queue, factory: Factory) -> None:
    zeph, other = await factory.asset("ZEPH"), await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    results = await queue.decide(decision(coded, ASSET, zeph), decision(coded, ASSET, other))
    assert [outcome(each)[:2] for each in results] == [("REFUSED", "FAILED_PRECONDITION")] * 2
    assert "contradicts" in results[0].reason
    assert len(await queue.reviews()) == 1
    same = await queue.decide(decision(coded, ASSET, zeph), decision(coded, ASSET, zeph, notes="twice"))
    assert [outcome(each)[0] for each in same] == ["DECIDED", "ALREADY_DECIDED"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("REFUSED", "INVALID_ARGUMENT", "decision")),
        ({"decision": ASSET}, ("REFUSED", "INVALID_ARGUMENT", "asset")),
        ({"decision": 99}, ("REFUSED", "INVALID_ARGUMENT", "decision")),
        ({"decision": ASSET, "asset": "gate:ZEPH"}, ("REFUSED", "INVALID_ARGUMENT", "asset")),
        ({"decision": ASSET, "asset": "mexc:ZEPH"}, ("REFUSED", "FAILED_PRECONDITION", "asset")),
        ({"decision": ASSET, "asset": "coingecko:nothing"}, ("REFUSED", "NOT_FOUND", "asset")),
        ({"decision": ASSET, "asset": "nowhere:XYZ"}, ("REFUSED", "NOT_FOUND", "asset")),
        ({"decision": ASSET, "asset": "a\x00b"}, ("REFUSED", "INVALID_ARGUMENT", "asset")),
        ({"decision": ASSET, "asset": "x", "symbol": "Z"}, ("REFUSED", "INVALID_ARGUMENT", "symbol")),
        ({"decision": NEW, "asset_class": "shoe"}, ("REFUSED", "INVALID_ARGUMENT", "asset_class")),
        ({"decision": REJECT, "code": "GONE"}, ("REFUSED", "NOT_FOUND", "")),
        ({"decision": REJECT, "venue_id": ""}, ("REFUSED", "INVALID_ARGUMENT", "venue_id")),
        ({"decision": REJECT, "review_id": "gone"}, ("REFUSED", "NOT_FOUND", "review_id")),
    ],
)
async def test_a_wrong_decision_is_refused_with_its_field(queue: Queue, fields: dict[str, Any], expected: Any) -> None:
    await queue.asked("gate", "ZEPH")
    await queue.asked("mexc", "ZEPH")
    [result] = await queue.decide(pb.Decision(**{"venue_id": "gate", "code": "ZEPH", **fields}))
    assert outcome(result) == expected
    assert len(await queue.reviews()) == 2


async def test_a_decision_about_a_code_that_was_decided_otherwise_is_outdated(queue: Queue, factory: Factory) -> None:
    zeph, other = await factory.asset("ZEPH"), await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    await queue.decide(decision(coded, ASSET, zeph))
    [result] = await queue.decide(decision(coded, ASSET, other))
    assert outcome(result) == ("REFUSED", "FAILED_PRECONDITION", "code")
    assert zeph in result.reason


async def test_more_than_a_thousand_decisions_are_refused(queue: Queue) -> None:
    error = await refused(queue, "DecideReviews", decisions=[pb.Decision()] * 1_001)
    assert error.code == "RESOURCE_EXHAUSTED"


async def test_the_decisions_of_a_group_are_made_together_or_not_at_all(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    first, second, third = [await queue.asked(venue, "ZEPH") for venue in ("gate", "mexc", "htx")]
    wrong = decision(second, ASSET, "nothing", group=1)
    results = await queue.decide(decision(first, ASSET, zeph, group=1), wrong, decision(third, ASSET, zeph, group=2))
    assert [outcome(each) for each in results] == [
        ("REFUSED", "FAILED_PRECONDITION", "group"),
        ("REFUSED", "NOT_FOUND", "asset"),
        ("DECIDED", "", ""),
    ]
    assert [each.venue_id for each in await queue.reviews()] == ["gate", "mexc"]
    new = [decision(first, NEW, group=1), decision(second, ASSET, "gate:ZEPH", group=1)]
    made = await queue.decide(*new)
    assert [outcome(each)[0] for each in made] == ["DECIDED"] * 2
    assert (await queue.base(first)).asset_id == (await queue.base(second)).asset_id == first.asset


async def test_a_decision_fits_the_question_that_the_registry_asks(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.asked("gate", "LUNA")
    kept, reused, unclear = [await queue.conflict(venue, "LUNA", other) for venue in ("kraken", "mexc", "htx")]
    results = await queue.decide(
        decision(coded, REUSE, other, at=at(-5)),
        decision(kept, ASSET, kept.asset),
        decision(reused, ASSET, other, at=at(-5)),
        decision(unclear, ASSET, other),
    )
    assert [outcome(each) for each in results] == [("DECIDED", "", "")] * 3 + [("REFUSED", "INVALID_ARGUMENT", "decision")]
    assert [(await queue.base(each)).asset_id for each in (coded, kept, reused, unclear)] == [
        *(other, kept.asset, other),
        unclear.asset,
    ]


# ---- what an asset is called ---------------------------------------------------------------------------------------


async def test_assets_are_found_by_their_ids_elsewhere(queue: Queue, factory: Factory, registry: Client) -> None:
    chain = await factory.chain(caip2="eip155:1")
    coin, token, native, other, money = [await factory.asset(each) for each in ("ZEPH", "USDC", "ETH", "X", "EUR")]
    sources = (assets_pb2.DATA_SOURCE_COINGECKO, assets_pb2.DATA_SOURCE_COINMARKETCAP, assets_pb2.DATA_SOURCE_INTERNAL)
    for source, asset, text in zip(sources, (coin, other, money), ("zephyr", "22", "iso4217:EUR"), strict=True):
        await registry.call("CreateAssetIdentifier", asset_id=asset, source=source, external_id=text, is_primary=True)
    await registry.call("CreateAssetDeployment", asset_id=token, chain_id=chain, contract_address=USDC, decimals=6)
    await registry.call("CreateAssetDeployment", asset_id=native, chain_id=chain, is_native=True, decimals=18)
    named = {
        "A": ("coingecko:zephyr", coin),
        "B": (f"eip155:1/erc20:{USDC.lower()}", token),
        "C": (f"eip155:1/{USDC}", token),
        "D": ("eip155:1/slip44:60", native),
        "E": ("gate:A", coin),
        "F": ("coinmarketcap:22", other),
        "G": ("internal:iso4217:EUR", money),
    }
    asked = {code: await queue.asked("gate", code) for code in named}
    results = await queue.decide(*(decision(asked[code], ASSET, text) for code, (text, _) in named.items()))
    assert [each.asset_id for each in results] == [asset for _, asset in named.values()]


# ---- one decision, one code ----------------------------------------------------------------------------------------


async def test_a_decision_applies_to_its_code_at_its_venue_only(queue: Queue, factory: Factory) -> None:
    bob = await factory.asset("BOB")
    coded = await queue.asked("binance", "BOB", "1000000BOB")
    await queue.listed("gate", "BOB", await factory.asset("BOB", category="provisional"))
    await queue.call("AcceptReview", review_id=coded.review, asset_id=bob)
    assert (await queue.base(coded)).asset_id == bob
    assert (await factory.resolved("binance", "1000000BOBUSDT")).base_asset.asset_id == coded.asset
    assert (await factory.resolved("gate", "BOBUSDT")).base_asset.asset_id != bob
    [kept] = (await queue.client.call("ListVenueAssets", venue_id="binance", venue_asset_symbol="1000000BOB")).venue_assets
    assert (kept.asset_id, list(kept.venue_asset_aliases)) == (coded.asset, [])


def test_the_longest_code_in_a_text_is_its_code() -> None:
    assert meanings.belongs("BOBUSDT", "BOB", ["1000000BOB"])
    assert not meanings.belongs("1000000BOBUSDT", "BOB", ["1000000BOB"])
    assert meanings.belongs("pi_xbtusd", "XBT", ["XXBT"])
    assert not meanings.belongs("0", "BOB", ["1000000BOB"])
    assert meanings.belongs("0", "BOB", [])


async def test_a_new_asset_has_the_symbol_name_and_class_of_the_decision(queue: Queue) -> None:
    coded = await queue.asked("bitstamp", "dydx")
    await queue.call("AcceptReview", review_id=coded.review, decision=NEW, symbol="DYDX", name="dYdX", asset_class="crypto")
    asset = await queue.base(coded)
    assert (asset.symbol, asset.name) == ("DYDX", "dYdX")
    found = await queue.factory.resolved("bitstamp", "dydxUSDT")
    assert found.symbol.symbol == "DYDX/USDT"
    stored = (await queue.client.call("GetAsset", asset_id=asset.asset_id)).asset
    assert not stored.category
    share = await queue.asked("kraken", "AAPLx")
    await queue.call("AcceptReview", review_id=share.review, decision=NEW, symbol="AAPL", name="Apple", asset_class="equity")
    stored = (await queue.client.call("GetAsset", asset_id=share.asset)).asset
    assert (stored.symbol, stored.category, stored.asset_type) == ("AAPL", "stock", assets_pb2.ASSET_TYPE_SYNTHETIC)


async def test_a_rejected_review_can_be_opened_again(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    await queue.call("RejectReview", review_id=coded.review, notes="not now")
    assert await queue.reviews() == []
    opened = (await queue.call("ReopenReview", review_id=coded.review)).review
    assert (opened.status, opened.notes, opened.HasField("decided_at")) == (OPEN, "", False)
    await queue.call("AcceptReview", review_id=coded.review, asset_id=zeph)
    error = await refused(queue, "ReopenReview", review_id=coded.review)
    assert error.preconditions[0][0] == "NOT_REJECTED"


async def test_a_rejected_review_is_not_opened_beside_a_newer_one(queue: Queue) -> None:
    coded = await queue.asked("gate", "ZEPH")
    await queue.call("RejectReview", review_id=coded.review)
    newer = pb.Review(kind=PROVISIONAL, venue_id="gate", code="ZEPH", asset_id=coded.asset, reason="another proposal")
    await queue.call("OpenReviews", reviews=[newer])
    error = await refused(queue, "ReopenReview", review_id=coded.review)
    assert error.preconditions[0][0] == "OPEN"


# ---- conflicts -----------------------------------------------------------------------------------------------------


async def test_a_correction_moves_the_markets_with_their_ids(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other)
    before = await factory.resolved("kraken", "LUNAUSDT")
    await queue.decide(decision(coded, CORRECTION, other))
    now = await factory.resolved("kraken", "LUNAUSDT")
    assert now.base_asset.asset_id == other
    assert now.venue_symbol.listing_id == before.venue_symbol.listing_id
    [means] = (await queue.client.call("ListVenueAssets", venue_id="kraken", venue_asset_symbol="LUNA")).venue_assets
    assert means.asset_id == other


async def test_a_reused_code_ends_the_old_meaning_and_keeps_it_for_its_time(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other)
    [result] = await queue.decide(decision(coded, REUSE, other, at=at(-5)))
    assert outcome(result)[0] == "DECIDED"
    assert (await queue.base(coded)).asset_id == other
    assert (await queue.base(coded, as_of=at(-6))).asset_id == coded.asset
    assert (await queue.base(coded, as_of=at(-4))).asset_id == other


async def test_the_asset_of_a_conflict_is_another_one(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other)
    [result] = await queue.decide(decision(coded, CORRECTION, coded.asset))
    assert outcome(result) == ("REFUSED", "INVALID_ARGUMENT", "asset")


async def test_two_active_texts_of_one_symbol_are_reported(queue: Queue, factory: Factory) -> None:
    luna = await factory.asset("LUNC")
    await queue.listed("kraken", "LUNC", luna)
    coded = await queue.asked("kraken", "LUNA")
    [result] = await queue.decide(decision(coded, ASSET, luna))
    [warning] = result.warnings
    assert "LUNAUSDT, LUNCUSDT at kraken" in warning


# ---- superseded ----------------------------------------------------------------------------------------------------


async def test_a_question_that_other_changes_answered_is_superseded(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    merged, gone, named, asked = [await queue.asked("gate", code) for code in ("A", "B", "C", "D")]
    assert len(await queue.reviews()) == 4
    await _merge(queue, merged.asset, zeph)
    await _delete(queue, gone.venue, gone.asset)
    await queue.client.call("UpdateAsset", asset_id=named.asset, category="coin")
    [left] = await queue.reviews()
    assert (left.code, left.status) == (asked.code, OPEN)
    superseded = await queue.reviews(status=SUPERSEDED)
    assert [(each.code, each.status) for each in superseded] == [(code, SUPERSEDED) for code in "ABC"]
    results = [await queue.decide(decision(merged, ASSET, zeph)) for _ in range(2)]
    assert [outcome(result)[0] for [result] in results] == ["DECIDED", "ALREADY_DECIDED"], "a person confirms it, once"


async def test_a_conflict_is_superseded_when_the_code_means_another_asset(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other)
    assert len(await queue.reviews()) == 1
    await _delete(queue, "kraken", coded.asset)
    assert await queue.reviews() == []


async def test_pages_skip_superseded_reviews(queue: Queue) -> None:
    asked = [await queue.asked("gate", f"C{number}") for number in range(7)]
    for each in asked[:5]:
        await _delete(queue, "gate", each.asset)
    page = await queue.call("ListReviews", page_size=1)
    assert [each.code for each in page.reviews] == ["C5"]
    rest = await queue.call("ListReviews", page_size=1, page_token=page.next_page_token)
    assert [each.code for each in rest.reviews] == ["C6"]
    assert [each.code for each in await queue.reviews(code="C6")] == ["C6"]


async def _merge(queue: Queue, source: str, target: str) -> None:
    request = registry_pb2.MergeAssetsRequest(from_asset_id=source, into_asset_id=target)
    await queue.client.raw("/cqar.v1.Registry/MergeAssets", request.SerializeToString())


async def _delete(queue: Queue, venue: str, asset: str) -> None:
    request = registry_pb2.DeleteVenueAssetRequest(venue_id=venue, asset_id=asset)
    await queue.client.raw("/cqar.v1.Registry/DeleteVenueAsset", request.SerializeToString())
