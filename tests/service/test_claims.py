"""Identity claims: recorded by importers, kept with their decisions and times, listed with their evidence."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from cqar.contract.cqar.v1 import identity_pb2 as pb
from cqar.contract.cqar.v1 import registry_pb2
from cqar.contract.cqc.venues.v1 import venues_pb2
from tests.registry.factory import Factory
from tests.service.registry import Records, RegistryService, struct


def item(kind: Any, asset_id: str = "", value: str = "", **more: Any) -> pb.Evidence:
    """An item of evidence."""
    return pb.Evidence(kind=kind, asset_id=asset_id, value=value, **more)


def claim_of(venue_id: str, code: str, level: Any = pb.IDENTITY_LEVEL_UNKNOWN, **fields: Any) -> pb.IdentityClaim:
    """A claim."""
    return pb.IdentityClaim(venue_id=venue_id, code=code, level=level, **fields)


async def record(service: RegistryService, *claims: pb.IdentityClaim, **fields: Any) -> tuple[int, int, int]:
    """Record the claims; returns how many were created, updated and unchanged."""
    response = await service.call("RecordClaims", claims=claims, **fields)
    return response.created, response.updated, response.unchanged


async def listed(service: RegistryService, **fields: Any) -> list[pb.IdentityClaim]:
    """The claims that pass the filters."""
    return list((await service.call("ListEvidence", **fields)).claims)


async def test_a_claim_is_listed_as_recorded_strongest_evidence_first(service: RegistryService, factory: Factory) -> None:
    venue, btc = await factory.venue("Binance"), await factory.asset("BTC")
    ticker, name = item(pb.EVIDENCE_KIND_TICKER, btc), item(pb.EVIDENCE_KIND_NAME, btc, "Bitcoin", source="markets.json")
    claim = claim_of(
        venue,
        "XBT",
        pb.IDENTITY_LEVEL_CORROBORATED,
        asset_id=btc,
        evidence=[ticker, name],
        candidate_asset_ids=[btc],
        facts=struct(ticker="BTC", names=["Bitcoin"]),
        blocked_reason="another address",
    )
    assert await record(service, claim, source="ccxt binance") == (1, 0, 0)
    [found] = await listed(service, venue_id=venue)
    assert [each.kind for each in found.evidence] == [pb.EVIDENCE_KIND_NAME, pb.EVIDENCE_KIND_TICKER]
    assert all(each.HasField("seen_at") for each in found.evidence)
    assert (found.source, found.blocked_reason) == ("ccxt binance", "another address")
    assert found.facts == claim.facts
    assert found.evidence[0].source == "markets.json"
    assert found.revision > 0
    assert found.HasField("updated_at")


async def test_the_same_claim_changes_nothing_and_costs_no_revision(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    venue, btc = await factory.venue("Kraken"), await factory.asset("BTC")
    evidence = [item(pb.EVIDENCE_KIND_TICKER, btc), item(pb.EVIDENCE_KIND_ADDRESS, btc, "0xabc")]
    claim = claim_of(venue, "XBT", 1, asset_id=btc, evidence=evidence, facts=struct(a=1.5, b="x"))
    await record(service, claim)
    [before], head = await listed(service, venue_id=venue), await records.head()
    again = pb.IdentityClaim()
    again.CopyFrom(claim)
    del again.evidence[:]
    again.evidence.extend([*reversed(evidence), evidence[0]])
    again.source = "another file"
    assert await record(service, again) == (0, 0, 1)
    assert await listed(service, venue_id=venue) == [before]
    assert await records.head() == head


async def test_decisions_stay_and_what_was_there_keeps_its_time(
    service: RegistryService, factory: Factory, records: Records
) -> None:
    venue, old, new = await factory.venue("OKX"), await factory.asset("LUNA"), await factory.asset("LUNA2")
    decision = item(pb.EVIDENCE_KIND_DECISION, old, "review 1", seen_at=Timestamp(seconds=1_600_000_000))
    name = item(pb.EVIDENCE_KIND_NAME, old, "Terra", seen_at=Timestamp(seconds=1_600_000_001))
    await record(service, claim_of(venue, "LUNA", 1, asset_id=old, evidence=[decision, name]))
    later = item(pb.EVIDENCE_KIND_NAME, old, "Terra", seen_at=Timestamp(seconds=1_700_000_000))
    against = item(pb.EVIDENCE_KIND_NAME, old, "Terra", against=True)
    claim = claim_of(venue, "LUNA", 4, asset_id=new, evidence=[later, against])
    assert await record(service, claim) == (0, 1, 0)
    [found] = await listed(service, venue_id=venue)
    assert (found.asset_id, found.level) == (new, pb.IDENTITY_LEVEL_CONTESTED)
    assert [(each.kind, each.against, each.seen_at.seconds) for each in found.evidence[:2]] == [
        (pb.EVIDENCE_KIND_DECISION, False, 1_600_000_000),
        (pb.EVIDENCE_KIND_NAME, False, 1_600_000_001),
    ]
    assert found.evidence[2].against
    assert abs(found.evidence[2].seen_at.seconds - datetime.now(UTC).timestamp()) < 600
    changes = await records.changes(f"{venue}/LUNA")
    assert changes["level"] == [1, 4]
    assert changes["asset_id"] == [old, new]
    assert [len(each) for each in changes["evidence"]] == [2, 3]


async def test_an_unknown_asset_or_venue_is_refused_with_the_place_of_its_claim(
    service: RegistryService, factory: Factory
) -> None:
    venue, btc = await factory.venue("Bybit"), await factory.asset("BTC")
    right: dict[str, Any] = {"venue_id": venue, "asset_id": btc, "level": 1}
    wrongs: tuple[tuple[dict[str, Any], str], ...] = (
        ({"asset_id": "unknown"}, "claims[1].asset_id"),
        ({"venue_id": "unknown"}, "claims[1].venue_id"),
        ({"candidate_asset_ids": [btc, "unknown"]}, "claims[1].candidate_asset_ids[1]"),
        ({"evidence": [item(pb.EVIDENCE_KIND_TICKER, "unknown")]}, "claims[1].evidence[0].asset_id"),
    )
    for wrong, field in wrongs:
        claims = [claim_of(**{**right, "code": "BTC"}), claim_of(**{**right, "code": "XBT", **wrong})]
        refused = await service.refused("RecordClaims", claims=claims)
        assert (refused.code, refused.fields[0][0]) == ("NOT_FOUND", field)
    assert await listed(service, venue_id=venue) == []


@pytest.mark.parametrize(
    ("wrong", "field", "rule"),
    [
        ({"level": 0}, "level", "REQUIRED"),
        ({"level": 9}, "level", "UNKNOWN_VALUE"),
        ({"code": " BTC"}, "code", "OUTER_SPACE"),
        ({"blocked_reason": "a\x07b"}, "blocked_reason", "BAD_CHARACTER"),
        ({"facts": struct(name="a\u202eb")}, "facts", "BAD_CHARACTER"),
        ({"evidence": [item(pb.EVIDENCE_KIND_NAME, value="\u202ecipsE")]}, "evidence[0].value", "BAD_CHARACTER"),
        ({"evidence": [item(pb.EVIDENCE_KIND_NAME, value="x" * 1_001)]}, "evidence[0].value", "TOO_LONG"),
        ({"evidence": [item(0)]}, "evidence[0].kind", "REQUIRED"),
        ({"evidence": [item(99)]}, "evidence[0].kind", "UNKNOWN_VALUE"),
        ({"evidence": [item(pb.EVIDENCE_KIND_NAME)] * 65}, "evidence", "TOO_MANY"),
        ({"evidence": [item(pb.EVIDENCE_KIND_NAME, value="é" * 1_000)] * 40}, "evidence", "TOO_LONG"),
    ],
)
async def test_a_malformed_claim_names_its_field(
    service: RegistryService, factory: Factory, wrong: dict[str, Any], field: str, rule: str
) -> None:
    venue = await factory.venue()
    claim = claim_of(**{"venue_id": venue, "code": "BTC", **wrong})
    refused = await service.refused("RecordClaims", claims=[claim])
    assert refused.fields[0][0].startswith(f"claims[0].{field}")
    assert refused.fields[0][1] == rule


async def test_two_claims_of_one_code_are_refused(service: RegistryService, factory: Factory) -> None:
    claim = claim_of(await factory.venue(), "BTC")
    refused = await service.refused("RecordClaims", claims=[claim, claim])
    assert refused.fields == [("claims[1].code", "REPEATED")]


async def test_a_claim_with_an_old_revision_is_refused(service: RegistryService, factory: Factory) -> None:
    venue = await factory.venue()
    claim = claim_of(venue, "BTC")
    await record(service, claim)
    [found] = await listed(service, venue_id=venue)
    found.level = pb.IDENTITY_LEVEL_SUGGESTED
    assert await record(service, found) == (0, 1, 0)
    assert (await service.refused("RecordClaims", claims=[found])).code == "ABORTED"


async def test_claims_are_listed_by_code_asset_and_level_a_page_at_a_time(service: RegistryService, factory: Factory) -> None:
    venue, btc = await factory.venue(), await factory.asset("BTC")
    codes = [("A/B", 1, btc), ("a", 5, ""), ("b", 5, btc)]
    await record(service, *(claim_of(venue, code, level, asset_id=asset_id) for code, level, asset_id in codes))
    assert [each.code for each in await listed(service, venue_id=venue)] == ["A/B", "a", "b"]
    assert [each.code for each in await listed(service, venue_id=venue, code="A/B")] == ["A/B"]
    assert [each.code for each in await listed(service, asset_id=btc)] == ["A/B", "b"]
    assert [each.code for each in await listed(service, venue_id=venue, level=5)] == ["a", "b"]
    page = await service.call("ListEvidence", venue_id=venue, page_size=2)
    rest = await service.call("ListEvidence", venue_id=venue, page_size=2, page_token=page.next_page_token)
    assert [each.code for each in (*page.claims, *rest.claims)] == ["A/B", "a", "b"]
    assert rest.next_page_token == ""


async def test_a_row_of_apply_sets_level_and_block_and_clears_the_block(service: RegistryService, factory: Factory) -> None:
    venue, btc = await factory.venue(), await factory.asset("BTC")
    row = venues_pb2.VenueAsset(
        venue_id=venue, asset_id=btc, venue_asset_symbol="BTC", identity_level=pb.IDENTITY_LEVEL_CONTESTED, blocked_reason="why"
    )
    await service.apply(registry_pb2.ApplyRow(venue_asset=row))
    row.identity_level = pb.IDENTITY_LEVEL_VERIFIED
    row.ClearField("blocked_reason")
    response = await service.apply(registry_pb2.ApplyRow(venue_asset=row, clear=["blocked_reason"]))
    assert sorted(response.results[0].changed_fields) == ["blocked_reason", "identity_level"]
    assert (await service.apply(registry_pb2.ApplyRow(venue_asset=row, clear=["blocked_reason"]))).results[0].outcome == 3
    refused = await service.apply(registry_pb2.ApplyRow(venue_asset=row, clear=["venue_id"]))
    assert (refused.results[0].code, refused.results[0].field) == ("INVALID_ARGUMENT", "clear")
