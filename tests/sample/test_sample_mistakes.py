"""A mistake in a file of facts is refused with a message that names the file and the entry."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from cqar.dev.sample.checks import FactError
from cqar.dev.sample.reading import read

GOOD = """
assets:
  - {symbol: BTC, name: Bitcoin, type: NATIVE, ids: {coingecko: bitcoin}}
  - {symbol: USD, name: US Dollar, type: NATIVE, category: fiat, ids: {internal: "iso4217:USD"}}
chains:
  - {slug: ethereum, name: Ethereum, type: EVM, caip2: "eip155:1", native: BTC}
deployments:
  - {asset: USD, chain: ethereum, address: "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2", decimals: "6"}
venues:
  - {slug: kraken, name: Kraken, type: CEX, assets: [{asset: BTC, code: XBT, aliases: [XXBT]}]}
listings:
  - venue: kraken
    type: SPOT
    common: {maker: "0.0025", taker: "0.004"}
    rows: |
      text      base  quote  tick  lot         delisted_at
      XXBTZUSD  BTC   USD    0.1   0.00000001  -
      XBTUSD    BTC   USD    0.5   0.00000001  2020-01-01T00:00:00Z
"""


def _write(folder: Path, text: str) -> Path:
    (folder / "facts.yaml").write_text(text, encoding="utf-8")
    return folder


def test_facts_can_be_read_from_another_folder(tmp_path: Path) -> None:
    facts = read(_write(tmp_path, GOOD))
    first, second = facts.listings
    assert (first.tick, first.lot, first.taker, first.delisted_at) == (
        Decimal("0.1"),
        Decimal("0.00000001"),
        Decimal("0.004"),
        None,
    )
    assert second.delisted_at == datetime(2020, 1, 1, tzinfo=UTC)


def test_a_venue_symbol_can_mean_one_symbol_after_another(tmp_path: Path) -> None:
    reused = GOOD + "      XBTUSD    USD   BTC    0.5   0.00000001  -\n"
    with pytest.raises(FactError, match="XBTUSD"):
        read(_write(tmp_path, reused))
    dated = reused.replace("lot         delisted_at", "lot  delisted_at  listed_at").replace(
        "0.00000001  -", "1  -  2021-01-01T00:00:00Z"
    )
    dated = dated.replace("0.00000001  2020-01-01T00:00:00Z", "1  2020-01-01T00:00:00Z  -")
    assert [each.base for each in read(_write(tmp_path, dated)).listings if each.text == "XBTUSD"] == ["BTC", "USD"]


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("type: NATIVE, ids", "type: NATIV, ids", "assets, entry 1 'BTC'.*type: 'NATIV'"),
        ("{coingecko: bitcoin}", "{gecko: bitcoin}", "assets, entry 1 'BTC'.*'GECKO'"),
        ("ids: {coingecko: bitcoin}", "ids: {}", "assets, entry 1 'BTC'.*ids"),
        ("name: Bitcoin", "nane: Bitcoin", "assets, entry 1 'BTC'"),
        ("symbol: USD,", "symbol: BTC,", "assets, entry 2 'BTC'.*is already in .*entry 1"),
        ("native: BTC", "native: ETH", "chains, entry 1 'ethereum'.*asset .ETH. not found"),
        ("chain: ethereum", "chain: base", "deployments, entry 1 'USD'.*chain .base. not found"),
        ("0xC02aaA39", "0xc02aaA39", "deployments, entry 1 'USD'.*EIP-55"),
        (
            "0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2",
            "0xc02aaa39b223fe8d0a0e5c4f27ead9083c756cc2",
            "write the address as 0xC02aaA39",
        ),
        ('decimals: "6"', 'decimals: "256"', "deployments, entry 1 'USD'.*decimals"),
        ('decimals: "6"', 'decimals: "6", native: true', "deployments, entry 1 'USD'.*address"),
        ("[XXBT]", "[XXBT, XBT]", "venues, entry 1 'kraken'.*XBT"),
        ("- {slug: kraken", "- {slug: kraken, slug: kraken", "facts.yaml.*'slug' occurs 2 times"),
        ("0.1   0", "0     0", "row 'XXBTZUSD'.*tick: 0"),
        ("0.1   0", "ten   0", "row 'XXBTZUSD'.*tick"),
        ("0.1   0", "NaN   0", "row 'XXBTZUSD'.*tick: NaN"),
        ("0.1   0.00000001  -", "0.1   0.00000001", "row 'XXBTZUSD' has 5 values for 6 columns"),
        ("base  quote", "base  base", "column occurs twice"),
        ('taker: "0.004"', 'taker: "1.5"', "row 'XXBTZUSD'.*taker: 1.5"),
        ("2020-01-01T00:00:00Z", "2020-01-01T00:00:00", "row 'XBTUSD'.*delisted_at"),
        ("BTC   USD    0.5", "BTC   EUR    0.5", "row 'XBTUSD'.*asset .EUR. not found"),
        ("XBTUSD  ", "XXBTZUSD", "row 'XXBTZUSD'.*is already"),
        ("type: SPOT", "type: FUTURE", "row 'XXBTZUSD'.*expiry: required"),
        ("type: SPOT", "type: SPOT\n    colour: red", "listings, entry 1 'kraken'.*colour"),
        ("common: {maker", "common: {margin: inverse, maker", "row 'XXBTZUSD'.*settle"),
        ("venues:", "venuez:", "facts.yaml.*'venuez'"),
    ],
)
def test_a_mistake_is_refused_with_its_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    assert old in GOOD
    with pytest.raises(FactError, match=f"(?s)^facts.yaml: .*{named}" if "facts.yaml" not in named else f"(?s){named}"):
        read(_write(tmp_path, GOOD.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("type_", "terms", "named"),
    [
        ("OPTION", "expiry: 2030-12-27T08:00:00Z, strike: '1'", "option: required"),
        ("OPTION", "expiry: 2030-12-27T08:00:00Z, option: C", "strike: required"),
        ("FUTURE", "expiry: 2030-12-27T08:00:00Z, strike: '1'", "strike: not allowed for"),
        ("PERPETUAL", "margin: inverse", "settle: required"),
        ("PERPETUAL", "margin: linear, settle: BTC", "margin: linear, but .* inverse"),
        ("PERPETUAL", "expiry: 2030-12-27T08:00:00Z", "expiry: not allowed for"),
    ],
)
def test_a_contract_with_missing_terms_is_refused(tmp_path: Path, type_: str, terms: str, named: str) -> None:
    wrong = GOOD.replace("type: SPOT", f"type: {type_}").replace("common: {", f"common: {{{terms}, ")
    with pytest.raises(FactError, match=f"row 'XXBTZUSD'.*{named}"):
        read(_write(tmp_path, wrong))


def test_a_file_that_is_not_a_mapping_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FactError, match=r"^facts\.yaml: "):
        read(_write(tmp_path, "- BTC\n"))


@pytest.mark.parametrize("text", ["assets: [", "assets: \x07", "? [a]\n: b\n"])
def test_a_file_of_invalid_yaml_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FactError, match=r"^facts\.yaml: "):
        read(_write(tmp_path, text))
