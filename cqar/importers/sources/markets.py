"""Market rows of ccxt as facts: what is traded, its terms and its specs, by the declarations of the exchange.

Pure, without the registry. A row that lacks a field that its canonical symbol needs is refused.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from cqar import exact
from cqar.contract.cqc.markets.v1 import markets_pb2
from cqar.errors import Invalid
from cqar.importers.exchanges import fields, sides
from cqar.importers.exchanges.currencies import Currency, with_facts
from cqar.importers.exchanges.declarations import INVERSE, LINEAR, OPTION, SPOT, Exchange
from cqar.importers.exchanges.facts import Code
from cqar.importers.exchanges.payload import number, places_as_step
from cqar.importers.exchanges.texts import NOTHING
from cqar.importers.run import documents
from cqar.importers.run.documents import Refused, Source
from cqar.importers.sources.bounds import Bounds, Doubt

#: The precision modes of ccxt.
TICK_SIZE: Final = "tick_size"
DECIMAL_PLACES: Final = "decimal_places"
SIGNIFICANT_DIGITS: Final = "significant_digits"

#: The metadata of a listing that has the time of a planned delisting.
DELISTING: Final = "delisting_at"

_TYPES: Mapping[str, markets_pb2.SymbolType] = {
    "spot": markets_pb2.SYMBOL_TYPE_SPOT,
    "margin": markets_pb2.SYMBOL_TYPE_MARGIN,
    "swap": markets_pb2.SYMBOL_TYPE_PERPETUAL,
    "future": markets_pb2.SYMBOL_TYPE_FUTURE,
    "option": markets_pb2.SYMBOL_TYPE_OPTION,
}
_SIDES: Mapping[str, markets_pb2.OptionType] = {
    "call": markets_pb2.OPTION_TYPE_CALL,
    "put": markets_pb2.OPTION_TYPE_PUT,
}
_DERIVATIVES = frozenset({"swap", "future", "option"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = 253_402_300_799_000


class _Range(msgspec.Struct):
    min: Decimal | None = None
    max: Decimal | None = None


class _Limits(msgspec.Struct):
    amount: _Range | None = None
    cost: _Range | None = None
    leverage: _Range | None = None


class _Precision(msgspec.Struct):
    amount: Decimal | None = None
    price: Decimal | None = None


class Row(msgspec.Struct, rename="camel"):
    """The unified market of ccxt: the fields that are read."""

    id: str
    type: str
    base: str | None = None
    quote: str | None = None
    settle: str | None = None
    base_id: str | None = None
    quote_id: str | None = None
    settle_id: str | None = None
    base_name: str | None = None
    stock: bool | None = None
    active: bool | None = None
    linear: bool | None = None
    inverse: bool | None = None
    quanto: bool | None = None
    contract_size: Decimal | None = None
    expiry: int | None = None
    strike: Decimal | None = None
    option_type: str | None = None
    maker: Decimal | None = None
    taker: Decimal | None = None
    percentage: bool | None = None
    precision: _Precision | None = None
    limits: _Limits | None = None
    created: int | None = None
    info: Any = None


class Specs(msgspec.Struct, frozen=True, kw_only=True):
    """The specs of a listing; None: unknown."""

    tick_size: Decimal | None = None
    lot_size: Decimal | None = None
    min_order_size: Decimal | None = None
    max_order_size: Decimal | None = None
    min_notional: Decimal | None = None
    max_order_value: Decimal | None = None
    max_leverage: Decimal | None = None
    contract_size: Decimal | None = None
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None


class Market(msgspec.Struct, frozen=True, kw_only=True):
    """The market described by a row."""

    source: Source
    id: str
    #: segment of the exchange: spot, linear, inverse, option
    segment: str
    symbol_type: markets_pb2.SymbolType
    base: Code
    quote: Code
    settle: Code | None
    margin_kind: str | None
    expiry: datetime | None
    strike: Decimal | None
    option_type: markets_pb2.OptionType | None
    active: bool | None
    created: datetime | None
    specs: Specs
    #: numbers of the row that are not read
    doubts: tuple[Doubt, ...] = ()
    #: the part of the payload that goes into the metadata of the listing
    metadata: Mapping[str, str]
    #: further texts of the listing: the names that the exchange shows where ccxt's id is a number
    aliases: tuple[str, ...] = ()

    def told(self, currencies: Mapping[str, Currency]) -> "Market":
        """The market with what the currencies of the exchange say of its codes."""
        if not currencies:
            return self
        settle = None if self.settle is None else with_facts(self.settle, currencies)
        base, quote = with_facts(self.base, currencies), with_facts(self.quote, currencies)
        return msgspec.structs.replace(self, base=base, quote=quote, settle=settle)

    @property
    def name(self) -> str:
        """The market for people: BTC/USDT, BTC/USDT:USDT."""
        settled = f":{self.settle.ticker}" if self.settle is not None else ""
        return f"{self.base.ticker}/{self.quote.ticker}{settled}"


_ROW = documents.decoder(Row)


def decode(source: Source) -> Row:
    """Decode a row; its numbers fit the registry. Raises Refused."""
    row = documents.decoded(source, _ROW)
    _check_numbers(row, "")
    return row


def _check_numbers(part: msgspec.Struct, path: str) -> None:
    for field in part.__struct_fields__:
        value = getattr(part, field)
        if isinstance(value, Decimal):
            try:
                exact.parse(str(value), f"{path}{field}")
            except Invalid as error:
                raise Refused("bad_number", error.message) from error
        elif isinstance(value, msgspec.Struct):
            _check_numbers(value, f"{path}{field}.")


def mode_of(rows: Sequence[Row], exchange: Exchange) -> str | None:
    """The precision mode proven by comparing the steps in payloads with the numbers of ccxt. None: no mode, or several.

    Files of different versions of ccxt differ in mode, and a row does not state its mode.
    """
    proofs = set()
    for row in rows:
        precision, payload = row.precision or _Precision(), row.info if isinstance(row.info, dict) else {}
        for published, step in ((precision.amount, exchange.lot(payload)), (precision.price, exchange.tick(payload))):
            if published is None or step is None:
                continue
            if published == step:
                proofs.add(TICK_SIZE)
            elif places_as_step(published) == step:
                proofs.add(DECIMAL_PLACES)
    return proofs.pop() if len(proofs) == 1 else None


def parse(source: Source, row: Row, exchange: Exchange, mode: str) -> Market:
    """Read a row. Raises Refused."""
    if row.type not in _TYPES:
        raise Refused("unsupported_type", f"{row.type!r} is not a supported type of market")
    if not _is_set(row.id):
        raise Refused("incomplete", "the row has no id")
    payload = row.info if isinstance(row.info, dict) else {}
    row, delisting = _typed(row, payload, exchange)
    symbol_type = _TYPES[row.type]
    base, quote, settle = _codes(row, payload, exchange)
    option_type = _option_type(row) if row.type == "option" else None
    specs, doubts = _specs(row, payload, exchange, mode)
    return Market(
        source=source,
        id=row.id,
        segment=_segment(row),
        symbol_type=symbol_type,
        base=base,
        quote=quote,
        settle=settle,
        margin_kind=_margin_kind(row) if row.type in _DERIVATIVES else None,
        expiry=_expiry(row, exchange),
        strike=row.strike if row.type == "option" else None,
        option_type=option_type,
        active=row.active,
        created=_instant(row.created) if row.created else None,
        specs=specs,
        doubts=doubts,
        metadata=_metadata(payload, exchange, delisting),
        aliases=_aliases(row.id, payload, exchange),
    )


def _typed(row: Row, payload: Mapping[str, Any], exchange: Exchange) -> tuple[Row, datetime | None]:
    """The row by the exchange's own type of the market, and the time of a planned delisting. Raises Refused.

    ccxt reads a date of delivery as that of a future, also where the exchange announces the end of a perpetual by it.
    """
    kind = exchange.fields.kind(payload)
    if kind == fields.UNSUPPORTED:
        raise Refused("unsupported_type", f"{row.id!r} is a market of several legs, or of a type that no symbol has")
    planned = exchange.fields.delisting(payload)
    if row.type in _DERIVATIVES:
        if kind == fields.SWAP:
            planned = planned or row.expiry
            row = msgspec.structs.replace(row, type=kind, expiry=None)
        else:
            planned = None
            row = msgspec.structs.replace(row, type=kind or row.type)
    known = planned is not None and planned not in exchange.no_expiry and 0 < planned <= _LAST
    return row, _instant(planned) if known and planned is not None else None


def _aliases(text: str, payload: Mapping[str, Any], exchange: Exchange) -> tuple[str, ...]:
    name = exchange.fields.name(payload)
    return () if name is None or name == text else (name,)


def _metadata(payload: Mapping[str, Any], exchange: Exchange, delisting: datetime | None) -> dict[str, str]:
    """The declared part of the payload, and a planned delisting as an ISO 8601 time."""
    found = {name: text for name in exchange.metadata if (text := _written(payload.get(name)))}
    return found if delisting is None else {**found, DELISTING: delisting.isoformat()}


def _option_type(row: Row) -> markets_pb2.OptionType:
    if row.option_type is None or row.strike is None:
        raise Refused("incomplete", "an option needs strike and optionType")
    if row.strike <= 0:
        raise Refused("bad_strike", f"an option cannot have the strike {row.strike}")
    if row.option_type not in _SIDES:
        raise Refused("unsupported_type", f"optionType {row.option_type!r} is neither call nor put")
    return _SIDES[row.option_type]


def _is_set(value: str | None) -> bool:
    return value is not None and value not in NOTHING


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in NOTHING else None


def _written(value: Any) -> str | None:
    """Text, or a number as text."""
    parsed = None if isinstance(value, str) else number(value)
    return _text(value) if parsed is None else exact.plain(parsed)


def _segment(row: Row) -> str:
    if row.type == "option":
        return OPTION
    if row.type not in _DERIVATIVES:
        return SPOT
    return INVERSE if row.inverse else LINEAR


def _codes(row: Row, payload: Mapping[str, Any], exchange: Exchange) -> tuple[Code, Code, Code | None]:
    """Base, quote and settlement. The symbol is never split: ids have no separator, and it may hold `undefined`."""
    needed = {"base": row.base, "quote": row.quote, **({"settle": row.settle} if row.type in _DERIVATIVES else {})}
    missing = [name for name, value in needed.items() if not _is_set(value)]
    if missing:
        raise Refused("incomplete", f"the row has no {', '.join(missing)}")
    read = sides.Unified(
        segment=_segment(row),
        base=row.base or "",
        quote=row.quote or "",
        settle=row.settle if row.type in _DERIVATIVES else None,
        base_id=row.base_id,
        quote_id=row.quote_id,
        settle_id=row.settle_id,
        base_name=row.base_name if _is_set(row.base_name) else None,
        stock=bool(row.stock),
    )
    return sides.codes(read, payload, exchange)


def _margin_kind(row: Row) -> str | None:
    if row.linear and row.inverse:
        raise Refused("contradictory", "the row is both linear and inverse")
    if row.quanto:
        return "quanto"
    if row.inverse:
        return "inverse"
    return "linear" if row.linear else None


def _expiry(row: Row, exchange: Exchange) -> datetime | None:
    expiry = None if row.expiry in exchange.no_expiry else row.expiry
    if row.type in ("future", "option"):
        if not expiry:
            raise Refused("incomplete", f"a market of type {row.type} needs an expiry")
        return _instant(expiry)
    if expiry:
        raise Refused("unknown_expiry", f"a market of type {row.type} expires at {expiry}, which is not a declared sentinel")
    return None


def _instant(milliseconds: int) -> datetime:
    if not 0 < milliseconds <= _LAST:
        raise Refused("bad_time", f"{milliseconds} is not a time in milliseconds since 1970")
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _specs(row: Row, payload: Mapping[str, Any], exchange: Exchange, mode: str) -> tuple[Specs, tuple[Doubt, ...]]:
    """The numbers of the payload if a rule is declared, else those of ccxt; numbers that cannot be right are left out."""
    precision, limits = row.precision or _Precision(), row.limits or _Limits()
    amount, cost, leverage = limits.amount or _Range(), limits.cost or _Range(), limits.leverage or _Range()
    contracts = exchange.max_contracts if row.type in _DERIVATIVES else None
    bounds = Bounds()
    specs = Specs(
        tick_size=_step(bounds, "tick_size", exchange.tick(payload), precision.price, mode),
        lot_size=_step(bounds, "lot_size", exchange.lot(payload), precision.amount, mode),
        min_order_size=amount.min,
        max_order_size=bounds.most("max_order_size", amount.max if contracts is None else contracts(payload)),
        min_notional=cost.min,
        max_order_value=bounds.most("max_order_value", cost.max) if contracts is None else None,
        max_leverage=bounds.leverage(leverage.max),
        contract_size=_contract_size(row, payload, exchange),
        maker_fee=bounds.fee("maker_fee", exchange.maker(payload), _fraction(row, row.maker)),
        taker_fee=bounds.fee("taker_fee", exchange.taker(payload), _fraction(row, row.taker)),
    )
    return specs, tuple(bounds.doubts)


def _step(bounds: Bounds, field: str, own: Decimal | None, unified: Decimal | None, mode: str) -> Decimal | None:
    """A tick or lot size: the step in the payload, else the number of ccxt by its mode. Raises Refused if it is not a step."""
    read = unified if mode == TICK_SIZE else None
    if unified is not None and mode == DECIMAL_PLACES:
        read = places_as_step(unified)
        if own is None and read is None:
            raise Refused("bad_precision", f"the {field} is {unified}, which is not a number of decimal places")
    step = read if own is None else own
    if step is not None and step <= 0:
        raise Refused("bad_precision", f"the {field} is {step}, which is not a {mode.replace('_', ' ')}")
    return bounds.agreed(field, own, read)


def _contract_size(row: Row, payload: Mapping[str, Any], exchange: Exchange) -> Decimal | None:
    """The contract size. A rule is declared where that of ccxt is known to be another number."""
    if row.type not in _DERIVATIVES:
        return None
    return row.contract_size if exchange.contract_size is None else exchange.contract_size(payload)


def _fraction(row: Row, fee: Decimal | None) -> Decimal | None:
    """A fee of ccxt, which is a fraction unless the row says otherwise."""
    return None if row.percentage is False else fee
