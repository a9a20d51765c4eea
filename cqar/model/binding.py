"""From a request to column values: which field sets which column, and the rule that checks each value.

A binding is created when a method is declared. It fails at import if a request has a field that is neither a column of its
entity nor known to its operation.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import orjson
from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.message import Message

from cqar import errors, exact, text
from cqar.model import rules
from cqar.model.entity import Column, Entity, Row, columns_of

#: Maximum characters of ids and other keys without a limit of their own.
KEY = 64
#: Maximum number of elements of a repeated text, such as aliases.
MAX_TEXTS = 100
_DAY = 86_400
#: nanoseconds
_SECOND = 1_000_000_000
#: The years 1 to 9999, which both PostgreSQL and Python support, in seconds since 1970.
_YEARS = range(-62_135_596_800, 253_402_300_800)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INFINITE = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

TextRule = Callable[[str, str], str]


def key(max_length: int) -> TextRule:
    """Exact text: leading or trailing whitespace is an error."""
    return lambda value, field: text.clean(value, field, max_length, trim=False)


def name(max_length: int) -> TextRule:
    """Display text: leading and trailing whitespace is removed."""
    return lambda value, field: text.clean(value, field, max_length, trim=True)


#: The rule of each text column, by its name, in every table.
TEXT: Mapping[str, TextRule] = {
    **dict.fromkeys(("asset_id", "from_asset_id", "to_asset_id", "native_asset_id"), key(KEY)),
    **dict.fromkeys(("base_asset_id", "quote_asset_id", "settlement_asset_id"), key(KEY)),
    **dict.fromkeys(("identifier_id", "deployment_id", "relationship_id", "group_id", "member_id", "flag_id"), key(KEY)),
    **dict.fromkeys(("symbol_id", "listing_id", "candidate_asset_ids", "successor_asset_id", "successor_symbol_id"), key(KEY)),
    **dict.fromkeys(("chain_id", "venue_id"), text.given_slug),
    **dict.fromkeys(("logo_url", "website_url", "explorer_url", "api_endpoint", "evidence_url", "rpc_urls"), text.url),
    **dict.fromkeys(("name", "chain_name", "source", "resolved_by", "protocol"), name(text.NAME)),
    **dict.fromkeys(("description", "reason", "blocked_reason", "resolution_notes"), name(text.DESCRIPTION)),
    **dict.fromkeys(("category", "group_type"), name(KEY)),
    "symbol": key(text.ASSET_SYMBOL),
    "symbol.symbol": key(text.NAME),
    "native_asset_symbol": key(text.ASSET_SYMBOL),
    **dict.fromkeys(("venue_symbol", "venue_asset_symbol", "venue_asset_aliases", "code"), key(text.VENUE_SYMBOL)),
    "identity_evidence": name(text.NAME),
    **dict.fromkeys(("principal", "note"), name(text.NAME)),
    "key_id": key(KEY),
    "venue_ids": text.given_slug,
    "external_id": key(text.NAME),
    "address": key(1024),
    "protocol_address": key(1024),
    "chain_type": key(KEY),
    "margin_kind": key(KEY),
    "caip2": rules.caip2,
}

_POSITIVE = ("tick_size", "lot_size", "max_order_size", "contract_size", "strike_price", "max_order_value", "max_leverage")
_NOT_NEGATIVE = (
    *("min_order_size", "min_notional", "min_order_value"),
    *("min_deposit", "min_withdrawal", "withdrawal_fee", "deposit_fee"),
)
#: The rule of each number column, by its name, in every table.
NUMBERS: Mapping[str, Callable[[Any, str], Any]] = {
    **dict.fromkeys(_POSITIVE, rules.positive),
    **dict.fromkeys(_NOT_NEGATIVE, rules.not_negative),
    "conversion_rate": rules.positive,
    "quantity_multiplier": rules.not_zero,
    "maker_fee": rules.fee_maker,
    "taker_fee": rules.fee_taker,
    "weight": rules.weight,
}


class Bound(NamedTuple):
    """A column and the request fields that set it."""

    column: str
    kind: str
    #: the plain field, and the exact twin of a number
    plain: str | None
    decimal: str | None
    #: the field named in violations
    field: str
    #: checks a text or a number
    rule: Callable[[Any, str], Any] | None
    #: the enum's known numbers
    enum: frozenset[int] | None


class Binding:
    """How the fields of a request become columns of an entity.

    `known`: fields that the operation reads itself; `renames`: request field -> column, if the names differ.
    """

    def __init__(
        self, request: type[Message], entity: Entity, known: Collection[str] = (), renames: Mapping[str, str] | None = None
    ) -> None:
        self.request = request
        self.entity = entity
        self.renames = renames or {}
        self.bound: dict[str, Bound] = {}
        shown = columns_of(request, numbers=entity.numbers)
        for each in shown.values():
            if each.name in known:
                continue
            self._bind(each)
        odd = [
            each.name for each in request.DESCRIPTOR.fields if each.is_repeated and each.message_type and each.name not in known
        ]
        if odd:
            msg = f"{request.DESCRIPTOR.full_name}: {odd} fit no column of {entity.name}"
            raise TypeError(msg)

    def _bind(self, given: Column) -> None:
        column = self.renames.get(given.name, given.name)
        where = f"{self.request.DESCRIPTOR.full_name}.{given.plain or given.decimal}"
        stored = self.entity.columns.get(column)
        if stored is None or stored.kind != given.kind:
            msg = f"{where} fits no column of {self.entity.name}"
            raise TypeError(msg)
        rule: Callable[[Any, str], Any] | None = None
        if given.kind in ("text", "texts"):
            rule = TEXT.get(f"{self.entity.name}.{column}") or TEXT.get(column)
        elif given.kind == "number":
            rule = NUMBERS.get(column)
        if rule is None and given.kind in ("text", "texts", "number"):
            msg = f"{where}: no rule for column {column}"
            raise TypeError(msg)
        field = given.plain or given.decimal or given.name
        self.bound[column] = Bound(column, given.kind, given.plain, given.decimal, field, rule, self._enum(given.plain))

    def _enum(self, plain: str | None) -> frozenset[int] | None:
        described: Any = self.request.DESCRIPTOR.fields_by_name.get(plain) if plain else None
        if described is None or described.enum_type is None:
            return None
        return frozenset(value.number for value in described.enum_type.values)

    def field_of(self, column: str) -> str:
        """The request field that sets the column, for violations."""
        bound = self.bound.get(column)
        return column if bound is None else bound.field

    def field_name(self, field: str) -> str:
        """The name in this request of a field that rules and constraints call as the contract's create request does."""
        return field if field in self.request.DESCRIPTOR.fields_by_name else self.entity.renames.get(field, field)

    def values(self, request: Message, before: Row | None = None, only: Collection[str] | None = None) -> dict[str, Any]:
        """The columns that the request sets, checked.

        `before`: the stored row of an update, to recognize an unchanged double; `only`: these columns instead of all.
        """
        held = {field.name: value for field, value in request.ListFields()}
        given: dict[str, Any] = {}
        broken: list[errors.Violation] = []
        for bound in self.bound.values() if only is None else [self.bound[name] for name in only]:
            if bound.field not in held and bound.decimal not in held:
                continue
            try:
                value = self._value(held, bound, None if before is None else before.get(bound.column))
            except errors.Invalid as error:
                broken += error.violations
                continue
            if value is not None:
                given[bound.column] = value
        if broken:
            raise errors.Invalid.of(broken)
        return given

    def _value(self, held: Mapping[str, Any], bound: Bound, stored: Any) -> Any:
        """The column's value, from the fields that are set."""
        _, kind, plain, decimal, field, rule, _ = bound
        if kind == "texts" and rule is not None:
            texts = held[field]
            if len(texts) > MAX_TEXTS:
                raise errors.Invalid(field, "TOO_MANY", f"has {len(texts)} elements; the limit is {MAX_TEXTS}")
            return [rule(each, field) for each in texts] or None
        if kind == "number":
            exactly = held.get(decimal or "")
            if plain is None:
                number = exact.parse(exactly, field) if exactly else None
            else:
                number = exact.pick(held.get(plain), exactly or None, plain, stored)
            return number if number is None or rule is None else rule(number, field)
        return _single(held[field], bound)


def _single(value: Any, bound: Bound) -> Any:
    """The value of a single field that is set; None for empty text and enum 0, which mean unset."""
    match bound.kind:
        case "text":
            return bound.rule(value, bound.field) if value and bound.rule else None
        case "time":
            return instant(value, bound.field)
        case "json":
            return json_text(value, bound.field)
        case _:
            if bound.enum is None:
                return value
            if value not in bound.enum:
                raise errors.Invalid(bound.field, "UNKNOWN_VALUE", f"{value} is not a known value")
            return value or None


def instant(value: timestamp_pb2.Timestamp, field: str) -> datetime:
    """The message as a UTC time, truncated to microseconds.

    Raises Invalid outside the years 1 to 9999, and for their first and last microsecond, which asyncpg maps to infinity.
    """
    if value.seconds not in _YEARS or not 0 <= value.nanos < _SECOND:
        raise errors.Invalid(field, "BAD_TIME", "must be in the years 1 to 9999, with nanos from 0 to 999,999,999")
    days, seconds = divmod(value.seconds, _DAY)
    found = _EPOCH + timedelta(days=days, seconds=seconds, microseconds=value.nanos // 1_000)
    if found in _INFINITE:
        raise errors.Invalid(field, "BAD_TIME", "is the first or last representable time; leave it unset for no bound")
    return found


def json_text(value: struct_pb2.Struct, field: str) -> str:
    """A Struct as JSON text. Raises Invalid if it breaks the rules of metadata."""
    return orjson.dumps(text.metadata(_object(value, field), field)).decode()


def _object(value: struct_pb2.Struct, field: str) -> dict[str, object]:
    return {name: _held(each, field) for name, each in value.fields.items()}


def _held(value: struct_pb2.Value, field: str) -> object:
    """A value of a Struct. Its nesting is limited because protobuf does not parse deeper messages."""
    match value.WhichOneof("kind"):
        case "null_value":
            return None
        case "struct_value":
            return _object(value.struct_value, field)
        case "list_value":
            return [_held(each, field) for each in value.list_value.values]
        case None:
            raise errors.Invalid(field, "NOT_JSON", "contains a value without a kind; send null instead")
        case kind:
            held: object = getattr(value, kind)
            return held
