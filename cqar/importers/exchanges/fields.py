"""Where the payload of each exchange has codes, names, classes and types, and which markets anyone may open.

The paths are those of the exchanges' own API answers, which ccxt passes on as `info`. ccxt's `baseId` is read only where no
path is declared or the payload lacks it: since ccxt 4.5 it is a unified code at some exchanges, instead of their own.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, TypedDict

import msgspec

from cqar.importers.exchanges.facts import COMMODITY, CRYPTO, EQUITY, FIAT, INDEX, LEVERAGED, TOKENIZED, AssetClass
from cqar.importers.exchanges.payload import Payload
from cqar.importers.exchanges.texts import (
    Classifier,
    Flag,
    Text,
    always,
    any_of,
    classed,
    first,
    first_class,
    mapped,
    milliseconds,
    never,
    no_time,
    part,
    present,
    tagged,
    text,
    true,
    unclassed,
    unsaid,
)

#: Types of markets that a rule for `kind` may find; the names are those of ccxt.
SWAP: Final = "swap"
FUTURE: Final = "future"
OPTION: Final = "option"
#: A market of several legs, or of a type that no symbol has.
UNSUPPORTED: Final = "unsupported"


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Where the payload of an exchange has what identity rests on."""

    base_code: Text = unsaid
    quote_code: Text = unsaid
    settle_code: Text = unsaid
    #: where the exchange identifies tokens by an index, since names repeat
    base_token: Text = unsaid
    quote_token: Text = unsaid
    settle_token: Text = unsaid
    #: the ticker of the base where its code has a prefix
    base_ticker: Text = unsaid
    #: index of a token -> the code of the exchange's perpetuals that is the same asset
    tokens: Mapping[str, str] = {}
    base_names: tuple[Text, ...] = ()
    quote_names: tuple[Text, ...] = ()
    #: the class of the base
    base_class: Classifier = unclassed
    #: codes of this form are leveraged tokens
    leveraged: re.Pattern[str] | None = None
    #: contract addresses of the base
    base_addresses: tuple[Text, ...] = ()
    #: the exchange's own type of the market
    kind: Text = unsaid
    #: the time of a planned delisting, in milliseconds since 1970
    delisting: Callable[[Payload], int | None] = no_time
    #: another text of the listing, which the exchange shows instead of the number that ccxt calls its id
    name: Text = unsaid
    #: whether anyone may open the market and choose the text of its base; of segments it is declared with the exchange
    permissionless: Flag = never


class _Codes(TypedDict):
    base_code: Text
    quote_code: Text
    settle_code: Text


def _codes(base: str, quote: str, settle: str | None = None) -> _Codes:
    """The rules for codes that are fields of the payload."""
    return {"base_code": text(base), "quote_code": text(quote), "settle_code": unsaid if settle is None else text(settle)}


def _binance_class(payload: Payload) -> AssetClass | None:
    """A contract on a security of traditional finance is an equity unless its underlying type says otherwise."""
    said = _UNDERLYING(payload)
    return EQUITY if said in (None, CRYPTO) and _BINANCE_CONTRACT(payload) == "TRADIFI_PERPETUAL" else said


#: Multiples of a coin's return: BTC3L, ETH5S. The exchanges for which it is declared use the form for nothing else.
_LEVERAGED: Final = re.compile(r"[A-Za-z0-9]{2,}[1235][LSls]")
_BINANCE_CONTRACT: Final = text("contractType")
_UNDERLYING: Final = classed(
    text("underlyingType"),
    {
        "COIN": CRYPTO,
        "INDEX": INDEX,
        "EQUITY": EQUITY,
        "KR_EQUITY": EQUITY,
        "HK_EQUITY": EQUITY,
        "COMMODITY": COMMODITY,
        "FOREX": FIAT,
    },
)

_BINANCE: Final = Fields(
    base_code=first(text("baseAsset"), part("symbol", of="-", place=0)),
    quote_code=text("quoteAsset"),
    settle_code=text("marginAsset"),
    base_class=first_class(
        tagged("permissions", tags={"LEVERAGED": LEVERAGED}),
        tagged("permissionSets", tags={"LEVERAGED": LEVERAGED}),
        _binance_class,
    ),
    kind=mapped(
        _BINANCE_CONTRACT,
        {
            **dict.fromkeys(("PERPETUAL", "TRADIFI_PERPETUAL", "PERPETUAL_DELIVERING"), SWAP),
            **dict.fromkeys(("CURRENT_MONTH", "NEXT_MONTH", "CURRENT_QUARTER", "NEXT_QUARTER"), FUTURE),
        },
    ),
    delisting=milliseconds("deliveryDate"),
)

_BYBIT: Final = Fields(
    **_codes("baseCoin", "quoteCoin", "settleCoin"),
    base_class=classed(
        text("symbolType"),
        {
            "xstocks": TOKENIZED,
            "mstocks": TOKENIZED,
            "stock": EQUITY,
            "etf": EQUITY,
            "commodity": COMMODITY,
            "forex": FIAT,
        },
    ),
    leveraged=_LEVERAGED,
    kind=mapped(
        text("contractType"),
        {
            **dict.fromkeys(("LinearPerpetual", "InversePerpetual"), SWAP),
            **dict.fromkeys(("LinearFutures", "InverseFutures"), FUTURE),
        },
    ),
    delisting=milliseconds("deliveryTime"),
)


def _coinbase_kind(payload: Payload) -> str | None:
    """Perpetual-style futures have an expiry years away, and a funding rate."""
    details = payload.get("future_product_details")
    if not isinstance(details, Mapping):
        return None
    expiring, title = text("contract_expiry_type")(details), text("display_name")(payload) or ""
    if expiring == "PERPETUAL" or present(text("funding_interval"))(details) or title.endswith("PERP"):
        return SWAP
    return FUTURE if expiring == "EXPIRING" else None


def _builder_dex(payload: Payload) -> bool:
    """The name of a perpetual that a builder opened starts with the name of the builder's exchange."""
    return ":" in (text("name")(payload) or "")


_OKX: Final = Fields(
    base_code=first(text("baseCcy"), part("uly", of="-", place=0), part("instFamily", of="-", place=0)),
    quote_code=first(text("quoteCcy"), part("uly", of="-", place=1), part("instFamily", of="-", place=1)),
    settle_code=text("settleCcy"),
    base_class=classed(text("instCategory"), {"1": CRYPTO, "3": EQUITY, "4": COMMODITY, "5": FIAT, "6": EQUITY}),
    kind=first(
        mapped(text("ruleType"), {"xperp": SWAP}),
        mapped(text("instType"), {"SWAP": SWAP, "FUTURES": FUTURE, "OPTION": OPTION}),
    ),
    delisting=milliseconds("expTime"),
)

#: Decentralized exchanges of ccxt that have no paths of their own.
_DEX: Final = Fields(permissionless=always)


def _own_name(payload: Payload) -> str | None:
    """The name of a perpetual of Hyperliquid; in a spot market it is the name of the pair, not of the base."""
    return None if "tokens" in payload else text("name")(payload)


FIELDS: Final[Mapping[str, Fields]] = MappingProxyType(
    {
        **dict.fromkeys(("binance", "binanceusdm", "binancecoinm", "binanceus", "tokocrypto"), _BINANCE),
        **dict.fromkeys(("bybit", "bybiteu", "bybitid"), _BYBIT),
        **dict.fromkeys(("okx", "okxus", "myokx"), _OKX),
        **dict.fromkeys(("apex", "extended", "lighter", "modetrade", "nado", "pacifica", "woofipro"), _DEX),
        "alpaca": Fields(
            base_names=(part("name", of=" / ", place=0),),
            quote_names=(part("name", of=" / ", place=1),),
            base_class=classed(text("class"), {"crypto": CRYPTO, "us_equity": EQUITY}),
        ),
        "aster": Fields(
            **_codes("baseAsset", "quoteAsset", "marginAsset"),
            base_class=_binance_class,
            kind=_BINANCE.kind,
            delisting=milliseconds("deliveryDate"),
            permissionless=always,
        ),
        "backpack": Fields(
            **_codes("baseSymbol", "quoteSymbol"),
            base_names=(text("security", "name"),),
            base_class=classed(text("rwaMarketType"), {"STOCK": EQUITY}),
            kind=mapped(text("marketType"), {"PERP": SWAP, "IPERP": SWAP, "DATED": FUTURE}),
        ),
        "bigone": Fields(
            base_code=first(text("baseAsset", "symbol"), text("baseCurrency")),
            quote_code=first(text("quoteAsset", "symbol"), text("quoteCurrency")),
            settle_code=text("settleCurrency"),
            base_names=(text("baseAsset", "name"),),
            quote_names=(text("quoteAsset", "name"),),
        ),
        "bitget": Fields(
            **_codes("baseCoin", "quoteCoin"),
            base_class=classed(
                text("symbolType"), {"stock": EQUITY, "metal": COMMODITY, "commodity": COMMODITY, "forex": FIAT}
            ),
            leveraged=_LEVERAGED,
            kind=mapped(first(text("type"), text("symbolType")), {"perpetual": SWAP, "delivery": FUTURE}),
            delisting=milliseconds("offTime"),
        ),
        "bithumb": Fields(base_names=(text("english_name"),)),
        "bitmart": Fields(**_codes("base_currency", "quote_currency"), leveraged=_LEVERAGED),
        "bitmex": Fields(
            **_codes("underlying", "quoteCurrency", "settlCurrency"),
            kind=mapped(text("typ"), {"FFWCSX": SWAP, "FFWCSF": SWAP, "FFCCSX": FUTURE}),
        ),
        "bitrue": Fields(leveraged=_LEVERAGED),
        # ccxt reads the codes from the pair's text, as the exchange writes them in its addresses: lower case.
        "bitstamp": Fields(
            base_names=(part("description", of=" / ", place=0),), quote_names=(part("description", of=" / ", place=1),)
        ),
        "bittrex": Fields(
            **_codes("baseCurrencySymbol", "quoteCurrencySymbol"),
            base_class=first_class(
                tagged("tags", tags={"TOKENIZED_SECURITY": TOKENIZED}),
                # The tokens of another exchange that multiply the return of a coin: BULL, ETHBEAR.
                tagged("associatedTermsOfService", tags={"TOS_FTX_BERMUDA": LEVERAGED}),
            ),
        ),
        "bitvavo": Fields(**_codes("base", "quote")),
        "blofin": Fields(**_codes("baseCurrency", "quoteCurrency", "settleCurrency")),
        "bullish": Fields(**_codes("baseSymbol", "quoteSymbol", "settlementAssetSymbol")),
        "bydfi": Fields(**_codes("baseAsset", "quoteAsset", "marginAsset")),
        "coinbase": Fields(
            base_code=first(text("future_product_details", "contract_root_unit"), text("base_currency_id")),
            quote_code=text("quote_currency_id"),
            base_names=(text("base_name"),),
            quote_names=(text("quote_name"),),
            kind=_coinbase_kind,
        ),
        "coinbaseexchange": Fields(**_codes("base_currency", "quote_currency")),
        "coinex": Fields(**_codes("base_ccy", "quote_ccy"), leveraged=_LEVERAGED),
        "cryptocom": Fields(
            **_codes("base_ccy", "quote_ccy"),
            kind=mapped(text("inst_type"), {"PERPETUAL_SWAP": SWAP, "FUTURE": FUTURE}),
        ),
        "delta": Fields(
            base_code=text("underlying_asset", "symbol"),
            quote_code=text("quoting_asset", "symbol"),
            settle_code=text("settling_asset", "symbol"),
            base_names=(text("underlying_asset", "name"),),
            quote_names=(text("quoting_asset", "name"),),
            kind=mapped(
                text("contract_type"),
                {
                    "perpetual_futures": SWAP,
                    "futures": FUTURE,
                    **dict.fromkeys(("spreads", "options_combos", "interest_rate_swaps", "move_options"), UNSUPPORTED),
                },
            ),
        ),
        "deribit": Fields(
            **_codes("base_currency", "counter_currency", "settlement_currency"),
            kind=first(
                mapped(text("kind"), dict.fromkeys(("future_combo", "option_combo", "combo"), UNSUPPORTED)),
                mapped(text("settlement_period"), {"perpetual": SWAP}),
                mapped(text("kind"), {"future": FUTURE, "option": OPTION}),
            ),
        ),
        "derive": Fields(
            **_codes("base_currency", "quote_currency"),
            kind=mapped(text("instrument_type"), {"perp": SWAP, "option": OPTION}),
            permissionless=always,
        ),
        "dydx": Fields(
            base_code=part("ticker", of="-", place=0), quote_code=part("ticker", of="-", place=-1), permissionless=always
        ),
        "gate": Fields(
            base_code=first(text("base"), part("underlying", of="_", place=0), part("name", of="_", place=0)),
            quote_code=first(text("quote"), part("underlying", of="_", place=1), part("name", of="_", place=1)),
            base_names=(text("base_name"),),
            quote_names=(text("quote_name"),),
            leveraged=_LEVERAGED,
        ),
        "grvt": Fields(**_codes("base", "quote"), permissionless=always),
        "hibachi": Fields(**_codes("underlyingSymbol", "settlementSymbol", "settlementSymbol"), permissionless=always),
        "hitbtc": Fields(
            base_code=first(text("base_currency"), text("underlying")),
            quote_code=text("quote_currency"),
        ),
        "htx": Fields(
            **_codes("base-currency", "quote-currency"),
            base_class=tagged("tags", tags={"etp": LEVERAGED}),
            kind=mapped(
                text("contract_type"),
                {"swap": SWAP, **dict.fromkeys(("this_week", "next_week", "quarter", "next_quarter"), FUTURE)},
            ),
            delisting=milliseconds("delivery_time"),
        ),
        "hyperliquid": Fields(
            base_code=_own_name,
            base_ticker=part("name", of=":", place=1),
            base_token=text("tokens", 0),
            quote_token=first(text("tokens", 1), text("collateralToken")),
            settle_token=text("collateralToken"),
            # The last ones are deposits of the coin itself, which the exchange trades under the coin's ticker.
            tokens={"0": "USDC", "1": "PURR", "150": "HYPE", "197": "BTC", "221": "ETH", "254": "SOL", "299": "PUMP"},
            name=_own_name,
            permissionless=any_of(true("hip3"), _builder_dex),
        ),
        "kraken": Fields(**_codes("base", "quote"), base_class=classed(text("aclass_base"), {"tokenized_asset": TOKENIZED})),
        "krakenfutures": Fields(
            **_codes("base", "quote"),
            kind=mapped(
                lambda payload: (text("symbol")(payload) or "")[:3].lower(),
                {"pi_": SWAP, "pf_": SWAP, "pv_": SWAP, "fi_": FUTURE, "ff_": FUTURE, "fv_": FUTURE},
            ),
        ),
        "kucoin": Fields(
            # The pair keeps the code of a coin that is renamed; `baseCurrency` does not.
            base_code=part("symbol", of="-", place=0),
            quote_code=part("symbol", of="-", place=1),
            base_class=classed(text("market"), {"ETF": LEVERAGED}),
            leveraged=_LEVERAGED,
        ),
        "kucoinfutures": Fields(
            base_code=text("baseCurrency"),
            quote_code=text("quoteCurrency"),
            settle_code=first(text("settleCurrency"), text("settlementCurrency")),
            kind=mapped(text("type"), {"FFWCSX": SWAP, "FFICSX": FUTURE}),
            delisting=milliseconds("expireDate"),
        ),
        "luno": Fields(**_codes("base_currency", "counter_currency")),
        "mexc": Fields(
            base_code=first(text("baseAsset"), text("baseCoin")),
            quote_code=first(text("quoteAsset"), text("quoteCoin")),
            settle_code=text("settleCoin"),
            base_names=(text("fullName"),),
            leveraged=_LEVERAGED,
            base_addresses=(text("contractAddress"),),
        ),
        "ndax": Fields(**_codes("Product1Symbol", "Product2Symbol")),
        "paradex": Fields(
            **_codes("base_currency", "quote_currency", "settlement_currency"),
            kind=mapped(text("asset_kind"), {"PERP": SWAP, "PERP_OPTION": UNSUPPORTED}),
            permissionless=always,
        ),
        "phemex": Fields(
            # Of an inverse contract the exchange names the quote as the underlying.
            base_code=first(text("baseCurrency"), part("displaySymbol", of=" / ", place=0)),
            quote_code=text("quoteCurrency"),
            settle_code=text("settleCurrency"),
        ),
        "polymarket": Fields(
            base_class=classed(text("category"), {"crypto": CRYPTO, "equity": EQUITY, "commodity": COMMODITY, "index": INDEX}),
            permissionless=always,
        ),
        "poloniex": Fields(
            base_code=first(text("baseCurrencyName"), text("bCcy")),
            quote_code=first(text("quoteCurrencyName"), text("qCcy")),
            settle_code=text("sCcy"),
        ),
        "probit": Fields(**_codes("base_currency_id", "quote_currency_id")),
        "toobit": Fields(**_codes("baseAsset", "quoteAsset", "marginToken")),
        "upbit": Fields(
            base_code=part("market", of="-", place=1),
            quote_code=part("market", of="-", place=0),
            base_names=(text("english_name"),),
        ),
        "weex": Fields(**_codes("baseAsset", "quoteAsset", "marginAsset")),
        "whitebit": Fields(**_codes("stock", "money")),
        "xt": Fields(
            base_code=first(text("baseCurrency"), text("baseCoin")),
            quote_code=first(text("quoteCurrency"), text("quoteCoin")),
            leveraged=_LEVERAGED,
        ),
    }
)
