"""Text is stored exactly, or rejected with a reason."""

import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2
from hypothesis import given, settings
from hypothesis import strategies as st

from cqar import text
from cqar.errors import Invalid

Broken = Callable[..., list[tuple[str, str]]]
quick = settings(deadline=None, max_examples=200)


@pytest.mark.parametrize(
    "key",
    [
        *("BTCUSDT", "btcusdt", "kPEPE", "rTSLA", "sBTCUSDT", "1000SHIBUSDT", "LBA/BTC", "tAAVE:USD", "ETH2.SETH", "@107"),
        *("xyz:NVDA", ".BXBT", "-1000000MOGUSDTPI", "=1+1", "P-ADA-1.52-291121", "BTC-CBUT-27MAR26-72000_82000_90000"),
        *("币安人生USDT", "我踏马来了USDT", "人生K线_USDT", "ＡＢＣ", "Ĉ", "ß", "ﬁ", "Ⅷ"),  # noqa: RUF001
        *("ՍSDT", "USDТ", "UЅⅮТ", "a b", "a\u00a0b", "a\u3000b", "UNCOMMON•GOODS", "🦍", "\ue000", "☕\ufe0f"),  # noqa: RUF001
    ],
)
def test_any_printable_key_is_kept_as_given(key: str) -> None:
    assert text.clean(key, "venue_symbol", text.VENUE_SYMBOL, trim=False) == key
    assert text.clean(key, "name", text.NAME, trim=True) == key


@pytest.mark.parametrize(
    "character",
    [
        *("\x00", "\t", "\n", "\r", "\x1b", "\x7f", "\x85"),
        *(
            "\u200b",
            "\u200d",
            "\u200e",
            "\u200f",
            "\u202a",
            "\u202e",
            "\u2066",
            "\u2069",
            "\u061c",
            "\ufeff",
            "\u00ad",
            "\U000e0041",
        ),
        *("\u0378", "\ufffe", "\U0010ffff", "\ud800", "\udfff", "\u2028", "\u2029"),
    ],
)
@pytest.mark.parametrize("pattern", ["US{}DT", "币{}安"])
def test_control_format_bidi_and_unassigned_characters_are_refused(character: str, pattern: str, broken: Broken) -> None:
    given_text = pattern.format(character)
    assert broken(lambda: text.clean(given_text, "symbol", text.ASSET_SYMBOL, trim=False)) == [("symbol", "BAD_CHARACTER")]
    assert broken(lambda: text.clean(given_text, "name", text.NAME, trim=True)) == [("name", "BAD_CHARACTER")]
    assert broken(lambda: text.metadata({"key": given_text}, "metadata")) == [("metadata", "BAD_CHARACTER")]
    assert broken(lambda: text.metadata({given_text: 1}, "metadata")) == [("metadata", "BAD_CHARACTER")]


@pytest.mark.parametrize("decomposed", ["e\u0301", "A\u030a", "\u212b", "\u2126", "\u1112\u1161\u11ab"])
def test_text_that_is_not_nfc_is_refused_so_that_equal_looking_keys_are_equal(decomposed: str, broken: Broken) -> None:
    assert broken(lambda: text.clean(decomposed, "symbol", 64, trim=False)) == [("symbol", "NOT_NFC")]
    assert broken(lambda: text.clean(decomposed, "name", 64, trim=True)) == [("name", "NOT_NFC")]
    assert broken(lambda: text.metadata({"a": [decomposed]}, "metadata")) == [("metadata", "NOT_NFC")]
    assert text.clean(unicodedata.normalize("NFC", decomposed), "symbol", 64, trim=False)


@pytest.mark.parametrize("space", [" ", "\u00a0", "\u3000", "\u2003", "\t", "\n"])
def test_outer_space_is_refused_in_keys_and_trimmed_in_names(space: str, broken: Broken) -> None:
    for padded in (f"{space}BTC", f"BTC{space}"):
        assert broken(lambda key=padded: text.clean(key, "symbol", 64, trim=False)) == [("symbol", "OUTER_SPACE")]
        assert text.clean(padded, "name", 3, trim=True) == "BTC"


def test_nothing_is_refused_unless_it_is_asked_for(broken: Broken) -> None:
    assert broken(lambda: text.clean("", "symbol", 64, trim=False)) == [("symbol", "EMPTY")]
    assert broken(lambda: text.clean(" \n ", "name", 64, trim=True)) == [("name", "EMPTY")]
    assert text.clean("  ", "description", 64, trim=True, empty=True) == ""


@pytest.mark.parametrize("character", ["a", "币", "🦍"])
@pytest.mark.parametrize("limit", [text.ASSET_SYMBOL, text.VENUE_SYMBOL, text.NAME, text.DESCRIPTION])
def test_lengths_count_characters(character: str, limit: int, broken: Broken) -> None:
    assert text.clean(character * limit, "f", limit, trim=False) == character * limit
    assert broken(lambda: text.clean(character * (limit + 1), "f", limit, trim=False)) == [("f", "TOO_LONG")]


def test_the_lengths_are_those_of_the_contract() -> None:
    assert (text.ASSET_SYMBOL, text.NAME, text.VENUE_SYMBOL, text.DESCRIPTION) == (64, 256, 128, 4000)
    assert (text.URL, text.SLUG, text.METADATA) == (2000, 64, 16 * 1024)


@quick
@given(st.text(max_size=20))
def test_what_is_accepted_is_storable_and_stays_as_it_is(any_text: str) -> None:
    try:
        cleaned = text.clean(any_text, "f", 20, trim=True)
    except Invalid:
        return
    assert text.clean(cleaned, "f", 20, trim=False) == cleaned
    assert cleaned == unicodedata.normalize("NFC", any_text).strip()
    assert not {unicodedata.category(character) for character in cleaned} & {"Cc", "Cf", "Cn", "Cs", "Zl", "Zp"}


@quick
@given(st.text(st.characters(codec="utf-8", categories=["L", "M", "N", "P", "S", "Zs", "Co"]), min_size=1, max_size=20))
def test_every_printable_nfc_text_is_accepted(any_text: str) -> None:
    key = unicodedata.normalize("NFC", any_text).strip()
    if key:
        assert text.clean(key, "f", 100, trim=False) == key


@quick
@given(st.text(st.characters(), max_size=200))
def test_a_quoted_value_is_short_printable_ascii(any_text: str) -> None:
    shown = text.quoted(any_text)
    assert shown.isascii()
    assert shown.isprintable()
    assert len(shown) <= 65


def test_a_quoted_value_shows_what_is_invisible() -> None:
    assert text.quoted("a\u202eb\n") == r"'a\u202eb\n'"
    assert text.quoted("x" * 60) == "'" + "x" * 60 + "'"
    assert text.quoted("x" * 61) == "'" + "x" * 60 + "...'"


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ethereum Mainnet", "ethereum-mainnet"),
        ("  BNB Smart Chain (BSC)  ", "bnb-smart-chain-bsc"),
        ("Gate.io", "gate-io"),
        ("Ｃｏｉｎ２", "coin2"),  # noqa: RUF001
        ("Café", "cafe"),
        ("Crédit", "cre-dit"),
        ("--a__b--", "a-b"),
        ("币安", ""),
        ("", ""),
    ],
)
def test_a_slug_is_made_from_a_name(name: str, slug: str) -> None:
    assert text.slug(name) == slug


@quick
@given(name=st.text(max_size=80))
def test_a_made_slug_is_one_that_may_be_given(name: str, broken: Broken) -> None:
    made = text.slug(name)
    assert text.slug(made) == made
    if 0 < len(made) <= text.SLUG:
        assert text.derived_slug(name, "chain_slug") == made == text.given_slug(made, "chain_slug")
    else:
        assert broken(lambda: text.derived_slug(name, "chain_slug")) == [("chain_slug", "BAD_SLUG")]
        assert broken(lambda: text.given_slug(made, "chain_slug")) == [("chain_slug", "BAD_SLUG")]


def test_a_made_slug_has_up_to_64_characters() -> None:
    assert text.derived_slug("X" * 64 + "!", "venue_slug") == "x" * 64


@pytest.mark.parametrize("given_slug", ["a", "0", "a-b", "polygon-pos", "x" * 64])
def test_a_given_slug_is_kept(given_slug: str) -> None:
    assert text.given_slug(given_slug, "venue_slug") == given_slug


@pytest.mark.parametrize("given_slug", ["", "-", "-a", "a-", "a--b", "A", "a_b", "a b", "é", "a\n", "x" * 65])
def test_a_given_slug_of_another_form_is_refused(given_slug: str, broken: Broken) -> None:
    assert broken(lambda: text.given_slug(given_slug, "venue_slug")) == [("venue_slug", "BAD_SLUG")]


@pytest.mark.parametrize("name", ["币安", "", "!!!", "x" * 65])
def test_a_name_without_a_slug_is_refused_on_the_slug_field(name: str, broken: Broken) -> None:
    assert broken(lambda: text.derived_slug(name, "venue_slug")) == [("venue_slug", "BAD_SLUG")]


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "HTTP://Example.com:8080/a?b=c#d",
        "wss://rpc.example.com/v3/${API_KEY}",
        "ws://127.0.0.1:8545",
        "https://[2001:db8::1]:443/x",
        "https://例え.example/道",
        "https://example.com/@name",
        "https://example.com/" + "x" * 1980,
    ],
)
def test_a_url_is_kept_as_given(url: str) -> None:
    assert text.url(url, "website_url") == url


@pytest.mark.parametrize(
    "url",
    [
        *(
            "example.com",
            "//example.com",
            "https:example.com",
            "https:/example.com",
            "https://",
            "https:///a",
            "https://:80",
            "x",
        ),
        *("ftp://example.com", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "ipfs://abc"),
        *("https://exa mple.com", 'https://example.com/"', "https://example.com/<b>", "https://example.com\\@evil.example"),
        *("https://user:secret@example.com", "https://example.com@evil.example", "https://example.com:port", "https://a:99999"),
        *("https://[::1", "https://{hostname}/api", "https://a..b", "https://.a"),
    ],
)
def test_what_is_no_web_address_is_refused(url: str, broken: Broken) -> None:
    assert broken(lambda: text.url(url, "website_url")) == [("website_url", "BAD_URL")]


def test_a_url_obeys_the_text_rule(broken: Broken) -> None:
    assert broken(lambda: text.url("https://example.com/\u202e", "logo_url")) == [("logo_url", "BAD_CHARACTER")]
    assert broken(lambda: text.url("https://example.com/\n", "logo_url")) == [("logo_url", "OUTER_SPACE")]
    assert broken(lambda: text.url("https://example.com/" + "x" * 1981, "logo_url")) == [("logo_url", "TOO_LONG")]
    assert broken(lambda: text.url("", "logo_url")) == [("logo_url", "EMPTY")]


def nested(depth: int, leaf: object) -> dict[str, Any]:
    """Objects and lists in turn, `depth` of them, the outermost an object."""
    value: Any = leaf
    for level in range(depth - 1, 0, -1):
        value = {"k": value} if level % 2 == 0 else [value]
    return {"k": value}


def test_metadata_is_kept_as_given() -> None:
    value = {
        "tags": ["defi", " outer space ", ""],
        "rank": 1,
        "share": 0.25,
        "on": True,
        "none": None,
        "in": {"币": {}},
        "": [],
    }
    assert text.metadata(value, "metadata") == value
    assert text.metadata({}, "metadata") == {}


def test_metadata_that_came_as_a_struct_goes_back_into_one() -> None:
    struct = struct_pb2.Struct()
    json_format.ParseDict(nested(text.METADATA_DEPTH, 1e18), struct)
    kept = text.metadata(json_format.MessageToDict(struct), "metadata")
    again = json_format.ParseDict(kept, struct_pb2.Struct())
    wrapped = struct_pb2.Value(struct_value=struct_pb2.Struct(fields={"a": struct_pb2.Value(struct_value=again)}))
    assert struct_pb2.Value.FromString(wrapped.SerializeToString()) == wrapped
    assert again == struct


def test_metadata_that_is_too_deep_is_refused(broken: Broken) -> None:
    text.metadata(nested(text.METADATA_DEPTH, 1), "metadata")
    for depth in (text.METADATA_DEPTH + 1, 5000):
        assert broken(lambda depth=depth: text.metadata(nested(depth, 1), "metadata")) == [("metadata", "TOO_DEEP")]


@pytest.mark.parametrize(("character", "size"), [("a", 1), ("币", 3)])
def test_metadata_counts_bytes(character: str, size: int, broken: Broken) -> None:
    room = text.METADATA - len('{"k":""}')
    fits = {"k": character * (room // size)}
    assert text.metadata(fits, "metadata") == fits
    assert broken(lambda: text.metadata({"k": character * (room // size + 1)}, "metadata")) == [("metadata", "TOO_LARGE")]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_metadata_numbers_are_finite(number: float, broken: Broken) -> None:
    assert broken(lambda: text.metadata({"a": [number]}, "metadata")) == [("metadata", "NOT_FINITE")]


@pytest.mark.parametrize("number", [2**53 + 1, 10**400])
def test_metadata_integers_that_would_be_rounded_are_refused(number: int, broken: Broken) -> None:
    assert broken(lambda: text.metadata({"a": number}, "metadata")) == [("metadata", "NOT_A_DOUBLE")]
    assert text.metadata({"a": 2**53}, "metadata") == {"a": 2**53}


@pytest.mark.parametrize("value", [b"bytes", object(), {1: "number as key"}, {1, 2}])
def test_metadata_that_is_not_json_is_refused(value: object, broken: Broken) -> None:
    assert broken(lambda: text.metadata({"a": value}, "metadata")) == [("metadata", "NOT_JSON")]


def test_metadata_is_a_copy() -> None:
    value: dict[str, Any] = {"a": {"b": [1]}}
    kept = text.metadata(value, "metadata")
    value["a"]["b"].append(2)
    assert kept == {"a": {"b": [1]}}
