"""Explain: why a code means an asset, with its evidence, the other candidates, and what would decide."""

from typing import Any

import pytest

from cqar.contract.cqar.v1 import access_pb2, reviews_pb2
from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.services import would_decide
from tests.registry.factory import PERPETUAL, SPOT, Factory
from tests.service.registry import RegistryService, struct
from tests.service.test_claims import claim_of, item, record

NAME, ADDRESS, TICKER = pb.EVIDENCE_KIND_NAME, pb.EVIDENCE_KIND_ADDRESS, pb.EVIDENCE_KIND_TICKER


async def explained(service: RegistryService, **fields: Any) -> list[pb.Explanation]:
    """The explanations."""
    return list((await service.call("Explain", **fields)).explanations)


async def open_review(service: RegistryService, review: reviews_pb2.Review) -> str:
    """The id of a new review."""
    request = reviews_pb2.OpenReviewsRequest(reviews=[review]).SerializeToString()
    path = f"/{access_pb2.DESCRIPTOR.services_by_name['Access'].full_name}/OpenReviews"
    data, _ = await service.client.raw(path, request)
    return str(reviews_pb2.OpenReviewsResponse.FromString(data).reviews[0].review_id)


async def test_a_code_is_explained_with_its_evidence_rivals_and_review(service: RegistryService, factory: Factory) -> None:
    client, venue = factory.client, await factory.venue("Binance")
    own = await factory.asset("BTT", name="BTT at Binance", category="provisional")
    old, new = await factory.asset("BTTOLD", name="BitTorrent [OLD]"), await factory.asset("BTT", name="BitTorrent")
    await client.call("CreateAssetIdentifier", asset_id=new, source=1, external_id="bittorrent")
    chain = (await client.call("CreateChain", name="Tron", chain_type="OTHER", caip2="tron:0x2b6653dc")).chain.chain_id
    await client.call("CreateAssetDeployment", asset_id=new, chain_id=chain, contract_address="TAFj")
    listed = {"venue_id": venue, "asset_id": own, "venue_asset_symbol": "BTT", "identity_evidence": "two candidates"}
    await client.call("CreateVenueAsset", **listed, identity_level=pb.IDENTITY_LEVEL_CONTESTED)
    evidence = [item(TICKER, new), item(TICKER, old), item(NAME, old, "BitTorrent", against=True)]
    claim = claim_of(venue, "BTT", pb.IDENTITY_LEVEL_CONTESTED, asset_id=own, evidence=evidence)
    claim.candidate_asset_ids.extend([new, old])
    claim.facts.CopyFrom(struct(ticker="BTT", names=["BitTorrent"]))
    await record(service, claim)
    review = reviews_pb2.Review(kind=reviews_pb2.REVIEW_KIND_PROVISIONAL, venue_id=venue, code="BTT", asset_id=own)
    review_id = await open_review(service, review)

    [found] = await explained(service, venue_id=venue, code="BTT")
    assert (found.asset.asset_id, found.level, found.code) == (own, pb.IDENTITY_LEVEL_CONTESTED, "BTT")
    assert (found.asset.category, found.identity_evidence, list(found.sides)) == ("provisional", "two candidates", [])
    assert [(each.item.kind, each.symbol) for each in found.evidence_for] == [(TICKER, "BTT"), (TICKER, "BTTOLD")] or [
        (each.item.kind, each.symbol) for each in found.evidence_for
    ] == [(TICKER, "BTTOLD"), (TICKER, "BTT")]
    assert [(each.item.value, each.name) for each in found.evidence_against] == [("BitTorrent", "BitTorrent [OLD]")]
    assert [each.name for each in found.rivals] == ["BitTorrent", "BitTorrent [OLD]"]
    assert (list(found.rivals[0].ids), list(found.rivals[0].addresses)) == (["coingecko:bittorrent"], ["tron:0x2b6653dc/TAFj"])
    assert found.open_review_id == review_id
    assert any(review_id in each for each in found.would_decide)
    assert found.claim.facts == claim.facts


async def test_a_venue_symbol_is_explained_side_by_side(service: RegistryService, factory: Factory) -> None:
    client, venue = factory.client, await factory.venue("Kraken")
    base, quote = await factory.asset("BTC"), await factory.asset("USD")
    await factory.listing(venue, await factory.symbol(base, quote, symbol_type=SPOT), "XXBTZUSD")
    perpetual = await factory.symbol(base, quote, symbol_type=PERPETUAL)
    await factory.listing(venue, perpetual, "XXBTZUSD")
    codes = {"venue_asset_symbol": "XBT", "venue_asset_aliases": ["BTC", "XXBT"]}
    await client.call("CreateVenueAsset", venue_id=venue, asset_id=base, **codes)
    await record(service, claim_of(venue, "XXBT", pb.IDENTITY_LEVEL_VERIFIED, asset_id=base))
    assert (await service.refused("Explain", venue_id=venue, venue_symbol="XXBTZUSD")).code == "FAILED_PRECONDITION"
    spot = await explained(service, venue_id=venue, venue_symbol="XXBTZUSD", symbol_type=SPOT)
    assert [(each.code, each.asset.symbol, list(each.sides)) for each in spot] == [
        ("XXBT", "BTC", ["base"]),
        ("", "USD", ["quote"]),
    ]
    assert spot[0].HasField("claim")
    assert list(spot[1].would_decide) == ["kraken has no code for this asset: the listing was written by hand."]
    linear = await explained(service, venue_id=venue, venue_symbol="XXBTZUSD", symbol_type=PERPETUAL)
    assert [list(each.sides) for each in linear] == [["base"], ["quote", "settlement"]]


async def test_a_code_that_was_written_by_hand_says_so(service: RegistryService, factory: Factory) -> None:
    venue, btc = await factory.venue("OKX"), await factory.asset("BTC")
    await factory.client.call("CreateVenueAsset", venue_id=venue, asset_id=btc, venue_asset_symbol="BTC")
    [found] = await explained(service, venue_id=venue, code="BTC")
    assert (found.level, found.HasField("claim"), found.asset.symbol) == (0, False, "BTC")
    assert list(found.would_decide) == ["No import has recorded BTC: the mapping was written by hand."]


async def test_a_code_of_several_assets_and_one_that_ended_are_explained(service: RegistryService, factory: Factory) -> None:
    venue, old, new = await factory.venue("Gate"), await factory.asset("LUNC"), await factory.asset("LUNA")
    past = {"listed_at": {"seconds": 1_500_000_000}, "delisted_at": {"seconds": 1_600_000_000}}
    await factory.client.call("CreateVenueAsset", venue_id=venue, asset_id=old, venue_asset_symbol="LUNA", **past)
    assert [each.asset.symbol for each in await explained(service, venue_id=venue, code="LUNA")] == ["LUNC"]
    await factory.client.call("CreateVenueAsset", venue_id=venue, asset_id=new, venue_asset_symbol="LUNA")
    assert [each.asset.symbol for each in await explained(service, venue_id=venue, code="LUNA")] == ["LUNA"]


async def test_what_is_not_there_is_named(service: RegistryService, factory: Factory) -> None:
    venue = await factory.venue("Bybit")
    for fields, code, word in (
        ({"venue_id": "nowhere", "code": "BTC"}, "NOT_FOUND", "venue 'nowhere'"),
        ({"venue_id": venue, "code": "NEVER"}, "NOT_FOUND", "code 'bybit:NEVER'"),
        ({"venue_id": venue, "venue_symbol": "NEVER"}, "NOT_FOUND", "NEVER"),
        ({"venue_id": venue}, "INVALID_ARGUMENT", "code"),
        ({"venue_id": venue, "code": "A", "venue_symbol": "B"}, "INVALID_ARGUMENT", "code"),
        ({"venue_id": venue, "code": "A\x1b"}, "INVALID_ARGUMENT", "code"),
    ):
        refused = await service.refused("Explain", **fields)
        assert refused.code == code, fields
        assert word in refused.message


# ---- what would decide -----------------------------------------------------------------------------------------------

ONE, TWO = pb.ExplainedAsset(asset_id="1", symbol="X", name="One"), pb.ExplainedAsset(asset_id="2", symbol="X", name="Two")


def decided(level: Any, facts: dict[str, Any], *rivals: pb.ExplainedAsset, **fields: Any) -> str:
    """The sentences about code X at venue v, joined."""
    claim = pb.IdentityClaim(facts=struct(ticker="X", **facts))
    found = pb.Explanation(venue_id="v", code="X", level=level, claim=claim, rivals=rivals, **fields)
    return " ".join(would_decide.sentences(found))


@pytest.mark.parametrize(
    ("level", "facts", "rivals", "words"),
    [
        (pb.IDENTITY_LEVEL_VERIFIED, {}, [], []),
        (pb.IDENTITY_LEVEL_CORROBORATED, {}, [], ["contract address", "identity set v X"]),
        (pb.IDENTITY_LEVEL_SUGGESTED, {}, [ONE], ["gives no name", "One (X)", "contract address"]),
        (pb.IDENTITY_LEVEL_CONTESTED, {}, [ONE, TWO], ["only one of One (X), Two (X)"]),
        (pb.IDENTITY_LEVEL_UNKNOWN, {}, [], ["asset with the ticker X", "neither a name nor"]),
        (pb.IDENTITY_LEVEL_UNKNOWN, {"names": ["Ex"]}, [], ["name Ex"]),
        (pb.IDENTITY_LEVEL_UNKNOWN, {"addresses": [{"text": "0xab", "chain": "eip155:1"}]}, [], ["eip155:1/0xab"]),
    ],
)
def test_what_would_decide_follows_from_level_and_facts(
    level: Any, facts: dict[str, Any], rivals: list[pb.ExplainedAsset], words: list[str]
) -> None:
    told = decided(level, facts, *rivals)
    assert all(word in told for word in words)
    assert bool(told) == bool(words)


def test_a_name_that_the_venue_gives_is_not_asked_for() -> None:
    told = decided(pb.IDENTITY_LEVEL_SUGGESTED, {"names": ["One"], "addresses": ["0xab"]}, ONE)
    assert "gives no name" not in told
    assert "contract address" not in told


def test_a_conflict_asks_whether_the_code_was_reassigned() -> None:
    told = decided(pb.IDENTITY_LEVEL_CONTESTED, {}, ONE, blocked_reason="another address", open_review_id="r1")
    assert "was the code reassigned" in told
    assert "review r1 is open" in told


def test_an_asset_that_is_refuted_leaves_what_the_registry_lacks() -> None:
    against = pb.ExplainedEvidence(item=pb.Evidence(asset_id="1", against=True))
    told = decided(pb.IDENTITY_LEVEL_CONTESTED, {"names": ["Ex"]}, ONE, evidence_against=[against])
    assert "ticker X and the name Ex" in told


async def test_a_question_that_other_changes_have_answered_is_not_shown(service: RegistryService, factory: Factory) -> None:
    venue, own, pepe = await factory.venue("Upbit"), await factory.asset(category="provisional"), await factory.asset("PEPE")
    await factory.client.call("CreateVenueAsset", venue_id=venue, asset_id=own, venue_asset_symbol="PEPE")
    review = reviews_pb2.Review(kind=reviews_pb2.REVIEW_KIND_PROVISIONAL, venue_id=venue, code="PEPE", asset_id=own)
    review_id = await open_review(service, review)
    [before] = await explained(service, venue_id=venue, code="PEPE")
    await service.call("MergeAssets", from_asset_id=own, into_asset_id=pepe)
    [after] = await explained(service, venue_id=venue, code="PEPE")
    assert (before.open_review_id, after.open_review_id, after.asset.asset_id) == (review_id, "", pepe)
