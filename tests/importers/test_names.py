"""Names of coins: alike, sharing something, sharing nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqar.importers.identity import names
from cqar.importers.identity.names import Likeness, alike, shares_nothing


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bitcoin", "BITCOIN"),
        ("Power ledger", "Powerledger"),
        ("Yearn.Finance", "yearn finance"),
        ("Polygon (MATIC)", "Polygon"),
        ("Fantôme", "Fantome"),
        ("BitTorrent", "BitTorrent (Old)"),
        ("BitTorrent [OLD]", "BitTorrent"),
    ],
)
def test_names_are_equal_but_for_case_punctuation_and_parentheses(one: str, other: str) -> None:
    assert alike(one, other) is alike(other, one) is Likeness.EQUAL
    assert names.key(one) == names.key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Alpha Quark Token", "Alpha Quark"),
        ("Synthetix", "Synthetix Network Token"),
        ("NEAR Protocol", "Near"),
        ("The Sandbox", "Sandbox"),
        ("Marble Gold", "Gold Marble"),
        ("Badger v2", "Badger"),
    ],
)
def test_names_are_near_but_for_words_that_sources_leave_out(one: str, other: str) -> None:
    assert alike(one, other) is alike(other, one) is Likeness.NEAR
    assert "".join(sorted(names.key(one))) == "".join(sorted(names.key(other)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Pearl Finance", "Pearl Token"),
        ("Bitcoin", "Bitcoin Cash"),
        ("Kyber Network", "Kyber Network Crystal"),
        ("Moss Coin", "Mossland"),
        ("iEx.ec", "iExec RLC"),
        ("Standard Tokenization Protocol", "STP"),
        ("Uniswap", "Uniswap (Portal)"),
        ("Cardano", "Binance-Peg Cardano"),
        ("Gas", "Gas DAO"),
        ("OmiseGo", "omisego network token plus"),
        ("Chronos", "Chronobank"),
    ],
)
def test_names_that_share_something_are_neither_alike_nor_strangers(one: str, other: str) -> None:
    assert alike(one, other) is alike(other, one) is Likeness.SHARED


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bifrost", "BrillFoodCoin"),
        ("Pixel Token", "Marble Token"),
        ("Ada", "Cardano"),
        ("Peanut the Squirrel", "Potternet Utility Token"),
        ("Token", "Coin"),
        ("", "Bitcoin"),
    ],
)
def test_names_of_different_coins_share_nothing(one: str, other: str) -> None:
    assert alike(one, other) is alike(other, one) is Likeness.NOTHING


def test_a_name_shares_nothing_only_with_all_names_ids_and_tickers() -> None:
    assert shares_nothing("Ada", ("Cardano", "cardano"))
    assert not shares_nothing("Ada", ("Cardano", "cardano", "ADA"))
    assert not shares_nothing("Everipedia", ("IQ", "everipedia"))


@pytest.mark.parametrize("name", ["Binance-Peg Cardano", "Uniswap (Wormhole)", "Wrapped Bitcoin"])
def test_a_name_tells_a_token_that_stands_for_another_asset(name: str) -> None:
    assert names.is_derived(name)
    assert not names.is_derived("Cardano")


@given(st.text(max_size=30), st.text(max_size=30))
def test_likeness_is_symmetric_and_a_name_is_like_itself(one: str, other: str) -> None:
    assert alike(one, other) is alike(other, one)
    assert not names.words(one) or alike(one, one) is Likeness.EQUAL
