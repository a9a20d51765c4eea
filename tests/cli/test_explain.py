"""`cqar explain`: against a registry, and what it prints of hostile text."""

import json

import pytest

from cqar.cli import explanations
from cqar.contract.cqar.v1 import identity_pb2 as pb
from tests.cli.test_review_commands import Desk, desk
from tests.registry.factory import SPOT
from tests.service.registry import RegistryService, struct
from tests.service.test_claims import claim_of, item, record

__all__ = ["desk"]

HOSTILE = "a\x1b[31m\u202eb\nc"


@pytest.fixture
async def venue(desk: Desk) -> str:
    """Kraken, where XBT is Bitcoin by its address, and USD was written by hand."""
    factory = desk.queue.factory
    made = await factory.venue("Kraken")
    btc, usd = await desk.coin("BTC", "bitcoin", name="Bitcoin"), await factory.asset("USD", name="US Dollar")
    await factory.listing(made, await factory.symbol(btc, usd, symbol_type=SPOT), "XBTUSD")
    coded = {"venue_asset_symbol": "XBT", "identity_evidence": "address", "identity_level": pb.IDENTITY_LEVEL_VERIFIED}
    await factory.client.call("CreateVenueAsset", venue_id=made, asset_id=btc, **coded)
    await factory.client.call("CreateVenueAsset", venue_id=made, asset_id=usd, venue_asset_symbol="USD")
    evidence = [item(pb.EVIDENCE_KIND_ADDRESS, btc, "bip122:0/native", source="markets.json")]
    claim = claim_of(made, "XBT", pb.IDENTITY_LEVEL_VERIFIED, asset_id=btc, evidence=evidence)
    claim.facts.CopyFrom(struct(ticker="BTC", names=["Bitcoin"], addresses=[{"address": "0xab", "chain": "eip155:1"}]))
    await record(RegistryService(factory.client), claim, source="ccxt kraken")
    return made


async def test_a_code_is_printed_with_what_the_venue_says(desk: Desk, venue: str) -> None:
    code, out = await desk.command("explain", venue, "XBT")
    assert code == 0
    for line in (
        "code        kraken  XBT",
        "level       VERIFIED",
        "because     address",
        "says        ticker: BTC",
        "            names: Bitcoin",
        "            addresses: eip155:1/0xab",
        "              coingecko:bitcoin",
    ):
        assert line in out.splitlines(), out
    [evidence] = [each for each in out.splitlines() if each.startswith("for")]
    assert "address" in evidence
    assert "Bitcoin (BTC)  bip122:0/native  [markets.json, 20" in evidence


async def test_a_symbol_is_explained_if_there_is_no_such_code(desk: Desk, venue: str) -> None:
    code, out = await desk.command("explain", venue, "XBTUSD", "--json")
    assert code == 0
    found = json.loads(out)["explanations"]
    assert [(each["code"], each["sides"]) for each in found] == [("XBT", ["base"]), ("USD", ["quote"])]
    assert found[0]["evidence_for"][0]["name"] == "Bitcoin"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nowhere", "XBT"), "cqar: venue nowhere not found"),
        (("kraken", "NEVER"), "cqar: kraken NEVER not found: neither such a code nor such a symbol was imported or written"),
        (("kraken", "XBT", "--symbol"), "cqar: kraken XBT not found: the venue has no such symbol"),
        (("Kraken", "XBT"), "cqar: venue ids are lower case: kraken"),
    ],
)
@pytest.mark.usefixtures("venue")
async def test_what_is_not_there_is_one_clear_line(desk: Desk, words: tuple[str, ...], message: str) -> None:
    code, out = await desk.command("explain", *words)
    assert (code, out.startswith(message), len(out.splitlines())) == (1, True, 1), out


def test_hostile_text_is_escaped_and_starts_no_line() -> None:
    asset = pb.ExplainedAsset(asset_id="1", symbol="X", name=HOSTILE)
    against = pb.ExplainedEvidence(item=item(pb.EVIDENCE_KIND_NAME, "1", HOSTILE, against=True), symbol="X", name=HOSTILE)
    claim = pb.IdentityClaim(facts=struct(names=[HOSTILE]))
    found = pb.Explanation(venue_id="v", code=HOSTILE, asset=asset, claim=claim, evidence_against=[against], rivals=[asset])
    shown = explanations.text(pb.ExplainResponse(explanations=[found]))
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert not any(line.startswith("c") and not line.startswith("code ") for line in shown.splitlines())
