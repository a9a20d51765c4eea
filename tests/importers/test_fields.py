"""What the payload of each exchange says of a code: its text, names, class, addresses and ids, and who chose the text."""

from decimal import Decimal
from typing import Any

import pytest

from cqar.importers.exchanges import facts, texts
from cqar.importers.exchanges.declarations import EXCHANGES, declared
from cqar.importers.exchanges.facts import Address, Code
from cqar.importers.exchanges.fields import FIELDS, Fields
from tests.importers.test_markets import SPOT as PAIR
from tests.importers.test_markets import SWAP, read, refused

#: exchange, payload, (code of the base, of the quote, of the settlement); None: as ccxt reads it
CODES: list[tuple[str, dict[str, Any], tuple[str | None, str | None, str | None]]] = [
    ("aster", {"baseAsset": "b", "quoteAsset": "q", "marginAsset": "s"}, ("b", "q", "s")),
    ("backpack", {"baseSymbol": "b", "quoteSymbol": "q"}, ("b", "q", None)),
    ("bigone", {"baseAsset": {"symbol": "b"}, "quoteAsset": {"symbol": "q"}}, ("b", "q", None)),
    ("bigone", {"baseCurrency": "b", "quoteCurrency": "q", "settleCurrency": "s"}, ("b", "q", "s")),
    ("binance", {"baseAsset": "b", "quoteAsset": "q", "marginAsset": "s"}, ("b", "q", "s")),
    ("binance", {"symbol": "b-250101-1-C", "quoteAsset": "q"}, ("b", "q", None)),
    ("binance", {"symbol": "BTCUSDT"}, (None, None, None)),
    ("bitget", {"baseCoin": "b", "quoteCoin": "q"}, ("b", "q", None)),
    ("bitmart", {"base_currency": "b", "quote_currency": "q"}, ("b", "q", None)),
    ("bitmex", {"underlying": "XBT", "quoteCurrency": "q", "settlCurrency": "XBt"}, ("XBT", "q", "XBt")),
    ("bittrex", {"baseCurrencySymbol": "b", "quoteCurrencySymbol": "q"}, ("b", "q", None)),
    ("bitvavo", {"base": "b", "quote": "q"}, ("b", "q", None)),
    ("blofin", {"baseCurrency": "b", "quoteCurrency": "q", "settleCurrency": "s"}, ("b", "q", "s")),
    ("bullish", {"baseSymbol": "b", "quoteSymbol": "q", "settlementAssetSymbol": "s"}, ("b", "q", "s")),
    ("bybit", {"baseCoin": "b", "quoteCoin": "q", "settleCoin": "s"}, ("b", "q", "s")),
    ("bydfi", {"baseAsset": "b", "quoteAsset": "q", "marginAsset": "s"}, ("b", "q", "s")),
    ("coinbase", {"base_currency_id": "b", "quote_currency_id": "q"}, ("b", "q", None)),
    ("coinbase", {"base_currency_id": "", "future_product_details": {"contract_root_unit": "b"}}, ("b", None, None)),
    ("coinbaseexchange", {"base_currency": "b", "quote_currency": "q"}, ("b", "q", None)),
    ("coinex", {"base_ccy": "b", "quote_ccy": "q"}, ("b", "q", None)),
    ("cryptocom", {"base_ccy": "b", "quote_ccy": "q"}, ("b", "q", None)),
    (
        "delta",
        {"underlying_asset": {"symbol": "b"}, "quoting_asset": {"symbol": "q"}, "settling_asset": {"symbol": "s"}},
        ("b", "q", "s"),
    ),
    ("deribit", {"base_currency": "b", "counter_currency": "q", "settlement_currency": "s"}, ("b", "q", "s")),
    ("derive", {"base_currency": "b", "quote_currency": "q"}, ("b", "q", None)),
    ("dydx", {"ticker": "b-q"}, ("b", "q", None)),
    ("gate", {"base": "b", "quote": "q"}, ("b", "q", None)),
    ("gate", {"name": "b_q"}, ("b", "q", None)),
    ("gate", {"name": "b_q-20220311-44000-C", "underlying": "b_q"}, ("b", "q", None)),
    ("grvt", {"base": "b", "quote": "q"}, ("b", "q", None)),
    ("hibachi", {"underlyingSymbol": "b", "settlementSymbol": "q"}, ("b", "q", "q")),
    ("hitbtc", {"base_currency": "b", "quote_currency": "q"}, ("b", "q", None)),
    ("hitbtc", {"underlying": "b", "quote_currency": "q"}, ("b", "q", None)),
    ("htx", {"base-currency": "b", "quote-currency": "q"}, ("b", "q", None)),
    ("hyperliquid", {"name": "kPEPE"}, ("kPEPE", None, None)),
    ("hyperliquid", {"name": "flx:AB", "collateralToken": 360}, ("flx:AB", "BBB:360", "BBB:360")),
    ("hyperliquid", {"name": "flx:AB", "collateralToken": "0"}, ("flx:AB", "USDC", "USDC")),
    ("hyperliquid", {"name": "@7", "tokens": [9, 0]}, ("AAA:9", "USDC", None)),
    ("kraken", {"base": "XXBT", "quote": "ZUSD"}, ("XXBT", "ZUSD", None)),
    ("krakenfutures", {"symbol": "PF_XBTUSD", "base": "XBT", "quote": "USD"}, ("XBT", "USD", None)),
    ("krakenfutures", {"symbol": "pi_xbtusd"}, (None, None, None)),
    ("kucoin", {"symbol": "b-q", "baseCurrency": "renamed"}, ("b", "q", None)),
    ("kucoinfutures", {"baseCurrency": "b", "quoteCurrency": "q", "settleCurrency": "s"}, ("b", "q", "s")),
    ("kucoinfutures", {"baseCurrency": "b", "quoteCurrency": "q", "settlementCurrency": "s"}, ("b", "q", "s")),
    ("luno", {"base_currency": "b", "counter_currency": "q"}, ("b", "q", None)),
    ("mexc", {"baseAsset": "b", "quoteAsset": "q"}, ("b", "q", None)),
    ("mexc", {"baseCoin": "b", "quoteCoin": "q", "settleCoin": "s"}, ("b", "q", "s")),
    ("ndax", {"Product1": 1, "Product1Symbol": "b", "Product2Symbol": "q"}, ("b", "q", None)),
    ("okx", {"baseCcy": "b", "quoteCcy": "q"}, ("b", "q", None)),
    ("okx", {"baseCcy": "", "quoteCcy": "", "uly": "b-q", "settleCcy": "s"}, ("b", "q", "s")),
    ("okx", {"baseCcy": "", "quoteCcy": "", "uly": "", "instFamily": "b-q"}, ("b", "q", None)),
    ("paradex", {"base_currency": "b", "quote_currency": "q", "settlement_currency": "s"}, ("b", "q", "s")),
    ("phemex", {"baseCurrency": "b", "quoteCurrency": "q", "settleCurrency": "s"}, ("b", "q", "s")),
    ("phemex", {"displaySymbol": "b / q", "contractUnderlyingAssets": "q", "quoteCurrency": "q"}, ("b", "q", None)),
    ("poloniex", {"baseCurrencyName": "b", "quoteCurrencyName": "q"}, ("b", "q", None)),
    ("poloniex", {"bCcy": "b", "qCcy": "q", "sCcy": "s"}, ("b", "q", "s")),
    ("probit", {"base_currency_id": "b", "quote_currency_id": "q"}, ("b", "q", None)),
    ("toobit", {"baseAsset": "b", "quoteAsset": "q", "marginToken": "s"}, ("b", "q", "s")),
    ("upbit", {"market": "q-b"}, ("b", "q", None)),
    ("weex", {"baseAsset": "b", "quoteAsset": "q", "marginAsset": "s"}, ("b", "q", "s")),
    ("whitebit", {"stock": "b", "money": "q"}, ("b", "q", None)),
    ("xt", {"baseCurrency": "b", "quoteCurrency": "q"}, ("b", "q", None)),
    ("xt", {"baseCoin": "b", "quoteCoin": "q"}, ("b", "q", None)),
]
#: What the rows of these tests say through ccxt.
READ = ("AAA", "BBB", "BBB")


@pytest.mark.parametrize(("name", "sent", "expected"), CODES, ids=[f"{name}-{'-'.join(sent)}" for name, sent, _ in CODES])
def test_a_code_is_the_text_of_the_exchange_itself(
    name: str, sent: dict[str, Any], expected: tuple[str | None, str | None, str | None]
) -> None:
    row = PAIR if "tokens" in sent else SWAP
    market = read({**row, "info": sent}, declared(name))
    settle = market.settle.code if market.settle else None
    wanted = tuple(own or ccxt for own, ccxt in zip(expected, READ if market.settle else (*READ[:2], None), strict=True))
    assert (market.base.code, market.quote.code, settle) == wanted


def test_every_declared_code_has_a_test_case() -> None:
    rules = ("base_code", "quote_code", "settle_code", "base_token", "quote_token", "settle_token")
    made = {name for name, each in FIELDS.items() for rule in rules if getattr(each, rule) is not texts.unsaid}
    same = {"binanceusdm", "binancecoinm", "binanceus", "tokocrypto", "bybiteu", "bybitid", "okxus", "myokx"}
    assert made - same == {name for name, _, _ in CODES}
    assert all(FIELDS[name] in (FIELDS["binance"], FIELDS["bybit"], FIELDS["okx"]) for name in same)


def test_the_case_of_a_code_counts() -> None:
    row = {**PAIR, "base": "PGX", "baseId": "PGX", "info": {"base": "PGx", "quote": "ZUSD", "aclass_base": "tokenized_asset"}}
    base = read(row, declared("kraken")).base
    assert base == Code("PGx", "PGX", asset_class=facts.TOKENIZED, former=("PGX",))


def test_the_code_is_not_the_one_that_ccxt_renames_it_to() -> None:
    old = {**PAIR, "base": "LUNC", "baseId": "LUNC", "info": {"base": "LUNA", "quote": "ZUSD"}}
    new = {**PAIR, "base": "LUNA", "baseId": "LUNA", "info": {"base": "LUNA2", "quote": "ZUSD"}}
    kraken = declared("kraken")
    assert read(old, kraken).base == Code("LUNA", "LUNC", former=("LUNC",))
    assert read(new, kraken).base == Code("LUNA2", "LUNA", former=("LUNA",))


def test_a_code_that_ccxt_reads_alike_has_no_former_text() -> None:
    assert read({**PAIR, "info": {"base": "AAA", "quote": "BBB"}}, declared("kraken")).base == Code("AAA", "AAA")


# ---- names, classes, addresses, ids --------------------------------------------------------------------------------

NAMES: list[tuple[str, dict[str, Any], tuple[str, ...], tuple[str, ...]]] = [
    ("alpaca", {"name": "Bitcoin / US Dollar"}, ("Bitcoin",), ("US Dollar",)),
    ("backpack", {"security": {"name": "A fund"}}, ("A fund",), ()),
    ("bigone", {"baseAsset": {"name": "Bitcoin"}, "quoteAsset": {"name": "TetherUS"}}, ("Bitcoin",), ("TetherUS",)),
    ("bithumb", {"english_name": "Bitcoin"}, ("Bitcoin",), ()),
    ("bitstamp", {"description": "Bitcoin / U.S. dollar"}, ("Bitcoin",), ("U.S. dollar",)),
    ("bitstamp", {"description": "Bitcoin"}, (), ()),
    ("coinbase", {"base_name": "Bitcoin", "quote_name": "US Dollar"}, ("Bitcoin",), ("US Dollar",)),
    ("delta", {"underlying_asset": {"name": "Bitcoin"}, "quoting_asset": {"name": "Tether"}}, ("Bitcoin",), ("Tether",)),
    ("gate", {"base_name": "Bitcoin", "quote_name": "Tether"}, ("Bitcoin",), ("Tether",)),
    ("mexc", {"fullName": "Peanut the Squirrel"}, ("Peanut the Squirrel",), ()),
    ("mexc", {"fullName": ""}, (), ()),
    ("mexc", {"fullName": "x" * 257}, (), ()),
    ("mexc", {"fullName": {"en": "x"}}, (), ()),
    ("upbit", {"english_name": "Bitcoin", "korean_name": "비트코인"}, ("Bitcoin",), ()),
    ("okx", {"fullName": "Bitcoin"}, (), ()),
]


@pytest.mark.parametrize(("name", "sent", "base", "quote"), NAMES, ids=[f"{each[0]}-{at}" for at, each in enumerate(NAMES)])
def test_names_are_read_where_the_exchange_says_them(
    name: str, sent: dict[str, Any], base: tuple[str, ...], quote: tuple[str, ...]
) -> None:
    market = read({**PAIR, "info": sent}, declared(name))
    assert (market.base.names, market.quote.names) == (base, quote)


def test_every_declared_name_has_a_test_case() -> None:
    made = {name for name, each in FIELDS.items() if each.base_names or each.quote_names}
    assert made == {name for name, _, base, _ in NAMES if base}


CLASSES: list[tuple[str, dict[str, Any], str | None]] = [
    ("binance", {"permissions": ["LEVERAGED"]}, facts.LEVERAGED),
    ("binance", {"permissionSets": [["SPOT"], ["LEVERAGED"]]}, facts.LEVERAGED),
    ("binance", {"permissions": ["SPOT", "MARGIN"]}, None),
    ("binance", {"underlyingType": "COIN", "contractType": "PERPETUAL"}, facts.CRYPTO),
    ("binance", {"underlyingType": "INDEX", "contractType": "PERPETUAL"}, facts.INDEX),
    ("binance", {"underlyingType": "EQUITY", "contractType": "TRADIFI_PERPETUAL"}, facts.EQUITY),
    ("binance", {"underlyingType": "KR_EQUITY", "contractType": "TRADIFI_PERPETUAL"}, facts.EQUITY),
    ("binance", {"underlyingType": "COMMODITY", "contractType": "TRADIFI_PERPETUAL"}, facts.COMMODITY),
    ("binance", {"underlyingType": "PREMARKET", "contractType": "TRADIFI_PERPETUAL"}, facts.EQUITY),
    ("binance", {"underlyingType": "COIN", "contractType": "TRADIFI_PERPETUAL"}, facts.EQUITY),
    ("binance", {"underlyingType": "PREMARKET", "contractType": "PERPETUAL"}, None),
    ("aster", {"underlyingType": "COIN", "contractType": "PERPETUAL"}, facts.CRYPTO),
    ("alpaca", {"class": "us_equity"}, facts.EQUITY),
    ("backpack", {"rwaMarketType": "STOCK"}, facts.EQUITY),
    ("bitget", {"symbolType": "stock"}, facts.EQUITY),
    ("bitget", {"symbolType": "metal"}, facts.COMMODITY),
    ("bitget", {"symbolType": "perpetual"}, None),
    ("bittrex", {"tags": ["TOKENIZED_SECURITY", "USE_MIDPOINT_CANDLES"]}, facts.TOKENIZED),
    ("bittrex", {"tags": [], "associatedTermsOfService": ["TOS_FTX_BERMUDA"]}, facts.LEVERAGED),
    ("bittrex", {"tags": []}, None),
    ("bybit", {"symbolType": "xstocks"}, facts.TOKENIZED),
    ("bybit", {"symbolType": "stock"}, facts.EQUITY),
    ("bybit", {"symbolType": "ETF"}, facts.EQUITY),
    ("bybit", {"symbolType": "commodity"}, facts.COMMODITY),
    ("bybit", {"symbolType": "forex"}, facts.FIAT),
    ("bybit", {"symbolType": "innovation"}, None),
    ("htx", {"tags": "nav,etp"}, facts.LEVERAGED),
    ("htx", {"tags": "st,hadax"}, None),
    ("kraken", {"aclass_base": "tokenized_asset"}, facts.TOKENIZED),
    ("kraken", {"aclass_base": "currency"}, None),
    ("kucoin", {"market": "ETF"}, facts.LEVERAGED),
    ("okx", {"instCategory": "1"}, facts.CRYPTO),
    ("okx", {"instCategory": "3"}, facts.EQUITY),
    ("okx", {"instCategory": 4}, facts.COMMODITY),
    ("okx", {"instCategory": "5"}, facts.FIAT),
    ("polymarket", {"category": "commodity"}, facts.COMMODITY),
    ("no-such-exchange", {"underlyingType": "EQUITY", "tags": ["TOKENIZED_SECURITY"]}, None),
]


@pytest.mark.parametrize(("name", "sent", "expected"), CLASSES, ids=[f"{each[0]}-{at}" for at, each in enumerate(CLASSES)])
def test_the_class_is_read_where_the_exchange_says_it(name: str, sent: dict[str, Any], expected: str | None) -> None:
    assert read({**PAIR, "info": sent}, declared(name)).base.asset_class == expected


def test_every_declared_class_has_a_test_case() -> None:
    made = {name for name, each in FIELDS.items() if each.base_class is not texts.unclassed}
    same = {"binanceusdm", "binancecoinm", "binanceus", "tokocrypto", "bybiteu", "bybitid", "okxus", "myokx"}
    assert made - same == {name for name, _, expected in CLASSES if expected}


@pytest.mark.parametrize(("row", "expected"), [(PAIR, facts.TOKENIZED), (SWAP, facts.EQUITY)])
def test_what_ccxt_calls_a_stock_is_a_token_on_the_spot_market(row: dict[str, Any], expected: str) -> None:
    assert read({**row, "stock": True}).base.asset_class == expected
    assert read({**row, "stock": False}).base.asset_class is None


@pytest.mark.parametrize("code", ["BTC3L", "ETH5S", "btc3s", "UNI2L"])
@pytest.mark.parametrize("name", sorted(name for name, each in FIELDS.items() if each.leveraged))
def test_a_declared_form_is_that_of_leveraged_tokens(name: str, code: str) -> None:
    assert read({**PAIR, "base": code, "baseId": code}, declared(name)).base.asset_class == facts.LEVERAGED
    assert read({**SWAP, "base": code, "baseId": code}, declared(name)).base.asset_class is None


@pytest.mark.parametrize("code", ["L3L", "BTC3", "SOL", "3L", "BTC4L", "BTCUP", "DOWN", "BULL"])
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_a_code_of_another_form_has_no_class(name: str, code: str) -> None:
    assert read({**PAIR, "base": code, "baseId": code}, declared(name)).base.asset_class is None


@pytest.mark.parametrize(("ticker", "metal"), [("XAU", "XAU"), ("GOLD", "XAU"), ("SILVER", "XAG"), ("XPT", "XPT")])
def test_a_metal_has_its_iso_code_where_the_exchange_calls_it_a_commodity(ticker: str, metal: str) -> None:
    row = {**SWAP, "base": ticker, "baseId": ticker}
    said = {"underlyingType": "COMMODITY", "contractType": "TRADIFI_PERPETUAL"}
    assert read({**row, "info": said}, declared("binanceusdm")).base.ids == ((facts.ISO4217, metal),)
    assert read({**row, "info": {}}, declared("binanceusdm")).base.ids == ()


def test_a_declared_underlying_gives_class_name_and_id_to_contracts_only() -> None:
    row = {"base": "GOLD", "baseId": "GOLD"}
    gold = read({**SWAP, **row}, declared("phemex")).base
    assert (gold.asset_class, gold.names, gold.ids) == (facts.COMMODITY, ("Gold",), ((facts.ISO4217, "XAU"),))
    assert read({**PAIR, **row}, declared("phemex")).base == Code("GOLD", "GOLD")


@pytest.mark.parametrize(("sent", "expected"), [("0xAb", (Address("0xAb"),)), ("", ()), (None, ()), ("aaa", ())])
def test_an_address_is_read_where_it_is_declared(sent: Any, expected: tuple[Address, ...]) -> None:
    assert read({**PAIR, "info": {"contractAddress": sent}}, declared("mexc")).base.addresses == expected
    assert read({**PAIR, "info": {"contractAddress": sent}}, declared("okx")).base.addresses == ()


# ---- permissionless exchanges --------------------------------------------------------------------------------------

DEXES = (
    *("apex", "aster", "derive", "dydx", "extended", "grvt", "hibachi", "lighter", "modetrade", "nado", "pacifica"),
    *("paradex", "polymarket", "woofipro"),
)


@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_the_text_of_a_base_is_vetted_unless_the_exchange_is_declared_permissionless(name: str) -> None:
    assert read(SWAP, declared(name)).base.vetted is (name not in DEXES)
    assert read(SWAP, declared(name)).quote.vetted


def _spot(index: int, base: str, name: str) -> dict[str, Any]:
    info = {"name": f"@{index}", "tokens": [index, 0], "isCanonical": False}
    return {**PAIR, "id": f"@{index}", "base": base, "baseId": str(10_000 + index), "baseName": name, "info": info}


def test_a_spot_token_at_hyperliquid_is_unvetted_without_an_index_too() -> None:
    assert not read({**PAIR, "id": "@165", "baseId": "10165"}, declared("hyperliquid")).base.vetted
    assert read(PAIR, declared("hyperliquid")).quote.vetted


def test_tokens_of_one_ticker_at_hyperliquid_are_as_many_codes() -> None:
    exchange = declared("hyperliquid")
    token = read(_spot(26, "PUMP", "PUMP"), exchange).base
    assert (token.code, token.vetted, token.ids) == ("PUMP:26", False, ((facts.TOKEN_INDEX, "26"),))
    assert read(_spot(27, "PUMP", "PUMP"), exchange).base.code == "PUMP:27"
    coin = read(_spot(299, "PUMP", "UPUMP"), exchange).base
    assert (coin.code, coin.vetted) == ("PUMP", True)
    perpetual = read({**SWAP, "base": "PUMP", "baseId": "200", "info": {"name": "PUMP"}}, exchange).base
    assert (perpetual.code, perpetual.vetted) == ("PUMP", True)


def test_a_token_at_hyperliquid_keeps_the_texts_of_earlier_imports() -> None:
    assert read(_spot(26, "PUMP", "UPUMP"), declared("hyperliquid")).base.former == ("PUMP",)
    assert read(_spot(1, "PURR", "PURR"), declared("hyperliquid")).base.former == ()


def test_a_multiplied_token_that_anyone_may_name_counts_in_itself() -> None:
    exchange = declared("hyperliquid")
    assert read(_spot(31, "KPEPE", "KPEPE"), exchange).base.factor is None
    perpetual = read({**SWAP, "base": "KPEPE", "info": {"name": "kPEPE"}}, exchange).base
    assert (perpetual.code, perpetual.ticker, perpetual.factor) == ("kPEPE", "PEPE", Decimal(1000))


def test_a_builders_perpetual_is_an_equity_where_it_is_declared() -> None:
    exchange = declared("hyperliquid")
    share = read({**SWAP, "base": "XYZ-NVDA", "info": {"name": "xyz:NVDA", "hip3": True}}, exchange).base
    assert (share.code, share.ticker, share.vetted, share.asset_class) == ("xyz:NVDA", "NVDA", False, facts.EQUITY)
    other = read({**SWAP, "base": "ABC-NVDA", "info": {"name": "abc:NVDA"}}, exchange).base
    assert (other.code, other.vetted, other.asset_class) == ("abc:NVDA", False, None)
    gold = read({**SWAP, "base": "XYZ-GOLD", "info": {"name": "xyz:GOLD"}}, exchange).base
    assert gold.ids == ((facts.ISO4217, "XAU"),)


@pytest.mark.parametrize("name", ["BTC", "kPEPE", "xyz:NVDA"])
def test_the_name_of_a_perpetual_at_hyperliquid_is_a_further_text_of_its_listing(name: str) -> None:
    market = read({**SWAP, "id": "0", "info": {"name": name}}, declared("hyperliquid"))
    assert (market.id, market.aliases) == ("0", (name,))
    assert read({**SWAP, "id": name, "info": {"name": name}}, declared("hyperliquid")).aliases == ()
    assert read(_spot(26, "PUMP", "PUMP"), declared("hyperliquid")).aliases == ()
    assert read({**SWAP, "info": {"name": name}}, declared("gate")).aliases == ()


# ---- types ---------------------------------------------------------------------------------------------------------

FUTURE = {**SWAP, "type": "future", "expiry": 1_900_000_000_000}
NOTICE = "2030-03-17T17:46:40+00:00"
PERPETUALS: list[tuple[str, dict[str, Any]]] = [
    ("aster", {"contractType": "PERPETUAL"}),
    ("backpack", {"marketType": "PERP"}),
    ("binance", {"contractType": "PERPETUAL"}),
    ("binance", {"contractType": "TRADIFI_PERPETUAL"}),
    ("bitget", {"symbolType": "perpetual"}),
    ("bitget", {"symbolType": "stock", "type": "perpetual"}),
    ("bitmex", {"typ": "FFWCSX"}),
    ("bybit", {"contractType": "LinearPerpetual"}),
    ("bybit", {"contractType": "InversePerpetual"}),
    ("coinbase", {"future_product_details": {"contract_expiry_type": "PERPETUAL"}}),
    ("coinbase", {"future_product_details": {"contract_expiry_type": "EXPIRING", "funding_interval": "3600s"}}),
    ("coinbase", {"display_name": "BTC PERP", "future_product_details": {"contract_expiry_type": "EXPIRING"}}),
    ("cryptocom", {"inst_type": "PERPETUAL_SWAP"}),
    ("delta", {"contract_type": "perpetual_futures"}),
    ("deribit", {"kind": "future", "settlement_period": "perpetual"}),
    ("derive", {"instrument_type": "perp"}),
    ("htx", {"contract_type": "swap"}),
    ("krakenfutures", {"symbol": "PF_XBTUSD"}),
    ("kucoinfutures", {"type": "FFWCSX"}),
    ("okx", {"instType": "SWAP"}),
    ("okx", {"instType": "FUTURES", "ruleType": "xperp"}),
    ("paradex", {"asset_kind": "PERP"}),
]


@pytest.mark.parametrize(("name", "sent"), PERPETUALS, ids=[f"{name}-{at}" for at, (name, _) in enumerate(PERPETUALS)])
def test_a_perpetual_with_a_planned_delisting_stays_a_perpetual(name: str, sent: dict[str, Any]) -> None:
    for row in (FUTURE, {**SWAP, "expiry": FUTURE["expiry"]}):
        market = read({**row, "info": sent}, declared(name))
        assert market.symbol_type == read(SWAP).symbol_type
        assert market.expiry is None
        assert market.metadata["delisting_at"] == NOTICE


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("binance", {"contractType": "CURRENT_QUARTER", "deliveryDate": 1_900_000_000_000}),
        ("binance", {"contractType": ""}),
        ("bybit", {"contractType": "LinearFutures", "deliveryTime": "1900000000000"}),
        ("coinbase", {"future_product_details": {"contract_expiry_type": "EXPIRING"}}),
        ("deribit", {"kind": "future", "settlement_period": "month"}),
        ("htx", {"contract_type": "quarter", "delivery_time": "1900000000000"}),
        ("krakenfutures", {"symbol": "fi_xbtusd_210924"}),
        ("okx", {"instType": "FUTURES", "expTime": "1900000000000"}),
        ("no-such-exchange", {"contractType": "PERPETUAL"}),
    ],
)
def test_a_future_stays_a_future_and_its_expiry_is_no_notice(name: str, sent: dict[str, Any]) -> None:
    market = read({**FUTURE, "info": sent}, declared(name))
    assert market.symbol_type == read(FUTURE).symbol_type
    assert market.expiry is not None
    assert market.metadata == {}


def test_every_declared_type_of_a_perpetual_has_a_test_case() -> None:
    made = {name for name, each in FIELDS.items() if each.kind is not texts.unsaid}
    same = {"binanceusdm", "binancecoinm", "binanceus", "tokocrypto", "bybiteu", "bybitid", "okxus", "myokx"}
    assert made - same == {name for name, _ in PERPETUALS}


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("binance", "deliveryDate"),
        ("bitget", "offTime"),
        ("bybit", "deliveryTime"),
        ("htx", "delivery_time"),
        ("kucoinfutures", "expireDate"),
        ("okx", "expTime"),
    ],
)
def test_a_planned_delisting_is_read_from_the_payload(name: str, path: str) -> None:
    kinds = dict(PERPETUALS)[name]
    market = read({**SWAP, "info": {**kinds, path: 1_900_000_000_000}}, declared(name))
    assert market.metadata == {"delisting_at": NOTICE}
    for none in (0, "0", "", "-1", None, 4_133_404_800_000 if name == "binance" else "x", 10**18):
        assert read({**SWAP, "info": {**kinds, path: none}}, declared(name)).metadata == {}


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("deribit", {"kind": "future_combo", "instrument_name": "BTC-FS-25DEC26_PERP"}),
        ("deribit", {"kind": "option_combo"}),
        ("delta", {"contract_type": "spreads"}),
        ("paradex", {"asset_kind": "PERP_OPTION"}),
    ],
)
def test_a_market_of_several_legs_is_refused(name: str, sent: dict[str, Any]) -> None:
    assert refused({**FUTURE, "info": sent}, declared(name)) == "unsupported_type"
    assert read({**FUTURE, "info": {}}, declared(name)).expiry is not None


# ---- nonsense ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["", "x", 7, 1.5, None, True, [], {}, [[["LEVERAGED"]]], {"name": []}, "a-b_c:d / e"])
@pytest.mark.parametrize("name", sorted(FIELDS))
def test_a_nonsense_payload_is_read_or_refused_for_its_type(name: str, value: Any) -> None:
    payloads = [row[1] for rows in (CODES, NAMES, CLASSES, PERPETUALS) for row in rows]
    paths = [path for each in payloads if isinstance(each, dict) for path in each]
    row = {**SWAP, "info": dict.fromkeys([*paths, "contractAddress", "offTime", "hip3"], value)}
    market = read(row, declared(name))
    assert market.base.code
    assert market.quote.code


def test_an_undeclared_exchange_has_no_fields() -> None:
    assert declared("no-such-exchange").fields == Fields()
