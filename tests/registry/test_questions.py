"""Questions: reviews by coin with their candidates, and the command that sets what a code means."""

from typing import Any

import grpc.aio
import pytest

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client, refusal
from tests.registry.factory import USDC, Factory, at
from tests.registry.queue import CONTESTED, SUGGESTED, UNKNOWN, VERIFIED, Queue, claim

NAME, CLASS = identity_pb2.EVIDENCE_KIND_NAME, identity_pb2.EVIDENCE_KIND_CLASS


@pytest.fixture
def queue(registry: Client, factory: Factory) -> Queue:
    return Queue(registry, factory)


async def questions(queue: Queue, **fields: Any) -> list[Any]:
    return list((await queue.call("ListQuestions", **fields)).questions)


async def refused(queue: Queue, **fields: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await queue.call("SetIdentity", **fields)
    return refusal(raised.value)


# ---- questions -----------------------------------------------------------------------------------------------------


async def test_a_question_shows_its_codes_and_what_is_known_of_its_candidates(
    queue: Queue, factory: Factory, registry: Client
) -> None:
    chain = await factory.chain(caip2="eip155:1")
    pnut, other = await factory.asset("PNUT", name="Peanut the Squirrel"), await factory.asset("PNUT", name="Potternet")
    source = assets_pb2.DATA_SOURCE_COINGECKO
    await registry.call("CreateAssetIdentifier", asset_id=pnut, source=source, external_id="peanut", is_primary=True)
    await registry.call("CreateAssetDeployment", asset_id=pnut, chain_id=chain, contract_address=USDC, decimals=6)
    await queue.listed("kraken", "PNUT", pnut)
    gate, mexc, htx = [await queue.asked(each, "PNUT", reason="why") for each in ("gate", "mexc", "htx")]
    claims = [claim(each, CONTESTED, pnut, other, ticker="PNUT", names=["Peanut the Squirrel"]) for each in (gate, mexc)]
    claims[0].evidence.add(kind=NAME, asset_id=pnut, value="Peanut the Squirrel")
    claims[1].evidence.add(kind=NAME, asset_id=pnut, value="Peanut the Squirrel")
    claims[0].evidence.add(kind=NAME, asset_id=other, value="Peanut the Squirrel", against=True)
    claims[0].facts.update({"class": "crypto", "addresses": [{"text": USDC, "chain": "eip155:1"}]})
    await queue.record(*claims, claim(htx, SUGGESTED, pnut, ticker="PNUT"))
    [question] = await questions(queue)
    assert (question.ticker, question.markets, question.suggested_asset_id) == ("PNUT", 3, "")
    assert [(each.venue_id, each.included) for each in question.codes] == [("gate", True), ("mexc", True), ("htx", False)]
    first = question.codes[0]
    assert (first.names, first.asset_class, first.addresses) == (["Peanut the Squirrel"], "crypto", [f"eip155:1/{USDC}"])
    assert (first.level, first.markets, first.reason, first.asset_id) == (CONTESTED, 1, "why", gate.asset)
    best, worse = question.candidates
    assert (best.asset_id, best.name, best.coingecko_id) == (pnut, "Peanut the Squirrel", "peanut")
    assert (best.addresses, best.codes) == ([f"eip155:1/{USDC}"], ["kraken:PNUT"])
    assert [(each.kind, each.against) for each in best.evidence] == [(NAME, False)]
    assert [(each.kind, each.against) for each in worse.evidence] == [(NAME, True)]


async def test_the_only_candidate_is_suggested_and_a_deleted_one_is_not_shown(queue: Queue, factory: Factory) -> None:
    zeph, gone = await factory.asset("ZEPH"), await factory.asset("ZEPH")
    await queue.record(claim(await queue.asked("gate", "ZEPH"), SUGGESTED, gone, zeph))
    await queue.client.call("DeleteAsset", asset_id=gone)
    [question] = await questions(queue)
    assert [each.asset_id for each in question.candidates] == [zeph]
    assert question.suggested_asset_id == zeph


async def test_questions_are_filtered_and_paged_by_their_markets(queue: Queue) -> None:
    few = await queue.asked("gate", "FEW")
    many = await queue.asked("mexc", "MANY")
    usd = await queue.factory.asset("USD")
    await queue.factory.listing("mexc", await queue.factory.symbol(many.asset, usd), "MANYUSD")
    await queue.record(claim(few, UNKNOWN), claim(many, SUGGESTED, usd))
    first = await queue.call("ListQuestions", page_size=1, include_unknown=True)
    assert (first.total_questions, first.total_reviews, first.total_unknown) == (2, 2, 0)
    second = await queue.call("ListQuestions", page_size=1, include_unknown=True, page_token=first.next_page_token)
    assert [each.ticker for each in (*first.questions, *second.questions)] == ["MANY", "FEW"]
    assert second.next_page_token == ""
    assert [each.ticker for each in await questions(queue, venue_id="mexc")] == ["MANY"]
    assert [each.ticker for each in await questions(queue, code="MANY")] == ["MANY"]
    assert [each.ticker for each in await questions(queue, level=UNKNOWN)] == ["FEW"]
    assert await questions(queue, venue_id="gate", code="MANY") == []


async def test_codes_that_no_asset_may_mean_are_counted_and_listed_on_request(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    nothing, something = await queue.asked("gate", "NONE"), await queue.asked("gate", "ZEPH")
    await queue.record(claim(nothing, UNKNOWN), claim(something, SUGGESTED, zeph))
    await queue.conflict("kraken", "LUNA", zeph)
    listed = await queue.call("ListQuestions")
    assert [each.ticker for each in listed.questions] == ["ZEPH", "LUNA"]
    assert (listed.total_questions, listed.total_unknown) == (2, 1)
    for fields in ({"include_unknown": True}, {"code": "NONE"}, {"level": UNKNOWN}):
        assert "NONE" in [each.ticker for each in await questions(queue, **fields)], fields


# ---- identity set --------------------------------------------------------------------------------------------------


async def test_a_wrong_mapping_has_one_way_back(queue: Queue, factory: Factory) -> None:
    wrong, right = await factory.asset("BTT", name="Beleven Test Token"), await factory.asset("BTT", name="BitTorrent")
    await queue.listed("binance", "BTT", wrong)
    before = await factory.resolved("binance", "BTTUSDT")
    done = await queue.call("SetIdentity", venue_id="binance", code="BTT", asset=right, notes="by its address")
    assert (done.asset_id, done.previous_asset_id, done.moved) == (right, wrong, 1)
    now = await factory.resolved("binance", "BTTUSDT")
    assert (now.base_asset.asset_id, now.venue_symbol.listing_id) == (right, before.venue_symbol.listing_id)
    found = await queue.claimed("binance", "BTT")
    assert (found.asset_id, found.level, found.evidence[0].value) == (right, VERIFIED, "by its address")
    again = await queue.call("SetIdentity", venue_id="binance", code="BTT", asset=right, notes="by its address")
    assert (again.moved, again.previous_asset_id) == (0, "")


async def test_a_code_is_split_by_date_and_the_past_stays(queue: Queue, factory: Factory) -> None:
    old, new = await factory.asset("LUNC"), await factory.asset("LUNA")
    await queue.listed("kraken", "LUNA", old)
    done = await queue.call("SetIdentity", venue_id="kraken", code="LUNA", asset=new, since=at(-10))
    assert done.moved == 1
    assert (await factory.resolved("kraken", "LUNAUSDT")).base_asset.asset_id == new
    assert (await factory.resolved("kraken", "LUNAUSDT", as_of=at(-11))).base_asset.asset_id == old
    listed = (await queue.client.call("ListVenueAssets", venue_id="kraken")).venue_assets
    assert {each.asset_id: each.HasField("delisted_at") for each in listed} == {old: True, new: False}


async def test_a_listing_that_began_after_the_split_moves_as_a_whole(queue: Queue, factory: Factory) -> None:
    old, new, usd = await factory.asset("LUNC"), await factory.asset("LUNA"), await factory.asset("USD")
    await queue.listed("kraken", "LUNA", old)
    late = await factory.listing("kraken", await factory.symbol(old, usd), "LUNAUSD", listed_at=at(-3))
    await queue.call("SetIdentity", venue_id="kraken", code="LUNA", asset=new, since=at(-10))
    found = await factory.resolved("kraken", "LUNAUSD")
    assert (found.base_asset.asset_id, found.venue_symbol.listing_id) == (new, late.listing_id)


async def test_an_open_question_is_decided_with_it(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    done = await queue.set_identity(coded, zeph)
    assert (done.previous_asset_id, done.moved) == (coded.asset, 1)
    assert await queue.reviews() == []
    assert [each.review_id for each in await queue.reviews(status=pb.REVIEW_STATUS_ACCEPTED)] == [coded.review]
    assert (await queue.base(coded)).asset_id == zeph


async def test_texts_that_name_no_code_stay_and_are_reported(queue: Queue, factory: Factory) -> None:
    wrong, right, usd = await factory.asset("BOB"), await factory.asset("BOB"), await factory.asset("USD")
    await queue.listed("binance", "BOB", wrong, "1000BOB")
    await factory.listing("binance", await factory.symbol(wrong, usd), "@17")
    done = await queue.call("SetIdentity", venue_id="binance", code="BOB", asset=right)
    assert (done.moved, list(done.unclear)) == (1, ["@17"])
    assert (await factory.resolved("binance", "1000BOBUSDT")).base_asset.asset_id == wrong


async def test_a_mistyped_code_or_asset_is_not_found_and_changes_nothing(queue: Queue, factory: Factory) -> None:
    asset = await factory.asset("ZEPH")
    await queue.listed("gate", "ZEPH", asset)
    wrong = [
        {"venue_id": "gate", "code": "ZEHP", "asset": asset},
        {"venue_id": "gate", "code": "ZEPH", "asset": "coingecko:nothing"},
        {"venue_id": "gate", "code": "ZEPH", "asset": "nothing"},
        {"venue_id": "nowhere", "code": "ZEPH", "asset": asset},
    ]
    assert [(await refused(queue, **each)).code for each in wrong] == ["NOT_FOUND"] * 4
    assert (await refused(queue, venue_id="gate", code="ZEPH")).fields == [("asset", "REQUIRED")]


async def test_a_code_of_several_assets_is_ambiguous(queue: Queue, factory: Factory) -> None:
    asset = await factory.asset("GAS")
    for _ in range(2):
        other = await factory.asset("GAS")
        await queue.client.call(
            "CreateVenueAsset", venue_id=await queue.venue("gate"), asset_id=other, venue_asset_symbol="GAS"
        )
    error = await refused(queue, venue_id="gate", code="GAS", asset=asset)
    assert (error.code, error.preconditions[0][0]) == ("FAILED_PRECONDITION", "AMBIGUOUS")


async def test_a_split_is_after_the_beginning_of_the_old_meaning(queue: Queue, factory: Factory) -> None:
    old, new = await factory.asset("LUNC"), await factory.asset("LUNA")
    await queue.listed("kraken", "LUNA", old)
    await queue.update(venue_id="kraken", asset_id=old, listed_at=at(-5))
    error = await refused(queue, venue_id="kraken", code="LUNA", asset=new, since=at(-6))
    assert error.fields == [("since", "BAD_RANGE")]
    assert (await factory.resolved("kraken", "LUNAUSDT")).base_asset.asset_id == old
