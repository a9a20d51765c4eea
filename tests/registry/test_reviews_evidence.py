"""What a decision leaves behind: evidence, levels, and markets that are open again."""

import asyncpg
import pytest

from cqar.contract.cqar.v1 import identity_pb2
from cqar.contract.cqar.v1 import reviews_pb2 as pb
from tests.client import Client
from tests.registry.factory import Factory
from tests.registry.queue import (
    ASSET,
    CONFLICT,
    CONTESTED,
    CORRECTION,
    CORROBORATED,
    NEW,
    PROVISIONAL,
    REJECT,
    SUGGESTED,
    VERIFIED,
    Queue,
    claim,
    decision,
    outcome,
)

DECISION, NAME = identity_pb2.EVIDENCE_KIND_DECISION, identity_pb2.EVIDENCE_KIND_NAME


@pytest.fixture
def queue(registry: Client, factory: Factory) -> Queue:
    return Queue(registry, factory)


async def test_a_decision_is_evidence_and_makes_the_code_verified(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    said = claim(coded, SUGGESTED, zeph, ticker="ZEPH", names=["Zephyr"])
    said.evidence.add(kind=NAME, asset_id=zeph, value="Zephyr", source="gate")
    await queue.record(said)
    await queue.decide(decision(coded, ASSET, zeph, notes="their own page says so"))
    found = await queue.claimed("gate", "ZEPH")
    assert (found.asset_id, found.level) == (zeph, VERIFIED)
    assert [(each.kind, each.value) for each in found.evidence] == [(DECISION, "their own page says so"), (NAME, "Zephyr")]
    assert found.evidence[0].source
    means = await queue.meaning("gate", "ZEPH")
    assert (means.asset_id, means.identity_level) == (zeph, VERIFIED)


async def test_a_decision_without_a_claim_makes_one(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    await queue.decide(decision(await queue.asked("gate", "ZEPH"), ASSET, zeph))
    found = await queue.claimed("gate", "ZEPH")
    assert (found.asset_id, found.level, found.evidence[0].kind) == (zeph, VERIFIED, DECISION)


async def test_claims_follow_a_merged_asset(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    coded = await queue.asked("gate", "ZEPH")
    other = coded._replace(code="ZPH")
    await queue.record(claim(coded, SUGGESTED), claim(other, SUGGESTED))
    await queue.decide(decision(coded, ASSET, zeph))
    assert (await queue.claimed("gate", "ZPH")).asset_id == zeph


async def test_a_decision_ends_a_block_and_a_rejected_conflict_is_one_for_the_old_asset(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    for how in (CORRECTION, REJECT):
        coded = await queue.conflict("kraken", f"LUNA{how}", other)
        contested = claim(coded, CONTESTED, other)
        contested.blocked_reason = "another coin by its name"
        await queue.record(contested)
        await queue.update(venue_id="kraken", asset_id=coded.asset, blocked_reason="another coin by its name")
        [result] = await queue.decide(decision(coded, how, other if how == CORRECTION else None))
        assert outcome(result)[0] == "DECIDED"
        means, found = await queue.meaning("kraken", coded.code), await queue.claimed("kraken", coded.code)
        assert means.asset_id == found.asset_id == (other if how == CORRECTION else coded.asset)
        assert (means.blocked_reason, found.blocked_reason, found.level) == ("", "", VERIFIED)
        assert found.evidence[0].kind == DECISION


async def test_a_conflict_that_is_opened_again_blocks_again(queue: Queue, factory: Factory) -> None:
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other, blocked_reason="another coin by its name")
    await queue.update(venue_id="kraken", asset_id=coded.asset, blocked_reason="another coin by its name")
    await queue.decide(decision(coded, REJECT))
    await queue.call("ReopenReview", review_id=coded.review)
    means, found = await queue.meaning("kraken", "LUNA"), await queue.claimed("kraken", "LUNA")
    assert (means.identity_level, found.level, list(found.evidence)) == (CONTESTED, CONTESTED, [])
    assert means.blocked_reason == found.blocked_reason == "another coin by its name"


async def test_a_new_asset_is_what_the_venue_says_unless_the_decision_says_otherwise(queue: Queue) -> None:
    dydx, apple = await queue.asked("bitstamp", "dydx"), await queue.asked("kraken", "AAPLx")
    said = claim(dydx, SUGGESTED, ticker="DYDX", names=["dydx", "dYdX"])
    await queue.record(said, claim(apple, SUGGESTED, **{"ticker": "AAPL", "names": ["Apple"], "class": "equity"}))
    await queue.decide(decision(dydx, NEW), decision(apple, NEW, name="Apple Inc."))
    made = [(await queue.client.call("GetAsset", asset_id=each.asset)).asset for each in (dydx, apple)]
    assert [(each.symbol, each.name, each.category) for each in made] == [("DYDX", "dYdX", ""), ("AAPL", "Apple Inc.", "stock")]


async def test_a_decision_from_a_file_confirms_what_an_import_found(
    queue: Queue, factory: Factory, connection: asyncpg.Connection
) -> None:
    """The code has no question at this registry: the decision makes the mapping verified, once."""
    zeph = await factory.asset("ZEPH")
    await queue.listed("gate", "ZEPH", zeph)
    coded = (await queue.asked("gate", "OTHER"))._replace(code="ZEPH", asset=zeph)
    await queue.record(claim(coded, CORROBORATED))
    [first] = await queue.decide(decision(coded, ASSET, zeph))
    assert outcome(first)[0] == "DECIDED"
    assert (await queue.claimed("gate", "ZEPH")).level == VERIFIED
    before = await connection.fetchval("SELECT seq FROM head")
    [again] = await queue.decide(decision(coded, ASSET, zeph))
    assert outcome(again)[0] == "ALREADY_DECIDED"
    assert await connection.fetchval("SELECT seq FROM head") == before


async def test_reviews_are_listed_by_level(queue: Queue) -> None:
    first, second = await queue.asked("gate", "A"), await queue.asked("gate", "B")
    await queue.record(claim(first, SUGGESTED), claim(second, CONTESTED))
    assert [each.code for each in await queue.reviews(level=CONTESTED)] == ["B"]


async def test_a_shared_venue_asset_keeps_the_level_of_its_other_codes(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    await queue.listed("gate", "ZEPH", zeph)
    await queue.update(venue_id="gate", asset_id=zeph, identity_level=CORROBORATED)
    await queue.decide(decision(await queue.asked("gate", "ZPH"), ASSET, zeph))
    means = await queue.meaning("gate", "ZPH")
    assert (means.venue_asset_symbol, means.identity_level) == ("ZEPH", CORROBORATED)
    assert (await queue.claimed("gate", "ZPH")).level == VERIFIED


async def test_a_contradiction_that_is_over_is_no_question(queue: Queue, factory: Factory) -> None:
    """An import that finds no contradiction any more opens trading again."""
    other = await factory.asset("LUNA")
    coded = await queue.conflict("kraken", "LUNA", other, blocked_reason="another coin by its name")
    await queue.update(venue_id="kraken", asset_id=coded.asset, blocked_reason="another coin by its name")
    assert len(await queue.reviews()) == 1
    await queue.update(venue_id="kraken", asset_id=coded.asset, clear=["blocked_reason"])
    assert await queue.reviews() == []


async def test_a_conflict_about_a_provisional_asset_is_asked_first_and_can_be_decided(queue: Queue, factory: Factory) -> None:
    zeph = await factory.asset("ZEPH")
    for how in (CORRECTION, REJECT):
        coded = await queue.asked("probit", f"ROOK{how}")
        review = pb.Review(kind=CONFLICT, venue_id="probit", code=coded.code, asset_id=coded.asset)
        review.venue_asset.blocked_reason = "read as ROOK so far"
        await queue.call("OpenReviews", reviews=[review])
        await queue.update(venue_id="probit", asset_id=coded.asset, blocked_reason="read as ROOK so far")
        contested = claim(coded, CONTESTED, ticker="NEW", reading={"ticker": "ROOK"})
        contested.blocked_reason = "read as ROOK so far"
        await queue.record(contested)
        [question] = (await queue.call("ListQuestions")).questions
        assert question.kind == CONFLICT
        [result] = await queue.decide(decision(coded, how, zeph if how == CORRECTION else None))
        assert outcome(result)[0] == "DECIDED"
        means, found = await queue.meaning("probit", coded.code), await queue.claimed("probit", coded.code)
        assert (means.blocked_reason, found.blocked_reason) == ("", "")
        left = [each.kind for each in await queue.reviews()]
        if how == CORRECTION:
            assert (means.asset_id, left) == (zeph, [])
        else:
            assert (means.asset_id, left) == (coded.asset, [PROVISIONAL]), "what it is has not been decided"
            assert found.facts["reading"]["ticker"] == "NEW", "the next import finds no contradiction"
            assert found.evidence == []
