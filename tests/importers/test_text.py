"""Confusable letters in tickers, and currencies of ISO 4217."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqar.contract.cqc.assets.v1 import assets_pb2
from cqar.importers.identity import confusables, iso4217
from cqar.importers.identity.confusables import skeleton


@pytest.mark.parametrize(
    ("ticker", "seen"),
    [
        ("\u054dSDT", "USDT"),
        ("USD\u0422", "USDT"),
        ("U\u0405\u216e\u0422", "USDT"),
        ("\ua4d4ether", "TETHER"),
        ("\u0441oin", "COIN"),
        ("\uff35\uff33\uff24\uff34", "USDT"),
        ("\U0001d414SD\U0001d413", "USDT"),
        ("\u212aSM", "KSM"),
        ("\u20aeON", "TON"),
    ],
)
def test_a_ticker_of_confusable_letters_folds_to_ascii(ticker: str, seen: str) -> None:
    assert skeleton(ticker) == seen


@pytest.mark.parametrize("ticker", ["USDT", "rTSLA", "", "1INCH", "币安人生", "龙虾", "U币", "é", "USD\u200bT", "\u202eTDSU"])
def test_ascii_tickers_and_other_scripts_have_no_lookalike(ticker: str) -> None:
    assert skeleton(ticker) is None


def test_every_declared_letter_folds_to_its_lookalike() -> None:
    for letter, alike in confusables._ALIKE.items():
        for each in alike:
            assert not each.isascii(), unicodedata.name(each)
            if letter.isascii():
                assert skeleton(f"{each}X") == f"{letter}X".upper(), unicodedata.name(each)


@given(st.text(max_size=20))
def test_a_skeleton_is_upper_case_ascii_and_folds_to_itself(ticker: str) -> None:
    seen = skeleton(ticker)
    assert seen is None or (seen and seen.isascii() and seen == seen.upper() and skeleton(seen) is None)


@given(st.text(alphabet="ABCXYZ0189", min_size=1, max_size=9))
def test_full_width_letters_fold_to_ascii(ticker: str) -> None:
    assert skeleton("".join(chr(ord(each) + 0xFEE0) for each in ticker)) == ticker


def test_currency_codes_have_three_letters_and_one_category() -> None:
    for code in (*iso4217.MONEY, *iso4217.COMMODITIES):
        assert len(code) == 3
        assert code.isascii()
        assert code.isupper()
        assert iso4217.known(code)
    assert not set(iso4217.MONEY) & set(iso4217.COMMODITIES)


@pytest.mark.parametrize("code", ["BTC", "USDT", "XXX", "XTS", "usd", "", "US", "HRK", "ZWL"])
def test_a_code_not_in_force_is_not_a_currency(code: str) -> None:
    assert not iso4217.known(code)


@pytest.mark.parametrize(
    ("code", "category", "asset_type"),
    [("EUR", "fiat", assets_pb2.ASSET_TYPE_NATIVE), ("XAU", "commodity", assets_pb2.ASSET_TYPE_SYNTHETIC)],
)
def test_a_currency_is_one_asset_at_every_venue(code: str, category: str, asset_type: int) -> None:
    row = iso4217.asset(code)
    assert (row.asset.symbol, row.asset.category, row.asset.asset_type) == (code, category, asset_type)
    assert [each.external_id for each in row.identifiers] == [f"iso4217:{code}"]
