"""Declarations of exchanges: each has a payload that it reads, and without it the same payload means something else."""

from decimal import Decimal
from typing import Any

import pytest

from cqar.importers.exchanges import declarations, payload
from cqar.importers.exchanges.declarations import EXCHANGES, INVERSE, LINEAR, OPTION, SPOT, declared
from cqar.importers.exchanges.facts import Address
from tests.importers.test_markets import SPOT as PAIR
from tests.importers.test_markets import SWAP, read

FILTERS = [{"filterType": "LOT_SIZE", "stepSize": "0.00010"}, {"filterType": "PRICE_FILTER", "tickSize": "0.0100000"}]

#: exchange, rule, payload, what it means; None: it says nothing that is a number
UNITS: list[tuple[str, str, dict[str, Any], str | None]] = [
    ("binance", "tick", {"filters": FILTERS}, "0.01"),
    ("binance", "lot", {"filters": FILTERS}, "0.0001"),
    ("binanceusdm", "tick", {"filters": FILTERS}, "0.01"),
    ("binancecoinm", "lot", {"filters": FILTERS}, "0.0001"),
    ("binance", "tick", {"filters": [7, {"filterType": "PRICE_FILTER"}]}, None),
    ("bitmex", "tick", {"tickSize": 0}, "0"),
    ("bitmex", "tick", {"tickSize": "0.5"}, "0.5"),
    ("bitmex", "lot", {"lotSize": 100}, "100"),
    ("bitmex", "maker", {"makerFee": "-0.00025"}, "-0.00025"),
    ("bitmex", "taker", {"takerFee": "0.00075"}, "0.00075"),
    ("bybit", "tick", {"priceFilter": {"tickSize": "0.10"}}, "0.1"),
    ("bybit", "lot", {"lotSizeFilter": {"qtyStep": "0.001"}}, "0.001"),
    ("bybit", "lot", {"lotSizeFilter": {"basePrecision": "0.000001"}}, "0.000001"),
    ("coinbaseexchange", "tick", {"quote_increment": "0.01"}, "0.01"),
    ("coinbaseexchange", "lot", {"base_increment": "0.00000001"}, "0.00000001"),
    ("deribit", "tick", {"tick_size": "0.0005"}, "0.0005"),
    ("deribit", "lot", {"min_trade_amount": "10"}, "10"),
    ("deribit", "maker", {"maker_commission": "-0.0001"}, "-0.0001"),
    ("deribit", "taker", {"taker_commission": "0.0005"}, "0.0005"),
    ("gate", "tick", {"precision": 6}, "0.000001"),
    ("gate", "tick", {"order_price_round": "0.01", "precision": 1}, "0.01"),
    ("gate", "lot", {"amount_precision": "3"}, "0.001"),
    ("gate", "maker", {"maker_fee_rate": "-0.000152", "fee": "0.2"}, "-0.000152"),
    ("gate", "taker", {"taker_fee_rate": "0.00075"}, "0.00075"),
    ("gate", "maker", {"fee": "0.2"}, "0.002"),
    ("gate", "taker", {"fee": "0.2"}, "0.002"),
    ("gemini", "tick", {"quote_increment": 0.0001, "tick_size": "1e-06"}, None),  # a float never comes out of a document
    ("gemini", "tick", {"quote_increment": Decimal("0.0001"), "tick_size": "1e-06"}, "0.0001"),
    ("gemini", "lot", {"quote_increment": Decimal("0.0001"), "tick_size": "1e-06"}, "0.000001"),
    ("hyperliquid", "tick", {"szDecimals": "5"}, "0.1"),
    ("hyperliquid", "lot", {"szDecimals": 0}, "1"),
    ("kraken", "tick", {"tick_size": "0.1", "pair_decimals": 2}, "0.1"),
    ("kraken", "tick", {"pair_decimals": 2}, "0.01"),
    ("kraken", "lot", {"lot_decimals": 8}, "0.00000001"),
    ("kraken", "maker", {"fees_maker": [[0, Decimal("0.16")], [50000, "0.14"]]}, "0.0016"),
    ("kraken", "taker", {"fees": [["0", "0.26"]]}, "0.0026"),
    ("kraken", "taker", {"fees": [[]]}, None),
    ("krakenfutures", "tick", {"tickSize": Decimal("0.5")}, "0.5"),
    ("kucoin", "tick", {"priceIncrement": "0.1"}, "0.1"),
    ("kucoin", "lot", {"baseIncrement": "0.00000001"}, "0.00000001"),
    ("mexc", "tick", {"quotePrecision": 19}, "0.0000000000000000001"),
    ("mexc", "lot", {"baseAssetPrecision": "2"}, "0.01"),
    ("mexc", "maker", {"makerCommission": "0"}, "0"),
    ("mexc", "taker", {"takerCommission": "0.0005"}, "0.0005"),
    ("okx", "tick", {"tickSz": "1e-12"}, "0.000000000001"),
    ("okx", "lot", {"lotSz": "0.1"}, "0.1"),
    ("phemex", "tick", {"tickSize": "0.5"}, "0.5"),
    ("phemex", "tick", {"quoteTickSizeEv": "1000000", "valueScale": "8"}, "0.01"),
    ("phemex", "lot", {"baseTickSizeEv": 100, "valueScale": 8}, "0.000001"),
    ("phemex", "lot", {"lotSize": "1"}, "1"),
    ("phemex", "maker", {"defaultMakerFee": "0.001"}, "0.001"),
    ("phemex", "taker", {"defaultTakerFee": "0.001"}, "0.001"),
    ("phemex", "max_contracts", {"maxOrderQty": "1000000"}, "1000000"),
    (
        "bitmex",
        "contract_size",
        {"isInverse": True, "multiplier": -100000000, "underlyingToSettleMultiplier": "-100000000"},
        "1",
    ),
    ("bitmex", "contract_size", {"multiplier": 1, "quoteToSettleMultiplier": 1000000}, "0.000001"),
    ("bitmex", "contract_size", {"multiplier": 1, "quoteToSettleMultiplier": 3}, None),
    ("bitmex", "contract_size", {"multiplier": 1, "quoteToSettleMultiplier": 0}, None),
    ("bitmex", "contract_size", {"isQuanto": True, "multiplier": 100, "quoteToSettleMultiplier": 1}, None),
]


@pytest.mark.parametrize(("name", "rule", "sent", "meant"), UNITS, ids=[f"{name}-{rule}" for name, rule, _, _ in UNITS])
def test_a_payload_number_is_read_in_its_declared_unit(name: str, rule: str, sent: dict[str, Any], meant: str | None) -> None:
    assert getattr(EXCHANGES[name], rule)(sent) == (None if meant is None else Decimal(meant))


def test_every_declared_rule_has_a_test_case() -> None:
    rules = ("tick", "lot", "maker", "taker", "contract_size", "max_contracts")
    declarations = {
        (name, rule)
        for name, exchange in EXCHANGES.items()
        for rule in rules
        if getattr(exchange, rule) not in (None, payload.none)
    }
    same = {("binanceusdm", "lot"), ("binancecoinm", "tick")}
    assert declarations - same == {(name, rule) for name, rule, _, _ in UNITS}


#: exchange, ticker at the exchange, what it counts in, how many
MULTIPLIED = [
    *(("binance", f"1000{coin}", coin, 1000) for coin in ("SHIB", "XEC", "LUNC", "PEPE", "FLOKI", "BONK", "SATS", "RATS")),
    *(("binance", f"1000{coin}", coin, 1000) for coin in ("CAT", "CHEEMS", "WHY", "X")),
    ("binance", "1MBABYDOGE", "BABYDOGE", 10**6),
    ("binance", "1000000BOB", "BOB", 10**6),
    ("binance", "1000000MOG", "MOG", 10**6),
    *(("bitget", f"1000{coin}", coin, 1000) for coin in ("BONK", "SATS", "RATS", "XEC")),
    ("bitget", "1MBABYDOGE", "BABYDOGE", 10**6),
    *(("bybit", f"1000{coin}", coin, 1000) for coin in ("BONK", "BTT", "CAT", "FLOKI", "LUNC", "PEPE", "RATS", "TURBO", "X")),
    ("bybit", "1000XEC", "XEC", 1000),
    ("bybit", "SHIB1000", "SHIB", 1000),
    ("bybit", "10000LADYS", "LADYS", 10**4),
    ("bybit", "10000SATS", "SATS", 10**4),
    ("bybit", "1000000BABYDOGE", "BABYDOGE", 10**6),
    ("bybit", "1000000MOG", "MOG", 10**6),
    ("bybit", "10000000AIDOGE", "AIDOGE", 10**7),
    ("gate", "MBABYDOGE", "BABYDOGE", 10**6),
    *(("hyperliquid", f"k{coin}", coin, 1000) for coin in ("BONK", "DOGS", "FLOKI", "LUNC", "NEIRO", "PEPE", "SHIB")),
    *(("hyperliquid", f"K{coin}", coin, 1000) for coin in ("BONK", "DOGS", "FLOKI", "LUNC", "NEIRO", "PEPE", "SHIB")),
]


@pytest.mark.parametrize(("name", "ticker", "coin", "units"), MULTIPLIED)
def test_a_multiplied_ticker_is_split_into_coin_and_factor(name: str, ticker: str, coin: str, units: int) -> None:
    market = read({**SWAP, "base": ticker, "baseId": ticker}, declared(name))
    assert (market.base.code, market.base.ticker, market.base.factor) == (ticker, coin, Decimal(units))


def test_every_declared_multiplier_has_a_test_case() -> None:
    aliases = {"binanceusdm", "binancecoinm"}
    made = {(name, ticker) for name, each in EXCHANGES.items() if name not in aliases for ticker in each.multipliers}
    assert made == {(name, ticker) for name, ticker, _, _ in MULTIPLIED}
    assert all(EXCHANGES[name] == EXCHANGES["binance"] for name in aliases)


@pytest.mark.parametrize(
    "ticker", ["1INCH", "MART", "KAVA", "MANA", "KSM", "1000", "K", "M", "1000NEW", "KNEW", "10000X", "1SAFU"]
)
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_a_ticker_that_resembles_a_multiplied_one_is_not_split(name: str, ticker: str) -> None:
    market = read({**SWAP, "base": ticker, "baseId": ticker}, declared(name))
    assert (market.base.code, market.base.ticker, market.base.factor) == (ticker, ticker, None)


def test_a_multiplier_applies_to_its_exchange_only() -> None:
    assert read({**SWAP, "base": "MBABYDOGE"}, declared("mexc")).base.factor is None
    assert read({**SWAP, "base": "kPEPE"}, declared("binance")).base.factor is None


VENUES = {
    "binance": ("binance", "binanceusdm", "binancecoinm", "binance-options"),
    "binanceusdm": ("binance", "binanceusdm", "binancecoinm", "binance-options"),
    "binancecoinm": ("binance", "binanceusdm", "binancecoinm", "binance-options"),
    "bingx": ("bingx", "bingx-futures", "bingx-futures", None),
    "bitget": ("bitget", "bitget-futures", "bitget-futures", None),
    "bybit": ("bybit", "bybit-linear", "bybit-inverse", "bybit-options"),
    "coinex": ("coinex", "coinex-futures", "coinex-futures", None),
    "gate": ("gate", "gate-futures", "gate-futures", "gate-options"),
    "xt": ("xt", "xt-futures", "xt-futures", None),
}


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_exchanges_with_colliding_ids_are_split_into_venues(name: str) -> None:
    venues = declared(name).venues
    ids = tuple(venues[each].venue_id if each in venues else None for each in (SPOT, LINEAR, INVERSE, OPTION))
    assert ids == VENUES.get(name, (None,) * 4)
    assert all(each.name for each in venues.values())


@pytest.mark.parametrize(
    ("row", "segment"),
    [
        (PAIR, SPOT),
        ({**PAIR, "type": "margin"}, SPOT),
        (SWAP, LINEAR),
        ({**SWAP, "linear": False, "inverse": True}, INVERSE),
        ({**SWAP, "linear": False, "quanto": True}, LINEAR),
        (
            {**SWAP, "type": "option", "strike": 1, "optionType": "call", "expiry": 10**12, "inverse": True, "linear": None},
            OPTION,
        ),
    ],
)
def test_the_payload_determines_the_segment_of_a_market(row: dict[str, Any], segment: str) -> None:
    assert read(row).segment == segment


UNDERLYINGS = {
    ("binance", "DEFI", "index"),
    ("binance", "BTCDOM", "index"),
    ("binance", "FOOTBALL", "index"),
    ("binance", "BLUEBIRD", "index"),
    ("bitmex", "ALTMEX", "index"),
    ("bitmex", "DEFIMEX", "index"),
    ("bitmex", "METAMEX", "index"),
    ("delta", "DEFI", "index"),
    ("phemex", "GOLD", "commodity"),
    ("hyperliquid", "xyz:XYZ100", "index"),
    *(("hyperliquid", f"xyz:{each}", "commodity") for each in ("GOLD", "SILVER", "PLATINUM", "PALLADIUM", "COPPER")),
    *(("hyperliquid", f"xyz:{each}", "stock") for each in ("AAPL", "AMD", "AMZN", "COIN", "CRCL", "GOOGL", "HOOD", "INTC")),
    *(("hyperliquid", f"xyz:{each}", "stock") for each in ("META", "MSFT", "MSTR", "MU", "NFLX", "NVDA", "ORCL", "PLTR")),
    ("hyperliquid", "xyz:TSLA", "stock"),
}


def test_underlyings_that_are_not_coins_are_declared() -> None:
    made = {
        (name, ticker, each.category)
        for name, exchange in EXCHANGES.items()
        if name not in ("binanceusdm", "binancecoinm")
        for ticker, each in exchange.underlyings.items()
    }
    assert made == UNDERLYINGS
    assert declared("phemex").underlyings["GOLD"].iso4217 == "XAU"


def test_an_undeclared_exchange_uses_the_values_of_ccxt() -> None:
    assert declared("no-such-exchange") == declarations.Exchange()
    specs = read({**PAIR, "precision": {"price": 0.5}, "info": {"tickSize": "0.1"}}, declared("no-such-exchange")).specs
    assert specs.tick_size == Decimal("0.5")


# ---- beside the numbers --------------------------------------------------------------------------------------------


def test_payload_values_take_precedence_over_ccxt() -> None:
    row = {
        **SWAP,
        "maker": 0.0002,
        "precision": {"price": 2},
        "info": {"maker_fee_rate": "-0.0001", "order_price_round": "0.1"},
    }
    specs = read(row, declared("gate")).specs
    assert (specs.maker_fee, specs.tick_size) == (Decimal("-0.0001"), Decimal("0.1"))


def test_the_maximum_order_of_phemex_is_in_contracts() -> None:
    row = {**SWAP, "limits": {"amount": {}, "cost": {"max": 1000}}, "info": {"maxOrderQty": "1000"}}
    specs = read(row, declared("phemex")).specs
    assert (specs.max_order_size, specs.max_order_value) == (Decimal(1000), None)
    spot = read({**PAIR, "limits": {"amount": {"max": 7}, "cost": {"max": 1000}}}, declared("phemex")).specs
    assert (spot.max_order_size, spot.max_order_value) == (Decimal(7), Decimal(1000))


def test_the_base_of_an_inverse_phemex_contract_differs_from_its_quote() -> None:
    row = {**SWAP, "base": "BTC", "baseId": "USD", "quoteId": "USD", "linear": False, "inverse": True}
    assert read(row, declared("phemex")).base.code == "BTC"
    assert read({**row, "linear": True, "inverse": False}, declared("phemex")).base.code == "USD"


def test_a_hyperliquid_index_number_is_not_a_code() -> None:
    assert read({**SWAP, "base": "MEME", "baseId": "75"}, declared("hyperliquid")).base.code == "MEME"


def test_the_contract_address_of_a_coin_is_evidence_at_mexc() -> None:
    assert read({**PAIR, "info": {"contractAddress": "0xAb"}}, declared("mexc")).base.addresses == (Address("0xAb"),)
    assert read({**PAIR, "info": {"contractAddress": ""}}, declared("mexc")).base.addresses == ()
    assert read({**PAIR, "info": {"contractAddress": "0xAb"}}, declared("okx")).base.addresses == ()


@pytest.mark.parametrize("multiplier", [-100_000_000, "-100000000"])
def test_the_signed_bitmex_multiplier_is_stored_with_the_listing(multiplier: Any) -> None:
    row = {**SWAP, "info": {"multiplier": multiplier, "settlCurrency": "XBt", "isQuanto": True}}
    market = read(row, declared("bitmex"))
    assert market.metadata == {"multiplier": "-100000000", "settlCurrency": "XBt"}
    assert market.specs.contract_size is None
