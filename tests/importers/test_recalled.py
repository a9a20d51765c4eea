"""What the registry tells of a code that an import wrote before there were claims."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from cqar.importers.exchanges import facts
from cqar.importers.exchanges.declarations import declared
from cqar.importers.exchanges.facts import Address
from cqar.importers.identity.evidence import Facts
from cqar.importers.rejudge.recalled import Markets, Recorded, recalled
from cqar.importers.rejudge.venue import exchange_of


def of(code: str, evidence: str, venue: str = "binance", renamed: dict[str, str] | None = None, **more: Any) -> Facts:
    given = {"main": True, "ticker": code, "provisional": False, "markets": Markets(), **more}
    had = Recorded(venue_id=venue, code=code, evidence=evidence, **given)
    return recalled(had, declared(exchange_of(venue)), renamed or {})


@pytest.mark.parametrize(
    ("code", "evidence", "ticker"),
    [
        ("BTT", "ticker BTT", "BTT"),
        ("XXBT", "external id coingecko:bitcoin", "BTC"),
        ("XXBT", "remap XXBT is BTC, external id coingecko:bitcoin", "BTC"),
        ("ZUSD", "external id iso4217:USD", "USD"),
        ("UST2", "remap UST2 is USTC, ticker USTC", "USTC"),
        ("ABC", "contract address 0xab", "ABC"),
        ("ABC", "external id coingecko:nothing-of-the-kind", "ABC"),
        ("ABC", "ours, by hand", "ABC"),
    ],
)
def test_the_evidence_tells_how_a_code_was_read(code: str, evidence: str, ticker: str) -> None:
    said = of(code, evidence, "upbit")
    assert (said.code, said.ticker) == (code, ticker)


def test_a_renaming_that_is_known_now_counts_more_than_how_it_was_read() -> None:
    assert of("ONE", "ticker ONE", "upbit", {"ONE": "BIGONE"}).ticker == "BIGONE"


def test_the_evidence_of_a_venue_asset_is_about_its_main_code() -> None:
    said = of("1000000BOB", "ticker BOB", "upbit", main=False)
    assert (said.ticker, said.addresses) == ("1000000BOB", ())
    assert of("BOBX", "contract address 0xab", "upbit", main=False).addresses == ()


def test_a_provisional_asset_has_the_ticker_that_its_code_was_read_as() -> None:
    assert of("ZPH", "provisional", "upbit", ticker="ZEPH", provisional=True).ticker == "ZEPH"
    assert of("ZPH", "name Zephyr", "upbit", ticker="ZEPH").ticker == "ZPH"


def test_a_declared_multiple_counts_in_its_unit() -> None:
    said = of("1000SHIB", "external id coingecko:shiba-inu")
    assert (said.ticker, said.factor) == ("SHIB", Decimal(1000))
    said = of("1000NEW", "ticker NEW", multipliers={"1000NEW": "1000"})
    assert (said.ticker, said.factor) == ("NEW", Decimal(1000))


def test_recorded_evidence_is_what_the_venue_said() -> None:
    assert of("ABC", "contract address 0xAB").addresses == (Address("0xAB"),)
    assert of("ABC", "name Alphabet").names == ("Alphabet",)
    assert of("ABC", "class equity").asset_class == facts.EQUITY
    assert of("ABC", "class of its own").asset_class is None
    assert of("XAU", "external id iso4217:XAU").ids == ((facts.ISO4217, "XAU"),)


def test_an_underlying_of_a_contract_is_known_by_the_id_that_imports_give_it() -> None:
    said = of("DEFI", "external id binanceusdm:DEFI", "binanceusdm")
    assert (said.names, said.asset_class) == (("Binance DeFi composite index",), facts.INDEX)
    assert of("DEFI", "external id coingecko:defi", "binanceusdm").names == (), "what trades on the spot market"
    gold = of("GOLD", "external id iso4217:XAU", "phemex")
    assert (gold.asset_class, gold.ids) == (facts.COMMODITY, ((facts.ISO4217, "XAU"),))


def test_markets_tell_whether_a_code_is_money_and_since_when_it_trades() -> None:
    since = datetime(2019, 5, 1, tzinfo=UTC)
    said = of("EUR", "external id iso4217:EUR", markets=Markets(as_money=True, first="EURUSDT", since=since, count=2))
    assert (said.as_money, said.first_market, said.first_seen) == (True, "EURUSDT", since)


@pytest.mark.parametrize(
    ("venue", "code", "on_spot", "permissionless"),
    [
        ("hyperliquid", "RUB:165", True, True),
        ("hyperliquid", "BTC", False, False),
        ("hyperliquid", "xyz:AAPL", False, True),
        ("hyperliquid", "USDC", True, False),
        ("dydx", "ABC", False, True),
        ("binance", "ABC", True, False),
    ],
)
def test_where_anyone_lists_a_code_proves_nothing(venue: str, code: str, *, on_spot: bool, permissionless: bool) -> None:
    said = of(code, "ticker X", venue, markets=Markets(on_spot=on_spot))
    assert said.permissionless is permissionless


def test_a_part_of_an_exchange_has_its_declarations() -> None:
    assert [exchange_of(each) for each in ("gate-futures", "binanceusdm", "upbit")] == ["gate", "binanceusdm", "upbit"]
