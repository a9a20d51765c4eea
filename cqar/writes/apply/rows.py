"""The rows of an Apply, as requested and while they are processed."""

import time
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from google.protobuf.message import Message
from google.rpc import code_pb2

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model.binding import TEXT
from cqar.model.entities import ASSET
from cqar.model.entity import Entity, Row
from cqar.writes import operations
from cqar.writes.apply.kinds import BINDINGS, BLANK, BY_ENTITY, BY_FIELD, KINDS, RowKind

REF = "ref:"
#: The ids that refs stand for; None if the row was rejected or the ref is ambiguous.
Refs = Mapping[str, str | None]


class Part(NamedTuple):
    """A message of a row (the entity or one of its keys) with refs replaced by ids, and its columns, checked."""

    kind: RowKind
    message: Message
    given: dict[str, Any]
    #: the path of a key within an asset row; empty for the entity itself
    place: str


class RequestRow:
    """One row of the request and its result."""

    __slots__ = ("_parts", "_row", "expected", "final", "kind", "message", "mode", "past", "ref", "result", "unverified")

    def __init__(self, kind: RowKind | None, row: pb.ApplyRow, mode: int, *, past: bool = False) -> None:
        self.kind = kind or KINDS[0]
        self.ref = row.ref
        self.mode = mode
        self.expected = row.expected_revision if row.HasField("expected_revision") else None
        self.message: Message = getattr(row, self.kind.field)
        self.result = pb.ApplyResult()
        #: rejected because of its form, whatever the registry contains
        self.final = False
        #: of a symbol: all listings in this call that name it have ended, so it may have expired
        self.past = past
        #: of an asset: the reason of the flag UNVERIFIED that is raised if the row creates it
        self.unverified: str | None = None
        self._row = row
        self._parts: list[Part] = []

    def read(self, refs: Refs) -> None:
        """Check the messages once. A fault rejects the row permanently."""
        if self.final or self._parts:
            return
        try:
            self._parts = self._read(refs)
        except errors.CqarError as error:
            self.reject(error)
            self.final = True

    def _read(self, refs: Refs) -> list[Part]:
        parts = [_part(self.kind, self.message, refs)]
        parts[0].given.update(operations.cleared(BINDINGS[self.kind.field], self._row.clear, parts[0].given))
        if self.kind.entity is not ASSET:
            return parts
        if self._row.unverified:
            self.unverified = TEXT["reason"](self._row.unverified, "unverified")
        for name, keys in (("identifiers", self._row.identifiers), ("deployments", self._row.deployments)):
            kind = BY_ENTITY["asset_identifier" if name == "identifiers" else "deployment"]
            parts += [_part(kind, key, refs, f"{name}[{at}]") for at, key in enumerate(keys)]
        if len(parts) == 1 and "asset_id" not in parts[0].given:
            raise errors.Invalid.missing("asset_id", "or send an identifier or a deployment of the asset")
        return parts

    def item(self) -> "Item":
        """The row to find and write, made of the checked messages."""
        item = Item(self, self._parts[0])
        met = set()
        for part in self._parts[1:]:
            key = Item(self, part)
            if (part.kind, key.natural()) not in met:
                item.keys.append(key)
            met.add((part.kind, key.natural()))
        return item

    def reject(self, error: errors.CqarError) -> None:
        """Reject the row with the error that the single RPC would raise."""
        error = error.renamed(BINDINGS[self.kind.field].field_name)
        self.result.Clear()
        self.result.outcome = pb.REJECTED
        self.result.code = code_pb2.Code.Name(error.code)
        self.result.reason = error.message
        if isinstance(error, errors.Invalid):
            self.result.field = error.violations[0].field
        elif isinstance(error, errors.NotFound | errors.AlreadyExists):
            self.result.field = error.field or ""
        elif isinstance(error, errors.Precondition) and error.violations[0].field in self.message.DESCRIPTOR.fields_by_name:
            self.result.field = error.violations[0].field

    @property
    def rejected(self) -> bool:
        """Whether the row is rejected."""
        return bool(self.result.outcome == pb.REJECTED)


def _part(kind: RowKind, message: Message, refs: Refs, place: str = "") -> Part:
    """Read a message. Raises Invalid, also for a missing part of its natural key, and Precondition if a ref was rejected."""
    try:
        return _checked(kind, _resolved(kind.entity, message, refs), place)
    except errors.CqarError as error:
        raise (error.renamed(lambda field: f"{place}.{field}") if place else error) from error


def _checked(kind: RowKind, message: Message, place: str) -> Part:
    if getattr(message, "members", None):
        raise errors.Invalid("members", "NOT_HERE", "is not accepted here; send members as asset_group_member rows")
    given = BINDINGS[kind.field].values(message)
    if place:
        given.pop("asset_id", None)
    missing = [name for name in kind.needs if given.get(name) is None and not (place and name == "asset_id")]
    if missing:
        raise errors.Invalid.of([errors.required(name) for name in missing])
    return Part(kind, message, given, place)


def _resolved(entity: Entity, message: Any, refs: Refs) -> Any:
    """The message with refs replaced by ids."""
    named = [column for column, _, _ in entity.parents if getattr(message, column).startswith(REF)]
    if not named:
        return message
    copy = type(message)()
    copy.CopyFrom(message)
    for column in named:
        ref = getattr(message, column).removeprefix(REF)
        if ref not in refs:
            raise errors.Invalid(column, "UNKNOWN_REF", f"no earlier row has the ref {ref[:60]!r}")
        resolved = refs[ref]
        if resolved is None:
            raise errors.Precondition("REF_REJECTED", column, f"{column}: the referenced row {ref[:60]!r} was rejected")
        setattr(copy, column, resolved)
    return copy


class Item:
    """A row being processed: a requested row, or a key of an asset row, whose fault rejects the asset row."""

    __slots__ = ("before", "changes", "given", "keys", "kind", "message", "others", "place", "requested", "row")

    def __init__(self, requested: RequestRow, part: Part) -> None:
        self.requested = requested
        self.kind, self.message, self.given, self.place = part
        #: as it will be stored
        self.row: dict[str, Any] = {**BLANK[self.kind.field], **self.given}
        #: as it is stored
        self.before: Row | None = None
        #: the columns to change, with old and new values
        self.changes: Mapping[str, tuple[Any, Any]] = {}
        #: of a listing: stored rows with the same key and other intervals
        self.others: Sequence[Row] = ()
        #: the keys of an asset row
        self.keys: list[Item] = []

    def located(self, error: errors.CqarError) -> errors.CqarError:
        """The error with its fields named as in the requested row."""
        if not self.place:
            return error
        name = BINDINGS[self.kind.field].field_name
        return error.renamed(lambda field: f"{self.place}.{name(field)}")

    def refuse(self, error: errors.CqarError) -> None:
        """Reject the requested row that this item belongs to."""
        self.requested.reject(self.located(error))

    def natural(self) -> tuple[Any, ...]:
        """The natural key; for a key of an asset row, without the asset."""
        kind, row = self.kind, self.row
        return tuple([row[name] for name in kind.natural + kind.nullable if not self.place or name != "asset_id"])


def read_rows(request: pb.ApplyRequest) -> list[RequestRow]:
    """The rows of the request. A row without an entity or with a repeated ref is rejected."""
    requested = []
    names = repeated(request)
    past = _past(request)
    met: set[str] = set()
    for row in request.rows:
        field = row.WhichOneof("entity")
        mode = row.mode if row.HasField("mode") and row.mode else request.mode
        each = RequestRow(BY_FIELD[field] if field else None, row, mode or pb.UPSERT, past=row.ref in past)
        if field is None:
            each.reject(errors.Invalid.missing("entity", "each row has exactly one"))
        elif mode not in _MODES:
            each.reject(errors.Invalid("mode", "UNKNOWN_VALUE", f"{mode} is not a mode"))
        elif field != "asset" and (row.identifiers or row.deployments):
            each.reject(errors.Invalid("identifiers", "NOT_HERE", "are accepted in asset rows only"))
        elif field != "asset" and row.unverified:
            each.reject(errors.Invalid("unverified", "NOT_HERE", "is accepted in asset rows only"))
        elif row.ref in names and row.ref in met:
            each.reject(errors.Invalid("ref", "REPEATED", f"{row.ref[:60]!r} is the ref of an earlier row; refs are unique"))
        met.add(row.ref)
        each.final = each.rejected
        requested.append(each)
    return requested


def _past(request: pb.ApplyRequest) -> set[str]:
    """The refs that only listings name whose end is past."""
    now = time.time()
    over: dict[str, bool] = {}
    for row in request.rows:
        listing = row.venue_symbol
        if row.HasField("venue_symbol") and listing.symbol_id.startswith(REF):
            ended = listing.HasField("delisted_at") and listing.delisted_at.seconds < now
            over[listing.symbol_id] = over.get(listing.symbol_id, True) and ended
    return {name.removeprefix(REF) for name, each in over.items() if each}


_MODES = frozenset(pb.ApplyMode.values())


def repeated(request: pb.ApplyRequest) -> Collection[str]:
    """The refs that several rows share, which are therefore ambiguous."""
    counted = Counter(row.ref for row in request.rows if row.ref)
    return {ref for ref, count in counted.items() if count > 1}


def required(kind: RowKind, row: Mapping[str, Any]) -> None:
    """Raise Invalid naming each required column that a new row lacks."""
    operations.required(kind.entity, BINDINGS[kind.field], row)
