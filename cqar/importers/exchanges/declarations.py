"""The declarations of each exchange: venues, units of its payload, sentinels, multipliers and underlyings.

Where its payload has codes, names and classes is declared in `cqar.importers.exchanges.fields`. An exchange without a
declaration is one venue under its ccxt id, and only the unified fields of ccxt are read.
"""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

import msgspec

from cqar.importers.exchanges.fields import FIELDS, Fields
from cqar.importers.exchanges.payload import (
    Payload,
    Rule,
    at,
    either,
    filtered,
    first_tier_percent,
    none,
    number,
    percent,
    places,
    places_as_step,
    quotient,
    scaled,
)

#: Segments of an exchange whose ids may collide.
SPOT: Final = "spot"
LINEAR: Final = "linear"
INVERSE: Final = "inverse"
OPTION: Final = "option"


class Multiplied(NamedTuple):
    """A code for a multiple of the asset with another ticker."""

    ticker: str
    factor: Decimal


class Underlying(NamedTuple):
    """The underlying of a contract that is not a coin."""

    #: index, stock, commodity or fiat
    category: str
    name: str
    #: the ISO 4217 code, shared by all venues; None: specific to the venue
    iso4217: str | None = None


class Venue(NamedTuple):
    """A venue that an exchange is split into."""

    venue_id: str
    name: str


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """The declarations of one exchange."""

    #: segment -> venue; empty: one venue by the exchange's own id
    venues: Mapping[str, Venue] = {}
    tick: Rule = none
    lot: Rule = none
    maker: Rule = none
    taker: Rule = none
    #: units of base (of quote for inverse contracts) per contract; if set, the number of ccxt is not read
    contract_size: Rule | None = None
    #: in contracts; if set, the cost limits of ccxt are not read: they hold this number
    max_contracts: Rule | None = None
    #: keys of the payload that are stored in the metadata of the listing
    metadata: tuple[str, ...] = ()
    #: expiries in milliseconds that mean "none"
    no_expiry: frozenset[int] = frozenset()
    multipliers: Mapping[str, Multiplied] = {}
    underlyings: Mapping[str, Underlying] = {}
    #: baseId of an inverse contract is not the base
    base_id_is_quote: bool = False
    #: baseId is a number that the exchange may reuse for another coin: the ticker is the code
    base_id_is_number: bool = False
    #: segments where everyone can list a coin under a ticker of their choice
    permissionless: frozenset[str] = frozenset()
    #: where the payload has codes, names, classes and types
    fields: Fields = Fields()


def _thousand(*tickers: str, prefix: str = "1000") -> dict[str, Multiplied]:
    return {f"{prefix}{ticker}": Multiplied(ticker, Decimal(1000)) for ticker in tickers}


_MILLION = Decimal(1_000_000)
_PERPETUAL_PLACES = 6


def _hyperliquid_tick(payload: Payload) -> Decimal | None:
    """The price of a perpetual has at most 6 decimal places minus those of its size."""
    size = number(payload.get("szDecimals"))
    return None if size is None else places_as_step(_PERPETUAL_PLACES - size)


def _bitmex_contract(payload: Payload) -> Decimal | None:
    """The multiplier is in the smallest unit of the settlement currency, per quote unit (inverse) or base unit (linear).

    For a quanto contract it is an amount of money per point of the price, not a size: None.
    """
    multiplier = number(payload.get("multiplier"))
    inverse, linear = number(payload.get("underlyingToSettleMultiplier")), number(payload.get("quoteToSettleMultiplier"))
    per = inverse if payload.get("isInverse") is True else linear
    if multiplier is None or not per or payload.get("isQuanto") is True:
        return None
    return quotient(abs(multiplier), abs(per))


_BINANCE = Exchange(
    venues={
        SPOT: Venue("binance", "Binance"),
        LINEAR: Venue("binanceusdm", "Binance USD-M futures"),
        INVERSE: Venue("binancecoinm", "Binance COIN-M futures"),
        OPTION: Venue("binance-options", "Binance options"),
    },
    tick=filtered("PRICE_FILTER", "tickSize"),
    lot=filtered("LOT_SIZE", "stepSize"),
    no_expiry=frozenset({4_133_404_800_000}),
    multipliers={
        **_thousand("SHIB", "XEC", "LUNC", "PEPE", "FLOKI", "BONK", "SATS", "RATS", "CAT", "CHEEMS", "WHY", "X"),
        "1MBABYDOGE": Multiplied("BABYDOGE", _MILLION),
        "1000000BOB": Multiplied("BOB", _MILLION),
        "1000000MOG": Multiplied("MOG", _MILLION),
    },
    underlyings={
        "DEFI": Underlying("index", "Binance DeFi composite index"),
        "BTCDOM": Underlying("index", "Binance bitcoin dominance index"),
        "FOOTBALL": Underlying("index", "Binance football fan token index"),
        "BLUEBIRD": Underlying("index", "Binance bluebird index"),
    },
)


def _builder(dex: str, category: str, **names: str) -> dict[str, Underlying]:
    """The underlyings of a builder's exchange at Hyperliquid, by the tickers of one category."""
    metals = {"GOLD": "XAU", "SILVER": "XAG", "PLATINUM": "XPT", "PALLADIUM": "XPD"}
    return {f"{dex}:{ticker}": Underlying(category, name, metals.get(ticker)) for ticker, name in names.items()}


#: Anyone may open a market at a builder's exchange, so what its codes mean is declared one by one.
_XYZ = {
    **_builder("xyz", "index", XYZ100="XYZ100 index of large US companies"),
    **_builder("xyz", "commodity", GOLD="Gold", SILVER="Silver", PLATINUM="Platinum", PALLADIUM="Palladium", COPPER="Copper"),
    **_builder(
        "xyz",
        "stock",
        AAPL="Apple Inc.",
        AMD="Advanced Micro Devices, Inc.",
        AMZN="Amazon.com, Inc.",
        COIN="Coinbase Global, Inc.",
        CRCL="Circle Internet Group, Inc.",
        GOOGL="Alphabet Inc.",
        HOOD="Robinhood Markets, Inc.",
        INTC="Intel Corporation",
        META="Meta Platforms, Inc.",
        MSFT="Microsoft Corporation",
        MSTR="MicroStrategy Incorporated",
        MU="Micron Technology, Inc.",
        NFLX="Netflix, Inc.",
        NVDA="NVIDIA Corporation",
        ORCL="Oracle Corporation",
        PLTR="Palantir Technologies Inc.",
        TSLA="Tesla, Inc.",
    ),
}

_NUMBERS: Final[Mapping[str, Exchange]] = {
    "binance": _BINANCE,
    "binanceusdm": _BINANCE,
    "binancecoinm": _BINANCE,
    "bitget": Exchange(
        venues={
            SPOT: Venue("bitget", "Bitget"),
            LINEAR: Venue("bitget-futures", "Bitget futures"),
            INVERSE: Venue("bitget-futures", "Bitget futures"),
        },
        multipliers={**_thousand("BONK", "SATS", "RATS", "XEC"), "1MBABYDOGE": Multiplied("BABYDOGE", _MILLION)},
    ),
    "bingx": Exchange(
        venues={
            SPOT: Venue("bingx", "BingX"),
            LINEAR: Venue("bingx-futures", "BingX futures"),
            INVERSE: Venue("bingx-futures", "BingX futures"),
        },
    ),
    "bitmex": Exchange(
        tick=at("tickSize"),
        lot=at("lotSize"),
        maker=at("makerFee"),
        taker=at("takerFee"),
        contract_size=_bitmex_contract,
        metadata=("multiplier", "settlCurrency"),
        underlyings={
            "ALTMEX": Underlying("index", "BitMEX altcoin index"),
            "DEFIMEX": Underlying("index", "BitMEX DeFi index"),
            "METAMEX": Underlying("index", "BitMEX metaverse index"),
        },
    ),
    "bybit": Exchange(
        venues={
            SPOT: Venue("bybit", "Bybit"),
            LINEAR: Venue("bybit-linear", "Bybit linear contracts"),
            INVERSE: Venue("bybit-inverse", "Bybit inverse contracts"),
            OPTION: Venue("bybit-options", "Bybit options"),
        },
        tick=at("priceFilter", "tickSize"),
        lot=either(at("lotSizeFilter", "qtyStep"), at("lotSizeFilter", "basePrecision")),
        multipliers={
            **_thousand("BONK", "BTT", "CAT", "FLOKI", "LUNC", "PEPE", "RATS", "TURBO", "X", "XEC"),
            "SHIB1000": Multiplied("SHIB", Decimal(1000)),
            "10000LADYS": Multiplied("LADYS", Decimal(10_000)),
            "10000SATS": Multiplied("SATS", Decimal(10_000)),
            "1000000BABYDOGE": Multiplied("BABYDOGE", _MILLION),
            "1000000MOG": Multiplied("MOG", _MILLION),
            "10000000AIDOGE": Multiplied("AIDOGE", Decimal(10_000_000)),
        },
    ),
    "coinbaseexchange": Exchange(tick=at("quote_increment"), lot=at("base_increment")),
    "coinex": Exchange(
        venues={
            SPOT: Venue("coinex", "CoinEx"),
            LINEAR: Venue("coinex-futures", "CoinEx futures"),
            INVERSE: Venue("coinex-futures", "CoinEx futures"),
        },
    ),
    "delta": Exchange(underlyings={"DEFI": Underlying("index", "Delta Exchange DeFi index")}),
    "deribit": Exchange(
        tick=at("tick_size"),
        lot=at("min_trade_amount"),
        maker=at("maker_commission"),
        taker=at("taker_commission"),
        no_expiry=frozenset({32_503_708_800_000}),
    ),
    "gate": Exchange(
        venues={
            SPOT: Venue("gate", "Gate"),
            LINEAR: Venue("gate-futures", "Gate futures"),
            INVERSE: Venue("gate-futures", "Gate futures"),
            OPTION: Venue("gate-options", "Gate options"),
        },
        tick=either(at("order_price_round"), places("precision")),
        lot=places("amount_precision"),
        maker=either(at("maker_fee_rate"), percent("fee")),
        taker=either(at("taker_fee_rate"), percent("fee")),
        multipliers={"MBABYDOGE": Multiplied("BABYDOGE", _MILLION)},
    ),
    "gemini": Exchange(tick=at("quote_increment"), lot=at("tick_size")),
    "hyperliquid": Exchange(
        tick=_hyperliquid_tick,
        lot=places("szDecimals"),
        # The exchange writes k; ccxt converts tickers to upper case.
        multipliers={
            **_thousand("BONK", "DOGS", "FLOKI", "LUNC", "NEIRO", "PEPE", "SHIB", prefix="k"),
            **_thousand("BONK", "DOGS", "FLOKI", "LUNC", "NEIRO", "PEPE", "SHIB", prefix="K"),
        },
        underlyings=_XYZ,
        base_id_is_number=True,
        permissionless=frozenset({SPOT}),
    ),
    "kraken": Exchange(
        tick=either(at("tick_size"), places("pair_decimals")),
        lot=places("lot_decimals"),
        maker=first_tier_percent("fees_maker"),
        taker=first_tier_percent("fees"),
    ),
    "krakenfutures": Exchange(tick=at("tickSize")),
    "kucoin": Exchange(tick=at("priceIncrement"), lot=at("baseIncrement")),
    "mexc": Exchange(
        tick=places("quotePrecision"),
        lot=places("baseAssetPrecision"),
        maker=at("makerCommission"),
        taker=at("takerCommission"),
    ),
    "okx": Exchange(tick=at("tickSz"), lot=at("lotSz")),
    "phemex": Exchange(
        tick=either(at("tickSize"), scaled("quoteTickSizeEv", "valueScale")),
        lot=either(scaled("baseTickSizeEv", "valueScale"), at("lotSize")),
        maker=at("defaultMakerFee"),
        taker=at("defaultTakerFee"),
        max_contracts=at("maxOrderQty"),
        underlyings={"GOLD": Underlying("commodity", "Gold", "XAU")},
        base_id_is_quote=True,
    ),
    "xt": Exchange(
        venues={
            SPOT: Venue("xt", "XT"),
            LINEAR: Venue("xt-futures", "XT futures"),
            INVERSE: Venue("xt-futures", "XT futures"),
        },
    ),
}

EXCHANGES: Final[Mapping[str, Exchange]] = MappingProxyType(
    {
        exchange_id: msgspec.structs.replace(_NUMBERS.get(exchange_id, Exchange()), fields=FIELDS.get(exchange_id, Fields()))
        for exchange_id in sorted({*_NUMBERS, *FIELDS})
    }
)


def declared(exchange_id: str) -> Exchange:
    """The declarations of an exchange."""
    return EXCHANGES.get(exchange_id, Exchange())
