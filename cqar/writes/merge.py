"""MergeAssets: merge one asset, with everything that refers to it, into another in one transaction."""

from collections.abc import Callable, Collection
from typing import Any

from cqar import errors
from cqar.contract.cqar.v1 import registry_pb2 as pb
from cqar.model import rules
from cqar.model.binding import TEXT
from cqar.model.entities import (
    ASSET,
    ASSET_GROUP_MEMBER,
    ASSET_IDENTIFIER,
    CHAIN,
    DEPLOYMENT,
    IDENTITY_CLAIM,
    RELATIONSHIP,
    SYMBOL,
    SYMBOL_IDENTIFIER,
    VENUE_ASSET,
    VENUE_SYMBOL,
)
from cqar.model.entity import Entity, Row
from cqar.storage.postgres import Sql
from cqar.writes import operations, prepare, procedures
from cqar.writes.operations import children_sql, remove, replace
from cqar.writes.transaction import Transaction

_SIDES = ("base_asset_id", "quote_asset_id", "settlement_asset_id")
#: Specs that a listing inherits from its symbol unless it sets them.
_SPECS = ("tick_size", "lot_size", "min_order_size", "max_order_size", "contract_size", "min_notional")
SYMBOLS = Sql(
    "symbols_of_asset",
    f"SELECT {SYMBOL.select} FROM symbols t WHERE (t.base_asset_id = $1 OR t.quote_asset_id = $1 OR t.settlement_asset_id = $1)"
    " AND t.deleted_at IS NULL ORDER BY t.symbol_id FOR UPDATE OF t",
)
_TWIN = Sql(
    "symbol_of_terms",
    f"SELECT {SYMBOL.select} FROM symbols t WHERE t.symbol_type = $1 AND t.base_asset_id = $2 AND t.quote_asset_id = $3"
    " AND t.settlement_asset_id IS NOT DISTINCT FROM $4 AND t.expiry IS NOT DISTINCT FROM $5"
    " AND t.strike_price IS NOT DISTINCT FROM $6 AND t.option_type IS NOT DISTINCT FROM $7 AND t.symbol_id <> $8"
    " AND t.deleted_at IS NULL FOR UPDATE OF t",
)
_RELATIONSHIPS = Sql(
    "relationships_of_asset",
    f"SELECT {RELATIONSHIP.select} FROM relationships t WHERE t.from_asset_id = $1 OR t.to_asset_id = $1"
    " ORDER BY t.relationship_id FOR UPDATE OF t",
)
_SAME_RELATIONSHIP = Sql(
    "same_relationship",
    "SELECT t.relationship_id FROM relationships t WHERE t.from_asset_id = $1 AND t.to_asset_id = $2"
    " AND t.relationship_type = $3",
)
_MOVE_RELATIONSHIP = Sql(
    "move_relationship",
    "UPDATE relationships t SET from_asset_id = $2, to_asset_id = $3, updated_at = now() WHERE t.relationship_id = $1"
    f" RETURNING {RELATIONSHIP.select}",
)
_MOVE_VENUE_ASSET = Sql(
    "move_venue_asset",
    "UPDATE venue_assets t SET asset_id = $3, updated_at = now() WHERE t.venue_id = $1 AND t.asset_id = $2"
    f" RETURNING {VENUE_ASSET.inserted}",
)
_NATIVE_OF = children_sql(CHAIN, "native_asset_id")
#: Mark a row as deleted and merged into another one.
_SUPERSEDE = {
    each: Sql(
        f"supersede_{each.name}",
        f"UPDATE {each.table} AS t SET deleted_at = now(), {each.successor} = $2 WHERE t.{each.key[0]} = $1"
        f" RETURNING {each.select}",
    )
    for each in (ASSET, SYMBOL)
}
#: Give the rows that were merged into one row another successor.
_HEIRS = {
    each: Sql(
        f"heirs_of_{each.name}",
        f"UPDATE {each.table} AS t SET {each.successor} = $2 WHERE t.{each.successor} = $1 RETURNING {each.select}",
    )
    for each in (ASSET, SYMBOL)
}


async def merge_assets(tx: Transaction, request: pb.MergeAssetsRequest) -> pb.MergeAssetsResponse:
    """MergeAssets: `from` into `into`. Raises as `merge`."""
    source, target = (_named(request, name) for name in ("from_asset_id", "into_asset_id"))
    row = await merge(tx, source, target)
    response = pb.MergeAssetsResponse()
    tx.show(ASSET, row, response.asset)
    return response


async def merge(tx: Transaction, source: str, target: str, check: Callable[[Row], None] | None = None) -> Row:
    """Move everything from `source` to `target` and soft-delete `source`, whose id then answers `target`; returns its row.

    `check` is called with the locked row of `source`. Raises Invalid, NotFound, and Precondition naming the conflict.
    """
    if source == target:
        raise errors.Invalid("into_asset_id", "SAME_ASSET", "is the same asset as from_asset_id")
    await prepare.lock_cycles(tx)
    ids = {"from_asset_id": source, "into_asset_id": target}
    rows = await tx.session.rows(operations.parents_sql(ASSET, "FOR UPDATE"), sorted(ids.values()))
    locked = {row["asset_id"]: row for row in rows}
    for name, asset_id in ids.items():
        if asset_id not in locked:
            raise errors.NotFound(ASSET.name, asset_id, name)
    if check is not None:
        check(locked[source])
    for step in (_deployments, _identifiers, _relationships, _memberships, _chains, _venue_assets, _claims, _symbols):
        await step(tx, source, target)
    await _supersede(tx, ASSET, locked[source], target)
    return locked[target]


def _named(request: Any, name: str) -> str:
    errors.require(request, (name,))
    return TEXT["asset_id"](getattr(request, name), name)


async def _supersede(tx: Transaction, entity: Entity, before: Row, successor: str) -> None:
    """Soft-delete a locked row, whose id then answers the successor, together with the ids that answered this row."""
    ident = before[entity.key[0]]
    for heir in await tx.session.rows(_HEIRS[entity], ident, successor):
        tx.changed(entity, {**dict(heir), entity.successor: ident}, heir)
    tx.changed(entity, before, await tx.session.row(_SUPERSEDE[entity], ident, successor))


async def _own(tx: Transaction, entity: Entity, column: str, owner: str) -> list[Row]:
    return list(await tx.session.rows(children_sql(entity, column), owner))


async def _moved(tx: Transaction, entity: Entity, row: Row, **columns: Any) -> Row:
    return await replace(tx, entity, row, {**dict(row), **columns})


async def _deployments(tx: Transaction, source: str, target: str) -> None:
    """Move all deployments. Those of `into` stay canonical on their chains."""
    existing = {row["chain_id"] for row in await _own(tx, DEPLOYMENT, "asset_id", target) if row["is_canonical"]}
    for row in await _own(tx, DEPLOYMENT, "asset_id", source):
        canonical = row["is_canonical"] and row["chain_id"] not in existing
        await _moved(tx, DEPLOYMENT, row, asset_id=target, is_canonical=canonical)


async def _identifiers(tx: Transaction, source: str, target: str) -> None:
    await _move_identifiers(tx, ASSET_IDENTIFIER, "asset_id", "source", source, target)


async def _move_identifiers(tx: Transaction, entity: Entity, owner: str, kind: str, source: str, target: str) -> None:
    """Move identifiers that `into` lacks and drop the others. A primary identifier of `into` stays primary."""
    existing = {(row[kind], row["external_id"]): row for row in await _own(tx, entity, owner, target)}
    primary = {row[kind] for row in existing.values() if row["is_primary"]}
    for row in await _own(tx, entity, owner, source):
        same = existing.get((row[kind], row["external_id"]))
        first = row["is_primary"] and row[kind] not in primary
        if same is None:
            await _moved(tx, entity, row, **{owner: target, "is_primary": first})
            continue
        await remove(tx, entity, row)
        if first:
            await _moved(tx, entity, same, is_primary=True)


async def _relationships(tx: Transaction, source: str, target: str) -> None:
    """Move relationships; drop duplicates and links of `into` to itself. Raises Precondition for a cycle."""
    for row in await tx.session.rows(_RELATIONSHIPS, source):
        ends = [target if row[name] == source else row[name] for name in ("from_asset_id", "to_asset_id")]
        kind = row["relationship_type"]
        same = await tx.session.row(_SAME_RELATIONSHIP, *ends, kind)
        if ends[0] == ends[1] or same is not None:
            await remove(tx, RELATIONSHIP, row)
            continue
        stored = await tx.session.row(_MOVE_RELATIONSHIP, row["relationship_id"], *ends)
        tx.changed(RELATIONSHIP, row, stored)
        if kinds := rules.cycle_free(kind):
            await _refuse_cycle(tx, row["relationship_id"], ends, kinds)


async def _refuse_cycle(tx: Transaction, relationship_id: str, ends: list[str], kinds: Collection[int]) -> None:
    """Raise Precondition if the moved relationship closes a cycle among these types."""
    source, target = ends
    if await prepare.reaches(tx, target, source, kinds):
        description = f"relationship {relationship_id!r} would close a cycle after the merge; delete it first"
        raise errors.Precondition("CYCLE", f"relationship:{relationship_id}", description)


async def _memberships(tx: Transaction, source: str, target: str) -> None:
    existing = {row["group_id"] for row in await _own(tx, ASSET_GROUP_MEMBER, "asset_id", target)}
    for row in await _own(tx, ASSET_GROUP_MEMBER, "asset_id", source):
        await procedures.touch_group(tx, row["group_id"])
        if row["group_id"] in existing:
            await remove(tx, ASSET_GROUP_MEMBER, row)
        else:
            await _moved(tx, ASSET_GROUP_MEMBER, row, asset_id=target)


async def _chains(tx: Transaction, source: str, target: str) -> None:
    for row in await tx.session.rows(_NATIVE_OF, source):
        await _moved(tx, CHAIN, row, native_asset_id=target)


async def _venue_assets(tx: Transaction, source: str, target: str) -> None:
    """Move each venue asset; if `into` is listed at the venue too, its row takes the codes as aliases."""
    existing = {row["venue_id"]: row for row in await _own(tx, VENUE_ASSET, "asset_id", target)}
    for row in await _own(tx, VENUE_ASSET, "asset_id", source):
        kept = existing.get(row["venue_id"])
        if kept is None:
            moved = await tx.session.row(_MOVE_VENUE_ASSET, row["venue_id"], source, target)
            tx.changed(VENUE_ASSET, row, None)
            tx.changed(VENUE_ASSET, None, moved, is_new_listing=False)
            continue
        await remove(tx, VENUE_ASSET, row)
        codes = [*(kept["venue_asset_aliases"] or ()), row["venue_asset_symbol"], *(row["venue_asset_aliases"] or ())]
        aliases = [code for code in dict.fromkeys(codes) if code != kept["venue_asset_symbol"]]
        await _moved(tx, VENUE_ASSET, kept, venue_asset_aliases=aliases or None)


async def _claims(tx: Transaction, source: str, target: str) -> None:
    for row in await _own(tx, IDENTITY_CLAIM, "asset_id", source):
        await _moved(tx, IDENTITY_CLAIM, row, asset_id=target)


async def _symbols(tx: Transaction, source: str, target: str) -> None:
    """Rewrite each symbol; if `into` already has a symbol with the same terms, that one takes its listings and identifiers."""
    for row in await tx.session.rows(SYMBOLS, source):
        done = rewritten(row, source, target)
        same = await twin(tx, done, row["symbol_id"])
        if same is None:
            sides = {name: getattr(done, name) for name in _SIDES}
            label = row["symbol"]
            if label == await prepare.label(tx, prepare.terms_of(row)):
                label = await prepare.label(tx, done)
            await _moved(tx, SYMBOL, row, **sides, margin_kind=done.margin_kind, symbol=label)
            continue
        for listing in await _own(tx, VENUE_SYMBOL, "symbol_id", row["symbol_id"]):
            tx.moves(listing, row, same)
            await _moved(tx, VENUE_SYMBOL, listing, symbol_id=same["symbol_id"], **own_specs(listing, row, same))
        ids = (row["symbol_id"], same["symbol_id"])
        await _move_identifiers(tx, SYMBOL_IDENTIFIER, "symbol_id", "data_source", *ids)
        await _supersede(tx, SYMBOL, row, same["symbol_id"])


async def twin(tx: Transaction, terms: rules.Terms, symbol_id: str) -> Row | None:
    """The other symbol that has these terms, locked."""
    parts = (getattr(terms, name) for name in (*_SIDES, "expiry", "strike_price", "option_type"))
    return await tx.session.row(_TWIN, terms.symbol_type, *parts, symbol_id)


def rewritten(row: Row, source: str, target: str) -> rules.Terms:
    """The terms of a symbol with `target` instead of `source`. Raises Precondition if they are invalid."""
    sides = {name: target if row[name] == source else row[name] for name in _SIDES}
    try:
        return rules.terms(prepare.terms_of({**dict(row), **sides, "margin_kind": None}), now=None)
    except errors.Invalid as error:
        description = f"symbol {row['symbol_id']!r} would be invalid with the other asset: {error.message}; delete it first"
        raise errors.Precondition("TERMS", f"symbol:{row['symbol_id']}", description) from error


def own_specs(listing: Row, old: Row, new: Row) -> dict[str, Any]:
    """The specs that a listing inherited from its old symbol and that differ at the new one: they become its own."""
    return {name: old[name] for name in _SPECS if listing[name] is None and old[name] not in (None, new[name])}
