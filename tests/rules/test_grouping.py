"""Which codes share a question: those whose venues mean one coin by its name or its address."""

import itertools
from typing import Any

import pytest

from cqar.contract.cqar.v1 import reviews_pb2 as pb
from cqar.writes import grouping
from cqar.writes.grouping import Asked, Said

MINT, OTHER = "2qEHjDLDLbuBgRYvsxhc5D6uDWAivNFZGan56P1tpump", "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin"
SOLANA = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"
USDC = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48"


def asked(venue: str, ticker: str = "PNUT", **fields: Any) -> Asked:
    kind, markets = fields.pop("kind", pb.REVIEW_KIND_PROVISIONAL), fields.pop("markets", 1)
    code = fields.pop("code", ticker)
    return Asked(f"{venue}-{code}", kind, venue, code, Said(ticker, **fields), markets)


def questions(*codes: Asked) -> list[tuple[list[str], list[str]]]:
    """Venues that are decided together and venues that stand under them, by question. The order of reviews is irrelevant."""
    found = [
        [([each.venue_id for each in q.sure], [each.venue_id for each in q.unsure]) for q in grouping.group(order)]
        for order in itertools.permutations(codes)
    ]
    assert all(each == found[0] for each in found)
    return found[0]


def test_venues_with_one_name_share_a_question() -> None:
    found = questions(
        asked("mexc", names=("Peanut the Squirrel",)), asked("gate", names=("PEANUT THE SQUIRREL (PNUT)",), markets=2)
    )
    assert found == [(["gate", "mexc"], [])]


def test_venues_with_one_address_share_a_question_whatever_they_call_it() -> None:
    found = questions(
        asked("mexc", names=("Peanut",), addresses=((SOLANA, MINT),)),
        asked("gate", names=("The Squirrel",), addresses=(("", MINT),), markets=2),
    )
    assert found == [(["gate", "mexc"], [])]
    lower = questions(asked("a", addresses=(("eip155:1", USDC),)), asked("b", addresses=(("eip155:1", USDC.lower()),)))
    assert lower == [(["a", "b"], [])]


def test_two_contracts_on_one_chain_are_two_coins_even_with_one_name() -> None:
    found = questions(
        asked("mexc", names=("Peanut",), addresses=((SOLANA, MINT),), markets=2),
        asked("gate", names=("Peanut",), addresses=((SOLANA, OTHER),)),
    )
    assert found == [(["mexc"], []), (["gate"], [])]


def test_a_name_of_two_contracts_decides_between_neither() -> None:
    found = questions(
        asked("mexc", names=("Peanut",), addresses=((SOLANA, MINT),), markets=2),
        asked("gate", names=("Peanut",), addresses=((SOLANA, OTHER),)),
        asked("upbit", names=("Peanut",)),
    )
    assert found == [(["mexc"], ["upbit"]), (["gate"], [])]


def test_two_classes_are_two_assets() -> None:
    found = questions(
        asked("a", names=("Meta",), asset_class="equity", markets=2), asked("b", names=("Meta",), asset_class="crypto")
    )
    assert found == [(["a"], []), (["b"], [])]


def test_different_names_are_different_questions() -> None:
    found = questions(asked("a", names=("Beleven Test Token",)), asked("b", names=("BitTorrent",), markets=3))
    assert found == [(["b"], []), (["a"], [])]


def test_a_venue_that_says_nothing_stands_under_the_question_with_the_most_markets() -> None:
    found = questions(
        asked("upbit", names=("EOS",), ticker="EOS", code="eos!", markets=3),
        asked("mexc", names=("Another",), ticker="EOS", markets=1),
        asked("htx", ticker="EOS", markets=9),
        asked("probit", ticker="EOS", markets=2),
    )
    assert found == [(["upbit"], ["htx", "probit"]), (["mexc"], [])]


def test_venues_that_all_say_nothing_share_a_question_and_none_is_decided_with_it() -> None:
    assert questions(asked("htx", markets=2), asked("probit")) == [([], ["htx", "probit"])]
    assert questions(asked("htx")) == [(["htx"], [])]


def test_an_old_contract_is_another_coin_than_the_new_one() -> None:
    new = asked("a", ticker="BTT", names=("BitTorrent",), markets=2)
    found = questions(new, asked("b", ticker="BTT", names=("BitTorrent (Old)",)))
    assert found == [(["a"], []), (["b"], [])]


def test_tickers_and_kinds_are_apart() -> None:
    found = questions(
        asked("a", ticker="BOB", names=("Bob",), markets=3),
        asked("b", ticker="1000000BOB", names=("Bob",), markets=2),
        asked("c", ticker="BOB", names=("Bob",), kind=pb.REVIEW_KIND_CODE_CONFLICT),
    )
    assert found == [(["a"], []), (["b"], []), (["c"], [])]


def test_conflicts_of_listings_are_questions_of_their_own() -> None:
    kind = pb.REVIEW_KIND_LISTING_CONFLICT
    assert len(questions(asked("a", names=("X",), kind=kind), asked("b", names=("X",), kind=kind))) == 2


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (None, Said("DYDX")),
        ({"ticker": "DYDX", "names": ["dYdX chain"], "class": "crypto"}, Said("DYDX", ("dYdX chain",), "crypto")),
        ({"names": ["dYdX", "DYDX"]}, Said("DYDX", ("dYdX",))),
        (
            {"addresses": [{"text": "0xab", "chain": "eip155:1"}, "0xcd"]},
            Said("DYDX", (), "", (("eip155:1", "0xab"), ("", "0xcd"))),
        ),
        ({"ticker": 7, "names": "x", "class": [], "addresses": {"a": 1}}, Said("DYDX")),
        ({"names": [1, None, ""], "addresses": [None, 3, {"text": ""}]}, Said("DYDX")),
    ],
)
def test_facts_of_any_form_are_read(facts: Any, expected: Said) -> None:
    assert grouping.said(facts, "DYDX") == expected
