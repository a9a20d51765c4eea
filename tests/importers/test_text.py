"""What letters and codes are taken for: look-alikes of tickers, and money by ISO 4217."""

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
def test_a_ticker_in_foreign_letters_looks_like_one_in_ascii(ticker: str, seen: str) -> None:
    assert skeleton(ticker) == seen


@pytest.mark.parametrize("ticker", ["USDT", "rTSLA", "", "1INCH", "币安人生", "龙虾", "U币", "é", "USD\u200bT", "\u202eTDSU"])
def test_what_is_ascii_or_its_own_script_looks_like_nothing(ticker: str) -> None:
    assert skeleton(ticker) is None


def test_every_declared_letter_folds_into_its_own() -> None:
    for letter, alike in confusables._ALIKE.items():
        for each in alike:
            assert not each.isascii(), unicodedata.name(each)
            if letter.isascii():
                assert skeleton(f"{each}X") == f"{letter}X".upper(), unicodedata.name(each)


@given(st.text(max_size=20))
def test_a_skeleton_is_ascii_in_upper_case_and_looks_like_itself(ticker: str) -> None:
    seen = skeleton(ticker)
    assert seen is None or (seen and seen.isascii() and seen == seen.upper() and skeleton(seen) is None)


@given(st.text(alphabet="ABCXYZ0189", min_size=1, max_size=9))
def test_full_width_letters_are_seen_as_plain_ones(ticker: str) -> None:
    assert skeleton("".join(chr(ord(each) + 0xFEE0) for each in ticker)) == ticker


def test_codes_of_money_are_three_letters_and_of_one_kind() -> None:
    for code in (*iso4217.MONEY, *iso4217.COMMODITIES):
        assert len(code) == 3
        assert code.isascii()
        assert code.isupper()
        assert iso4217.known(code)
    assert not set(iso4217.MONEY) & set(iso4217.COMMODITIES)
    assert set(iso4217.MONEY) >= iso4217.TRADED


@pytest.mark.parametrize("code", ["BTC", "USDT", "XXX", "XTS", "usd", "", "US", "HRK", "ZWL"])
def test_what_is_no_code_in_force_is_no_money(code: str) -> None:
    assert not iso4217.known(code)


@pytest.mark.parametrize("code", ["ALL", "MNT", "SOS", "TOP"])
def test_codes_that_are_coins_too_are_not_taken_for_money_by_a_base_alone(code: str) -> None:
    assert iso4217.known(code)
    assert code not in iso4217.TRADED


@pytest.mark.parametrize(
    ("code", "category", "asset_type"),
    [("EUR", "fiat", assets_pb2.ASSET_TYPE_NATIVE), ("XAU", "commodity", assets_pb2.ASSET_TYPE_SYNTHETIC)],
)
def test_money_is_one_asset_at_every_venue(code: str, category: str, asset_type: int) -> None:
    row = iso4217.asset(code)
    assert (row.asset.symbol, row.asset.category, row.asset.asset_type) == (code, category, asset_type)
    assert [each.external_id for each in row.identifiers] == [f"iso4217:{code}"]
