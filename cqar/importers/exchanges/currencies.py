"""The currencies that an exchange publishes: names and contract addresses of its codes.

The document is what ccxt's `fetch_currencies` gives: an object of currencies by ccxt's code, or an array of them.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from cqar.importers.exchanges import networks
from cqar.importers.exchanges.facts import Address, Code
from cqar.importers.exchanges.texts import found

#: Exchanges for which ccxt's `name` is a name; others repeat a code in it.
_NAMED: Final = frozenset(
    (
        *("arkham", "ascendex", "backpack", "bequant", "binance", "binancecoinm", "binanceusdm", "bitmart", "bitmex", "bitrue"),
        *("bitso", "bitvavo", "bullish", "coinbaseexchange", "coinbaseinternational", "coinone", "cryptocom", "delta"),
        *("exmo", "fmfwio", "foxbit", "gate", "hashkey", "hitbtc", "hollaex", "kucoin", "kucoinfutures", "mexc", "ndax"),
        *("okx", "onetrading", "phemex", "poloniex", "probit", "revolutx", "timex", "xt"),
    )
)
#: Where the answer of an exchange about a network has the contract address. OKX is left out: it gives its last digits only.
_ADDRESSES: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(("backpack", "binance", "bingx", "bitget", "bybit", "kucoin", "poloniex", "weex"), "contractAddress"),
        **dict.fromkeys(("bequant", "bitmart", "coinbaseexchange", "fmfwio", "hitbtc"), "contract_address"),
        **dict.fromkeys(("modetrade", "woofipro"), "contract_address"),
        "bitmex": "tokenAddress",
        "gate": "addr",
        "kucoinfutures": "contractAddress",
        "mexc": "contract",
        "oxfun": "tokenId",
    }
)


class Currency(NamedTuple):
    """What an exchange says of one of its codes."""

    names: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()


def facts_of(document: Any, exchange_id: str) -> dict[str, Currency]:
    """Names and addresses by the exchange's own code; currencies of another form are left out.

    >>> facts_of({"BTC": {"id": "XBT", "name": "Bitcoin"}}, "phemex")
    {'XBT': Currency(names=('Bitcoin',), addresses=())}
    """
    listed = document.values() if isinstance(document, Mapping) else document if isinstance(document, list) else ()
    said: dict[str, Currency] = {}
    for each in listed:
        code = found(each.get("id")) if isinstance(each, Mapping) else None
        if code is not None:
            said[code] = Currency(_names(each, code, exchange_id), tuple(_addresses(each, code, exchange_id)))
    return said


def with_facts(code: Code, said: Mapping[str, Currency]) -> Code:
    """The code with what the currencies say of it, after what the row says."""
    currency = said.get(code.code)
    if currency is None:
        return code
    mine = {each.text.lower() for each in code.addresses}
    return code._replace(
        names=tuple(dict.fromkeys((*code.names, *currency.names))),
        addresses=(*code.addresses, *(each for each in currency.addresses if each.text.lower() not in mine)),
    )


def _names(currency: Mapping[str, Any], code: str, exchange_id: str) -> tuple[str, ...]:
    name = found(currency.get("name")) if exchange_id in _NAMED else None
    return () if name is None or name.lower() == code.lower() else (name,)


def _addresses(currency: Mapping[str, Any], code: str, exchange_id: str) -> Iterator[Address]:
    """The addresses on the networks of a currency; that on its only network stands alone."""
    listed, key = currency.get("networks"), _ADDRESSES.get(exchange_id)
    if key is None or not isinstance(listed, Mapping):
        return
    for each in listed.values():
        info = each.get("info") if isinstance(each, Mapping) else None
        network, address = found(each.get("id")) if isinstance(each, Mapping) else None, None
        if isinstance(info, Mapping):
            address = found(info.get(key))
        if address is not None and address.lower() != code.lower():
            yield Address(address, networks.chain(exchange_id, network or ""), sole=len(listed) == 1)
