"""MoveCodes: codes move to the assets that their evidence gives, with markets, claims and questions."""

from typing import Any

import pytest

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.contract.cqc.assets.v1 import assets_pb2
from tests.client import Client
from tests.registry.factory import Factory
from tests.registry.queue import ASSET, CONTESTED, CORROBORATED, SUGGESTED, VERIFIED, Queue, decision

NAME = identity_pb2.EVIDENCE_KIND_NAME


@pytest.fixture
def queue(registry: Client, factory: Factory) -> Queue:
    return Queue(registry, factory)


async def by_ticker(queue: Queue, venue: str, code: str, *aliases: str) -> str:
    """A code with markets that stand on an asset by its ticker alone, as earlier imports wrote it; returns the asset."""
    asset = await queue.factory.asset(code)
    await queue.listed(venue, code, asset, *aliases)
    await queue.update(venue_id=venue, asset_id=asset, identity_evidence=f"ticker {code}")
    return asset


def move(venue: str, code: str, source: str, target: str = "", level: Any = SUGGESTED, **fields: Any) -> pb.CodeMove:
    """A move; without a target, to a provisional asset with a question."""
    made = pb.CodeMove(venue_id=venue, code=code, from_asset_id=source, to_asset_id=target, **fields)
    made.claim.level = level
    made.identity_evidence = made.identity_evidence or "provisional"
    if not target:
        made.review.reason = "one asset has this ticker"
        made.review.candidate_asset_ids.append(source)
    return made


async def moved(queue: Queue, *moves: pb.CodeMove) -> list[Any]:
    return list((await queue.call("MoveCodes", moves=moves, source="rejudge")).results)


def how(result: Any) -> tuple[str, str]:
    return pb.MoveOutcome.Name(result.outcome), result.field


async def test_a_code_moves_to_a_provisional_asset_with_markets_claim_and_question(queue: Queue) -> None:
    wrong = await by_ticker(queue, "binance", "BTT")
    before = await queue.factory.resolved("binance", "BTTUSDT")
    [result] = await moved(queue, move("binance", "BTT", wrong, name="BitTorrent"))
    assert (how(result), result.moved) == (("MOVED", ""), 1)
    after = await queue.factory.resolved("binance", "BTTUSDT")
    assert after.venue_symbol.listing_id == before.venue_symbol.listing_id
    assert after.base_asset.asset_id == result.asset_id != wrong
    asset = (await queue.client.call("GetAsset", asset_id=result.asset_id)).asset
    assert (asset.symbol, asset.name, asset.category) == ("BTT", "BitTorrent", "provisional")
    [flag] = (await queue.client.call("ListQualityFlags", asset_id=asset.asset_id)).flags
    assert flag.flag_type == assets_pb2.FLAG_TYPE_UNVERIFIED
    means, claim = await queue.meaning("binance", "BTT"), await queue.claimed("binance", "BTT")
    assert (means.asset_id, means.identity_level, means.identity_evidence) == (result.asset_id, SUGGESTED, "provisional")
    assert (claim.asset_id, claim.level, claim.source) == (result.asset_id, SUGGESTED, "rejudge")
    [review] = await queue.reviews()
    assert (review.kind, review.asset_id) == (pb.REVIEW_KIND_PROVISIONAL, result.asset_id)
    assert (list(review.candidate_asset_ids), review.source) == ([wrong], "rejudge")


async def test_a_repeated_move_changes_nothing(queue: Queue) -> None:
    wrong = await by_ticker(queue, "binance", "BTT")
    first = await queue.call("MoveCodes", moves=[move("binance", "BTT", wrong)], source="rejudge")
    again = await queue.call("MoveCodes", moves=[move("binance", "BTT", wrong)], source="rejudge")
    assert first.revision > 0
    assert (how(again.results[0]), again.revision) == (("ALREADY_MOVED", ""), 0)
    assert again.results[0].asset_id == first.results[0].asset_id


async def test_a_provisional_code_moves_to_its_asset_and_its_question_ends(queue: Queue) -> None:
    zeph = await queue.factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    await queue.update(venue_id="gate", asset_id=coded.asset, identity_evidence="provisional", blocked_reason="unclear")
    [result] = await moved(queue, move("gate", "ZEPH", coded.asset, zeph, CORROBORATED, identity_evidence="name Zephyr"))
    assert (how(result), result.asset_id) == (("MOVED", ""), zeph)
    assert (await queue.base(coded)).asset_id == zeph
    means = await queue.meaning("gate", "ZEPH")
    assert (means.identity_level, means.identity_evidence, means.blocked_reason) == (CORROBORATED, "name Zephyr", "")
    assert await queue.reviews() == []
    claim = await queue.claimed("gate", "ZEPH")
    assert all(each.kind != identity_pb2.EVIDENCE_KIND_DECISION for each in claim.evidence)


async def test_a_code_whose_provisional_asset_was_merged_gets_a_new_one(queue: Queue) -> None:
    zeph = await queue.factory.asset("ZEPH")
    wrong = await by_ticker(queue, "gate", "ZEPH")
    [there] = await moved(queue, move("gate", "ZEPH", wrong))
    [back] = await moved(queue, move("gate", "ZEPH", there.asset_id, zeph, CORROBORATED, identity_evidence="name Zephyr"))
    [again] = await moved(queue, move("gate", "ZEPH", zeph))
    assert (how(back), how(again)) == (("MOVED", ""), ("MOVED", ""))
    assert again.asset_id not in (zeph, wrong, there.asset_id)
    asset = (await queue.client.call("GetAsset", asset_id=again.asset_id)).asset
    assert asset.category == "provisional"


async def test_what_a_person_decided_or_wrote_does_not_move(queue: Queue) -> None:
    zeph = await queue.factory.asset("ZEPH")
    await queue.decide(decision(await queue.asked("gate", "ZEPH"), ASSET, zeph))
    written = await queue.factory.asset("BTT")
    await queue.listed("gate", "BTT", written)
    results = await moved(queue, move("gate", "ZEPH", zeph), move("gate", "BTT", written))
    assert [how(each) for each in results] == [("NOT_MOVED", "code")] * 2
    assert "a person has decided" in results[0].reason
    assert (await queue.meaning("gate", "ZEPH")).asset_id == zeph


async def test_a_fault_of_one_move_leaves_the_others(queue: Queue) -> None:
    wrong = await by_ticker(queue, "binance", "BTT")
    other = await by_ticker(queue, "binance", "ZEPH")
    results = await moved(
        queue,
        move("binance", "BTT", other),
        move("binance", "NONE", wrong),
        move("binance", "ZEPH", other, "01JZ00000000000000000000"),
        move("binance", "BTT", wrong),
        pb.CodeMove(),
    )
    assert [how(each) for each in results] == [
        ("NOT_MOVED", "from_asset_id"),
        ("NOT_MOVED", "from_asset_id"),
        ("NOT_MOVED", "to_asset_id"),
        ("MOVED", ""),
        ("NOT_MOVED", "venue_id"),
    ]
    assert results[0].reason.count("read it again and retry") == 1
    assert (await queue.meaning("binance", "ZEPH")).asset_id == other


async def test_a_code_that_shares_its_asset_moves_alone(queue: Queue) -> None:
    shared = await by_ticker(queue, "binance", "BOB", "1000000BOB")
    [result] = await moved(queue, move("binance", "1000000BOB", shared))
    assert (how(result), result.moved) == (("MOVED", ""), 1)
    assert (await queue.factory.resolved("binance", "BOBUSDT")).base_asset.asset_id == shared
    assert (await queue.factory.resolved("binance", "1000000BOBUSDT")).base_asset.asset_id == result.asset_id
    right = await queue.factory.asset("BOB")
    await queue.listed("binance", "BOBX", right)
    await queue.update(venue_id="binance", asset_id=right, identity_evidence="name Bob", identity_level=VERIFIED)
    await moved(queue, move("binance", "1000000BOB", result.asset_id, right, CORROBORATED, identity_evidence="name B"))
    means = await queue.meaning("binance", "1000000BOB")
    assert (means.asset_id, means.identity_level) == (right, CORROBORATED), "as sure as the least sure of its codes"


async def test_a_contradiction_leaves_with_the_code(queue: Queue) -> None:
    shared = await by_ticker(queue, "kraken", "LUNA", "LUNC")
    claim = identity_pb2.IdentityClaim(venue_id="kraken", code="LUNA", asset_id=shared, level=CONTESTED, blocked_reason="no")
    await queue.record(claim)
    await queue.update(venue_id="kraken", asset_id=shared, blocked_reason="no")
    await moved(queue, move("kraken", "LUNA", shared))
    assert (await queue.meaning("kraken", "LUNC")).blocked_reason == ""
    assert (await queue.meaning("kraken", "LUNA")).blocked_reason == ""
