"""The kinds of rows of an Apply: how each is found, completed and checked."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from cqar import errors, text
from cqar.model import addresses, rules
from cqar.model.binding import Binding
from cqar.model.entities import (
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
from cqar.model.entity import Entity, Row
from cqar.writes import prepare
from cqar.writes.operations import Prepare, lock_live, lock_parents
from cqar.writes.transaction import Transaction

#: Completes the natural key of a row before the stored row is searched.
Complete = Callable[[Transaction, dict[str, Any]], Awaitable[None]]


async def _as_given(_tx: Transaction, _row: dict[str, Any]) -> None:
    """Leave the row unchanged: it already contains its natural key."""


async def _deployment(tx: Transaction, row: dict[str, Any]) -> None:
    on = (await lock_live(tx, CHAIN, [row["chain_id"]])).get(row["chain_id"])
    if on is None:
        raise errors.NotFound(CHAIN.name, row["chain_id"], "chain_id")
    if not row["address"] and not row["is_native"]:
        raise errors.Invalid.missing("address", "only a native deployment has no address")
    given = row["address"] or addresses.NATIVE.text
    row["address"] = addresses.normalize(on["chain_type"], given, "address", caip2=on["caip2"]).text


async def _symbol(_tx: Transaction, row: dict[str, Any]) -> None:
    done = rules.terms(prepare.terms_of(row), now=None, strike_field="strike_price_decimal")
    row.update({name: getattr(done, name) for name in prepare.TERMS})


async def _chain(_tx: Transaction, row: dict[str, Any]) -> None:
    if row["chain_id"] is None and (row["caip2"] is None or row["chain_name"] is not None):
        row["chain_id"] = text.derived_slug(row["chain_name"] or "", "chain_id")


async def _venue(_tx: Transaction, row: dict[str, Any]) -> None:
    row["venue_id"] = row["venue_id"] or text.derived_slug(row["name"] or "", "venue_id")


async def _venue_symbol(tx: Transaction, row: dict[str, Any]) -> None:
    found = await lock_parents(tx, VENUE_SYMBOL, row)
    named = found["symbol_id"]["symbol_type"]
    if row["symbol_type"] not in (None, named):
        raise errors.Invalid("symbol_type", "OTHER_TYPE", f"is not the type of symbol {row['symbol_id']!r}; leave it unset")
    row["symbol_type"] = named
    row["venue_symbol"] = await prepare.spelling(tx, found["venue_id"], row["venue_symbol"])


async def _relationship(tx: Transaction, row: dict[str, Any], before: Row | None) -> None:
    """As `prepare.relationship`, but without the check for cycles: `Chunk` checks all rows at once."""
    if before is None:
        source, target, kind = (row[name] for name in ("from_asset_id", "to_asset_id", "relationship_type"))
        rules.relationship(source, target, kind, ("from_asset_id", "to_asset_id", "relationship_type"))
        await lock_parents(tx, RELATIONSHIP, row)


class RowKind(NamedTuple):
    """A kind of row: its field in ApplyRow, its entity, and how it is found and checked."""

    field: str
    entity: Entity
    #: the natural key: columns that are always set, and columns of which NULL equals NULL
    natural: tuple[str, ...]
    nullable: tuple[str, ...] = ()
    complete: Complete = _as_given
    prepare: Prepare | None = None
    #: columns that a row must set for its natural key
    needs: tuple[str, ...] = ()


#: In dependency order.
KINDS = (
    RowKind("chain", CHAIN, ("chain_id",), complete=_chain, prepare=prepare.chain),
    RowKind("asset", ASSET, ("asset_id",), prepare=prepare.asset),
    RowKind(
        "asset_deployment",
        DEPLOYMENT,
        ("chain_id", "address"),
        complete=_deployment,
        prepare=prepare.deployment,
        needs=("asset_id", "chain_id"),
    ),
    RowKind(
        "asset_identifier",
        ASSET_IDENTIFIER,
        ("asset_id", "source", "external_id"),
        needs=("asset_id", "source", "external_id"),
    ),
    RowKind(
        "asset_relationship",
        RELATIONSHIP,
        ("from_asset_id", "to_asset_id", "relationship_type"),
        prepare=_relationship,
        needs=("from_asset_id", "to_asset_id", "relationship_type"),
    ),
    RowKind("asset_group", ASSET_GROUP, ("name",), needs=("name",)),
    RowKind("asset_group_member", ASSET_GROUP_MEMBER, ("group_id", "asset_id"), needs=("group_id", "asset_id")),
    RowKind(
        "symbol",
        SYMBOL,
        ("base_asset_id", "quote_asset_id", "symbol_type"),
        ("settlement_asset_id", "expiry", "strike_price", "option_type"),
        complete=_symbol,
        prepare=prepare.symbol,
        needs=("symbol_type", "base_asset_id", "quote_asset_id"),
    ),
    RowKind(
        "symbol_identifier",
        SYMBOL_IDENTIFIER,
        ("symbol_id", "data_source", "external_id"),
        needs=("symbol_id", "data_source", "external_id"),
    ),
    RowKind("venue", VENUE, ("venue_id",), complete=_venue, prepare=prepare.venue),
    RowKind("venue_asset", VENUE_ASSET, ("venue_id", "asset_id"), prepare=prepare.venue_asset, needs=("venue_id", "asset_id")),
    RowKind(
        "venue_symbol",
        VENUE_SYMBOL,
        ("venue_id", "venue_symbol", "symbol_type"),
        complete=_venue_symbol,
        prepare=prepare.venue_symbol,
        needs=("venue_id", "symbol_id", "venue_symbol"),
    ),
)
BY_FIELD: Mapping[str, RowKind] = {kind.field: kind for kind in KINDS}
BY_ENTITY: Mapping[str, RowKind] = {kind.entity.name: kind for kind in KINDS}

#: Ids that the registry generates. A row is found by its natural key, so given values are ignored.
_MADE = frozenset({"deployment_id", "identifier_id", "relationship_id", "group_id", "member_id", "symbol_id", "listing_id"})


def _binding(kind: RowKind) -> Binding:
    entity = kind.entity
    made = {name for name in entity.key if name in _MADE}
    shown = {
        "created_at",
        "updated_at",
        "added_at",
        "specs_since",
        "revision",
        "members",
        entity.successor,
        *entity.joined,
        *made,
    }
    return Binding(entity.message, entity, shown)


#: By field of the kind: how its message becomes columns, the defaults of a new row, and the columns that an update keeps.
BINDINGS: Mapping[str, Binding] = {kind.field: _binding(kind) for kind in KINDS}
BLANK: Mapping[str, Mapping[str, Any]] = {
    kind.field: {**dict.fromkeys(kind.entity.columns), **kind.entity.defaults} for kind in KINDS
}
KEPT: Mapping[str, frozenset[str]] = {
    kind.field: frozenset((*kind.natural, *kind.nullable, *kind.entity.key)) for kind in KINDS
}
