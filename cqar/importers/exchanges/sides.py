"""The codes of a market, with what its row says of each: by the declared fields, else by what ccxt reads."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from cqar.importers.exchanges import facts
from cqar.importers.exchanges.declarations import INVERSE, Exchange, Multiplied, Underlying
from cqar.importers.exchanges.facts import Address, AssetClass, Code
from cqar.importers.exchanges.payload import Payload
from cqar.importers.exchanges.texts import NOTHING, Text

#: ISO 4217 codes of the metals that venues trade, by the venues' tickers.
METALS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("XAU", "GOLD"), "XAU"),
    **dict.fromkeys(("XAG", "SILVER"), "XAG"),
    **dict.fromkeys(("XPT", "PLATINUM"), "XPT"),
    **dict.fromkeys(("XPD", "PALLADIUM"), "XPD"),
}
_CLASSES: Final[Mapping[str, AssetClass]] = {
    "index": facts.INDEX,
    "stock": facts.EQUITY,
    "commodity": facts.COMMODITY,
    "fiat": facts.FIAT,
}
#: A longer name is not a name.
_LONGEST_NAME: Final = 256


class Unified(NamedTuple):
    """What ccxt reads of the currencies of a market."""

    #: spot, linear, inverse, option
    segment: str
    base: str
    quote: str
    #: None: the market settles nothing
    settle: str | None = None
    base_id: str | None = None
    quote_id: str | None = None
    settle_id: str | None = None
    #: the exchange's own text where ccxt renames the base
    base_name: str | None = None
    #: the base is a share, or a token that stands for one
    stock: bool = False


def codes(row: Unified, payload: Payload, exchange: Exchange) -> tuple[Code, Code, Code | None]:
    """Base, quote and settlement.

    A code has the text that the exchange writes. Where the exchange identifies tokens by an index, it is `name:index`, or the
    code of the exchange's perpetuals on the same asset.

    >>> codes(Unified("spot", "BTC", "USD", base_id="BTC"), {"base": "XXBT", "quote": "ZUSD"}, declared("kraken"))[0]
    Code(code='XXBT', ticker='BTC', ..., former=('BTC',))
    """
    fields = exchange.fields
    quote = _code(_read(row.quote_id, row.quote), row.quote, fields.quote_code(payload))
    quote = _by_token(quote, row.quote, fields.quote_token(payload), exchange)
    quote = quote._replace(names=_names(fields.quote_names, payload))
    settle = None
    if row.settle is not None:
        settle = _code(_read(row.settle_id, row.settle), row.settle, fields.settle_code(payload))
        settle = _by_token(settle, row.settle, fields.settle_token(payload), exchange)
    return _base(row, payload, exchange), quote, settle


def _base(row: Unified, payload: Payload, exchange: Exchange) -> Code:
    fields = exchange.fields
    other = exchange.base_id_is_number or (exchange.base_id_is_quote and row.segment == INVERSE)
    ticker = fields.base_ticker(payload) or row.base
    base = _code(row.base if other else _read(row.base_id, row.base), ticker, fields.base_code(payload))
    base = base._replace(vetted=not (row.segment in exchange.permissionless or fields.permissionless(payload)))
    base = _by_token(base, row.base_name or row.base, fields.base_token(payload), exchange)
    underlying = _underlying(base, row, exchange)
    names = (*_names(fields.base_names, payload), *((underlying.name,) if underlying else ()))
    asset_class = _CLASSES[underlying.category] if underlying else _class(base, row, payload, exchange)
    metal = underlying.iso4217 if underlying else METALS.get(ticker) if asset_class == facts.COMMODITY else None
    base = base._replace(
        names=names,
        asset_class=asset_class,
        ids=(*base.ids, *(((facts.ISO4217, metal),) if metal else ())),
        addresses=tuple(Address(each) for each in _names(fields.base_addresses, payload) if each.lower() != base.code.lower()),
    )
    multiplied = _multiplied(base, exchange)
    return base if multiplied is None else base._replace(ticker=multiplied.ticker, factor=multiplied.factor)


def _read(code: str | None, ticker: str) -> str:
    """The code that ccxt reads."""
    return ticker if code is None or code in NOTHING else code


def _code(read: str, ticker: str, own: str | None) -> Code:
    """The exchange's own text where it is declared; what ccxt reads is what an import recorded before it was."""
    return Code(read, ticker) if own is None or own == read else Code(own, ticker, former=(read,))


def _by_token(code: Code, name: str, token: str | None, exchange: Exchange) -> Code:
    """The code of the token with an index."""
    if token is None:
        return code
    known = exchange.fields.tokens.get(token)
    text = known or f"{name}:{token}"
    former = tuple(each for each in (code.code, *code.former) if each != text)
    return code._replace(code=text, former=former, vetted=known is not None, ids=((facts.TOKEN_INDEX, token),))


def _names(rules: tuple[Text, ...], payload: Payload) -> tuple[str, ...]:
    """The texts that the rules find, once each."""
    found = (rule(payload) for rule in rules)
    return tuple(dict.fromkeys(each for each in found if each is not None and len(each) <= _LONGEST_NAME))


def _underlying(base: Code, row: Unified, exchange: Exchange) -> Underlying | None:
    """The declared underlying of a contract; what trades on the spot market is an asset of its own."""
    if row.settle is None:
        return None
    declared = exchange.underlyings
    return declared.get(base.code) or (declared.get(base.ticker) if base.vetted else None)


def _class(base: Code, row: Unified, payload: Payload, exchange: Exchange) -> AssetClass | None:
    """The class of the base as the row says it."""
    if row.stock:
        return facts.TOKENIZED if row.settle is None else facts.EQUITY
    said = exchange.fields.base_class(payload)
    form = exchange.fields.leveraged
    if said is None and form is not None and row.settle is None and form.fullmatch(base.code):
        return facts.LEVERAGED
    return said


def _multiplied(base: Code, exchange: Exchange) -> Multiplied | None:
    """What a code counts in; a token that anyone may name counts in itself."""
    return (exchange.multipliers.get(base.code) or exchange.multipliers.get(base.ticker)) if base.vetted else None
