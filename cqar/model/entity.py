"""The declaration of an entity: a table, its key and its columns, bound to a message of the contract.

The columns are the message's fields. A `double` and its `_decimal` twin are one NUMERIC column, named without the suffix.
Everything that cannot be derived is declared (see `Entity`); a declaration that does not match fails at import.
"""

import dataclasses
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

import orjson
from google.protobuf import struct_pb2, timestamp_pb2
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from cqar import exact

#: A row of a table: column name to value as asyncpg gives it (str, int, bool, Decimal, datetime, list of str, JSON text).
Row = Mapping[str, Any]

ColumnKind = Literal["text", "texts", "integer", "flag", "number", "time", "json", "items"]

#: Kinds of columns whose value is the text of a JSON document.
DOCUMENTS: frozenset[ColumnKind] = frozenset({"json", "items"})

_KINDS: Mapping[int, ColumnKind] = {
    FieldDescriptor.TYPE_STRING: "text",
    FieldDescriptor.TYPE_INT32: "integer",
    FieldDescriptor.TYPE_INT64: "integer",
    FieldDescriptor.TYPE_ENUM: "integer",
    FieldDescriptor.TYPE_BOOL: "flag",
    FieldDescriptor.TYPE_DOUBLE: "number",
}
_MESSAGE_KINDS: Mapping[str, ColumnKind] = {"google.protobuf.Timestamp": "time", "google.protobuf.Struct": "json"}


class Column(NamedTuple):
    """A column and the message fields that show it: `plain` for any type, `decimal` for the exact twin of a number."""

    name: str
    kind: ColumnKind
    plain: str | None
    decimal: str | None = None


class Parent(NamedTuple):
    """A column that refers to a row of another entity, which must exist as long as this one."""

    column: str
    entity: "Entity"
    #: the name of the column in requests, for violations
    request_field: str


def columns_of(
    message: type[Message], *, numbers: frozenset[str] = frozenset(), items: frozenset[str] = frozenset()
) -> dict[str, Column]:
    """The columns that a message shows, by name.

    `numbers`: text fields that are NUMERIC in the table; `items`: repeated messages that are JSON there.
    """
    fields = {each.name: each for each in message.DESCRIPTOR.fields}
    columns: dict[str, Column] = {}
    for name, each in fields.items():
        base = name.removesuffix("_decimal")
        if base != name:
            plain = base if base in fields else None
            columns[base] = Column(base, "number", plain, name)
        elif name in numbers:
            columns[name] = Column(name, "number", None, name)
        elif name in items:
            columns[name] = Column(name, "items", name)
        elif each.message_type is not None:
            kind = _MESSAGE_KINDS.get(each.message_type.full_name)
            if kind is not None and not each.is_repeated:
                columns[name] = Column(name, kind, name)
        elif each.is_repeated:
            columns[name] = Column(name, "texts", name)
        elif each.type != FieldDescriptor.TYPE_DOUBLE:
            columns[name] = Column(name, _KINDS[each.type], name)
        elif f"{name}_decimal" not in fields:
            msg = f"{message.DESCRIPTOR.full_name}.{name} is a double without a _decimal twin"
            raise TypeError(msg)
    return columns


def _no_keys(_row: Row) -> tuple[str, ...]:
    return ()


#: Columns that the database sets to the time of a write; no request sets them.
_STAMPS = frozenset({"created_at", "updated_at", "added_at", "raised_at", "specs_since"})
#: Those that follow from other changes of the row, so that the audit does not show them.
_FOLLOWING = frozenset({"specs_since"})


@dataclass(frozen=True, kw_only=True, eq=False)
class Entity:
    """A table of the registry. All generic reads and writes follow from this declaration."""

    #: its name in events, the outbox, cache keys and error messages
    name: str
    #: its table
    table: str
    #: its message of the contract
    message: type[Message]
    #: the primary key's columns
    key: tuple[str, ...]
    #: the field of responses that holds it, and the plural of lists
    field: str
    plural: str = ""
    #: the rows that it refers to
    parents: tuple[Parent, ...] = ()
    #: request field -> column, if a request uses another name
    renames: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: message field -> SQL over the row `t`, for response fields without a column
    joined: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: the same for response fields whose value differs from the column of that name
    overridden: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: text fields that are NUMERIC columns
    numbers: frozenset[str] = frozenset()
    #: repeated messages that are JSON columns: a list of objects with the set fields, times as ISO 8601
    items: frozenset[str] = frozenset()
    #: columns that a create must set
    required: tuple[str, ...] = ()
    #: column -> value of a create that does not set it
    defaults: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    #: columns that cannot change after the create
    fixed: frozenset[str] = frozenset()
    #: deletes set deleted_at; the row stays and its id is never used again
    soft: bool = False
    #: the table has updated_at
    stamped: bool = False
    #: the keys of the cache parts that hold this row
    part_keys: Callable[[Row], tuple[str, ...]] = _no_keys
    #: columns that neither responses nor the audit show
    secret: frozenset[str] = frozenset()
    #: columns written without a revision, which caches therefore do not contain
    unrevised: frozenset[str] = frozenset()
    #: whether changes carry the row; if not, caches read it from PostgreSQL
    carried: bool = True
    #: the column that names the row that a deleted one was merged into; lookups answer that row
    successor: str = ""
    #: the contract's event of a new row
    created: type[Message] | None = None
    #: field of that event -> SQL over the new row `t`, evaluated on the rows that existed before
    event_fields: Mapping[str, str] = dataclasses.field(default_factory=dict)
    #: the contract's event of a delisting, written when the end is set, with the time of the end
    delisted: type[Message] | None = None
    #: the event of a market that is of another asset, and the columns whose change it tells
    moved: type[Message] | None = None
    moves: tuple[str, ...] = ()

    @cached_property
    def columns(self) -> dict[str, Column]:
        """The stored columns that the message shows, by name."""
        shown = columns_of(self.message, numbers=self.numbers, items=self.items)
        shown.pop("revision", None)
        return {name: column for name, column in shown.items() if name not in self.joined}

    @cached_property
    def derived(self) -> dict[str, str]:
        """All response fields derived by SQL: the joined and the overridden ones."""
        return {**self.joined, **self.overridden}

    @cached_property
    def written(self) -> tuple[str, ...]:
        """The columns that writes set, in the order of the message."""
        return tuple(name for name in self.columns if name not in _STAMPS)

    @cached_property
    def select(self) -> str:
        """The SELECT list over `t`: the stored columns, then `derived_<field>` for derived response fields."""
        stored = [f"t.{name}" for name in self.columns]
        stored += ["t.revision", *(["t.deleted_at"] if self.soft and "deleted_at" not in self.columns else [])]
        return ", ".join([*stored, *(f"{sql} AS derived_{name}" for name, sql in self.derived.items())])

    @cached_property
    def inserted(self) -> str:
        """The RETURNING list of an INSERT: `select`, then `event_<field>` for the event of the new row."""
        return ", ".join([self.select, *(f"{sql} AS event_{name}" for name, sql in self.event_fields.items())])

    @cached_property
    def not_deleted(self) -> str:
        """SQL: ` AND` and the condition over `t` that the row is not deleted; empty without soft deletes."""
        return " AND t.deleted_at IS NULL" if self.soft else ""

    def row_id(self, row: Row) -> str:
        """The key as text: its columns joined by '/', which no slug or id contains."""
        return "/".join(row[name] for name in self.key)

    def changes(self, before: Row, after: Row) -> dict[str, tuple[Any, Any]]:
        """The columns that differ, with old and new value, as the audit stores them; a missing row is empty."""
        if not before:
            return {name: (None, comparable(after[name], kind)) for name, kind in self._kept if after[name] is not None}
        if not after:
            return {name: (comparable(before[name], kind), None) for name, kind in self._kept if before[name] is not None}
        found: dict[str, tuple[Any, Any]] = {}
        for name, kind in self._kept:
            old, new = before[name], after[name]
            if old != new:
                pair = comparable(old, kind), comparable(new, kind)
                if kind not in DOCUMENTS or pair[0] != pair[1]:
                    found[name] = pair
        return found

    @cached_property
    def _kept(self) -> tuple[tuple[str, ColumnKind], ...]:
        kinds: dict[str, ColumnKind] = {name: column.kind for name, column in self.columns.items()}
        if self.soft:
            kinds["deleted_at"] = "time"
        return tuple((name, kind) for name, kind in kinds.items() if name not in self.secret | _FOLLOWING)

    def stored(self, row: Row) -> Message:
        """The message as stored, without its revision: what caches and events contain."""
        return self.message(**self._fields(row, self._stored))

    @cached_property
    def _stored(self) -> tuple[Column, ...]:
        return tuple(column for name, column in self.columns.items() if name not in self.unrevised)

    def answer(self, row: Row) -> Message:
        """The message as responses show it: with derived fields and the revision. `row` is a row of `select`."""
        shown = dict(row)
        for name in self.derived:
            shown[name] = row[f"derived_{name}"]
        fields = self._fields(shown, self._shown)
        return self.message(revision=row["revision"], **fields)

    @cached_property
    def _shown(self) -> tuple[Column, ...]:
        shown = columns_of(self.message, numbers=self.numbers, items=self.items)
        del shown["revision"]
        return tuple(column for name, column in shown.items() if name not in self.secret)

    @staticmethod
    def _fields(row: Row, columns: Any) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for name, kind, plain, decimal in columns:
            value = row[name]
            if value is None:
                continue
            if kind == "number":
                if plain is not None:
                    fields[plain] = exact.nearest(value)
                if decimal is not None:
                    fields[decimal] = exact.plain(value)
            else:
                fields[plain] = _SHOW[kind](value) if kind in _SHOW else value
        return fields


def timestamp(value: datetime) -> timestamp_pb2.Timestamp:
    """A UTC time as a Timestamp, in microseconds."""
    delta = value - _EPOCH
    return timestamp_pb2.Timestamp(seconds=delta.days * 86_400 + delta.seconds, nanos=delta.microseconds * 1_000)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def struct(text: str) -> struct_pb2.Struct:
    """The JSON text of an object as a Struct."""
    value = struct_pb2.Struct()
    value.update(orjson.loads(text))
    return value


def items(text: str) -> list[dict[str, Any]]:
    """The JSON text of a list of objects as fields of messages. A key that ends with `_at` holds a time."""

    def shown(name: str, value: Any) -> Any:
        return timestamp(datetime.fromisoformat(value)) if name.endswith("_at") else value

    return [{name: shown(name, value) for name, value in each.items()} for each in orjson.loads(text)]


_SHOW: Mapping[ColumnKind, Callable[[Any], Any]] = {"time": timestamp, "json": struct, "items": items}


def new_id() -> str:
    """A new id: a UUID version 7, so that ids created one after the other are adjacent in an index, in that order.

    The 12 bits after the milliseconds are their fraction (RFC 9562, method 3), which orders the rows of one statement.
    """
    stamp, rest = divmod(time.time_ns(), 1_000_000)
    bits = stamp << 80 | 0x7 << 76 | (rest * 4096 // 1_000_000) << 64 | 0b10 << 62 | secrets.randbits(62)
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def comparable(value: Any, kind: ColumnKind) -> Any:
    """A column's value in the audit's JSON: exact numbers and times as text, JSON as its value."""
    if value is None or kind not in _COMPARABLE:
        return value
    return _COMPARABLE[kind](value)


_COMPARABLE: Mapping[ColumnKind, Callable[[Any], Any]] = {
    "number": exact.plain,
    "time": lambda value: value.astimezone(UTC).isoformat(),
    "json": orjson.loads,
    "items": orjson.loads,
}
