"""The rows of an Apply as the request gives them: their kinds, natural keys and results."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from google.protobuf.message import Message
from google.rpc import code_pb2

from cqar import addresses, errors, operations, prepare, rules, text
from cqar.binding import Binding
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.entities import (
    ASSET,
    ASSET_GROUP,
    ASSET_GROUP_MEMBER,
    ASSET_IDENTIFIER,
    CHAIN,
    DEPLOYMENT,
    RELATIONSHIP,
    SYMBOL,
    SYMBOL_IDENTIFIER,
    VENUE,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.entity import Entity, Row
from cqar.errors import Violation
from cqar.operations import Prepare, living, lock_parents
from cqar.outbox import Write

#: Completes the natural key of a row from what it names, before the row is looked for.
Complete = Callable[[Write, dict[str, Any]], Awaitable[None]]


async def _as_given(_write: Write, _row: dict[str, Any]) -> None:
    """The natural key is in the row."""


async def _deployment(write: Write, row: dict[str, Any]) -> None:
    on = (await living(write, CHAIN, [row["chain_id"]])).get(row["chain_id"])
    if on is None:
        raise errors.NotFound(CHAIN.name, row["chain_id"], "chain_id")
    if not row["address"] and not row["is_native"]:
        raise errors.Invalid("address", "REQUIRED", "is not given; only a native deployment has none")
    given = row["address"] or addresses.NATIVE.text
    row["address"] = addresses.normalize(on["chain_type"], given, "address", caip2=on["caip2"]).text


async def _symbol(_write: Write, row: dict[str, Any]) -> None:
    done = rules.terms(prepare.terms_of(row), now=None, strike_field="strike_price_decimal")
    row.update({name: getattr(done, name) for name in prepare.TERMS})


async def _chain(_write: Write, row: dict[str, Any]) -> None:
    if row["chain_id"] is None and (row["caip2"] is None or row["chain_name"] is not None):
        row["chain_id"] = text.derived_slug(row["chain_name"] or "", "chain_id")


async def _venue(_write: Write, row: dict[str, Any]) -> None:
    row["venue_id"] = row["venue_id"] or text.derived_slug(row["name"] or "", "venue_id")


async def _venue_symbol(write: Write, row: dict[str, Any]) -> None:
    found = await lock_parents(write, VENUE_SYMBOL, row)
    named = found["symbol_id"]["symbol_type"]
    if row["symbol_type"] not in (None, named):
        raise errors.Invalid("symbol_type", "OTHER_TYPE", f"is not the type of symbol {row['symbol_id']!r}; leave it unset")
    row["symbol_type"] = named
    row["venue_symbol"] = await prepare.spelling(write, found["venue_id"], row["venue_symbol"])


async def _relationship(write: Write, row: dict[str, Any], before: Row | None) -> None:
    """`prepare.relationship` but for cycles, which are looked for over all rows at once: see `Chunk`."""
    if before is None:
        source, target, kind = (row[name] for name in ("from_asset_id", "to_asset_id", "relationship_type"))
        rules.relationship(source, target, kind, ("from_asset_id", "to_asset_id", "relationship_type"))
        await lock_parents(write, RELATIONSHIP, row)


class Kind(NamedTuple):
    """A kind of row: its field in ApplyRow, its entity, and how it is found and prepared."""

    field: str
    entity: Entity
    #: the natural key: columns that are always there, and those that may be null in both
    natural: tuple[str, ...]
    nullable: tuple[str, ...] = ()
    complete: Complete = _as_given
    prepare: Prepare | None = None
    #: what the natural key needs of a row
    needs: tuple[str, ...] = ()

    @property
    def key(self) -> frozenset[str]:
        """The columns that a row which is found keeps."""
        return frozenset((*self.natural, *self.nullable, *self.entity.key))


#: In the order of their dependencies.
KINDS = (
    Kind("chain", CHAIN, ("chain_id",), complete=_chain, prepare=prepare.chain),
    Kind("asset", ASSET, ("asset_id",)),
    Kind(
        "asset_deployment",
        DEPLOYMENT,
        ("chain_id", "address"),
        complete=_deployment,
        prepare=prepare.deployment,
        needs=("asset_id", "chain_id"),
    ),
    Kind(
        "asset_identifier",
        ASSET_IDENTIFIER,
        ("asset_id", "source", "external_id"),
        needs=("asset_id", "source", "external_id"),
    ),
    Kind(
        "asset_relationship",
        RELATIONSHIP,
        ("from_asset_id", "to_asset_id", "relationship_type"),
        prepare=_relationship,
        needs=("from_asset_id", "to_asset_id", "relationship_type"),
    ),
    Kind("asset_group", ASSET_GROUP, ("name",), needs=("name",)),
    Kind("asset_group_member", ASSET_GROUP_MEMBER, ("group_id", "asset_id"), needs=("group_id", "asset_id")),
    Kind(
        "symbol",
        SYMBOL,
        ("base_asset_id", "quote_asset_id", "symbol_type"),
        ("settlement_asset_id", "expiry", "strike_price", "option_type"),
        complete=_symbol,
        prepare=prepare.symbol,
        needs=("symbol_type", "base_asset_id", "quote_asset_id"),
    ),
    Kind(
        "symbol_identifier",
        SYMBOL_IDENTIFIER,
        ("symbol_id", "data_source", "external_id"),
        needs=("symbol_id", "data_source", "external_id"),
    ),
    Kind("venue", VENUE, ("venue_id",), complete=_venue, prepare=prepare.venue),
    Kind("venue_asset", VENUE_ASSET, ("venue_id", "asset_id"), prepare=prepare.venue_asset, needs=("venue_id", "asset_id")),
    Kind(
        "venue_symbol",
        VENUE_SYMBOL,
        ("venue_id", "venue_symbol", "symbol_type"),
        complete=_venue_symbol,
        prepare=prepare.venue_symbol,
        needs=("venue_id", "symbol_id", "venue_symbol"),
    ),
)
_BY_FIELD: Mapping[str, Kind] = {kind.field: kind for kind in KINDS}
BY_ENTITY: Mapping[str, Kind] = {kind.entity.name: kind for kind in KINDS}

#: Ids that the registry makes: a row is found by its natural key, so what it says of them is not read.
_MADE = frozenset({"deployment_id", "identifier_id", "relationship_id", "group_id", "member_id", "symbol_id", "listing_id"})


def _binding(kind: Kind) -> Binding:
    entity = kind.entity
    made = {name for name in entity.key if name in _MADE}
    shown = {"created_at", "updated_at", "added_at", "revision", "members", *entity.joined, *made}
    return Binding(entity.message, entity, shown)


BINDINGS: Mapping[str, Binding] = {kind.field: _binding(kind) for kind in KINDS}


@cache
def blank(entity: Entity) -> Mapping[str, Any]:
    """A new row of which nothing is given."""
    return {**dict.fromkeys(entity.columns), **entity.defaults}


class Asked:
    """One row of the request, with its result."""

    def __init__(self, kind: Kind | None, row: pb.ApplyRow, mode: int) -> None:
        self.kind = kind or KINDS[0]
        self.ref = row.ref
        self.mode = mode
        self.expected = row.expected_revision if row.HasField("expected_revision") else None
        self.message: Message = getattr(row, self.kind.field)
        #: further keys of an asset row, and where they stand
        self.keys: list[tuple[Kind, str, Message]] = [
            *((BY_ENTITY["asset_identifier"], f"identifiers[{at}]", each) for at, each in enumerate(row.identifiers)),
            *((BY_ENTITY["deployment"], f"deployments[{at}]", each) for at, each in enumerate(row.deployments)),
        ]
        self.result = pb.ApplyResult()
        #: refused for its form, whatever the registry holds
        self.final = False

    def reject(self, error: errors.CqarError) -> None:
        """The row is refused with the error that the single call would have had."""
        error = error.renamed(BINDINGS[self.kind.field].told)
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
        """Whether the row is refused already."""
        return bool(self.result.outcome == pb.REJECTED)


class Item:
    """A row under way: the request's, or a key of an asset row, whose fault is then the asset row's."""

    __slots__ = ("asked", "before", "given", "keys", "kind", "message", "others", "place", "row")

    def __init__(self, kind: Kind, asked: Asked, message: Message, place: str = "") -> None:
        """Read the message. Raises Invalid, also for what the natural key lacks."""
        self.kind = kind
        self.asked = asked
        self.message = message
        #: where a key of an asset row stands in it; empty for rows of the request
        self.place = place
        if getattr(message, "members", None):
            raise errors.Invalid("members", "NOT_HERE", "are rows of their own; send asset_group_member rows")
        self.given = BINDINGS[kind.field].values(message)
        if place:
            self.given.pop("asset_id", None)
        missing = [name for name in kind.needs if self.given.get(name) is None and not (place and name == "asset_id")]
        if missing:
            first, *more = [Violation(name, "REQUIRED", "is not given") for name in missing]
            raise errors.Invalid(*first, *more)
        #: as it shall stand
        self.row: dict[str, Any] = {**blank(kind.entity), **self.given}
        #: as it is stored
        self.before: Row | None = None
        #: of a listing: those of the same key for other times
        self.others: Sequence[Row] = ()
        #: the keys of an asset row
        self.keys: list[Item] = []

    def told(self, error: errors.CqarError) -> errors.CqarError:
        """The error with the names that the row of the request has for its fields."""
        if not self.place:
            return error
        told = BINDINGS[self.kind.field].told
        return error.renamed(lambda field: f"{self.place}.{told(field)}")

    def refuse(self, error: errors.CqarError) -> None:
        """The row, or the one that it is a key of, is rejected."""
        self.asked.reject(self.told(error))

    def natural(self) -> tuple[Any, ...]:
        """The natural key; that of a key of an asset row is without the asset."""
        names = (*self.kind.natural, *self.kind.nullable)
        return tuple(self.row[name] for name in names if not (self.place and name == "asset_id"))


def read_rows(request: pb.ApplyRequest) -> list[Asked]:
    """The rows of the request; one without an entity is refused, as is one whose ref is another's."""
    asked = []
    names = repeated(request)
    met: set[str] = set()
    for row in request.rows:
        field = row.WhichOneof("entity")
        mode = row.mode if row.HasField("mode") and row.mode else request.mode
        each = Asked(_BY_FIELD[field] if field else None, row, mode or pb.UPSERT)
        if field is None:
            each.reject(errors.Invalid("entity", "REQUIRED", "is not given; a row has one of the entities"))
        elif mode not in pb.ApplyMode.values():
            each.reject(errors.Invalid("mode", "UNKNOWN_VALUE", f"{mode} is not a mode"))
        elif (row.identifiers or row.deployments) and field != "asset":
            each.reject(errors.Invalid("identifiers", "NOT_HERE", "identifiers and deployments are keys of asset rows only"))
        elif row.ref in names and row.ref in met:
            each.reject(errors.Invalid("ref", "REPEATED", f"{row.ref[:60]!r} is the ref of an earlier row; each needs its own"))
        met.add(row.ref)
        each.final = each.rejected
        asked.append(each)
    return asked


def repeated(request: pb.ApplyRequest) -> Collection[str]:
    """The refs that several rows have: nobody can say which one a later row means."""
    counted = Counter(row.ref for row in request.rows if row.ref)
    return {ref for ref, count in counted.items() if count > 1}


def required(kind: Kind, row: Mapping[str, Any]) -> None:
    """Raise Invalid naming what a new row of the kind must have and has not."""
    operations.required(kind.entity, BINDINGS[kind.field], row)
