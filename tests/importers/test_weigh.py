"""Evidence and verdicts: each row of both tables of docs/identity.md, on made-up coins."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from cqar.importers.exchanges import facts
from cqar.importers.exchanges.facts import Address
from cqar.importers.identity.evidence import Candidate, Facts, Item, Kind, Level, Place, normal
from cqar.importers.identity.weigh import RULES, Verdict, Weight, weigh

ETHEREUM, BASE = "eip155:1", "eip155:8453"
A, B, C = (f"0x{pair * 20}" for pair in ("ab", "cd", "ef"))
MINT = "2qEHjDLDLbuBgRYvsxhc5D6uDWAivNFZGan56P1tpump"
OTHER_MINT = "4n4Uswf5Ncww6zpqxfba8t6i9EqWs624Gk15APa6H7CW"
SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"

MARBLE = Candidate(asset_id="marble", symbol="MRB", name="Marble")
MARBLE_DAO = Candidate(asset_id="marble-dao", symbol="MRB", name="Marmot Board")
SAID = Facts(code="MRB", ticker="MRB")


def said(**more: Any) -> Facts:
    return msgspec.structs.replace(SAID, **more)


def marble(**more: Any) -> Candidate:
    return msgspec.structs.replace(MARBLE, **more)


def for_it(kind: Kind, **more: Any) -> Item:
    return Item(kind, "marble", "found", **more)


def judged(verdict: Verdict) -> tuple[Level, str | None]:
    return verdict.level, verdict.asset


# ---- verdicts ------------------------------------------------------------------------------------------------------


def test_no_candidate_is_unknown() -> None:
    assert weigh(SAID, []) == Verdict(Level.UNKNOWN, None, (), ())


def test_a_ticker_alone_is_a_suggestion() -> None:
    verdict = weigh(SAID, [MARBLE])
    assert judged(verdict) == (Level.SUGGESTED, None)
    assert verdict.ranked == ("marble",)
    assert [each.kind for each in verdict.items] == [Kind.TICKER]


def test_several_candidates_are_contested() -> None:
    verdict = weigh(SAID, [MARBLE_DAO, MARBLE])
    assert judged(verdict) == (Level.CONTESTED, None)
    assert set(verdict.ranked) == {"marble", "marble-dao"}


def test_a_refuted_only_candidate_is_contested_and_not_suggested() -> None:
    assert judged(weigh(said(names=("Quartz",)), [MARBLE])) == (Level.CONTESTED, None)


def test_a_supported_candidate_with_the_ticker_is_corroborated() -> None:
    assert judged(weigh(said(names=("Marble Token",)), [MARBLE])) == (Level.CORROBORATED, "marble")


def test_support_without_the_ticker_is_a_suggestion() -> None:
    renamed = marble(symbol="MBL")
    assert judged(weigh(said(names=("Marble",)), [renamed])) == (Level.SUGGESTED, None)


def test_what_decides_is_verified_unless_something_refutes_it() -> None:
    decided = [for_it(Kind.DECLARED_ID)]
    assert judged(weigh(SAID, [MARBLE, MARBLE_DAO], decided)) == (Level.VERIFIED, "marble")
    equity = said(asset_class=facts.EQUITY)
    assert judged(weigh(equity, [MARBLE], decided)) == (Level.CONTESTED, None)


def test_two_deciding_candidates_are_contested() -> None:
    items = [for_it(Kind.DECLARED_ID), Item(Kind.ADDRESS, "marble-dao", A)]
    assert judged(weigh(SAID, [MARBLE, MARBLE_DAO], items)) == (Level.CONTESTED, None)


def test_candidates_are_ranked_by_evidence_and_refuted_ones_are_last() -> None:
    both = said(names=("Marble",))
    assert weigh(both, [MARBLE_DAO, MARBLE]).ranked == ("marble", "marble-dao")
    share = marble(asset_class=facts.EQUITY)
    unnamed = marble(asset_id="marble-dao", name="Marble Board Token Plus")
    assert weigh(said(names=("Marble",), asset_class=facts.CRYPTO), [share, unnamed]).ranked == ("marble-dao", "marble")


# ---- evidence, row by row ------------------------------------------------------------------------------------------


def test_every_kind_has_a_rule() -> None:
    assert set(RULES) == set(Kind)
    decide = {kind for kind, rule in RULES.items() if rule.strong is Weight.DECIDES}
    assert decide == {Kind.DECISION, Kind.ADDRESS, Kind.ADDRESS_IN_LIST, Kind.DECLARED_ID, Kind.ISO_4217}
    assert RULES[Kind.TICKER].strong is Weight.NOTED


def test_a_decision_decides_whatever_else_is_said() -> None:
    against = said(names=("Quartz",), asset_class=facts.EQUITY)
    items = [for_it(Kind.DECISION), Item(Kind.DECLARED_ID, "marble-dao")]
    assert judged(weigh(against, [MARBLE, MARBLE_DAO], items)) == (Level.VERIFIED, "marble")


def test_the_address_of_the_row_decides_without_a_ticker() -> None:
    there = marble(symbol="XYZ", places=(Place(ETHEREUM, A),))
    for chain in (None, ETHEREUM):
        assert judged(weigh(said(addresses=(Address(A, chain),)), [there])) == (Level.VERIFIED, "marble")
    assert judged(weigh(said(addresses=(Address(A, BASE),)), [there])) == (Level.SUGGESTED, None)


def test_an_address_ignores_case_on_evm_chains_only() -> None:
    there = marble(places=(Place(ETHEREUM, A),))
    assert weigh(said(addresses=(Address(A.upper().replace("0X", "0x")),)), [there]).level is Level.VERIFIED
    there = marble(places=(Place(SOLANA, normal(MINT)),))
    assert weigh(said(addresses=(Address(MINT),)), [there]).level is Level.VERIFIED
    assert weigh(said(addresses=(Address(MINT.swapcase()),)), [there]).level is not Level.VERIFIED


@pytest.mark.parametrize(
    ("given", "place"),
    [(Address(B, ETHEREUM), Place(ETHEREUM, A)), (Address(MINT), Place(SOLANA, OTHER_MINT))],
    ids=["the chain is said", "the form tells the chain"],
)
def test_another_address_on_the_chain_refutes(given: Address, place: Place) -> None:
    supported = said(addresses=(given,), names=("Marble",))
    assert judged(weigh(supported, [marble(places=(place,))])) == (Level.CONTESTED, None)


def test_an_address_that_is_known_as_related_does_not_refute() -> None:
    row = said(addresses=(Address(B, ETHEREUM),), names=("Marble",))
    related = marble(places=(Place(ETHEREUM, A),), excused=frozenset({B}))
    assert judged(weigh(row, [related])) == (Level.CORROBORATED, "marble")


@pytest.mark.parametrize("places", [(), (Place(ETHEREUM, A),)])
@pytest.mark.parametrize("given", [Address(B), Address(B, BASE, sole=False)], ids=["alone", "in a list"])
def test_an_address_that_the_registry_does_not_know_leaves_only_a_suggestion(places: tuple[Place, ...], given: Address) -> None:
    """Coins of one name and ticker are not rare."""
    row = said(addresses=(given,), names=("Marble",))
    assert judged(weigh(row, [marble(places=places)])) == (Level.SUGGESTED, None)


def test_a_wrapped_token_at_the_address_does_not_compete_with_the_original() -> None:
    wrapped = Candidate(asset_id="wrapped", symbol="WMRB", name="Wrapped Marble", form_of=frozenset({"marble"}))
    wrapped = msgspec.structs.replace(wrapped, places=(Place(ETHEREUM, A),))
    row = said(addresses=(Address(A),))
    items = [for_it(Kind.DECLARED_ID)]
    assert judged(weigh(row, [wrapped, marble(excused=frozenset({A}))], items)) == (Level.VERIFIED, "marble")


def test_an_address_in_a_list_decides_only_where_the_candidate_is_at_home() -> None:
    row = said(addresses=(Address(A, ETHEREUM, sole=False),))
    home = marble(symbol="XYZ", places=(Place(ETHEREUM, A, home=True),))
    assert judged(weigh(row, [home])) == (Level.VERIFIED, "marble")
    away = marble(symbol="XYZ", places=(Place(ETHEREUM, A),))
    assert judged(weigh(row, [away])) == (Level.SUGGESTED, None)
    assert judged(weigh(row, [marble(places=away.places)])) == (Level.CORROBORATED, "marble")


def test_one_known_address_of_a_list_is_enough_where_the_others_are_unknown() -> None:
    networks = (Address(A, ETHEREUM, sole=False), Address(B, BASE, sole=False))
    there = marble(places=(Place(ETHEREUM, A, home=True),))
    assert judged(weigh(said(addresses=networks), [there])) == (Level.VERIFIED, "marble")
    away = marble(places=(Place(ETHEREUM, A),))
    assert judged(weigh(said(addresses=networks), [away])) == (Level.CORROBORATED, "marble")
    both = marble(places=(Place(ETHEREUM, A, home=True), Place(BASE, C)))
    assert judged(weigh(said(addresses=networks), [both])) == (Level.CONTESTED, None)


@pytest.mark.parametrize(
    "other", [facts.EQUITY, facts.COMMODITY, facts.FIAT, facts.INDEX, facts.TOKENIZED, facts.LEVERAGED, facts.LP]
)
def test_a_class_refutes_an_asset_of_another_and_singles_out_one_of_its_own(other: Any) -> None:
    row = said(asset_class=other)
    share = marble(asset_id="share", asset_class=other)
    assert judged(weigh(row, [MARBLE])) == (Level.CONTESTED, None)
    assert judged(weigh(row, [MARBLE, share])) == (Level.CORROBORATED, "share")


def test_to_be_a_coin_refutes_a_share_and_supports_no_coin() -> None:
    coin = said(asset_class=facts.CRYPTO)
    assert judged(weigh(coin, [MARBLE])) == (Level.SUGGESTED, None)
    assert judged(weigh(coin, [marble(asset_class=facts.EQUITY)])) == (Level.CONTESTED, None)


def test_a_name_that_two_candidates_have_decides_nothing() -> None:
    twin = marble(asset_id="marble-2", name="Marble (old)")
    assert judged(weigh(said(names=("Marble",)), [MARBLE, twin])) == (Level.CONTESTED, None)


def test_a_name_distinguishes_candidates_of_one_ticker() -> None:
    assert judged(weigh(said(names=("Marble",)), [MARBLE, MARBLE_DAO])) == (Level.CORROBORATED, "marble")


def test_a_name_that_repeats_the_code_says_nothing() -> None:
    named = marble(name="MRB")
    assert judged(weigh(said(names=("MRB",)), [named])) == (Level.SUGGESTED, None)


@pytest.mark.parametrize("kind", [Kind.DECLARED_ID, Kind.ADDRESS])
def test_a_name_beside_an_id_or_address_is_noted_and_not_contested(kind: Kind) -> None:
    verdict = weigh(said(names=("Quartz",)), [MARBLE], [for_it(kind)])
    assert judged(verdict) == (Level.VERIFIED, "marble")
    assert [each.value for each in verdict.items if each.against] == ["Quartz"]


def test_an_id_that_is_a_name_is_not_one() -> None:
    """The first coin of a name gets the plain word as its id."""
    taken = marble(name="Marble Exchange", ids=("marble",))
    assert judged(weigh(said(names=("Marble",)), [taken])) == (Level.SUGGESTED, None)
    # A name that is like an id or the ticker is not a stranger's, either.
    older = marble(name="Quartz", ids=("marble",))
    assert judged(weigh(said(names=("Marble",)), [older])) == (Level.SUGGESTED, None)
    assert judged(weigh(said(names=("MRB Exchange",)), [marble(name="Quartz")])) == (Level.SUGGESTED, None)


def test_a_doubtful_declared_id_only_ranks() -> None:
    verdict = weigh(SAID, [MARBLE_DAO, MARBLE], [for_it(Kind.DECLARED_ID, strong=False)])
    assert judged(verdict) == (Level.CONTESTED, None)
    assert verdict.ranked[0] == "marble"
    assert judged(weigh(SAID, [MARBLE], [for_it(Kind.DECLARED_ID, strong=False)])) == (Level.SUGGESTED, None)


def test_iso_4217_decides() -> None:
    euro = Candidate(asset_id="euro", symbol="EUR", name="Euro", asset_class=facts.FIAT)
    row = Facts(code="EUR", ticker="EUR", as_money=True)
    assert judged(weigh(row, [euro], [Item(Kind.ISO_4217, "euro")])) == (Level.VERIFIED, "euro")


def test_a_renaming_finds_the_new_ticker_and_refutes_the_old_one() -> None:
    row = said(ticker="QRZ")
    quartz = Candidate(asset_id="quartz", symbol="QRZ", name="Quartz")
    verdict = weigh(row, [MARBLE, quartz])
    assert judged(verdict) == (Level.SUGGESTED, None)
    assert verdict.ranked == ("quartz", "marble")
    assert judged(weigh(row, [MARBLE])) == (Level.CONTESTED, None)


@pytest.mark.parametrize("more", [{"factor": Decimal(1000)}, {"ids": ((facts.TOKEN_INDEX, "7"),)}])
def test_a_multiple_and_a_token_index_are_no_renaming(more: Mapping[str, Any]) -> None:
    row = Facts(code="1000MRB", ticker="MRB", **more)
    assert [each.kind for each in weigh(row, [MARBLE]).items] == [Kind.TICKER]


def test_agreement_supports_a_candidate_with_the_ticker() -> None:
    agreeing = [for_it(Kind.AGREEMENT)]
    assert judged(weigh(SAID, [MARBLE], agreeing)) == (Level.CORROBORATED, "marble")
    assert judged(weigh(SAID, [marble(symbol="XYZ")], agreeing)) == (Level.SUGGESTED, None)


def test_a_market_older_than_the_asset_refutes_it() -> None:
    young = marble(first_seen=datetime(2024, 1, 1, tzinfo=UTC))
    row = said(first_market="MRBUSD", first_seen=datetime(2021, 1, 1, tzinfo=UTC), names=("Marble",))
    assert judged(weigh(row, [young])) == (Level.CONTESTED, None)
    later = said(first_seen=datetime(2024, 6, 1, tzinfo=UTC), names=("Marble",))
    assert judged(weigh(later, [young])) == (Level.CORROBORATED, "marble")


def test_a_permissionless_code_is_believed_by_address_only() -> None:
    row = said(permissionless=True, names=("Marble",))
    assert weigh(row, [MARBLE]).level is Level.SUGGESTED
    there = marble(places=(Place(ETHEREUM, A),))
    assert judged(weigh(said(permissionless=True, addresses=(Address(A),)), [there])) == (Level.VERIFIED, "marble")


def test_a_token_that_stands_for_another_asset_is_suggested_only_alone() -> None:
    peg = Candidate(asset_id="peg", symbol="MRB", name="Binance-Peg Marble")
    assert weigh(SAID, [peg, MARBLE]).ranked[0] == "marble"
    assert judged(weigh(SAID, [peg, MARBLE])) == (Level.SUGGESTED, None)
    row = said(addresses=(Address(A, ETHEREUM, sole=False),))
    peg = msgspec.structs.replace(peg, places=(Place(ETHEREUM, A), Place(BASE, B)))
    assert judged(weigh(row, [peg, MARBLE])) == (Level.SUGGESTED, None)
