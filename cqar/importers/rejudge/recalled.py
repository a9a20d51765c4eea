"""What a venue says of a code, as far as the registry tells without a claim about it.

Imports that recorded no claims left the code, a short evidence (`ticker BTT`, `external id coingecko:bitcoin`) and the
markets. Pure.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

import msgspec

from cqar.importers.exchanges import facts
from cqar.importers.exchanges.declarations import SPOT, Exchange, Underlying
from cqar.importers.exchanges.facts import Address, AssetClass
from cqar.importers.exchanges.fields import Fields
from cqar.importers.identity import known
from cqar.importers.identity.evidence import CLASSES, Facts

_EVIDENCE: Final = re.compile(r"(?:remap (\S+) is (\S+), )?(contract address|external id|ticker|name|class) (.+)", re.DOTALL)
_COINGECKO: Final = "coingecko:"
_ISO: Final = f"{facts.ISO4217}:"
_TICKERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        external_id: tuple(ticker for ticker, other in known.COINGECKO.items() if other == external_id)
        for external_id in set(known.COINGECKO.values())
    }
)


class Markets(msgspec.Struct):
    """What the listings of a venue say of an asset."""

    #: it is a quote or settles
    as_money: bool = False
    #: it is the base of a spot market
    on_spot: bool = False
    #: the oldest market with the asset as its base, and when it began
    first: str = ""
    since: datetime | None = None
    #: the number of listings that stand on it, ended ones included
    count: int = 0


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry has of a code without a claim."""

    venue_id: str
    code: str
    #: the code is the main one of its venue asset, about which the evidence speaks
    main: bool
    evidence: str
    #: of the asset
    ticker: str
    provisional: bool
    markets: Markets
    #: code -> units of the ticker that it counts in
    multipliers: Mapping[str, Any] = {}


def recalled(had: Recorded, exchange: Exchange, renamed: Mapping[str, str]) -> Facts:
    """The facts of a code. `renamed`: what ccxt renames at the exchange.

    >>> had = Recorded(venue_id="kraken", code="XXBT", main=True, evidence="external id coingecko:bitcoin", ticker="BTC",
    ...     provisional=False, markets=Markets())
    >>> recalled(had, Exchange(), {}).ticker
    'BTC'
    """
    remap, unified, kind, value = _read(had)
    multiplied = exchange.multipliers.get(had.code)
    ticker = renamed.get(had.code) or (unified if remap == had.code else None) or _ticker(had, kind, value)
    factor = had.multipliers.get(had.code)
    said = Facts(
        code=had.code,
        ticker=ticker if multiplied is None else multiplied.ticker,
        factor=multiplied.factor if multiplied is not None else None if factor is None else Decimal(str(factor)),
        as_money=had.markets.as_money,
        permissionless=_permissionless(had, exchange),
        first_market=had.markets.first,
        first_seen=had.markets.since,
    )
    return _evident(said, had, exchange, kind, value)


def _read(had: Recorded) -> tuple[str, str, str, str]:
    """Code and ticker of a renaming, kind and value of the evidence; empty where it says none."""
    found = _EVIDENCE.fullmatch(had.evidence) if had.main else None
    return ("", "", "", "") if found is None else (found[1] or "", found[2] or "", found[3], found[4])


def _ticker(had: Recorded, kind: str, value: str) -> str:
    """What an import read the code as; the code, if nothing tells."""
    if kind == "ticker":
        return value
    if kind == "external id" and value.startswith(_COINGECKO):
        tickers = _TICKERS.get(value.removeprefix(_COINGECKO), ())
        return had.code if had.code in tickers or not tickers else tickers[0]
    if kind == "external id" and value.startswith(_ISO):
        return value.removeprefix(_ISO)
    return had.ticker if had.main and had.provisional else had.code


def _evident(said: Facts, had: Recorded, exchange: Exchange, kind: str, value: str) -> Facts:
    """The facts with what the recorded evidence says."""
    replace = msgspec.structs.replace
    if kind == "contract address":
        return replace(said, addresses=(Address(value),))
    if kind == "name":
        return replace(said, names=(value,))
    if kind == "class" and value in CLASSES.values():
        return replace(said, asset_class=_asset_class(value))
    if kind != "external id" or value.startswith(_COINGECKO):
        return said
    declared = exchange.underlyings.get(said.code) or exchange.underlyings.get(said.ticker)
    if declared is not None and value in _ids(had, declared):
        said = replace(said, names=(declared.name,), asset_class=CLASSES[declared.category])
    return replace(said, ids=((facts.ISO4217, value.removeprefix(_ISO)),)) if value.startswith(_ISO) else said


def _asset_class(value: str) -> AssetClass:
    return next(each for each in CLASSES.values() if each == value)


def _ids(had: Recorded, declared: Underlying) -> tuple[str, str]:
    """The ids that an import gives the underlying of a contract."""
    return f"{had.venue_id}:{had.code}", f"{_ISO}{declared.iso4217}"


def _permissionless(had: Recorded, exchange: Exchange) -> bool:
    """Whether anyone may list a coin under the code, as far as the markets tell."""
    fields = exchange.fields
    if had.code in fields.tokens.values():
        return False
    by_builder = fields.permissionless is not Fields().permissionless and ":" in had.code
    return fields.permissionless({}) or by_builder or (SPOT in exchange.permissionless and had.markets.on_spot)
